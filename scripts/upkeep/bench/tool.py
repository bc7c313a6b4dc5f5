"""Time whole runs of apply, status and revert on a real release, beside the start of the interpreter alone."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from upkeep.cells.environment import create

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


def measure(steps: Sequence[tuple[str, Sequence[str | Path]]], runs: int) -> dict[str, list[float]]:
    """Run commands in turn, so that each finds what the one before it left.

    Args:
        steps: name and command of each.
        runs: how often the whole turn is taken.

    Returns:
        The seconds of each run, by name; the first turn warms up and is left out.
    """
    seconds: dict[str, list[float]] = {name: [] for name, _ in steps}
    for turn in range(runs + 1):
        for name, command in steps:
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own tool
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def time_tool(release: Release, folder: Path, runs: int) -> dict[str, list[float]]:
    """Time the tool's own runs.

    Args:
        release: the ledger's entry of the release to apply it to.
        folder: where the environment is made.
        runs: how often each is run.

    Returns:
        The seconds of each run, by name.

    Raises:
        UntrustedEnvironmentError: the environment cannot be made.
    """
    target = create(folder, release).folder
    tool = [sys.executable, "-m", "litellm_patch"]
    steps: list[tuple[str, Sequence[str | Path]]] = [("interpreter alone", [sys.executable, "-c", "pass"])]
    steps += [("--version", [*tool, "--version"])]
    steps += [(verb, [*tool, verb, target]) for verb in ("status", "apply", "revert")]
    steps += [("apply --with matching", [*tool, "apply", "--with", "matching", target])]
    steps += [("revert both", [*tool, "revert", target])]
    return measure(steps, runs)
