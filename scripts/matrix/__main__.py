"""Run cells of the matrix, one after the other in the same environments: a release, a selection, or a shard of it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion
from rich.console import Console

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from matrix.cell import run_cell
from matrix.each import conclude, run_each
from matrix.environment import ARMS, REBUILT, UntrustedEnvironmentError, find_release
from matrix.selection import SELECTIONS, Shard, select

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHARD = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


def shard_of(text: str) -> Shard:
    """What a command's argument calls a shard.

    Args:
        text: such as ``2/4``.

    Returns:
        The shard.

    Raises:
        argparse.ArgumentTypeError: there is no such shard.
    """
    match = _SHARD.fullmatch(text)
    if not match or int(match[1]) > int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; the second of four is 2/4")
    return Shard(int(match[1]), int(match[2]))


def main(arguments: Sequence[str]) -> int:
    """Run the cells of a selection.

    Args:
        arguments: what to run; see ``--help``. What is not known here goes on to pytest.

    Returns:
        0 if every cell is as it must be, 1 if one is not, 2 if nothing can be run.
    """
    parser = argparse.ArgumentParser(prog="matrix", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where environments are made, one an arm and shard")
    parser.add_argument("--results", type=Path, required=True, help="a folder for what came out, one JSON file a cell")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--release", help="one release")
    which.add_argument("--select", choices=SELECTIONS, default="ends", help="which releases (default: %(default)s)")
    parser.add_argument("--shard", type=shard_of, default=Shard(1, 1), help="which part of them, such as 2/4")
    parser.add_argument("--rebuilt", action="store_true", help="a third arm: stock but for an extension built here")
    options, pytest_arguments = parser.parse_known_args(arguments)
    try:
        ledger = load_ledger(bundled_folder())
        chosen = [find_release(options.release)] if options.release else select(ledger.releases, options.select)
    except (LitellmPatchError, UntrustedEnvironmentError, InvalidVersion) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    releases = options.shard.of(chosen)
    # a part of the tests is no result
    results = None if pytest_arguments else options.results
    folder = options.folder.resolve() / f"shard-{options.shard.number}-of-{options.shard.count}"
    console = Console(soft_wrap=True, highlight=False, markup=False)
    arms = (*ARMS, REBUILT) if options.rebuilt else ARMS
    failed = run_each(
        releases, lambda release: run_cell(release, folder, results, pytest_arguments, arms), console, "cells"
    )
    return conclude(releases, failed, console, "cells")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
