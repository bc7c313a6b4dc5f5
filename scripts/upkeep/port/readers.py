"""Who looks a fallback chain up: the table in `readers.toml`, and the search of a release for them."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import load_toml
from upkeep.proof.rust import functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

_TABLE = Path(__file__).with_name("readers.toml")
_OF_THE_ROUTER = "litellm/router"
_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Reader:
    """A function that looks a chain up.

    Attributes:
        function: Its name, without that of a class.
        files: The files that it stands in, by release.
        since: The first release that has it.
        what: What it looks the chain up for.
        left: Why the patch leaves it alone; None if the patch must change it.
    """

    function: str
    files: tuple[str, ...]
    since: str
    what: str
    left: str | None = None


@dataclass(frozen=True)
class Found:
    """A function of a release that looks a chain up: its file, qualified name, line, and by what it was found."""

    path: str
    name: str
    line: int
    by: str

    def __str__(self) -> str:
        """Where it is, for a person."""
        return f"{self.path}:{self.line} {self.name} ({self.by})"


@lru_cache(maxsize=1)
def known_readers() -> tuple[frozenset[str], tuple[Reader, ...]]:
    """Read the table.

    Returns:
        The names of the matchers, and all readers.
    """
    content = load_toml(_TABLE)
    readers = (Reader(**{**entry, "files": tuple(entry["files"])}) for entry in content["readers"])
    return frozenset(content["matchers"]), tuple(readers)


@lru_cache(maxsize=1)
def rust_matchers() -> frozenset[str]:
    """Read the names of the functions of the compiled Router that match a name with a chain.

    Returns:
        The names, without those of their types.
    """
    return frozenset(load_toml(_TABLE)["rust_matchers"])


def find_readers(sources: Mapping[str, bytes]) -> list[Found]:
    """Search a release for functions that look a chain up.

    Args:
        sources: Its files that speak of fallbacks, by path.

    Returns:
        The functions, in the order of files and lines.
    """
    matchers, _ = known_readers()
    names = [name.encode() for name in matchers]
    likely = {
        path: data
        for path, data in sources.items()
        if path.endswith(".rs") or path.startswith(_OF_THE_ROUTER) or any(name in data for name in names)
    }
    return [found for path, data in sorted(likely.items()) for found in _in_file(path, data, matchers)]


def uncovered(found: list[Found], changed: Mapping[str, AbstractSet[str]]) -> list[str]:
    """Tell which readers neither the patch nor the table covers.

    Args:
        found: The readers of a release.
        changed: For each file, the qualified names that the patch changes in it.

    Returns:
        One line for each that is new, and for each that the patch should change and does not.
    """
    _, readers = known_readers()
    table = {(reader.function, path): reader for reader in readers for path in reader.files}
    lines = []
    for reader in found:
        known = table.get((reader.name.rpartition(".")[2], reader.path))
        if known is None and reader.name not in changed.get(reader.path, ()):
            lines.append(f"new reader of chains: {reader}")
        elif known and known.left is None and reader.name not in changed.get(reader.path, ()):
            lines.append(f"reader that the patch does not reach: {reader}: {known.what}")
    return lines


def check_list() -> list[str]:
    """Give the readers that a patch must reach, a line each, for whoever resolves a conflict.

    Returns:
        The lines.
    """
    _, readers = known_readers()
    return [f"{reader.function} (from {reader.since}): {reader.what}" for reader in readers if reader.left is None]


def _in_file(path: str, data: bytes, matchers: AbstractSet[str]) -> Iterator[Found]:
    return _in_rust(path, data) if path.endswith(".rs") else _in_module(path, data, matchers)


def _in_rust(path: str, data: bytes) -> Iterator[Found]:
    for function in functions(data.decode()):
        by = [f"calls {name}" for name in sorted(rust_matchers()) if function.calls(name)]
        if by:
            yield Found(path, function.name, function.line, ", ".join(by))


def _in_module(path: str, data: bytes, matchers: AbstractSet[str]) -> Iterator[Found]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream's odd escapes are upstream's
        tree = ast.parse(data)
    for name, node in _functions(tree, ""):
        by = sorted(set(_signs(node, matchers, path)))
        if by:
            yield Found(path, name, node.lineno, ", ".join(by))


def _functions(block: ast.AST, prefix: str) -> Iterator[tuple[str, _Function]]:
    """Functions and methods, but not what is nested in them: that belongs to the outer one."""
    for node in ast.iter_child_nodes(block):
        if isinstance(node, _Function):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _functions(node, prefix)


def _signs(function: _Function, matchers: AbstractSet[str], path: str) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _name(node.func) in matchers:
            yield f"calls {_name(node.func)}"
        if isinstance(node, _LOOPS) and path.startswith(_OF_THE_ROUTER):
            names = map(_name, ast.walk(node.iter))
            yield from (f"loops over {name}" for name in names if name.endswith("fallbacks"))


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
