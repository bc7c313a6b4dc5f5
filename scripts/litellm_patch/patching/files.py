"""A file's hash, and how to write one so that there is always a whole one."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sha256(data: bytes) -> str:
    """Give the sha256 of some bytes.

    Returns:
        The hash as the ledger has it: 64 lower-case hex digits.
    """
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it.

    Raises:
        OSError: The file cannot be written; what was there is as it was.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with new.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
