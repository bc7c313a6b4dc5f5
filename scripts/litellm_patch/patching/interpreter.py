"""Where an interpreter looks for packages, found out without running anything of what is installed there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from litellm_patch.errors import TargetError

_MARKERS = ("pyvenv.cfg", "conda-meta")
_NAME = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?", re.ASCII | re.IGNORECASE)
_TIMEOUT = 60.0  # seconds; a cold interpreter on a slow disk
# -S: no .pth file is run, and one of the denied releases does its harm in a .pth file
_ASK = ("-I", "-S", "-c", "import site; print(*site.getsitepackages(), site.getusersitepackages(), sep='\\n')")


def is_environment(folder: Path) -> bool:
    """Tell whether a folder is a virtual or a conda environment.

    Returns:
        Whether it has what marks one.
    """
    return any((folder / marker).exists() for marker in _MARKERS)


def is_interpreter(path: Path) -> bool:
    """Tell whether a file is a Python, by its name: any other program must not be started.

    Args:
        path: The file; a link to one is as good.

    Returns:
        Whether `places_of` may be asked.
    """
    return path.is_file() and _NAME.fullmatch(path.name) is not None


def places_of(python: Path) -> list[Path]:
    """Tell where an interpreter's packages are.

    Args:
        python: The interpreter, under the name that it is called by.

    Returns:
        The environment that it belongs to; for one outside of any, its folders for packages, which need not exist.

    Raises:
        TargetError: It does not run.
    """
    environment = python.parent.parent
    for folder in (environment, python.parent):  # on Windows, conda has python.exe at the top
        if is_environment(folder):
            return [folder]
    try:
        done = subprocess.run([python, *_ASK], capture_output=True, timeout=_TIMEOUT, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise TargetError(f"{python} does not run as a Python interpreter: {error}", "name a folder instead") from error
    return [Path(line) for line in os.fsdecode(done.stdout).splitlines()]
