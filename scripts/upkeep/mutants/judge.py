"""The other arm's part of a test that compares both: runs in a stock environment for as long as mutants ask.

A mutant leaves what it did in a folder, as the patched arm does; the stock arm's side of the same test says what is
wrong with that. What stock does in the test's worlds is kept from one mutant to the next.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import pytest

from upkeep.mutants.running import run_until_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Judge:
    """A stock process that says which test fails a mutant."""

    def __init__(self, process: subprocess.Popen[str], left: Path) -> None:
        """Take the process, and the file that a mutant leaves for it."""
        self._process, self._left = process, left

    def forget(self) -> None:
        """Let nothing be judged that was left before."""
        self._left.unlink(missing_ok=True)

    def judge(self) -> str:
        """Judge what was left.

        Returns:
            The id of the test that fails, or nothing.

        Raises:
            RuntimeError: nothing was left, or the process ended.
        """
        if not self._left.is_file():
            raise RuntimeError(f"nothing was left in {self._left}")
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("judge\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith("\n"):
            raise RuntimeError("the stock process ended: its tests cannot be collected, or do not run")
        return answer.strip()


@contextmanager
def judging(python: Path, left: Path, tests: Sequence[str]) -> Iterator[Judge]:
    """Start a judge for all mutants of a release.

    Args:
        python: the interpreter of the stock environment.
        left: the file that a mutant leaves for it.
        tests: pytest's arguments.

    Yields:
        It, for as long as it runs.
    """
    command: list[str | Path] = [python, "-W", "ignore", "-m", "upkeep.mutants.judge", *tests]
    with subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Judge(process, left)


class _Answers:
    """A pytest plugin that runs what was collected for each line of the input, and answers with what failed."""

    def __init__(self, questions: TextIO, answers: TextIO) -> None:
        self._questions, self._answers = questions, answers

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        assert session.items
        for _ in self._questions:
            print(run_until_failure(session, session.items), file=self._answers, flush=True)
        return True


def main(arguments: Sequence[str]) -> int:
    """Judge as long as somebody asks.

    Args:
        arguments: pytest's.

    Returns:
        What pytest returns.
    """
    # pytest takes the standard streams for itself, and what the tests print is no answer
    with os.fdopen(os.dup(0)) as questions, os.fdopen(os.dup(1), "w") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(pytest.main(list(arguments), plugins=[_Answers(questions, answers)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
