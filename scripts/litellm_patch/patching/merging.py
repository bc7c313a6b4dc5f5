"""Three-way merges by git, believed only where Python agrees that each edit is where it belongs."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import DriftedError, MergeConflictError, PatchError
from litellm_patch.patching.git import git
from litellm_patch.patching.patchfile import parse_patch
from litellm_patch.patching.syntax import changed_names, edits, functions, imports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.patching.syntax import Edit, Function

MARK = b"<<<<<<< "
_ENDS = (b"=======\n", b">>>>>>> ", b"||||||| ")
_UNDO = "undo your edit there, apply --merge, and make it again; or patch that file by hand"
_PREFIX = re.compile(rb"(?m)^[ \t]*from ([\w.]+)(?:\.litellm\b| import litellm$)")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class MergedFile:
    """An edited file with the patch in it.

    Attributes:
        before: The edited file without the patch.
        after: The same with the patch.
        undo: The diff from `after` to `before`; empty if they are the same.
        note: What was done, for a person.
    """

    before: bytes
    after: bytes
    undo: bytes
    note: str


def three_way(yours: bytes, base: bytes, theirs: bytes, labels: Sequence[str]) -> tuple[bytes, bool]:
    """Merge two edits of a file.

    Args:
        yours: The file with the one edit.
        base: The file before both.
        theirs: The file with the other edit.
        labels: What to call the three in the marks of a conflict.

    Returns:
        What came out, and whether there is a conflict in it.

    Raises:
        GitError: Git is not there, or failed.
        OSError: There is no room to work in.
    """
    with tempfile.TemporaryDirectory(prefix="litellm-patch-merge-") as scratch:
        for name, data in (("yours", yours), ("base", base), ("theirs", theirs)):
            Path(scratch, name).write_bytes(data)
        named = [part for label in labels for part in ("-L", label)]
        arguments = ("merge-file", "-p", "--diff3", *named, "yours", "base", "theirs")
        done = git(Path(scratch), *arguments, allowed=tuple(range(128)))
    return done.stdout, done.returncode != 0


def has_conflict_marks(content: bytes) -> bool:
    """Tell whether a line of a file begins as git's marks of a conflict do."""
    return any(line.startswith((MARK, *_ENDS[1:])) or line == _ENDS[0] for line in content.splitlines(keepends=True))


def strayed(path: str, there: Mapping[str, Edit], here: Mapping[str, Edit]) -> list[str]:
    """Tell where a merge does something else than the edit that it carries over.

    Args:
        path: The file.
        there: What the edit does in the file that it was made for.
        here: What it does after the merge.

    Returns:
        One line for each function or other name; none if all is where it belongs.
    """
    gone, more = sorted(there.keys() - here.keys()), sorted(here.keys() - there.keys())
    lines = [f"{path}: the merge leaves {name} as it is, which the patch changes" for name in gone]
    lines += [f"{path}: the merge changes {name}, which the patch does not" for name in more]
    lines += [
        f"{path}: the merge changes {name} in another way than the patch does"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    ]
    return lines


def difference(path: str, before: bytes, after: bytes) -> bytes:
    """Give git's diff without context between two contents of a file; nothing if they are the same."""
    with tempfile.TemporaryDirectory(prefix="litellm-patch-merge-") as scratch:
        for side, data in (("a", before), ("b", after)):
            place = Path(scratch, side, path)
            place.parent.mkdir(parents=True)
            place.write_bytes(data)
        shape = ("--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "--text", "--unified=0")
        return git(Path(scratch), "diff", *shape, f"a/{path}", f"b/{path}", allowed=(0, 1)).stdout


def take_out(path: str, data: bytes, undo: bytes) -> bytes:
    """Apply a diff that `difference` gave to the very content that it begins with."""
    if not undo:
        return data
    patch = parse_patch(undo, f"the record of {path}")[path]
    return patch.apply(data, [0] * len(patch.hunks))


def merge_edited(path: str, found: bytes, origins: Sequence[bytes], patched: bytes, release: str) -> MergedFile:
    """Put the patch into an edited file.

    Args:
        path: The file.
        found: Its content, with LF line ends.
        origins: What it may have been before it was edited: the stock file, then what a patch has made of that.
        patched: What the patch makes of the stock file.
        release: The release, as a person calls it.

    Raises:
        DriftedError: The file cannot be merged at all.
        MergeConflictError: The edit and the patch meet; or Python sees the patch in another place.
        GitError: Git is not there, or failed.
    """
    _check(path, found)
    unnamed = origins[0]
    origins, patched = _renamed(found, (*origins, patched))
    stock, names = origins[0], ("yours", f"stock litellm {release}", "the patch")
    origin = min(origins, key=lambda data: distance(data, found))
    before = found
    if origin is not stock:
        before = _merge(path, found, origin, stock, ("yours", "the patch", f"stock litellm {release}"))
    after = _merge(path, before, stock, patched, names)
    if origin == patched and after != found:
        raise MergeConflictError(f"{path}: the patch is in it, and was edited", _UNDO)
    there, here, kept = _hunks(path, stock, patched), _hunks(path, before, after), _hunks(path, unnamed, before)
    moved = sorted(new[0] - old[0] for old, new in zip(there, here, strict=False)) or [0]
    far = f"{moved[0]:+d} to {moved[-1]:+d} lines" if moved[0] < moved[-1] else f"{moved[0]:+d} lines"
    note = f"merged {path}: {len(here)} hunks, moved by {far}; kept edits in {len(kept)} place(s)"
    return MergedFile(before, after, difference(path, after, before), note)


def _check(path: str, found: bytes) -> None:
    """Refuse what is no file to merge with."""
    if b"\r\n" in found:
        raise DriftedError(f"{path} mixes CRLF and LF line ends", "give it one kind of line ends, and run this again")
    if has_conflict_marks(found):
        raise DriftedError(f"{path} has the marks of a merge that was not finished", "resolve it, and run this again")
    try:
        functions(found)
    except (SyntaxError, ValueError) as error:
        raise DriftedError(f"{path} is not Python: {error}", "mend it, and run this again") from error


def _merge(path: str, yours: bytes, base: bytes, theirs: bytes, labels: Sequence[str]) -> bytes:
    """Merge, and see by the syntax that what came out is the same edit."""
    merged, conflict = three_way(yours, base, theirs, labels)
    if conflict:
        again, still = three_way(_laid_out(path, yours, base, theirs), base, theirs, labels)
        if still:
            blocks = list(_conflicts(merged, yours))
            raise MergeConflictError(
                f"{path}: your edit and the patch meet in {len(blocks)} place(s), shown above",
                _UNDO,
                [line for where, block in blocks for line in (f"{path}, in {where}:", *block)],
            )
        merged = again
    try:
        lines = strayed(path, edits(base, theirs), edits(yours, merged))
    except PatchError as error:
        raise MergeConflictError(f"{path}: after the merge, {error.found}", _UNDO) from error
    if lines:
        raise MergeConflictError(f"{path}: the patch would not be where it belongs, as told above", _UNDO, lines)
    return merged


def _laid_out(path: str, yours: bytes, base: bytes, theirs: bytes) -> bytes:
    """Give functions and imports that the patch touches base's layout, if that is all in which they differ from it."""
    hunks = _hunks(path, base, theirs)
    mine = {part.name: part for part in (*imports(yours), *functions(yours))}
    changed = changed_names(base, yours)
    lines = yours.decode().split("\n")
    alike = [
        (mine[part.name], part)
        for part in (*imports(base), *functions(base))
        if any(start + size >= part.line - 2 and start <= part.end + 1 for start, size in hunks)
        if part.name in mine and part.name not in changed and _comments(part) == _comments(mine[part.name])
    ]
    for own, part in sorted(alike, key=lambda pair: pair[0].line, reverse=True):
        lines[own.line - 1 : own.end] = part.text.rstrip("\n").split("\n")
    return "\n".join(lines).encode()


def _hunks(path: str, before: bytes, after: bytes) -> list[tuple[int, int]]:
    """Where a file was changed, from line 0, and how many lines of it."""
    diff = difference(path, before, after)
    hunks = parse_patch(diff, path)[path].hunks if diff else ()
    return [(hunk.before_start, len(hunk.before)) for hunk in hunks]


def _comments(part: Function) -> list[str]:
    return _COMMENT.findall(part.text)


def _conflicts(merged: bytes, yours: bytes) -> Iterator[tuple[str, list[str]]]:
    """Give each conflict: the function of yours that it is in, and its lines with git's marks."""
    known = functions(yours)
    block: list[str] = []
    at, ours = 0, True  # the line of yours that has been reached
    for line in merged.splitlines(keepends=True):
        starts = line.startswith(MARK)
        if block or starts:
            block.append(line.decode(errors="replace").rstrip("\n"))
        if line.startswith(_ENDS[2]):
            ours = False
        elif block and line.startswith(_ENDS[1]):
            inside = [function.name for function in known if function.line <= at <= function.end]
            yield (inside or [f"line {at + 1}"])[-1], block
            block, ours = [], True
        elif ours and not starts:
            at += 1


def _renamed(found: bytes, candidates: Sequence[bytes]) -> tuple[list[bytes], bytes]:
    """Let litellm be called in the candidates what the file calls it, as `vendor.litellm`, if that is nearer."""
    prefixes = Counter(_PREFIX.findall(found)).most_common(1)
    if prefixes:
        prefix = prefixes[0][0]
        renamed = [
            re.sub(
                rb"(?m)^([ \t]*)import litellm$",
                rb"\1from %b import litellm" % prefix,
                re.sub(rb"(?m)^([ \t]*)from litellm\b", rb"\1from %b.litellm" % prefix, data),
            )
            for data in candidates
        ]
        if distance(renamed[0], found) < distance(candidates[0], found):
            candidates = renamed
    return list(candidates[:-1]), candidates[-1]


def distance(one: bytes, other: bytes) -> int:
    """How many lines only one of two files has."""
    counts = Counter(one.split(b"\n"))
    counts.subtract(other.split(b"\n"))
    return sum(map(abs, counts.values()))
