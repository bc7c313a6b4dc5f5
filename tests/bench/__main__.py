"""Time whole runs of apply, status and revert on a real release, beside the start of the interpreter alone."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from matrix.environment import UntrustedEnvironmentError, create, find_release

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 20


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


def main(arguments: list[str]) -> int:
    """Make an environment, measure, and print a table.

    Args:
        arguments: ``--runs`` and the release; the newest of the ledger unless given.

    Returns:
        0, or 2 if the environment cannot be made.
    """
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("release", nargs="?", default=str(load_ledger(bundled_folder()).releases[-1].version))
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-bench-") as folder:
        target = Path(folder, "venv")
        try:
            create(target, find_release(options.release))
        except (LitellmPatchError, UntrustedEnvironmentError) as error:
            Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(f"error: {error}")
            return 2
        tool = [sys.executable, "-m", "litellm_patch"]
        steps: list[tuple[str, Sequence[str | Path]]] = [("interpreter alone", [sys.executable, "-c", "pass"])]
        steps += [("--version", [*tool, "--version"])]
        steps += [(verb, [*tool, verb, target]) for verb in ("status", "apply", "revert")]
        seconds = measure(steps, options.runs)
    table = Table("run", "least", "median", "most", title=f"litellm {options.release}, {options.runs} runs, in ms")
    for name, values in seconds.items():
        table.add_row(name, *(f"{1000 * kind(values):.0f}" for kind in (min, statistics.median, max)))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
