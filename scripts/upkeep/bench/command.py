"""Measure requests on stock and on both patches, and the tool's own runs; print tables, write JSON and a plot.

An interrupt ends the requests of a release; what was measured by then is kept.
"""

from __future__ import annotations

import json
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress

from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.bench.arms import running
from upkeep.bench.cases import cases
from upkeep.bench.measuring import measure
from upkeep.bench.readme import write_tables
from upkeep.bench.showing import show
from upkeep.bench.tool import time_tool
from upkeep.cells.selection import release_options, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.version import Version

    from litellm_patch.patching.ledger import Release

PROFILED = {"caller": "public", "key": None, "chains": 1000, "position": "end"}


@click.command("bench")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=".cache/bench",
    show_default=True,
    help="Leave JSON here.",
)
@release_options("edges")
@click.option("--quick", is_flag=True, help="One case of each kind.")
@click.option(
    "--table", "only_table", is_flag=True, help="Measure nothing: write the tables of the last runs into their page."
)
@click.option("--rounds", default=15, show_default=True, help="Turns of each arm.")
@click.option(
    "--wheel",
    "wheels",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A compiled --release, patched by this wheel; once more for the one --with matching.",
)
@click.option("--runs", default=20, show_default=True, help="Runs of the tool.")
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    folder: Path,
    output: Path,
    release: Version | None,
    selection: str,
    rounds: int,
    runs: int,
    wheels: tuple[Path, ...],
    *,
    quick: bool,
    only_table: bool,
) -> int:
    """Measure requests on stock and on both patches, and the tool's own runs.

    Prints tables and writes JSON. An interrupt ends the requests of a release; what was measured until then is
    kept.
    """
    if only_table:
        write_tables(output)
        return 0
    console = Console(markup=False, highlight=False, soft_wrap=True)
    ledger = load_ledger(bundled_folder())
    releases = [ledger.find(release)] if release else select(ledger.in_place, selection)
    found = [_measure(entry, folder.resolve(), rounds, runs, console, wheels, quick=quick) for entry in releases]
    measured = datetime.now(timezone.utc).date().isoformat()
    content = {"measured": measured, "python": platform.python_version(), "releases": found}
    output.mkdir(parents=True, exist_ok=True)
    write_whole(
        output / ("bench-quick.json" if quick else "bench.json"), (json.dumps(content, indent=1) + "\n").encode()
    )
    for part in show(content):
        console.print(part)
    return 0


def _measure(  # noqa: PLR0913, PLR0917 - as the command's
    release: Release, folder: Path, rounds: int, runs: int, console: Console, wheels: Sequence[Path], *, quick: bool
) -> dict[str, Any]:
    wanted = cases(quick=quick)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(f"litellm {release.version}", total=len(wanted))
        with running(release, folder, wheels) as workers:
            rows, profiles = [], {}
            try:
                for row in measure(release, workers, wanted, rounds):
                    rows.append(row)
                    progress.advance(task)
            except KeyboardInterrupt:  # the arms are in the middle of something: what there is by now is kept
                workers.clear()
            for arm, worker in workers.items():
                worker.ask("configure", **PROFILED)
                profiles[arm] = worker.ask("profile", count=20)["functions"]
        tool = time_tool(release, folder / "tool", runs) if release.delivery == "files" else {}
    return {"release": str(release.version), "arms": list(profiles), "rows": rows, "profiles": profiles, "tool": tool}
