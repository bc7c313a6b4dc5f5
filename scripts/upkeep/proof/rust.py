"""The functions of a Rust file, by its text: rustfmt puts the end of a block under its start."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from litellm_patch.patching.syntax import Function

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_OPENS = re.compile(r"(?P<indent> *)(?:\S+ +)*?(?P<kind>fn|impl|mod)\b(?P<rest>.*)")
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//.*')
_OF_TESTS = "#[cfg(test)]"


def functions(source: bytes) -> list[Function]:
    """List the functions of a Rust file.

    Args:
        source: The file, as rustfmt leaves it.

    Returns:
        Those that are neither of its tests nor nested in others, in the order of lines.
    """
    return list(_functions(source.decode()))


def changed_names(before: bytes, after: bytes) -> frozenset[str]:
    """Name the functions that differ between two versions of a file.

    Args:
        before: The file before the edit.
        after: The file after it.

    Returns:
        Their names, comments aside, and those of functions that only one has.
    """
    old, new = ({function.name: function.text for function in functions(source)} for source in (before, after))
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))


def edits(before: bytes, after: bytes) -> dict[str, Counter[tuple[object, ...]]]:
    """Tell what an edit does to each function.

    Args:
        before: The file before the edit.
        after: The file after it.

    Returns:
        For each of `changed_names`, the lines that it gains, and with a negative count those that it loses.
    """
    old, new = ({found.name: found.text.splitlines() for found in functions(source)} for source in (before, after))
    found = {}
    for name in changed_names(before, after):
        edit: Counter[tuple[object, ...]] = Counter((line,) for line in new.get(name, ()))
        edit.subtract((line,) for line in old.get(name, ()))
        found[name] = Counter({line: count for line, count in edit.items() if count})
    return found


def defines(name: str, source: bytes) -> bool:
    """Tell whether a file defines a function of a name.

    Args:
        name: Its name, without that of a type.
        source: The file.

    Returns:
        Whether its definition is there.
    """
    return re.search(rb"\bfn %b\b" % re.escape(name).encode(), source) is not None


def lookups(source: bytes, matchers: AbstractSet[str], *, loops: bool) -> Iterator[tuple[Function, list[str]]]:
    """Find the functions that look a chain up.

    Args:
        source: The file.
        matchers: The names of the functions that match a name with a chain, without those of their types.
        loops: Is of no use here: the chains are private to the matcher's type.

    Yields:
        Each function with the signs.
    """
    del loops
    for function in functions(source):
        by = [f"calls {name}" for name in sorted(matchers) if _calls(function, name)]
        if by:
            yield function, by


def _calls(function: Function, name: str) -> bool:
    return re.search(rf"(?<!fn )\b{re.escape(name)}\s*(?:::<[^>]*>)?\(", function.text) is not None


def _functions(source: str) -> Iterator[Function]:
    lines = [_STRING_OR_COMMENT.sub('""', line) for line in source.splitlines()]
    of_type = ""
    index = 0
    while index < len(lines):
        opened = _OPENS.fullmatch(lines[index])
        end = _end(lines, index) if opened else index
        if opened and opened["kind"] == "fn":
            name = re.split(r"[^\w]", opened["rest"].strip(), maxsplit=1)[0]
            owner = f"{of_type}." if opened["indent"] else ""
            yield Function(owner + name, index + 1, end + 1, "\n".join(lines[index : end + 1]))
            index = end
        elif opened and opened["kind"] == "impl":
            of_type = _type_of(" ".join(lines[index : end + 1]).partition("{")[0])
        elif opened and index and lines[index - 1].strip() == _OF_TESTS:
            index = end
        index += 1


def _end(lines: list[str], start: int) -> int:
    """The line that closes what is opened here: a block's brace, or the semicolon of what has no block."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    for index in range(start, len(lines)):
        closed = lines[index].rstrip()
        if closed.endswith((";", "}")) and (index == start or len(closed) - len(closed.lstrip()) == indent):
            return index
    return len(lines) - 1


def _type_of(header: str) -> str:
    """`Core` of `impl<'a> Trait for Core<'a>`."""
    named = re.sub(r"<[^<>]*>", "", re.sub(r"<[^<>]*>", "", header))
    return named.split(" where ")[0].split()[-1].rpartition("::")[2]
