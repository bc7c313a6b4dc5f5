"""Who runs what: a test that runs a statement is never taken for one that does not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from upkeep.mutants.generate import FORGET_A_HUNK, mutants
from upkeep.mutants.reached import StatementsRun, marked

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = '''\
def chain_of(name, chains):
    """The chain of a name."""
    for key, chain in chains:
        if key == name:
            return chain
        elif key is None:
            continue
    try:
        return next(iter(chains))[1]
    except StopIteration:
        def nothing():
            return None
        return nothing()


def other(name):
    return name
'''
CHAIN_OF = range(1, 14)


def _function(name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(marked("sample.py", TEXT, CHAIN_OF), space)  # noqa: S102 - our own sample
    return cast("Callable[..., Any]", space[name])


@pytest.fixture
def reached() -> StatementsRun:
    found = StatementsRun()
    asked = {"found": ("a", [("b", 1), ("a", 2)]), "first": ("c", [(None, 1)]), "none": ("c", [])}
    for test, arguments in asked.items():
        _function("chain_of")(*arguments)
        found.pytest_runtest_logreport(cast("pytest.TestReport", SimpleNamespace(when="call", nodeid=test)))
        found.pytest_runtest_logreport(cast("pytest.TestReport", SimpleNamespace(when="teardown", nodeid=test)))
    return found


@pytest.mark.parametrize(
    ("line", "tests"),
    [
        (3, {"found", "first", "none"}),
        (4, {"found", "first"}),
        (5, {"found"}),
        (6, {"found", "first"}),
        (7, {"first"}),
        (9, {"first", "none"}),
        (11, {"none"}),
        (12, {"none"}),
        (17, set()),
    ],
)
def test_each_statement_is_its_tests(line: int, tests: set[str], reached: StatementsRun) -> None:
    assert reached.by("sample.py", {line}) == tests
    assert not reached.by("another.py", {line})


def test_marks_change_nothing() -> None:
    plain: dict[str, Any] = {}
    exec(compile(TEXT, "sample.py", "exec"), plain)  # noqa: S102 - our own sample

    for name in ("chain_of", "other"):
        assert _function(name).__doc__ == plain[name].__doc__
        assert _function(name).__code__.co_firstlineno == plain[name].__code__.co_firstlineno
    assert _function("other").__code__ == plain["other"].__code__, "no line of it was asked for"


def test_a_mutant_is_where_its_statements_are() -> None:
    made = [m for m in mutants("sample.py", "", TEXT) if m.operator != FORGET_A_HUNK]
    lines = {(m.operator, m.before): m.lines for m in made}

    assert all(m.lines for m in made)
    assert lines["turn_a_comparison", "key == name"] == {4}, "an expression is where its statement is"
    assert lines["skip_a_call", "iter(chains)"] == {9}
    assert lines["drop_a_statement", "return nothing()"] == {8, 11, 12, 13}, "and so is all that is left out with it"
