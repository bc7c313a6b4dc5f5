"""Run the behaviour tests of a release that the ledger does not have yet, in a copy of the project that has it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import LEDGER_NAME
from upkeep.errors import ArmsError
from upkeep.releases.writing import dump_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from litellm_patch.patching.ledger import Ledger

_NEEDED = ("scripts", "tests", "pyproject.toml")
_NO_ARMS = (
    "run port in a clone, as nox -s port -- VERSION, or say --without-arms and run nox -s names before you commit"
)


def run_arms(folder: Path, ledger: Ledger, patch: tuple[str, bytes] | None, version: Version) -> tuple[bool, str]:
    """Run both arms of a release: stock must fail where the fix shows, patched must pass.

    Args:
        folder: The patches folder, in a clone of this project.
        ledger: The ledger with the release.
        patch: The name and content of a patch that the folder lacks.
        version: The release.

    Returns:
        Whether both passed, and what they said: a line each, or the end of it in one line.

    Raises:
        ArmsError: They could not be run.
    """
    results = folder.resolve().parent / ".cache" / "results"
    code, said = _run(folder, ledger, patch, "cells", "--release", str(version), "--results", str(results))
    return code == 0, said if code == 0 else _tail(said)


def passes_on_stock(folder: Path, ledger: Ledger, version: Version) -> bool:
    """Run the tests that show the fix on the stock release: the control arm.

    Args:
        folder: The patches folder, in a clone of this project.
        ledger: The ledger, with an entry for the release that states its stock files.
        version: The release.

    Returns:
        Whether they pass, so that no patch is needed.

    Raises:
        ArmsError: They could not be run.
    """
    code, said = _run(folder, ledger, None, "control", "--release", str(version))
    if code not in {0, 1}:
        raise ArmsError(f"the control arm of litellm {version} could not be run: {_tail(said)}", _NO_ARMS)
    return code == 0


def _run(folder: Path, ledger: Ledger, patch: tuple[str, bytes] | None, room: str, *arguments: str) -> tuple[int, str]:
    root = folder.resolve().parent
    if any(not (root / name).exists() for name in _NEEDED) or importlib.util.find_spec("uv") is None:
        raise ArmsError("the tests or uv are not here", _NO_ARMS)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-port-") as scratch:
        copy = Path(scratch)
        for name in _NEEDED:
            _copy(root / name, copy / name)
        _copy(folder.resolve(), copy / "patches")
        (copy / "patches" / LEDGER_NAME).write_bytes(dump_ledger(ledger))
        if patch:
            (copy / "patches" / patch[0]).write_bytes(patch[1])
        cells = root / ".cache" / "port-cells"
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "upkeep", room, "--folder", str(cells), *arguments],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout.strip()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    else:
        shutil.copy2(source, target)


def _tail(said: str) -> str:
    lines: Iterator[str] = filter(None, (line.strip() for line in said.splitlines()[-8:]))
    return " / ".join(lines)
