"""The bookkeeping of an installation: its `RECORD`, and the marker beside it that says which patch is in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER_NAME = "litellm-patch.json"


@dataclass(frozen=True)
class EditRecord:
    """A file with edits that the patch was merged into: its sha256 before and after, and the diff that goes back."""

    before: str
    after: str
    undo: str


@dataclass(frozen=True)
class Marker:
    """What was applied: the name of the patch file, its sha256, the time in UTC, and likewise any optional patch.

    Attributes:
        edited: The files that were merged, by path.
    """

    patch: str
    sha256: str
    applied: str
    optional: Mapping[str, str] = field(default_factory=dict)
    edited: Mapping[str, EditRecord] = field(default_factory=dict)

    @property
    def content(self) -> dict[str, object]:
        """What it says, without what it does not speak of."""
        return {key: value for key, value in asdict(self).items() if value != {}}

    def dump(self) -> bytes:
        """Give the content of the marker's file."""
        return (json.dumps(self.content, indent=1) + "\n").encode()


def read_marker(data: bytes) -> Marker | None:
    """Read a marker.

    Returns:
        The marker, or None if it is damaged.
    """
    try:
        content = json.loads(data)
        edited = {path: EditRecord(**of_file) for path, of_file in content.pop("edited", {}).items()}
        marker = Marker(**content, edited=edited)
        texts = [marker.patch, marker.sha256, marker.applied, *marker.optional.values()]
        texts += [text for of_file in edited.values() for text in (of_file.before, of_file.after, of_file.undo)]
    except (AttributeError, RecursionError, TypeError, ValueError):
        return None
    return marker if all(type(text) is str for text in texts) else None


def record_with(record: bytes, contents: Mapping[str, bytes]) -> bytes:
    """Give a `RECORD` that lists other contents for some files.

    Args:
        record: The content of `RECORD`.
        contents: The content of each file to list, by its path in `RECORD`.

    Returns:
        The new content; rows of other files, rows without a hash, and all line ends, stay byte for byte.
    """
    for path, data in contents.items():
        row = rb"(?m)^%b,sha256=[\w-]+,\d+(?=\r?$)" % re.escape(path.encode())
        record = re.sub(row, _row(path.encode(), data), record)
    return record


def record_listing(record: bytes, path: bytes, data: bytes | None) -> bytes:
    """Give a `RECORD` that lists a file which the installer did not bring.

    Args:
        record: The content of `RECORD`.
        path: The file's path in `RECORD`.
        data: The file's content, or None if it must not be listed.

    Returns:
        The new content: a new row comes first, so that it goes again without a trace, whatever the last line ends with.
    """
    row = _row(path, data or b"")
    if data is not None and row in record.splitlines():
        return record
    record = re.sub(rb"(?m)^%b,.*\n?" % re.escape(path), b"", record)
    if data is None:
        return record
    return row + (b"\r\n" if record.partition(b"\n")[0].endswith(b"\r") else b"\n") + record


def _row(path: bytes, data: bytes) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return b"%b,sha256=%b,%d" % (path, digest, len(data))
