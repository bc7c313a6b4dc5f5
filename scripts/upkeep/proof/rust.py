"""The functions of a Rust file, by its text: rustfmt puts the end of a block under its start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPENS = re.compile(r"(?P<indent> *)(?:\S+ +)*?(?P<kind>fn|impl|mod)\b(?P<rest>.*)")
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//.*')
_OF_TESTS = "#[cfg(test)]"


@dataclass(frozen=True)
class Function:
    """A function or method of a Rust file.

    Attributes:
        name: Its name, behind that of the type it is a method of: `Core.fall_back`.
        line: The line of its `fn`.
        text: Its lines, without comments and strings.
    """

    name: str
    line: int
    text: str

    def calls(self, name: str) -> bool:
        """Whether it calls a function or method of this name."""
        return re.search(rf"(?<!fn )\b{re.escape(name)}\s*(?:::<[^>]*>)?\(", self.text) is not None


def functions(source: str) -> Iterator[Function]:
    """Find the functions of a Rust file, without those of its tests, and without those nested in others.

    Args:
        source: The file's text, as rustfmt leaves it.

    Yields:
        The functions, in the order of lines.
    """
    lines = [_STRING_OR_COMMENT.sub('""', line) for line in source.splitlines()]
    of_type = ""
    index = 0
    while index < len(lines):
        opened = _OPENS.fullmatch(lines[index])
        end = _end(lines, index) if opened else index
        if opened and opened["kind"] == "fn":
            name = re.split(r"[^\w]", opened["rest"].strip(), maxsplit=1)[0]
            owner = f"{of_type}." if opened["indent"] else ""
            yield Function(owner + name, index + 1, "\n".join(lines[index : end + 1]))
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


def changed_functions(before: str, after: str) -> frozenset[str]:
    """Name the functions that differ between two versions of a file, comments aside, and those only one has."""
    old, new = ({function.name: function.text for function in functions(source)} for source in (before, after))
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))
