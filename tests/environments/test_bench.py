"""What the bench takes, how it sums up, and what it refuses."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from upkeep.bench.arms import BrokenArmError
from upkeep.bench.cases import A_NAME_EACH, CHAINS, NAMES, ONE_NAME, POSITIONS, TEAMS, USUAL, cases
from upkeep.bench.measuring import interleave, refuse_odd_lines, summary


class Clock:
    """An arm that takes a time of its own, and notes its turns."""

    def __init__(self, seconds: float, turns: list[float]) -> None:
        """Take the time, and a list for the turns."""
        self._seconds, self._turns = seconds, turns

    def ask(self, do: str, **arguments: Any) -> dict[str, float]:
        """Answer as a worker does."""
        assert do == "measure"
        if arguments["count"] > 1:
            self._turns.append(self._seconds)
        return {"seconds": self._seconds}


def test_every_name_place_and_size_is_taken() -> None:
    taken = {(case.caller, case.position) for case in cases() if case.key is None and case.what == "request"}
    assert taken >= {(name, position) for name in NAMES for position in POSITIONS} | {("success", "absent")}
    requests = [case for case in cases() if case.what != "stall"]
    assert {case.chains for case in requests} == set(CHAINS)
    assert {case.teams for case in requests} == set(TEAMS)
    assert {case.teams for case in cases(quick=True) if case.what != "stall"} == {USUAL}
    assert {(case.caller, case.position) for case in cases(quick=True)} > {("success", "absent"), ("public", "start")}
    # each number of teams comes once, as making a Router takes longest
    assert [teams for teams, _ in groupby(requests, key=lambda case: case.teams)] == list(TEAMS)


def test_how_long_the_loop_is_held_is_measured_for_both_ways_to_name_many_deployments() -> None:
    for quick in (False, True):
        stalls = {(case.layout, case.teams) for case in cases(quick=quick) if case.what == "stall"}
        assert stalls >= {(ONE_NAME, 200), (A_NAME_EACH, 200)}


def test_the_arms_take_turns_in_another_order_each_round() -> None:
    turns: list[float] = []
    workers: Any = {name: Clock(seconds, turns) for name, seconds in (("stock", 0.001), ("patched", 0.002))}
    seconds = interleave(workers, "request", 4)
    assert seconds == {"stock": [0.001] * 4, "patched": [0.002] * 4}
    assert turns == [0.001, 0.002, 0.002, 0.001, 0.001, 0.002, 0.002, 0.001]
    assert Counter(turns) == {0.001: 4, 0.002: 4}


def test_ratios_are_of_the_same_round() -> None:
    """A round in which all is twice as slow changes no ratio."""
    found = summary([2.0, 4.0, 2.0], [1.0, 2.0, 1.0])
    assert found == {"seconds": 2.0, "ratio": 2.0, "ratio_low": 2.0, "ratio_high": 2.0}


@pytest.mark.parametrize(
    ("caller", "stock", "patched", "is_right"),
    [
        ("success", 0, 0, True),
        ("public", 0, 9, True),
        ("success", 0, 1, False),
        ("public", 0, 0, False),
        ("public", 1, 9, False),
    ],
)
def test_a_success_that_runs_the_patch_is_refused(caller: str, stock: int, patched: int, is_right: bool) -> None:  # noqa: FBT001
    row = {
        "release": "1.83.0",
        "caller": caller,
        "arms": {"stock": {"added_lines": stock}, "patched": {"added_lines": patched}},
    }
    if is_right:
        refuse_odd_lines(row)
    else:
        with pytest.raises(BrokenArmError, match=r"lines of the patch ran for"):
            refuse_odd_lines(row)
