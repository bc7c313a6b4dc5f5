"""Imports run downwards, and every name says one thing."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
SOURCES = sorted(path for path in (*SCRIPTS.rglob("*.py"), *(ROOT / "tests").rglob("*.py")))
# from the top of the house to its floor: a room imports itself and those after it
SHIPPED = ("cli", "commands", "doctor", "model", "building", "wheels", "patching", "output", "errors")
KEPT = (
    "release",
    "port",
    "upstream",
    "pictures",
    "demo",
    "bench",
    "mutants",
    "proxy",
    "cells",
    "releases",
    "compiled",
    "proof",
    "provider",
)


def imported(path: Path) -> Iterator[str]:
    """Give the modules that a file imports, with what is taken from a package, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path, package: str) -> str:
    """Give the first part of a module's name below its package."""
    return path.relative_to(SCRIPTS / package).parts[0].removesuffix(".py")


def names_of(module: str, package: str) -> str | None:
    """Give the room that an imported module is in, or None if it is of another package or the package itself."""
    first, _, rest = module.partition(".")
    return rest.split(".")[0] if first == package and rest else None


def test_the_walk_sees_imports() -> None:
    found = {name.partition(".")[0] for path in SOURCES for name in imported(path)}
    assert {"litellm_patch", "upkeep", "tests", "click", "litellm"} <= found


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("scripts/litellm_patch", {"upkeep", "tests", "litellm"}),
        ("scripts/upkeep", {"tests"}),
    ],
)
def test_nothing_is_imported_from_above(folder: str, forbidden: set[str]) -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / folder).rglob("*.py")
        # it runs inside of a litellm, as a program of its own
        if path.name != "real_router.py"
        for name in imported(path)
        if name.partition(".")[0] in forbidden
    }
    assert not found


@pytest.mark.parametrize(("package", "rooms"), [("litellm_patch", SHIPPED), ("upkeep", KEPT)])
def test_a_room_imports_those_below_it(package: str, rooms: tuple[str, ...]) -> None:
    inside = {path.name.removesuffix(".py") for path in (SCRIPTS / package).iterdir() if path.name[0] not in "_."}
    beside = {"command", "errors"} if package == "upkeep" else set[str]()
    assert inside - {"patches", "py.typed"} == {*rooms, *beside}, "a new room needs its place in the order"
    for path in (SCRIPTS / package).rglob("*.py"):
        here = room_of(path, package)
        if here in rooms:
            below = {*rooms[rooms.index(here) :], *beside}
            wrong = {name for name in imported(path) if (room := names_of(name, package)) and room not in below}
            assert not wrong, f"{path.relative_to(ROOT)} imports from above: {', '.join(sorted(wrong))}"


def test_nothing_is_imported_from_a_program() -> None:
    """A `__main__` runs what is written elsewhere."""
    assert not [(path, name) for path in SOURCES for name in imported(path) if "__main__" in name.split(".")]


def test_two_names_are_on_the_import_path_and_tests() -> None:
    assert {path.name for path in SCRIPTS.iterdir() if path.name[0] not in "_."} == {
        "litellm_patch",
        "upkeep",
        "run_nox.py",
    }
    assert all(
        (folder / "__init__.py").is_file() for folder in (ROOT / "tests").iterdir() if folder.name[0] not in "_."
    )


def test_the_tool_stays_small() -> None:
    """What an operator runs can be read in a day."""
    lines = sum(len(path.read_bytes().splitlines()) for path in (SCRIPTS / "litellm_patch").rglob("*.py"))
    assert lines <= 8_950


def test_no_two_classes_have_one_name() -> None:
    classes = Counter(
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert not [name for name, count in classes.items() if count > 1]
