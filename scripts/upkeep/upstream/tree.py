"""Upstream's tree as far as it is published, once stock and once with the exported commits on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LEFT = re.compile(r"\.(so|pyd)$|(^|/)_experimental/|\.(dist-info|data)/")
# a name to replace; nobody's hooks, signing or diff drivers
_IDENTITY = ("-c", "user.name=Your Name", "-c", "user.email=you@example.com")
_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


class SubmissionError(UpkeepError):
    """A step of the submission fails; says what and why."""

    exit_code = 1


def make_trees(folder: Path, contents: Mapping[str, bytes], mails: Sequence[Path]) -> tuple[Path, Path]:
    """Commit what was published of a release, and take the exported commits with `git am` in a copy.

    Args:
        folder: where; whatever is there is replaced.
        contents: each file by its path; what is compiled or bundled is left out.
        mails: what was exported, in order.

    Returns:
        The stock tree, and the one with the commits.

    Raises:
        SubmissionError: git does not take a mail, or makes something else of it than one commit.
    """
    shutil.rmtree(folder, ignore_errors=True)
    stock, patched = folder / "stock", folder / "patched"
    for path, data in contents.items():
        if not _LEFT.search(path):
            (stock / path).parent.mkdir(parents=True, exist_ok=True)
            (stock / path).write_bytes(data)
    git(stock, "init", "--quiet")
    git(stock, "add", "--all", "--force")
    git(stock, "commit", "--quiet", "--message", "stock")
    shutil.copytree(stock, patched)
    git(patched, "am", "--quiet", *(mail.resolve() for mail in mails))
    commits = int(git(patched, "rev-list", "--count", "HEAD")) - 1
    if commits != len(mails):
        raise SubmissionError(f"git am made {commits} commits of {len(mails)} mails")
    return stock, patched


def git(folder: Path, *arguments: str | Path) -> str:
    """Run git in a folder.

    Args:
        folder: where.
        arguments: what follows `git`.

    Returns:
        Its output.

    Raises:
        SubmissionError: it failed; shows what it said.
    """
    return run("git", *_IDENTITY, *arguments, cwd=folder, settings=_SETTINGS)


def run(*command: str | Path, cwd: Path, settings: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed.

    Args:
        command: the program and its arguments.
        cwd: where.
        settings: more environment variables for it.

    Returns:
        Its output.

    Raises:
        SubmissionError: it failed; shows what it said.
    """
    done = subprocess.run(  # noqa: S603 - our own tools
        command, cwd=cwd, env={**os.environ, **(settings or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise SubmissionError(f"{' '.join(map(str, command[:6]))} ended with {done.returncode}:\n{said}")
    return done.stdout


def refuse_new(name: str, old: Counter[str], new: Counter[str]) -> None:
    """See that a tool finds nothing in the patched files that it does not find in stock.

    Args:
        name: what the tool is called.
        old: how often it finds what, in stock.
        new: the same, in patched.

    Raises:
        SubmissionError: it does; shows what.
    """
    more = [f"{finding} ({count} more)" for finding, count in (new - old).items()]
    if more:
        raise SubmissionError(f"{name} finds in the patched files what it does not find in stock:\n" + "\n".join(more))
