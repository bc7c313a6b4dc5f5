"""Carry the edits of a patch over to new stock files: a three-way merge that is believed only where Python agrees."""

from __future__ import annotations

import ast
import difflib
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upkeep.port.git import git
from upkeep.proof.python import changed_names

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
    if new is None:
        edited = ", ".join(sorted(changed_names(before, patched)))
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
        ProofError: A file is not Python.
    """
    there, here = _edits(*old), _edits(*new)
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
        definition = b"def %b(" % name.encode()
        if definition not in sources.get(old, b""):
            found = sorted(path for path, data in sources.items() if definition in data)
            homes.update({name: found} if found else {})
    return homes


def _edits(before: bytes, after: bytes) -> dict[str, Counter[bytes]]:
    """The lines that each function loses and gains; of other names, imports among them, that they change at all."""
    changed = changed_names(before, after)
    old, new = _texts(before), _texts(after)
    edits: dict[str, Counter[bytes]] = {}
    for name in changed:
        one, other = (text.get(name, b"").splitlines(keepends=True) for text in (old, new))
        diff = difflib.diff_bytes(difflib.unified_diff, one, other, n=0, lineterm=b"")
        edits[name] = Counter(
            line for line in diff if name in old or name in new if not line.startswith((b"---", b"+++", b"@@"))
        )
    return edits


def _texts(source: bytes) -> dict[str, bytes]:
    """The text of each function and method, by its qualified name."""
    lines = source.splitlines(keepends=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream's odd escapes are upstream's
        tree = ast.parse(source)
    return {name: b"".join(lines[start - 1 : end]) for name, start, end in _spans(tree, "")}


def _spans(block: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
    for node in ast.iter_child_nodes(block):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, node.lineno, node.end_lineno or node.lineno
        elif isinstance(node, ast.ClassDef):
            yield from _spans(node, f"{prefix}{node.name}.")


def _conflicts(path: str, content: bytes, new: bytes) -> Iterator[str]:
    """Name each conflict by the line in the merged file, and the function of the new release that it is in."""
    spans = list(_spans(ast.parse(new), ""))
    at, side = 0, "ours"  # the line of the new stock file that has been reached
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.startswith(_MARK):
            inside = [name for name, start, end in spans if start <= at + 1 <= end] or ["no function"]
            yield f"{path}: conflict in line {number} of the merged file, in {inside[-1]}"
        elif line.startswith(b"||||||| "):
            side = "theirs"
        elif line.startswith(b">>>>>>> "):
            side = "ours"
        elif side == "ours":
            at += 1
