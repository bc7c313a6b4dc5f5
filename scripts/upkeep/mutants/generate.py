"""The mutants of a patched file: one change each, and only in what the patch adds."""

from __future__ import annotations

import ast
import copy
import difflib
import marshal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upkeep.mutants.operators import OPERATORS, changes_nothing, is_for_people

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType

FORGET_A_HUNK = "forget_a_hunk"


@dataclass(frozen=True)
class Mutant:
    """One wrong patch.

    Attributes:
        file: the file, as its path in the package.
        function: the function that was changed.
        operator: how.
        before: the text that was changed, as far as it differs.
        after: what it became.
        code: the module, compiled, or just what of it has the function in it.
    """

    file: str
    function: str
    operator: str
    before: str
    after: str
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is called by, whatever the release."""
        return self.function, self.operator, self.before, self.after


def mutants(file: str, stock: str, patched: str) -> Iterator[Mutant]:
    """All mutants of a file.

    Args:
        file: its path in the package.
        stock: its text without the patch.
        patched: its text with it.

    Yields:
        Those that compile to other code than the patch; each is made when it is asked for.
    """
    tree, lines = ast.parse(patched), added_lines(stock, patched)
    parts = {place.top: _part(tree, place) for place in _places_in_functions(tree) if _touched(place.node) & lines}
    seen = {marshal.dumps(compile(part, file, "exec")) for part in (tree, *parts.values())}
    for mutant in (*_of_the_lines(file, tree, lines), *_of_the_hunks(file, stock, patched)):
        image = marshal.dumps(mutant.code)
        if image not in seen:
            seen.add(image)
            yield mutant


def added_lines(stock: str, patched: str) -> frozenset[int]:
    """The lines of the patched text that the patch adds or changes, from 1."""
    found: set[int] = set()
    for tag, _, _, start, end in _opcodes(stock, patched):
        if tag in {"insert", "replace"}:
            found |= set(range(start + 1, end + 1))
    return frozenset(found)


def _opcodes(stock: str, patched: str) -> Sequence[tuple[str, int, int, int, int]]:
    return difflib.SequenceMatcher(None, stock.splitlines(), patched.splitlines(), autojunk=False).get_opcodes()


def _of_the_lines(file: str, tree: ast.Module, lines: frozenset[int]) -> Iterator[Mutant]:
    for place in list(_places_in_functions(tree)):
        node, touched = place.node, _touched(place.node)
        if not touched & lines:
            continue
        contained = isinstance(node, (ast.stmt, ast.comprehension)) or touched <= lines
        for operator in OPERATORS:
            if changes_nothing(operator, node, place.parent):
                continue
            for replacement in operator(node, lines) if contained else ():
                if isinstance(node, ast.stmt) and operator.__name__ == "skip_a_check" and node.lineno not in lines:
                    continue
                before, after = _difference(ast.unparse(node), ast.unparse(replacement))
                if isinstance(node, ast.If) and operator.__name__ == "drop_a_statement":
                    before = f"if {ast.unparse(node.test)}: / {before}"  # else each "return None" would be the same one
                ast.copy_location(replacement, node)
                ast.fix_missing_locations(replacement)
                code = _compiled(tree, file, place, replacement)
                if code is not None:
                    yield Mutant(file, place.function, operator.__name__, before, after, code)


def _touched(node: ast.AST) -> set[int]:
    """The lines of a node."""
    if isinstance(node, ast.comprehension):
        return set(range(node.target.lineno, (node.iter.end_lineno or 0) + 1))
    return set(range(getattr(node, "lineno", 0), (getattr(node, "end_lineno", 0) or 0) + 1))


def _compiled(tree: ast.Module, file: str, place: _Place, replacement: ast.AST) -> CodeType | None:
    """A part of the module with one node replaced while it is compiled; ``None`` if that makes no sense."""
    original, index = getattr(place.parent, place.field), place.index
    changed = replacement if index is None else [*original[:index], replacement, *original[index + 1 :]]
    setattr(place.parent, place.field, changed)
    try:
        return compile(_part(tree, place), file, "exec")
    except (SyntaxError, TypeError, ValueError):
        return None
    finally:
        setattr(place.parent, place.field, original)


def _part(tree: ast.Module, place: _Place) -> ast.Module:
    """Just the function or method at the top of a place: a large module takes longer to compile than the tests run."""
    first, *inner = place.top
    statement = tree.body[first]
    if isinstance(statement, ast.ClassDef) and inner:
        statement = copy.copy(statement)
        statement.bases, statement.keywords, statement.decorator_list = [], [], []
        statement.body = [statement.body[inner[0]]]
    futures = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
    return ast.Module([*futures, statement], [])


def _of_the_hunks(file: str, stock: str, patched: str) -> Iterator[Mutant]:
    """The patch without one of its changes to code that was there before: a reader that was forgotten."""
    old, new = stock.splitlines(), patched.splitlines()
    functions = {line: name for name, node in _functions(ast.parse(patched)) for line in _span(node)}
    for tag, old_start, old_end, start, end in _opcodes(stock, patched):
        # what is only added is called from what is changed, and judged there
        if tag != "replace" or start + 1 not in functions:
            continue
        text = "\n".join([*new[:start], *old[old_start:old_end], *new[end:]]) + "\n"
        try:
            # so that functions behind it keep their place: they are known by it
            tree = ast.increment_lineno(ast.parse(text), 0)
            _align(tree, after=start + 1 + old_end - old_start, by=(end - start) - (old_end - old_start))
            code = compile(tree, file, "exec")
        except SyntaxError:
            continue
        before, after = _difference("\n".join(new[start:end]), "\n".join(old[old_start:old_end]))
        yield Mutant(file, functions[start + 1], FORGET_A_HUNK, before.strip(), after.strip(), code)


def _align(tree: ast.Module, after: int, by: int) -> None:
    for node in ast.walk(tree):
        for name in ("lineno", "end_lineno"):
            line = getattr(node, name, None)
            if line is not None and line >= after:
                setattr(node, name, line + by)


def _functions(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Outermost first, so that what is within comes later and wins."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node


def _span(node: ast.AST) -> range:
    return range(getattr(node, "lineno", 0), (getattr(node, "end_lineno", 0) or 0) + 1)


@dataclass(frozen=True)
class _Place:
    """A node, the function it is in, and where it hangs: a field of its parent, or an element of that.

    And the statement of the module it is in, by number; in a class, the class's statement too.
    """

    function: str
    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST
    top: tuple[int, ...]


def _places_in_functions(tree: ast.Module) -> Iterator[_Place]:
    """Every node that runs when a function does: not annotations, defaults or decorators, which run once before."""

    def visit(parent: ast.AST, function: str, top: tuple[int, ...]) -> Iterator[_Place]:
        for field, value in ast.iter_fields(parent):
            if field in {"annotation", "returns", "args", "decorator_list"} and not isinstance(parent, ast.Call):
                continue
            children = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, child in children:
                if not isinstance(child, ast.AST) or is_for_people(child):
                    continue
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                name = str(getattr(child, "name", "")) if is_function else function
                outermost = isinstance(parent, ast.Module) or (isinstance(parent, ast.ClassDef) and len(top) == 1)
                here = (*top, index) if outermost and index is not None else top
                if name and not _is_text(child, parent):
                    yield _Place(name, parent, field, index, child, here)
                yield from visit(child, name, here)

    yield from visit(tree, "", ())


def _is_text(node: ast.AST, parent: ast.AST) -> bool:
    """A docstring, or the text of an f-string, which only people read."""
    return isinstance(parent, (ast.Expr, ast.JoinedStr)) and isinstance(node, ast.Constant)


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines in which two texts differ."""
    old, new = before.splitlines(), after.splitlines()
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changed = [opcode for opcode in opcodes if opcode[0] != "equal"]
    return (
        " / ".join(line.strip() for _, start, end, _, _ in changed for line in old[start:end]),
        " / ".join(line.strip() for _, _, _, start, end in changed for line in new[start:end]),
    )
