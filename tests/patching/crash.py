"""Runs the tool in forks of one warm process: killed at a step of one's choice, or without the rights of the user.

As a program it reads one request a line, and answers each with the exit code of the fork, negative for a signal.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import litellm_patch
from litellm_patch.cli import main
from litellm_patch.commands import apply, revert, status  # noqa: F401 - so that no fork imports them anew

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

    from tests.patching.factory import Installation

PACKAGE = Path(litellm_patch.__file__).parent
KILLED = -9
# all that runs between the first look at a target and the last step
_TRACED = {str(PACKAGE / "patching" / f"{name}.py") for name in ("apply", "locking", "record", "replacing")}
_NOBODY = 65534


@dataclass(frozen=True)
class CrashingForks:
    """The warm process, as a test sees it."""

    process: subprocess.Popen[str]

    def run(self, world: Installation, verb: str, *, before_line: int = 0, nobody: bool = False) -> int:
        """Run a verb on the environment of a world.

        Args:
            world: Where.
            verb: What.
            before_line: Kill the process, as `kill -9` does, before it runs this line of those that it would run,
                counted from 1 as they come.
            nobody: Run it as a user who owns nothing.

        Returns:
            The exit code, or `KILLED`.
        """
        return self._ask(["--patches", str(world.patches), verb, str(world.env)], before_line, nobody=nobody)

    def run_as_nobody(self, *arguments: str) -> int:
        """Run any command as a user who owns nothing, and give the exit code."""
        return self._ask(list(arguments), 0, nobody=True)

    def _ask(self, arguments: list[str], line: int, *, nobody: bool) -> int:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"arguments": arguments, "line": line, "nobody": nobody}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def forking() -> Iterator[CrashingForks]:
    """Start the warm process, and end it."""
    paths = os.pathsep.join((str(PACKAGE.parent), str(Path(__file__).parents[2])))
    command = [sys.executable, "-m", "tests.patching.crash"]
    env = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        yield CrashingForks(process)


def _serve() -> None:
    for request in map(json.loads, sys.stdin):
        child = os.fork()
        if not child:
            _run(**request)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


def _run(*, arguments: list[str], line: int, nobody: bool) -> None:
    """Run the tool as this process, and end it."""
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    if nobody and os.geteuid() == 0:
        with suppress(SystemExit):  # imports what is imported late: nobody may not be let into this Python's folders
            main([*(arguments[:2] if arguments[0] == "--patches" else []), "status", "--all", arguments[-1]])
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    if line:
        os.fsync = lambda fd: None  # noqa: ARG005 - a kill loses nothing that was written
        sys.settrace(_killer(line))
    code: Any = 1
    try:
        main(arguments)
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code)


def _killer(line: int) -> Any:
    """Give a trace function that counts the lines that run."""
    left = line

    def step(_: FrameType, event: str, __: object) -> object:
        nonlocal left
        left -= event == "line"
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return step

    def enter(frame: FrameType, _: str, __: object) -> object:
        return step if frame.f_code.co_filename in _TRACED else None

    return enter


if __name__ == "__main__":
    _serve()
