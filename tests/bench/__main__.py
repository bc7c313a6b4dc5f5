"""Measure requests on stock and on both patches, and the tool's own runs; print tables, write JSON and a plot.

An interrupt ends the requests of a release; what was measured by then is kept.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version
from rich.console import Console
from rich.progress import Progress

from bench.arms import ARMS, BrokenArmError, running
from bench.cases import cases
from bench.measuring import measure
from bench.plot import draw
from bench.showing import show
from bench.tool import time_tool
from litellm_patch.errors import LitellmPatchError
from litellm_patch.files import write_whole
from litellm_patch.ledger import bundled_folder, load_ledger
from matrix.environment import UntrustedEnvironmentError
from matrix.selection import SELECTIONS, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release

PROFILED = {"caller": "public", "key": None, "chains": 1000, "position": "end"}


def main(arguments: Sequence[str]) -> int:
    """Measure, and leave what came out.

    Args:
        arguments: see ``--help``.

    Returns:
        0, or 2 if something could not be measured.
    """
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where environments are made")
    parser.add_argument("--output", type=Path, default=Path(".cache/bench"), help="for JSON and plot (%(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--release", help="one release")
    which.add_argument("--select", choices=SELECTIONS, default="edges", help="which releases (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one case of each kind, and no plot")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each arm (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=20, help="runs of the tool (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(markup=False, highlight=False, soft_wrap=True)
    try:
        ledger = load_ledger(bundled_folder())
        one = options.release
        releases = [ledger.find(Version(one))] if one else select(ledger.releases, options.select)
        found = [_measure(release, options, console) for release in releases]
    except (LitellmPatchError, UntrustedEnvironmentError, BrokenArmError, InvalidVersion) as error:
        Console(stderr=True, markup=False, highlight=False, soft_wrap=True).print(f"error: {error}")
        return 2
    measured = datetime.now(timezone.utc).date().isoformat()
    content = {"measured": measured, "python": platform.python_version(), "releases": found}
    options.output.mkdir(parents=True, exist_ok=True)
    name = "bench-quick.json" if options.quick else "bench.json"
    write_whole(options.output / name, (json.dumps(content, indent=1) + "\n").encode())
    if not options.quick:
        write_whole(options.output / "bench.svg", draw(content))
    for part in show(content):
        console.print(part)
    return 0


def _measure(release: Release, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    folder = options.folder.resolve()
    wanted = cases(quick=options.quick)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"litellm {release.version}", total=len(wanted))
        with running(release, folder) as workers:
            rows, profiles = [], {}
            try:
                for row in measure(release, workers, wanted, options.rounds):
                    rows.append(row)
                    progress.advance(task)
            except KeyboardInterrupt:  # the arms are in the middle of something: what there is by now is kept
                workers.clear()
            for arm, worker in workers.items():
                worker.ask("configure", **PROFILED)
                profiles[arm] = worker.ask("profile", count=20)["functions"]
        tool = time_tool(release, folder / "tool", options.runs)
    return {"release": str(release.version), "arms": list(ARMS), "rows": rows, "profiles": profiles, "tool": tool}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
