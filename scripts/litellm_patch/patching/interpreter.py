"""Where an interpreter looks for packages, found out without running anything of what is installed there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from litellm_patch.errors import TargetError

ENVIRONMENT_MARKERS = frozenset({"pyvenv.cfg", "conda-meta"})
_NAME = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?", re.ASCII | re.IGNORECASE)
_LONGEST_SHEBANG = 4096
# the second form is for a path that is long or has spaces
_SHEBANG = re.compile(rb"#!(?:/bin/sh\n'''exec' \"?)?([^\"\n]+?)(?: -\w+)?(?:\"? \"\$0\".*)?\r?\n")
_TIMEOUT = 60.0  # seconds; a cold interpreter on a slow disk
# -S: no .pth file is run, and one of the denied releases does its harm in a .pth file
_ASK = ("-I", "-S", "-c", "import site; print(*site.getsitepackages(), site.getusersitepackages(), sep='\\n')")


def is_environment(folder: Path) -> bool:
    """Tell whether a folder is a virtual or a conda environment."""
    return any((folder / marker).exists() for marker in ENVIRONMENT_MARKERS)


def is_interpreter(path: Path) -> bool:
    """Tell whether a file is a Python, by its name: any other program must not be started.

    Returns:
        Whether `places_of` may be asked.
    """
    return path.is_file() and _NAME.fullmatch(path.name) is not None


def interpreter_behind(path: Path) -> Path | None:
    """Tell which interpreter a file stands for.

    Args:
        path: An interpreter, or the script `litellm` that an installer made, which is read and not run.

    Returns:
        The interpreter, under the name that it is called by; None if the file is neither.
    """
    if is_interpreter(path):
        return path
    if not path.is_file() or path.stem != "litellm":
        return None
    real = Path(os.path.realpath(path))
    with real.open("rb") as stream:
        found = _SHEBANG.match(stream.read(_LONGEST_SHEBANG))
    beside = (*real.parent.glob("python.exe"), *real.parent.parent.glob("python.exe"))  # on Windows it is no script
    return next(filter(is_interpreter, (Path(os.fsdecode(found[1])),) if found else beside), None)


def places_of(python: Path) -> list[Path]:
    """Tell where an interpreter's packages are.

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
