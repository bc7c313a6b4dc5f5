"""What can be wrong with an expression or a statement: each operator gives other nodes in place of one."""

from __future__ import annotations

import ast
import copy
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Operator = Callable[[ast.AST, Collection[int]], Iterator[ast.AST]]

OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
TEAM_OF_REQUEST = "get_request_team_id"
BUCKETS = ("metadata", "litellm_metadata")


def skip_a_check(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A condition that always or never holds."""
    del lines
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        for value in (True, False):
            yield _with(node, test=ast.Constant(value))
    if isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            for value in (True, False):
                yield _with(node, ifs=[*node.ifs[:number], ast.Constant(value), *node.ifs[number + 1 :]])


def turn_a_comparison(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """The opposite of a comparison, or of a negation."""
    del lines
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield _with(node, ops=[OPPOSITES[type(node.ops[0])]()])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield copy.deepcopy(node.operand)


def forget_an_operand(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """``a or b`` as ``a``, as ``b``, and as ``a and b``."""
    del lines
    if isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
        for number in range(len(node.values)):
            values = node.values[:number] + node.values[number + 1 :]
            yield _with(node, values=values) if values[1:] else copy.deepcopy(values[0])


def change_a_constant(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """Another text, number or truth value."""
    del lines
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, str):
            yield ast.Constant(f"{node.value}-mutated")


def drop_a_statement(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A step, a return or a skip that is missing."""
    for name, body in _bodies(node):
        for number, statement in enumerate(body):
            droppable = isinstance(statement, (ast.Expr, ast.Return, ast.Continue, ast.Break, ast.Raise, ast.For))
            if droppable and statement.lineno in lines and not is_for_people(statement):
                yield _with(node, **{name: [*body[:number], ast.Pass(), *body[number + 1 :]]})


def swap_steps(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """Two steps in the wrong order: neighbouring loops or statements, or neighbours in a tuple or list."""
    for name, body in _bodies(node):
        for number, (first, second) in enumerate(pairwise(body)):
            steps = (ast.Expr, ast.For, ast.If)
            swappable = isinstance(first, steps) and isinstance(second, steps) and not is_for_people(first)
            if swappable and {first.lineno, second.lineno} <= set(lines):
                yield _with(node, **{name: [*body[:number], second, first, *body[number + 2 :]]})
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for number, (one, other) in enumerate(pairwise(node.elts)):
            yield _with(node, elts=[*node.elts[:number], other, one, *node.elts[number + 2 :]])


def forget_an_element(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A tuple, list or set without one of its elements: a name left out."""
    del lines
    if isinstance(node, ast.Set) or (isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load)):
        for number in range(len(node.elts)):
            yield _with(node, elts=node.elts[:number] + node.elts[number + 1 :])


def repeat_an_element(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A tuple or list with one of its elements twice: a name looked up again."""
    del lines
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for element in node.elts:
            yield _with(node, elts=[*node.elts, element])


def skip_a_call(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A call's first argument instead of its result, as if a filter let everything pass; or without a keyword."""
    del lines
    if isinstance(node, ast.Call):
        if node.args and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
            yield copy.deepcopy(node.args[0])
        for number in range(len(node.keywords)):
            yield _with(node, keywords=node.keywords[:number] + node.keywords[number + 1 :])


def take_the_last(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """The last match instead of the first; and a list that keeps its repeats."""
    del lines
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id == "next" and len(node.args) == len(("matches", "default")):
        every = ast.List([node.args[1], ast.Starred(node.args[0], ast.Load())], ast.Load())
        yield ast.Subscript(every, ast.Constant(-1), ast.Load())
    if isinstance(node.func, ast.Attribute) and node.func.attr == "fromkeys":
        yield copy.deepcopy(node.args[0])


def follow_a_second_alias(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """An alias of an alias, resolved once more."""
    del lines
    if isinstance(node, ast.Call) and _resolves_an_alias(node):
        for name in [found for found in ast.walk(node) if isinstance(found, ast.Name) and found is not node.func]:
            once_more = ast.BoolOp(ast.Or(), [copy.deepcopy(node), ast.Name(name.id, ast.Load())])
            if not _is_receiver(name, node):
                yield _substituted(node, name, once_more)


def read_one_bucket(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """The team from one of the two buckets of metadata only."""
    del lines
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == TEAM_OF_REQUEST:
        for bucket in BUCKETS:
            text = f"({ast.unparse(node.args[0])}.get({bucket!r}) or {{}}).get('user_api_key_team_id')"
            yield ast.parse(text, mode="eval").body


def mistake_a_name(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """In a loop over several things at once, one of them for another."""
    targets = [node.target] if isinstance(node, ast.For) else []
    if isinstance(node, (ast.GeneratorExp, ast.ListComp, ast.SetComp)):
        targets = [generator.target for generator in node.generators]
    bound = [[e.id for e in t.elts if isinstance(e, ast.Name)] for t in targets if isinstance(t, ast.Tuple)]
    for names in bound:
        for use in [n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]:
            if use.id in names and use.lineno in lines:
                for other in sorted(set(names) - {use.id, "_"}):
                    yield _substituted(node, use, ast.Name(other, ast.Load()))


def change_the_list(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A new function that takes an entry out of the very list it is given."""
    for name in _lists_of(node, lines):
        yield _beginning_with(f"isinstance({name}, list) and {name} and {name}.pop()", node)


def look_up_once_more(node: ast.AST, lines: Collection[int]) -> Iterator[ast.AST]:
    """A new function that matches the list it is given once too often."""
    for name in _lists_of(node, lines):
        yield _beginning_with(f"isinstance({name}, list) and get_fallback_model_group({name}, 'nobody')", node)


OPERATORS: tuple[Operator, ...] = (
    skip_a_check,
    turn_a_comparison,
    forget_an_operand,
    change_a_constant,
    drop_a_statement,
    swap_steps,
    forget_an_element,
    repeat_an_element,
    skip_a_call,
    take_the_last,
    follow_a_second_alias,
    read_one_bucket,
    mistake_a_name,
    change_the_list,
    look_up_once_more,
)


def changes_nothing(operator: Operator, node: ast.AST, parent: ast.AST) -> bool:
    """Whether nothing that an operator makes of a node can matter where it stands.

    In a set of things, be it written as a tuple, their order does not count, and in one without repeats neither does
    how often each is there.

    Args:
        operator: one of `OPERATORS`.
        node: what it is given.
        parent: where that hangs.

    Returns:
        Whether it need not be asked.
    """
    if not isinstance(node, (ast.Tuple, ast.List)) or operator not in {swap_steps, repeat_an_element}:
        return False
    called = ast.unparse(parent.func) if isinstance(parent, ast.Call) else ""
    arguments = parent.args if isinstance(parent, ast.Call) else []
    is_set = (
        isinstance(parent, ast.ExceptHandler)
        or (
            isinstance(parent, ast.Compare)
            and isinstance(parent.ops[-1], ast.In | ast.NotIn)
            and node is parent.comparators[-1]
        )
        or (called == "isinstance" and node is arguments[-1])
        or (called in {"set", "frozenset"} and node in arguments)
    )
    keeps_no_repeats = called == "dict.fromkeys" and node is arguments[0]
    return is_set or (keeps_no_repeats and operator is repeat_an_element)


def _lists_of(node: ast.AST, lines: Collection[int]) -> Iterator[str]:
    """The arguments of a new function that are lists of chains."""
    if isinstance(node, ast.FunctionDef) and node.lineno in lines:
        names = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
        yield from sorted(names & {"fallbacks", "chains"})


def _beginning_with(statement: str, function: ast.AST) -> ast.AST:
    assert isinstance(function, ast.FunctionDef)
    docstring = function.body[:1] if _is_docstring(function.body[0]) else []
    return _with(function, body=[*docstring, *ast.parse(statement).body, *function.body[len(docstring) :]])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return copy.deepcopy(changed)


def _substituted(root: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """A copy of a tree with one node replaced."""
    position = [found is old for found in ast.walk(root)].index(True)
    changed = copy.deepcopy(root)
    target = list(ast.walk(changed))[position]

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is target else self.generic_visit(node)

    replaced = Replace().visit(changed)
    assert isinstance(replaced, ast.AST)
    return replaced


def _bodies(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and not isinstance(node, ast.ClassDef):
            yield name, body


def is_for_people(statement: ast.AST) -> bool:
    """A docstring or a line of the log: nothing that runs depends on it.

    Args:
        statement: any node.

    Returns:
        Whether it is one of these.
    """
    if not isinstance(statement, ast.Expr):
        return False
    return _is_docstring(statement) or "logger." in ast.unparse(statement).partition("(")[0]


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _resolves_an_alias(call: ast.Call) -> bool:
    texts = [keyword.value.value for keyword in call.keywords if isinstance(keyword.value, ast.Constant)]
    return "alias" in ast.unparse(call.func) or "alias" in texts


def _is_receiver(name: ast.Name, call: ast.Call) -> bool:
    return any(found is name for found in ast.walk(call.func))
