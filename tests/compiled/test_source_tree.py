"""The verbs on an unpacked source archive: Rust and Python alike, and files that the patch adds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from litellm_patch.errors import DriftedError
from litellm_patch.patching.apply import apply, revert, status
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import Ledger
from tests.compiled.conftest import CORE, DERIVED, FACADE, STOCK

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


@pytest.fixture
def ledger(release: Release) -> Ledger:
    """A ledger of that release alone."""
    return Ledger((release,), {})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unpacked archive, which says its release as upstream's does."""
    folder = tmp_path / "litellm-1.110.0"
    project = b'[project]\nname = "litellm"\nversion = "1.110.0"\n'
    package = {"litellm/__init__.py": b"", "litellm/main.py": b"", "pyproject.toml": project}
    for path, data in {**STOCK, **package}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def contents(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_the_patch_goes_in_and_out_again(tree: Path, ledger: Ledger) -> None:
    before = contents(tree)
    assert status(tree, ledger).state is State.CLEAN
    apply(tree, ledger)
    assert status(tree, ledger).state is State.APPLIED
    patched = contents(tree)
    assert {path for path in patched if patched[path] != before.get(path)} == {CORE, DERIVED, FACADE}
    revert(tree, ledger)
    assert status(tree, ledger).state is State.CLEAN
    assert contents(tree) == before


@pytest.mark.parametrize("goal", [apply, revert])
def test_what_was_left_half_way_is_brought_to_an_end(goal: object, tree: Path, ledger: Ledger) -> None:
    apply(tree, ledger)
    patched = contents(tree)
    (tree / DERIVED).unlink()
    assert status(tree, ledger).state is State.PARTIAL
    assert callable(goal)
    goal(tree, ledger)
    assert (contents(tree) == patched) is (goal is apply)
    assert (tree / DERIVED).exists() is (goal is apply)


def test_a_file_of_somebody_else_in_the_place_of_a_new_one_is_not_replaced(tree: Path, ledger: Ledger) -> None:
    (tree / DERIVED).write_bytes(b"// mine\n")
    with pytest.raises(DriftedError, match=r"derived\.rs was edited"):
        apply(tree, ledger)
    assert (tree / DERIVED).read_bytes() == b"// mine\n"
    assert (tree / CORE).read_bytes() == STOCK[CORE]
