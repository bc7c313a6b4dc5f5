"""Carry a patch over to new stock files: git's three-way merge, believed only where the language of the file agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.patching.merging import MARK, strayed, three_way
from upkeep.proof import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LABELS = ("the new release", "the old release", "the patch")


@dataclass(frozen=True)
class Merged:
    """A file after the merge, with conflict marks if there are any; and what a person must decide."""

    path: str
    content: bytes
    conflicts: tuple[str, ...]


def merge_file(path: str, before: bytes, patched: bytes, new: bytes | None) -> Merged:
    """Carry the edits from one release's file over to another's.

    Args:
        path: Its path.
        before: The old stock file.
        patched: The old stock file with the patch.
        new: The new stock file; None if the release lacks it.

    Returns:
        What came out. Without a conflict, each function has lost and gained the same lines as in the old release.

    Raises:
        GitError: Git is not there, or failed.
        OSError: There is no room to work in.
    """
    if new is None and not before:
        return Merged(path, patched, ())  # a file of the patch's own
    if new is None:
        edited = ", ".join(sorted(language_of(path).changed_names(before, patched)))
        return Merged(path, b"", (f"{path} is gone; the patch changes these in it: {edited}",))
    content, conflict = three_way(new, before, patched, _LABELS)
    if conflict:
        return Merged(path, content, tuple(_conflicts(path, content, new)))
    language = language_of(path)
    there, here = language.edits(before, patched), language.edits(new, content)
    return Merged(path, content, tuple(strayed(path, there, here)))


def homes_of(names: Iterable[str], old: str, sources: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Look in a release for functions that left their file.

    Args:
        names: Qualified names.
        old: The file that they were in.
        sources: The files of the release, by path.

    Returns:
        For each name that is no longer there, without that of its class, the files that define it.
    """
    homes: dict[str, list[str]] = {}
    for name in {name.rpartition(".")[2] for name in names}:
        if not language_of(old).defines(name, sources.get(old, b"")):
            found = sorted(path for path, data in sources.items() if language_of(path).defines(name, data))
            homes.update({name: found} if found else {})
    return homes


def _conflicts(path: str, content: bytes, new: bytes) -> Iterator[str]:
    """Name each conflict by the line in the merged file, and the function of the new release that it is in."""
    functions = language_of(path).functions(new)
    at, side = 0, "ours"  # the line of the new stock file that has been reached
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.startswith(MARK):
            inside = [found.name for found in functions if found.line <= at + 1 <= found.end] or ["no function"]
            yield f"{path}: conflict in line {number} of the merged file, in {inside[-1]}"
        elif line.startswith(b"||||||| "):
            side = "theirs"
        elif line.startswith(b">>>>>>> "):
            side = "ours"
        elif side == "ours":
            at += 1
