"""What is run on a mutant, and in which order: no order lets a mutant off."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from upkeep.mutants.generate import Mutant
from upkeep.mutants.inside import Forks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upkeep.mutants.verdict import MutantVerdict

TESTS = {
    "test_slow.py::test_property": (),
    **dict.fromkeys(("test_many.py::test_1", "test_many.py::test_2", "test_many.py::test_3"), ()),
    "test_few.py::test_edge": (),
    "test_arms.py::test_compared": ("other_arm",),
}
MUTANT = Mutant("f.py", "names_of", "drop_a_statement", "yield name", "pass", compile("", "f.py", "exec"))


def _run(
    scratch: Path, kills: list[Sequence[str]], mutant: Mutant, failing: Sequence[str]
) -> tuple[list[list[str]], MutantVerdict]:
    """The tests of each fork, in their order, and the verdict: where these tests fail."""
    (scratch / "known.json").write_text("[]", encoding="utf-8")
    (scratch / "kills.json").write_text(json.dumps(kills), encoding="utf-8")
    forks = Forks(scratch, scratch, scratch, [], cast("Any", None))
    forked = []

    def fork(_: object, items: Sequence[Any], __: object) -> tuple[str, str]:
        forked.append([item.nodeid for item in items])
        by = next((name for name in forked[-1] if name in failing), "")
        return ("killed" if by else "survived"), by

    forks._fork = fork  # type: ignore[method-assign, assignment]
    items = [
        SimpleNamespace(nodeid=name, path=Path(name.partition("::")[0]), fixturenames=fixtures)
        for name, fixtures in TESTS.items()
    ]
    forks._of_file.update(item.path for item in items)
    forks._seconds["test_slow.py::test_property"] = 5
    session = cast("pytest.Session", SimpleNamespace(items=items))
    return forked, forks._run(session, (), mutant)


def test_quick_tests_of_small_files_come_first_and_what_compares_the_arms_last(tmp_path: Path) -> None:
    forked, verdict = _run(tmp_path, [], MUTANT, ())

    assert [name for tests in forked for name in tests] == [
        "test_few.py::test_edge",
        *(f"test_many.py::test_{number}" for number in (1, 2, 3)),
        "test_slow.py::test_property",
        "test_arms.py::test_compared",
    ]
    assert verdict.fate == "survived"


@pytest.mark.parametrize("killer", ["test_many.py::test_2", "test_arms.py::test_compared"])
def test_what_killed_the_very_same_mutant_is_run_first_and_alone(killer: str, tmp_path: Path) -> None:
    forked, verdict = _run(tmp_path, [(*MUTANT.key, killer)], MUTANT, [killer])

    assert forked == [[killer]]
    assert (verdict.fate, verdict.by) == ("killed", killer)


def test_a_mutant_that_its_killer_lets_pass_meets_all_others(tmp_path: Path) -> None:
    killer = "test_many.py::test_2"

    forked, verdict = _run(tmp_path, [(*MUTANT.key, killer)], MUTANT, ["test_few.py::test_edge"])

    assert forked[0] == [killer]
    assert sorted(forked[1]) == sorted(TESTS)
    assert (verdict.fate, verdict.by) == ("killed", "test_few.py::test_edge")


def test_a_killer_that_is_gone_is_not_run(tmp_path: Path) -> None:
    forked, verdict = _run(tmp_path, [(*MUTANT.key, "test_gone.py::test_1")], MUTANT, ())

    assert [sorted(tests) for tests in forked] == [sorted(TESTS)]
    assert verdict.fate == "survived"


def test_what_killed_another_mutant_of_the_function_is_tried_first_with_the_others(tmp_path: Path) -> None:
    other = ("names_of", "skip_a_check", "if a:", "if True:")

    forked, _ = _run(tmp_path, [(*other, "test_many.py::test_3")], MUTANT, ())

    assert [tests[0] for tests in forked] == ["test_many.py::test_3"]
    assert sorted(forked[0]) == sorted(TESTS)
