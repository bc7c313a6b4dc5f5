"""What the bench takes, how it sums up, and that README's table is of the run that is kept."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from typing import Any

from upkeep.bench.cases import A_NAME_EACH, CHAINS, NAMES, ONE_NAME, POSITIONS, TEAMS, USUAL, cases
from upkeep.bench.measuring import interleave, summary
from upkeep.bench.readme import ROOT, table
from upkeep.command import run


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


def test_the_table_in_readme_is_of_the_run_that_is_kept() -> None:
    assert run("bench-table", "--check") == 0
    content = json.loads((ROOT / "docs" / "bench.json").read_bytes())
    assert f"Measured {content['measured']}" in table(content)


def test_what_was_kept_shows_that_a_success_runs_none_of_the_new_code() -> None:
    kept = [json.loads((ROOT / "docs" / name).read_bytes()) for name in ("bench.json", "bench-quick.json")]
    for found in (release for content in kept for release in content["releases"]):
        for row in found["rows"]:
            if "added_lines" in row["arms"]["stock"]:
                added = [row["arms"][arm]["added_lines"] > 0 for arm in ("stock", "patched", "matching")]
                fails = row["caller"] != "success"
                assert added == [False, fails, fails], row
