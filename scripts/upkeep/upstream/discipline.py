"""Upstream's rules that no linter has, held against the lines that the commit adds.

They are those of its gates for types and for tests: names bound once say `Final`, no mutable collection in an
annotation, no `cast`, no `**kwargs`, no `type: ignore`, at most one `for` and one `if` a comprehension, no parameter
bound anew; tests assert, and change neither `sys.path`, nor the environment, nor the package. An exception needs the
comment that upstream has for it, with a reason.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_MUTABLE = {"dict", "list", "set", "Dict", "List", "Set", "defaultdict", "deque", "MutableMapping", "MutableSequence"}
_EXCUSE = re.compile(r"# (mutable|cast|kwargs|rebind|comprehension)-ok: \S.{2,}")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_GLOBALS = ("os.environ[", "litellm.")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def findings_of_package(source: str, added: AbstractSet[int]) -> list[str]:
    """Find what the gate for types would, in added lines.

    Args:
        source: a module of the package, with the commit.
        added: the numbers of the lines that the commit adds.

    Returns:
        One line for each finding.
    """
    tree, lines = ast.parse(source), source.splitlines()
    found = [*_annotations(tree), *_expressions(tree), *(hit for scope in _scopes(tree) for hit in _bindings(scope))]
    found += [(at, "type: ignore") for at, line in enumerate(lines, 1) if "# type: ignore" in line]
    return [f"line {at}: {what}" for at, what in sorted(found) if at in added and not _EXCUSE.search(lines[at - 1])]


def findings_of_tests(source: str) -> list[str]:
    """Find what the gate for tests would.

    Args:
        source: a module of tests.

    Returns:
        One line for each finding.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _Function) and node.name.startswith("test_") and not any(map(_asserts, ast.walk(node))):
            found.append(f"line {node.lineno}: {node.name} asserts nothing")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.path.insert":
            found.append(f"line {node.lineno}: sys.path.insert")
        if isinstance(node, ast.Assign):
            targets = [ast.unparse(target) for target in node.targets]
            found += [f"line {node.lineno}: {to} is assigned" for to in targets if to.startswith(_GLOBALS)]
    return found


def new_functions(before: str, after: str) -> set[str]:
    """Name the functions and methods that a module gains.

    Args:
        before: the module without the commit.
        after: the module with it.

    Returns:
        Their names, without that of a class; nested functions do not count, as in upstream's script.
    """
    return _functions(ast.parse(after)) - _functions(ast.parse(before))


def called_names(source: str) -> set[str]:
    """Name what a module calls, as upstream's script of covered Router functions counts it.

    Args:
        source: a module of tests.

    Returns:
        Names of functions and attributes that are called.
    """
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {ast.unparse(func).rpartition(".")[2] for func in calls if isinstance(func, ast.Name | ast.Attribute)}


def _functions(tree: ast.Module) -> set[str]:
    blocks: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    return {node.name for block in blocks for node in block.body if isinstance(node, _Function)}


def _asserts(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.raises")


def _scopes(tree: ast.Module) -> Iterator[ast.Module | _Function]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Module | _Function))


def _annotations(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(annotation, ast.expr):
                for part in ast.walk(annotation):
                    if isinstance(part, ast.Name) and part.id in _MUTABLE:
                        yield part.lineno, f"mutable {part.id} in an annotation"


def _expressions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("cast"):
            yield node.lineno, "cast"
        if isinstance(node, _Function) and node.args.kwarg:
            yield node.args.kwarg.lineno, f"**{node.args.kwarg.arg}"
        if isinstance(node, _COMPREHENSIONS) and (len(node.generators) > 1 or len(node.generators[0].ifs) > 1):
            yield node.lineno, "more than one for or if in a comprehension"


def _bindings(scope: ast.Module | _Function) -> Iterator[tuple[int, str]]:
    """Names bound without `Final` outside of loops, and parameters bound anew, in one scope."""
    arguments = scope.args if isinstance(scope, _Function) else ast.arguments([], [], None, [], [], None, [])
    everything = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    parameters = {argument.arg for argument in everything if argument}
    for node, in_loop in _own_nodes(scope, in_loop=False):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign) and not _is_final(node):
            targets = [node.target]
        for name in (target for target in targets if isinstance(target, ast.Name)):
            if name.id in parameters:
                yield name.lineno, f"parameter {name.id} is bound anew"
            elif not in_loop and not name.id.startswith("__") and name.id != "_":
                yield name.lineno, f"{name.id} is assigned without Final"


def _is_final(node: ast.AugAssign | ast.AnnAssign) -> bool:
    """Whether it says `Final`, or binds nothing."""
    return isinstance(node, ast.AnnAssign) and (node.value is None or "Final" in ast.unparse(node.annotation))


def _own_nodes(node: ast.AST, *, in_loop: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function | ast.ClassDef | ast.Lambda):
            continue
        yield child, in_loop
        yield from _own_nodes(child, in_loop=in_loop or isinstance(child, ast.For | ast.AsyncFor | ast.While))
