"""What the verb port asks git about the patches folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.patching.git import git
from litellm_patch.patching.ledger import LEDGER_NAME
from upkeep.errors import LocalChangesError

if TYPE_CHECKING:
    from pathlib import Path


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
