"""Upstream's tree as far as the wheel shows it, once stock and once with the exported commit on it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from litellm_patch.patching.finding import find_target
from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from pathlib import Path

    from upkeep.cells.environment import Environment

_SETTINGS = ("-c", "user.name=submitter", "-c", "user.email=submitter@example.com", "-c", "commit.gpgsign=false")


class SubmissionError(UpkeepError):
    """A step of the submission fails; says what and why."""

    exit_code = 1


def make_trees(folder: Path, environment: Environment, mailbox: Path) -> tuple[Path, Path]:
    """Commit the package of an environment, and take the exported commit with `git am` in a copy.

    Args:
        folder: where; whatever is there is replaced.
        environment: a stock one.
        mailbox: what `litellm-patch export` wrote.

    Returns:
        The stock tree, and the one with the commit.

    Raises:
        SubmissionError: git does not take the mailbox, or makes something else of it than one commit.
    """
    shutil.rmtree(folder, ignore_errors=True)
    stock, patched = folder / "stock", folder / "patched"
    sources = shutil.ignore_patterns("__pycache__", "*.so", "_experimental")
    # copied, not linked: what uv installs shares its content with uv's cache
    shutil.copytree(find_target(environment.folder).package, stock / "litellm", ignore=sources)
    git(stock, "init", "--quiet")
    git(stock, "add", "--all")
    git(stock, "commit", "--quiet", "--message", f"litellm {environment.release.version}")
    shutil.copytree(stock, patched)
    git(patched, "am", "--quiet", mailbox.resolve())
    commits = git(patched, "rev-list", "--count", "HEAD").strip()
    if commits != "2":
        raise SubmissionError(f"git am made {int(commits) - 1} commits of {mailbox.name}, expected one")
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
    return run("git", *_SETTINGS, *arguments, cwd=folder)


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed.

    Args:
        command: the program and its arguments.
        cwd: where.

    Returns:
        Its output.

    Raises:
        SubmissionError: it failed; shows what it said.
    """
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own tools
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise SubmissionError(f"{' '.join(map(str, command[:6]))} ended with {done.returncode}:\n{said}")
    return done.stdout
