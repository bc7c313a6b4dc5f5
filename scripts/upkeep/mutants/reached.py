"""Which tests run which statements of a patched file: no other test can notice a mutant there."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import CodeType

    import pytest

MARK = "_litellm_patch_reached"


def marked(file: str, text: str, lines: Collection[int]) -> CodeType:
    """Compile a file so that each statement of a function says, just before it runs, that it is reached.

    Args:
        file: its path in the package.
        text: its text.
        lines: only functions that have one of these are changed.

    Returns:
        The module: its functions stand where they stood.
    """
    return compile(ast.fix_missing_locations(_Marks(file, lines).visit(ast.parse(text))), file, "exec")


class _Marks(ast.NodeTransformer):
    def __init__(self, file: str, lines: Collection[int]) -> None:
        self._file, self._lines = file, lines

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        return self.generic_visit(node) if any(line in span for line in self._lines) else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and not isinstance(node, (ast.Module, ast.ClassDef)):
                first = int(
                    isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node) is not None
                )
                marks = [(self._mark(statement), statement) for statement in body[first:]]
                setattr(node, field, [*body[:first], *(one for pair in marks for one in pair)])
        return node

    def _mark(self, statement: ast.stmt) -> ast.stmt:
        name, place = ast.Name(MARK, ast.Load()), ast.Constant(f"{self._file}:{statement.lineno}")
        return ast.copy_location(ast.Expr(ast.Call(name, [place], [])), statement)


class StatementsRun:
    """A pytest plugin that notes for each test which marked statements ran."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._now: set[str] = set()
        self._tests: dict[str, set[str]] = {}
        setattr(builtins, MARK, self._now.add)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After a test's last phase, all that ran since the test before is this one's."""
        if report.when == "teardown":
            for place in self._now:
                self._tests.setdefault(place, set()).add(report.nodeid)
            self._now.clear()

    def by(self, file: str, lines: Collection[int]) -> set[str]:
        """The tests that ran any of the statements that begin at these lines."""
        return {test for line in lines for test in self._tests.get(f"{file}:{line}", ())}
