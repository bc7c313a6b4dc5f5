"""One tool at a time on one target."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from litellm_patch.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds; a run takes well under one


@contextlib.contextmanager
def lock(package: Path) -> Iterator[None]:
    """Keep every other run of this tool on this machine out of a package, waiting a while for one to end.

    The lock is a file in the folder for temporary files, named after the package's real path: the package's own folder
    must hold nothing that its installer does not know. It goes with the lock; one that a killed process leaves is free.

    Yields:
        While the lock is held.

    Raises:
        LockedError: Another run does not end.
        OSError: The lock's file cannot be made, or belongs to another user.
    """
    path = lock_file(package)
    held = FileLock(path, timeout=PATIENCE)
    try:
        held.acquire()
    except Timeout as error:
        raise LockedError(
            f"another litellm-patch is at work on {package}, for more than {PATIENCE:.0f} s",
            "wait until it has ended, then run this again",
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # whoever waits for this very file sees that it is gone, and makes a new one
            path.unlink()
        held.release()


def lock_file(package: Path) -> Path:
    """Tell where the lock of a package is.

    Returns:
        A path that is the same whichever links lead to the package.
    """
    name = hashlib.sha256(os.fsencode(package.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"litellm-patch-{name}.lock")
