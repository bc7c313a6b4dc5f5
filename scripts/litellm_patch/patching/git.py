"""Git, found once and run without the user's own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from litellm_patch.errors import GitError

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
        raise GitError("git is not on the PATH", "install git, which merges")
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    done = subprocess.run(  # noqa: S603 - git, with our own arguments
        [program, *arguments], cwd=folder, env=inherited | _SETTINGS, capture_output=True, check=False
    )
    if done.returncode not in allowed:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().replace("\n", " / ")
        raise GitError(f"git {arguments[0]} ended with {done.returncode} in {folder}: {said}", "see what git says")
    return done
