"""Run cells of the matrix, one after the other in the same environments: a release, a selection, or a shard of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from litellm_patch.commands.given import GivenPath
from litellm_patch.patching.apply import status
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.cell import run_cell
from upkeep.cells.each import conclude, run_each
from upkeep.cells.environment import ARMS, REBUILT, UntrustedEnvironmentError
from upkeep.cells.selection import Shard, release_options, select
from upkeep.command import PASS_ON, shard_option

if TYPE_CHECKING:
    from packaging.version import Version


@click.command("cells", context_settings=PASS_ON)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option("--results", type=click.Path(path_type=Path), required=True, help="Leave a JSON file for each cell here.")
@release_options("ends")
@shard_option
@click.option("--compiled", is_flag=True, help="Select among the releases whose Router is compiled.")
@click.option("--rebuilt", is_flag=True, help="Take a third arm: stock, but for an extension that is built here.")
@click.option("--tree", type=GivenPath(exists=True), help="Test this patched litellm, and the stock release beside it.")
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    folder: Path,
    results: Path,
    release: Version | None,
    selection: str,
    shard: tuple[int, int],
    tree: Path | None,
    pytest_arguments: tuple[str, ...],
    *,
    compiled: bool,
    rebuilt: bool,
) -> int:
    """Run cells of the matrix, one after the other in the same environments.

    What is not known here goes to pytest. Ends with 0 if all cells passed, 1 if one did not, 2 if nothing can be run.
    """
    ledger = load_ledger(bundled_folder())
    part = Shard(*shard)
    known = ledger.compiled if compiled else ledger.in_place
    releases = part.of([ledger.find(release)] if release else select(known, selection))
    kept = None if pytest_arguments or tree else results  # a part of the tests is no result
    found = status(tree, ledger) if tree else None
    if found and (found.state is not State.APPLIED or not found.release or found.release.delivery == "wheel"):
        raise UntrustedEnvironmentError(f"{tree} is {found.state.value}, expected a litellm that was patched in place")
    if found and found.release:
        releases = [found.release]
    place = part.folder(folder)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    arms = (*ARMS, REBUILT) if rebuilt else ARMS
    failed = run_each(
        releases,
        lambda entry: run_cell(entry, place, kept, pytest_arguments, arms, found and found.target),
        console,
        "cells",
    )
    return conclude(releases, failed, console, "cells")
