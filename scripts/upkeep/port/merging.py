"""Carry a patch over to new stock files: git's three-way merge, believed only where the language of the file agrees."""

from __future__ import annotations

import difflib
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upkeep.port.git import git
from upkeep.proof import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LABELS = ("-L", "the new release", "-L", "the old release", "-L", "the patch")
_MARK = b"<<<<<<< "
_ENDS = (b"=======\n", b">>>>>>> ", b"||||||| ")


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
    with tempfile.TemporaryDirectory(prefix="litellm-patch-merge-") as scratch:
        for name, data in (("new", new), ("old", before), ("patched", patched)):
            Path(scratch, name).write_bytes(data)
        arguments = ("-p", "--diff3", *_LABELS, "new", "old", "patched")
        done = git(Path(scratch), "merge-file", *arguments, allowed=tuple(range(128)))
    if done.returncode:
        return Merged(path, done.stdout, tuple(_conflicts(path, done.stdout, new)))
    return Merged(path, done.stdout, tuple(strayed(path, (before, patched), (new, done.stdout))))


def strayed(path: str, old: tuple[bytes, bytes], new: tuple[bytes, bytes]) -> list[str]:
    """Tell where a merge did to a function something else than the patch did to it in the old release.

    Args:
        path: The file.
        old: The old stock and patched file.
        new: The new stock and merged file.

    Returns:
        One line for each function or other name; none if the edits are where they belong.

    Raises:
        ProofError: A file is not of its language.
    """
    there, here = _edits(path, *old), _edits(path, *new)
    only_there, only_here = sorted(there.keys() - here.keys()), sorted(here.keys() - there.keys())
    lines = [f"{path}: the merge leaves {name} as it is, which the patch changes" for name in only_there]
    lines += [f"{path}: the merge changes {name}, which the patch does not" for name in only_here]
    lines += [
        f"{path}: the merge changes {name} in another way than the patch does"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    ]
    return lines


def has_conflict_marks(content: bytes) -> bool:
    """Tell whether a file still has marks of a conflict.

    Args:
        content: The file.

    Returns:
        Whether a line of it begins as git's marks do.
    """
    return any(line.startswith((_MARK, *_ENDS[1:])) or line == _ENDS[0] for line in content.splitlines(keepends=True))


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


def _edits(path: str, before: bytes, after: bytes) -> dict[str, Counter[bytes]]:
    """The lines that each function loses and gains; of other names, imports among them, that they change at all."""
    language = language_of(path)
    changed = language.changed_names(before, after)
    old, new = ({f.name: f.text.encode() for f in language.functions(source)} for source in (before, after))
    edits: dict[str, Counter[bytes]] = {}
    for name in changed:
        one, other = (text.get(name, b"").splitlines(keepends=True) for text in (old, new))
        diff = difflib.diff_bytes(difflib.unified_diff, one, other, n=0, lineterm=b"")
        edits[name] = Counter(
            line for line in diff if name in old or name in new if not line.startswith((b"---", b"+++", b"@@"))
        )
    return edits


def _conflicts(path: str, content: bytes, new: bytes) -> Iterator[str]:
    """Name each conflict by the line in the merged file, and the function of the new release that it is in."""
    functions = language_of(path).functions(new)
    at, side = 0, "ours"  # the line of the new stock file that has been reached
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.startswith(_MARK):
            inside = [found.name for found in functions if found.line <= at + 1 <= found.end] or ["no function"]
            yield f"{path}: conflict in line {number} of the merged file, in {inside[-1]}"
        elif line.startswith(b"||||||| "):
            side = "theirs"
        elif line.startswith(b">>>>>>> "):
            side = "ours"
        elif side == "ours":
            at += 1
