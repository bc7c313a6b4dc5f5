"""Measure the arms in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upkeep.bench.arms import BrokenArmError, lines_added
from upkeep.bench.cases import USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.patching.ledger import Release
    from upkeep.bench.arms import Worker
    from upkeep.bench.cases import BenchCase

BATCH_IN_SECONDS = 0.04
LARGEST_BATCH = 200


def measure(
    release: Release, workers: dict[str, Worker], cases: Sequence[BenchCase], rounds: int
) -> Iterator[dict[str, Any]]:
    """Measure cases on all arms.

    Args:
        release: the ledger's entry.
        workers: the arms, the stock one first.
        cases: what to measure.
        rounds: how often each arm has its turn.

    Yields:
        For each case what it is, who got an answer, and by arm: the CPU time, its ratio to stock's, and of requests,
        but for the largest, the peak of memory, and the lines run of litellm and of the patch.
    """
    added = {arm: lines_added(release, workers, arm) for arm in workers}
    built = None
    compiled = release.delivery == "wheel"
    for case in cases:
        if compiled and case.what == "lookup":
            continue  # of the matcher in Python
        if (case.teams, case.layout) != built:
            built = case.teams, case.layout
            for worker in workers.values():
                worker.ask("build", teams=case.teams, layout=case.layout)
        setting = {"caller": case.caller, "key": case.key, "chains": case.chains, "position": case.position}
        answered = {arm: worker.ask("configure", **setting)["answered"] for arm, worker in workers.items()}
        seconds = interleave(workers, case.what, rounds)
        row: dict[str, Any] = {"release": str(release.version), **asdict(case), "answered": answered}
        row["arms"] = {arm: summary(seconds[arm], seconds["stock"]) for arm in workers}
        if (
            case.what == "request" and case.chains <= USUAL and not compiled
        ):  # each line run is told, which takes its time
            for arm, worker in workers.items():
                row["arms"][arm] |= {"peak_bytes": worker.ask("peak")["bytes"]}
                lines = worker.ask("steps", added=added[arm])
                row["arms"][arm] |= {"lines": lines["litellm"], "added_lines": lines["added"]}
            refuse_odd_lines(row)
        yield row


def refuse_odd_lines(row: Mapping[str, Any]) -> None:
    """See that a request that succeeds ran none of the patch, and that one that fails did.

    Args:
        row: What was measured of a request.

    Raises:
        BrokenArmError: An arm is not what it is called, or the patch runs where it must not.
    """
    for arm, found in row["arms"].items():
        if (found["added_lines"] > 0) != (arm != "stock" and row["caller"] != "success"):
            raise BrokenArmError(
                f"litellm {row['release']}, {arm}: {found['added_lines']} lines of the patch ran for {row['caller']}"
            )


def interleave(workers: Mapping[str, Worker], what: str, rounds: int) -> dict[str, list[float]]:
    """Give each arm a turn in each round, in another order each time; the first round only warms up."""
    arms = list(workers)
    counts = {}
    for arm in arms:
        once = workers[arm].ask("measure", what=what, count=1)["seconds"]
        counts[arm] = min(LARGEST_BATCH, max(1, round(BATCH_IN_SECONDS / max(once, 1e-6))))
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    for number in range(rounds):
        turn = number % len(arms)
        for arm in arms[turn:] + arms[:turn]:
            seconds[arm].append(workers[arm].ask("measure", what=what, count=counts[arm])["seconds"])
    return seconds


def summary(seconds: Sequence[float], stock: Sequence[float]) -> dict[str, Any]:
    """The median time, and the ratios of the rounds: their median and the middle half."""
    ratios = [one / other for one, other in zip(seconds, stock, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {"seconds": statistics.median(seconds), "ratio": middle, "ratio_low": low, "ratio_high": high}
