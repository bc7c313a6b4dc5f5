"""Git, as the verb port uses it: found once, run without the user's own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import LEDGER_NAME
from upkeep.errors import GitError, LocalChangesError

if TYPE_CHECKING:
    from pathlib import Path

# nobody's aliases, hooks, signing or diff drivers; the same identity and the same diff everywhere
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "litellm-patch"), ("EMAIL", "litellm-patch@example.com"))
}
_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C", **_IDENTITY}
# git sets these for its hooks, and a hook may be where the verb is run
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")


def git(folder: Path, *arguments: str | Path, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder.

    Args:
        folder: Where.
        arguments: What follows `git`.
        allowed: The exit codes that are no failure.

    Returns:
        The finished process.

    Raises:
        GitError: Git is not installed, or failed.
    """
    program = shutil.which("git")
    if program is None:
        raise GitError("git is not on the PATH", "install git; a port merges with it, and is undone with it")
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    done = subprocess.run(  # noqa: S603 - git, with our own arguments
        [program, *arguments], cwd=folder, env=inherited | _SETTINGS, capture_output=True, check=False
    )
    if done.returncode not in allowed:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().replace("\n", " / ")
        raise GitError(f"git {arguments[0]} ended with {done.returncode} in {folder}: {said}", "see what git says")
    return done


def refuse_local_changes(folder: Path) -> None:
    """See that git has the patches folder as it is, so that whatever is written can be seen and undone.

    Args:
        folder: The patches folder.

    Raises:
        GitError: Git is not installed.
        LocalChangesError: The folder is in no repository, or something in it is not committed.
    """
    done = git(folder, "status", "--porcelain", "--untracked-files=all", "--", ".", allowed=(0, 128))
    if done.returncode:
        raise LocalChangesError(f"{folder} is in no git repository", "run port in a clone of this project")
    if git(folder, "ls-files", "--error-unmatch", "--", LEDGER_NAME, allowed=(0, 1)).returncode:
        # as a virtual environment that some repository ignores
        raise LocalChangesError(f"git does not track {folder / LEDGER_NAME}", "run port in a clone of this project")
    changes = [line[3:] for line in done.stdout.decode(errors="replace").splitlines()]
    if changes:
        named = ", ".join(changes[:3]) + (" and more" if changes[3:] else "")
        raise LocalChangesError(f"there are changes that are not committed: {named}", "commit them, or git stash them")
