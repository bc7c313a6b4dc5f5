"""One tool at a time on one target."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds; a run takes well under one
_PAUSE = 0.05  # seconds
_HELD = {errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
_FAR = 1 << 30  # an offset behind the end of any file of ours: on Windows, bytes that are locked cannot be read


@contextlib.contextmanager
def lock(package: Path, patience: float | None = None) -> Iterator[None]:
    """Keep every other run of this tool out of a package, or another folder, waiting some seconds for one to end.

    The package's own folder is locked, whoever runs the tool in whichever environment; the system takes the lock back
    when the process ends, however it ends. Where a folder cannot be locked, as on Windows and NFS, it is the package's
    `__init__.py`, of which nothing is changed.

    Yields:
        While the lock is held.

    Raises:
        LockedError: Another run does not end.
        OSError: The folder cannot be read, or nothing in it can be locked.
    """
    patience = PATIENCE if patience is None else patience
    end = time.monotonic() + patience
    while (held := _try_to_lock(package)) is None:
        if time.monotonic() >= end:
            raise LockedError(
                f"another litellm-patch is at work on {package}, for more than {patience:.0f} s",
                "wait until it has ended, then run this again",
            )
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        os.close(held)


def _try_to_lock(package: Path) -> int | None:
    """Lock a package, and give the descriptor that holds the lock; None if another has it, or took it away."""
    package = Path(os.path.realpath(package))
    for path in (package, package / "__init__.py"):
        if path == package and sys.platform == "win32":
            continue
        held = os.open(path, os.O_RDONLY if path == package else os.O_RDWR)
        try:
            _lock(held)
            if os.path.samestat(os.fstat(held), path.stat()):  # and not that of a package which was replaced
                held, kept = -1, held
                return kept
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in _HELD:
                if path == package:
                    continue  # a file system that locks files alone
                raise
        finally:
            if held >= 0:
                os.close(held)
        return None
    return None


if sys.platform == "win32":
    import msvcrt

    def _lock(held: int) -> None:
        os.lseek(held, _FAR, os.SEEK_SET)
        msvcrt.locking(held, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(held: int) -> None:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
