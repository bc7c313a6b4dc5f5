"""A parsed patch, and its strict application to bytes in memory.

Strict means: a hunk goes to one stated line, and each context and removed line must be there byte for byte. There is
no fuzz and no search at apply time, so a hunk can never land in a twin of the function that it was written for.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from litellm_patch.errors import PatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unidiff.patch import Hunk as ParsedHunk

_SAFE_PATH = re.compile(r"litellm(-rust)?(/(?!\.{1,2}(/|$))[\w.+-]+)+", re.ASCII)
_AFTER_HUNK = re.compile(r"$|@@ |diff |--- [a/]|-- $|\\")
_MEND = "restore the patch from its repository, or reinstall litellm-patch"


@dataclass(frozen=True)
class Hunk:
    """One hunk: the lines before and after, and the index in the file (from 0) where each side begins."""

    before_start: int
    before: tuple[bytes, ...]
    after_start: int
    after: tuple[bytes, ...]


@dataclass(frozen=True)
class FilePatch:
    """All hunks of one file, in file order; a file that the patch adds has one, with nothing before it."""

    path: str
    hunks: tuple[Hunk, ...]

    def apply(self, data: bytes, offsets: Sequence[int], *, reverse: bool = False) -> bytes:
        """Apply every hunk at its recorded place.

        Args:
            data: The whole file, with LF line ends.
            offsets: For each hunk, how many lines away from its header it sits. The same numbers serve both ways.
            reverse: Undo the hunks instead.

        Raises:
            PatchError: The number of offsets is wrong, or a line is not what the patch says.
        """
        if len(offsets) != len(self.hunks):
            raise PatchError(f"{self.path}: the patch has {len(self.hunks)} hunks, not {len(offsets)}", _MEND)
        lines = split_lines(data, self.path)
        result: list[bytes] = []
        done = 0
        for number, (hunk, offset) in enumerate(zip(self.hunks, offsets, strict=True), 1):
            start, old, new = (
                (hunk.after_start, hunk.after, hunk.before) if reverse else (hunk.before_start, hunk.before, hunk.after)
            )
            start += offset
            if start < done or tuple(lines[start : start + len(old)]) != old:
                raise PatchError(f"{self.path}: hunk {number} does not match at line {start + 1}", _MEND)
            result += [*lines[done:start], *new]
            done = start + len(old)
        return b"".join([*result, *lines[done:]])


def is_safe_path(path: str) -> bool:
    """Tell whether a path stays inside the package.

    Args:
        path: A path as in a patch, without `a/` or `b/`.

    Returns:
        True for `litellm/...` and `litellm-rust/...` of plain names, without `..`, backslash or anything absolute.
    """
    return _SAFE_PATH.fullmatch(path) is not None


def parse_patch(data: bytes, name: str) -> dict[str, FilePatch]:
    """Parse a patch that only modifies files of the package and of its sources, or adds files to them.

    Args:
        data: The content of the `.patch` file, a plain diff or `git format-patch` output.
        name: What to call it in errors.

    Returns:
        One `FilePatch` a file, by path without `a/` or `b/`, in the order of the patch.

    Raises:
        PatchError: The patch cannot be parsed, leaves the package, or does anything but modify and add files.
    """
    if b"\r\n" in data:
        raise PatchError(f"{name} has CRLF line ends, expected LF", "check it out again with eol=lf")
    try:
        text = data.decode()
        parsed = PatchSet(io.StringIO(text, newline="\n"))
    except (UnidiffParseError, ValueError) as error:
        raise PatchError(f"{name} cannot be parsed: {error}", _MEND) from error
    lines = [*text.split("\n"), ""]
    files: dict[str, FilePatch] = {}
    for part in parsed:
        path = part.target_file.removeprefix("b/")
        is_new = part.source_file == "/dev/null"
        pair = (part.source_file if is_new else f"a/{path}", f"b/{path}")
        if (part.source_file, part.target_file) != pair or not is_safe_path(path):
            raise PatchError(
                f"{name}: {part.source_file} -> {part.target_file} is not a change of one file below a/litellm/", _MEND
            )
        modes = (None, "100644") if is_new else (part.source_mode, part.source_mode)
        if not part or (part.source_mode, part.target_mode) != modes or path in files:
            raise PatchError(f"{name}: {path} must be changed once, by hunks only", _MEND)
        for hunk in part:  # unidiff would drop lines that its header does not count
            end = max(line.diff_line_no or 0 for line in hunk)
            if not _AFTER_HUNK.match(lines[end]):
                raise PatchError(f"{name}: line {end + 1} belongs to no hunk: {lines[end]!r}", _MEND)
        files[path] = FilePatch(path, tuple(_hunk(hunk) for hunk in part))
        if is_new and (len(part) != 1 or files[path].hunks[0].before):
            raise PatchError(f"{name}: {path} is new, and must be added by one hunk", _MEND)
    if not files:
        raise PatchError(f"{name} changes no file", _MEND)
    return files


def _hunk(parsed: ParsedHunk) -> Hunk:
    """Turn unidiff's hunk into byte lines and indexes from 0."""
    before: list[bytes] = []
    after: list[bytes] = []
    last: tuple[list[bytes], ...] = ()
    for line in parsed:
        if line.line_type == "\\":  # "No newline at end of file" speaks of the line above it
            for side in last:
                side[-1] = side[-1].removesuffix(b"\n")
            continue
        last = {" ": (before, after), "-": (before,), "+": (after,)}.get(line.line_type, ())
        for side in last:
            side.append(line.value.encode())
    # a side without lines is numbered after the line above it
    return Hunk(
        parsed.source_start - (1 if before else 0),
        tuple(before),
        parsed.target_start - (1 if after else 0),
        tuple(after),
    )


def split_lines(data: bytes, path: str) -> list[bytes]:
    """Split a file at LF only: bytes.splitlines would also split at a lone CR.

    Raises:
        PatchError: The file has CRLF line ends.
    """
    if b"\r\n" in data:
        raise PatchError(f"{path} has CRLF line ends, expected LF", "restore the file with LF line ends")
    return io.BytesIO(data).readlines()
