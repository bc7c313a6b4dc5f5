"""A mailbox with one commit, as `git am` takes it: the same bytes for the same change."""

from __future__ import annotations

import hashlib
import re
from email import message_from_bytes
from itertools import pairwise
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECTION = re.compile(rb"^diff --git a/(?P<path>\S+) b/(?P=path)\n", re.MULTILINE)
_INDEX = re.compile(rb"^index [0-9a-f]+\.\.[0-9a-f]+", re.MULTILINE)
_HUNK = re.compile(rb"^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@", re.MULTILINE)
_FROM_GIT = b"From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"


def write_mail(patch: bytes, message: str, diffs: Sequence[bytes]) -> bytes:
    """Write a commit as mail.

    Args:
        patch: The maintained patch, for its author and date.
        message: The commit's message; its first line is the subject.
        diffs: The diff of each file, in order.

    Returns:
        The mailbox.

    Raises:
        PatchError: The patch says no author or no date.
    """
    head = message_from_bytes(patch)
    author, date = head["From"], head["Date"]
    if not author or not date:
        raise PatchError("the patch has no From or no Date, as git format-patch writes them", "write it with git")
    subject, _, body = message.partition("\n")
    lines = f"From: {author}\nDate: {date}\nSubject: [PATCH] {subject}\n\n{body.strip()}\n---\n\n"
    return b"".join([_FROM_GIT, lines.encode(), *diffs])


def moved_diffs(patch: bytes, images: Mapping[str, tuple[bytes, bytes]], offsets: Mapping[str, Sequence[int]]) -> bytes:
    """Give the diffs of a patch with the lines and the hashes that they have in one release.

    Args:
        patch: The patch as `git format-patch` wrote it for the first release of its range.
        images: For each file, its content before and after.
        offsets: For each file, how many lines away from its header each hunk sits.

    Returns:
        The diffs, with names of git's blobs that a three-way `git am` can find.
    """
    starts = [*(match.start() for match in _SECTION.finditer(patch)), _end(patch)]
    return b"".join(_moved(patch[start:end], images, offsets) for start, end in pairwise(starts))


def new_file(path: str, content: bytes) -> bytes:
    """Give the diff that adds a file.

    Args:
        path: Where it goes, from the root of the tree.
        content: Its text, with LF line ends and one at its end.

    Returns:
        The diff.
    """
    lines = content.splitlines(keepends=True)
    head = (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex {'0' * 40}..{_blob(content)}\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
    )
    return head.encode() + b"".join(b"+" + line for line in lines)


def _moved(section: bytes, images: Mapping[str, tuple[bytes, bytes]], offsets: Mapping[str, Sequence[int]]) -> bytes:
    match = _SECTION.match(section)
    path = match["path"].decode() if match else ""
    before, after = images[path]
    shifts = iter(offsets[path])

    def shifted(hunk: re.Match[bytes]) -> bytes:
        by = next(shifts)
        old, new = int(hunk[1]) + by, int(hunk[3]) + by
        return b"@@ -%d%b +%d%b @@" % (old, hunk[2] or b"", new, hunk[4] or b"")

    section = _INDEX.sub(f"index {_blob(before)}..{_blob(after)}".encode(), section, count=1)
    return _HUNK.sub(shifted, section)


def _end(patch: bytes) -> int:
    """Where the last diff ends: before the mark that may carry git's version, if there is one."""
    at = patch.rfind(b"\n-- \n")
    return at + 1 if at >= 0 else len(patch.rstrip(b"\n")) + 1


def _blob(content: bytes) -> str:
    """The name that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
