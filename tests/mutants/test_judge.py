"""The judge of what a mutant did: a process of the other arm that can say no, and says it for each mutant anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upkeep.mutants.judge import judging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upkeep.mutants.judge import Judge

TESTS = """\
import pathlib

import pytest

LEFT = pathlib.Path(__file__).with_name("left")


@pytest.fixture(scope="session")
def left():
    print("no answer")
    return LEFT.read_text()


def test_first(left):
    assert left != "worse"


def test_second(left):
    assert left in {"worse", "equal"}
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    (tmp_path / "test_compared.py").write_text(TESTS, encoding="utf-8")
    return tmp_path / "left"


@pytest.fixture
def judge(left: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Judge]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "scripts"))
    tests = [str(left.parent), f"--rootdir={left.parent}", "-p", "no:cacheprovider"]
    with judging(Path(sys.executable), left, tests) as started:
        yield started


def test_each_mutant_is_judged_by_what_it_left(left: Path, judge: Judge) -> None:
    said = []
    for text in ("equal", "worse", "equal", "other"):
        left.write_text(text, encoding="utf-8")
        said.append(judge.judge())

    assert said == ["", "test_compared.py::test_first", "", "test_compared.py::test_second"]


def test_what_left_nothing_is_not_judged_by_what_was_left_before(left: Path, judge: Judge) -> None:
    left.write_text("equal", encoding="utf-8")
    judge.forget()

    with pytest.raises(RuntimeError, match="nothing was left"):
        judge.judge()


def test_a_judge_without_tests_lets_nobody_pass(left: Path, judge: Judge) -> None:
    """Its tests are gone, or fail to be collected."""
    del judge
    (left.parent / "test_compared.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    left.write_text("equal", encoding="utf-8")
    with judging(Path(sys.executable), left, [str(left.parent)]) as blind, pytest.raises(RuntimeError, match="ended"):
        blind.judge()
