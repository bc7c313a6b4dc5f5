"""What an edit did to a module, as Python sees it."""

from __future__ import annotations

import ast
import copy
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_SYNTAX = (3, 10)  # the oldest Python that a supported release runs on
_Part = tuple[bytes, ast.AST]  # what it is in short, and in full
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)
_Definition = ast.FunctionDef | ast.AsyncFunctionDef
Edit = Counter[tuple[object, ...]]


@dataclass(frozen=True)
class Function:
    """A function or method.

    Attributes:
        name: Its name, behind that of its class or type: `Core.fall_back`.
        line: The line that it begins in, from 1, decorators aside.
        end: The line that it ends in.
        text: Its lines; in Rust, without comments and strings.
    """

    name: str
    line: int
    end: int
    text: str


@lru_cache(maxsize=512)  # neighbouring releases share most of their files
def changed_names(before: bytes, after: bytes) -> frozenset[str]:
    """Name everything in a module that an edit added, changed, moved or took away.

    Functions and methods compare as a whole without positions, comments and layout; so do the head of a class,
    assignments and other statements. Imports compare as sets.

    Args:
        before: The module before the edit.
        after: The module after it.

    Returns:
        Qualified names of functions, methods, classes and module-level names; imports as they are written; other
        statements by their kind in angle brackets, as `<order>` if what did not change stands in another order.

    Raises:
        PatchError: One of the two is not Python 3.10.
    """
    old, new = _parts(before, "stock"), _parts(after, "patched")
    changed = {name for name in old.keys() | new.keys() if not _same(old.get(name), new.get(name))}
    if [name for name in old if name not in changed and old[name]] != [
        name for name in new if name not in changed and new[name]
    ]:
        changed.add("<order>")
    return frozenset(changed)


def functions(source: bytes) -> list[Function]:
    """List the functions and methods of a module.

    Args:
        source: The module.

    Returns:
        Those that are not nested in others, in the order of lines.
    """
    lines = source.decode(errors="replace").splitlines(keepends=True)
    return [
        Function(name, node.lineno, node.end_lineno or node.lineno, "".join(lines[node.lineno - 1 : node.end_lineno]))
        for name, node in _definitions(_parse(source), "")
    ]


def edits(before: bytes, after: bytes) -> dict[str, Edit]:
    """Tell what an edit does to each name, whatever the layout.

    Args:
        before: The module before the edit.
        after: The module after it.

    Returns:
        For each of `changed_names`, the statements that it gains, and with a negative count those that it loses: each
        with the heads of the blocks around it and of the statement before it, so that the place counts as well.

    Raises:
        PatchError: One of the two is not Python 3.10.
    """
    names = changed_names(before, after)
    old, new = _parts(before, "stock"), _parts(after, "patched")
    found: dict[str, Edit] = {}
    for name in names:
        edit: Edit = Counter(("is there",) for parts in (new,) if name in parts)
        edit.update(place for _, node in new.get(name, ()) for place in _places(node, ()))
        edit.subtract(("is there",) for parts in (old,) if name in parts)
        edit.subtract(place for _, node in old.get(name, ()) for place in _places(node, ()))
        found[name] = Counter({place: count for place, count in edit.items() if count})
    return found


def imports(source: bytes) -> list[Function]:
    """List the imports of a module that are in no function, each under what it says, whatever its layout."""
    lines, tree = source.decode(errors="replace").splitlines(keepends=True), _parse(source)
    return [
        Function(ast.unparse(node), node.lineno, end, "".join(lines[node.lineno - 1 : end]))
        for block in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.If)))
        for node in block
        if isinstance(node, ast.Import | ast.ImportFrom)
        for end in [node.end_lineno or node.lineno]
    ]


def lookups(source: bytes, matchers: AbstractSet[str], *, loops: bool) -> Iterator[tuple[Function, list[str]]]:
    """Find the functions that look a chain up.

    Args:
        source: The module.
        matchers: The names of the functions that match a name with a chain.
        loops: Whether a loop over something that is called fallbacks is a sign, too.

    Yields:
        Each function with the signs.
    """
    found = {function.line: function for function in functions(source)}
    for _, node in _definitions(_parse(source), ""):
        by = sorted(set(_signs(node, matchers, loops=loops)))
        if by:
            yield found[node.lineno], by


@lru_cache(maxsize=16)  # a large module takes a second
def _parse(source: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # upstream's odd escapes are upstream's
        return ast.parse(source)


def _definitions(block: ast.AST, prefix: str) -> Iterator[tuple[str, _Definition]]:
    """Functions and methods, but not what is nested in them: that belongs to the outer one."""
    for node in ast.iter_child_nodes(block):
        if isinstance(node, _Definition):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _definitions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _definitions(node, prefix)


def _signs(function: _Definition, matchers: AbstractSet[str], *, loops: bool) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _called(node.func) in matchers:
            yield f"calls {_called(node.func)}"
        if loops and isinstance(node, _LOOPS):
            names = map(_called, ast.walk(node.iter))
            yield from (f"loops over {name}" for name in names if name.endswith("fallbacks"))


def _called(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _same(old: list[_Part] | None, new: list[_Part] | None) -> bool:
    """Compare all that one name stands for; equal text needs no dump, which is slow."""
    if old is None or new is None or len(old) != len(new):
        return False
    return all(
        one[0] == other[0] or ast.dump(one[1]) == ast.dump(other[1]) for one, other in zip(old, new, strict=True)
    )


@lru_cache(maxsize=16)
def _parts(source: bytes, which: str) -> dict[str, list[_Part]]:
    """Take a module apart: all statements that give each name, none for an import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # upstream's odd escapes are upstream's
            tree = ast.parse(source, feature_version=_SYNTAX)
            if which == "patched":
                compile(tree, "litellm", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise PatchError(f"the {which} file is not Python 3.10: {error}", "fix the patch") from error
    parts: dict[str, list[_Part]] = {}
    _collect(tree, "", source.splitlines(keepends=True), parts)  # at a lone CR too, as Python counts lines
    return parts


def _collect(block: ast.AST, prefix: str, lines: list[bytes], parts: dict[str, list[_Part]]) -> None:
    for node in (child for field in _BLOCKS for child in getattr(block, field, ())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                single = copy.copy(node)
                single.names = [alias]
                parts.setdefault(prefix + ast.unparse(single), [])
            continue
        name = prefix + _name(node)
        if isinstance(node, _Definition):
            start = min(part.lineno for part in (node, *node.decorator_list))
            text = b"".join(lines[start - 1 : node.end_lineno])
            parts.setdefault(name, []).append((text, node))
            continue
        head = _head(node)
        parts.setdefault(name, []).append((ast.dump(head).encode(), head))
        _collect(node, f"{name}.", lines, parts)


def _head(node: ast.AST) -> ast.AST:
    """Give a statement without its blocks."""
    head = copy.copy(node)
    for field in _BLOCKS:
        if isinstance(getattr(node, field, None), list):
            setattr(head, field, [])
    return head


def _places(node: ast.AST, around: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    """Give a statement and all in it, each with the heads of what is around it and before it."""
    if not around:
        yield "head", ast.dump(_head(node))
    for field in _BLOCKS:
        above = ""
        for child in getattr(node, field, ()):
            head = ast.dump(_head(child))
            yield (*around, field), above, head
            yield from _places(child, (*around, field, head))
            above = head


def _name(node: ast.AST) -> str:
    if isinstance(node, _Definition | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign):
        return ", ".join(map(ast.unparse, node.targets))
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return ast.unparse(node.target)
    return f"<{type(node).__name__.lower()}>"
