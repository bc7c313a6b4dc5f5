"""Run a program for a release, without anything of the clone on its path."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def run(*command: str | Path, cwd: Path | None = None, settings: Mapping[str, str] | None = None, code: int = 0) -> str:
    """Run a program.

    Args:
        command: The program and its arguments.
        cwd: Where, if it matters.
        settings: Variables of its environment; PYTHONPATH is never passed on.
        code: The exit code that is expected.

    Returns:
        What it printed on standard output.

    Raises:
        UpkeepError: It ended otherwise; has its output.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(settings or {})
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != code:
        words = " ".join(map(str, command))
        raise UpkeepError(f"{words} ended with {done.returncode}, expected {code}:\n{done.stdout}{done.stderr}")
    return done.stdout


def uv(*arguments: str | Path, settings: Mapping[str, str] | None = None) -> str:
    """Run the uv of this environment."""
    return run(sys.executable, "-m", "uv", "--quiet", "--no-progress", *arguments, settings=settings)
