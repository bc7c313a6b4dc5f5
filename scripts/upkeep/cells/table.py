"""The table of `docs/compatibility.md`, made of what the cells left behind."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import Version

from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.environment import ROOT
from upkeep.cells.result import CellResult, patched_files, read_results
from upkeep.cells.selection import select
from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from litellm_patch.patching.ledger import Ledger

RESULTS = "docs/compatibility.json"
PAGE = "docs/compatibility.md"
BEGIN = "<!-- compatibility: written by `nox -s table` -->"
END = "<!-- compatibility: end -->"


class StaleTableError(UpkeepError):
    """The table does not show the ledger as it is; says what to run."""

    exit_code = 1


def render(results: Sequence[CellResult], ledger: Ledger, page: str) -> dict[str, str]:
    """All files that show the results.

    Args:
        results: what came out, by release and Python.
        ledger: the supported releases.
        page: the text of the page as it is.

    Returns:
        The text of each file, by its path in the project.

    Raises:
        StaleTableError: an end of a patch's range has no result, or one of other code; or the page has no place for
            the table. A release between two ends may lack one: then the table says how many of its range were run.
    """
    tested = {release.version: patched_files(release) for release in ledger.releases}
    current = [result for result in results if tested.get(Version(result.litellm)) == result.patched_files]
    ends = {release.version for release in select(ledger.releases, "ends")}
    missing = sorted(ends - {Version(result.litellm) for result in current})
    if missing:
        named = ", ".join(map(str, missing[:3])) + (" and more" if missing[3:] else "")
        raise StaleTableError(
            f"{len(missing)} of {len(ends)} ends of ranges have no result for their patch as it is: {named}; "
            f"run nox -s \"names(litellm='{missing[0]}')\", or nox -s matrix for many, then nox -s table"
        )
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise StaleTableError(f"{PAGE} has no place for the table: {BEGIN} ... {END}")
    table = "\n".join(_table(current, ledger))
    lines = ",\n".join(json.dumps(asdict(result)) for result in current)
    return {
        RESULTS: f"[\n{lines}\n]\n",
        PAGE: f"{before}{BEGIN}\n\n{table}\n\n{END}{after}",
    }


def _table(results: Sequence[CellResult], ledger: Ledger) -> Iterable[str]:
    yield "| releases | cells run | stock: tests of the fix that fail, others that pass | patched: tests that pass |"
    yield "| --- | --- | --- | --- |"
    by_release = {Version(result.litellm): result for result in _one_each(results)}
    for _, group in groupby(ledger.releases, key=lambda release: release.patch.name):
        releases = list(group)
        arms = [by_release[release.version].arms for release in releases if release.version in by_release]
        failing = _span(arm["stock"].get("xfailed", 0) for arm in arms)
        others = _span(arm["stock"].get("passed", 0) for arm in arms)
        passing = _span(arm["patched"].get("passed", 0) for arm in arms)
        names = f"{releases[0].version} to {releases[-1].version}" if releases[1:] else str(releases[0].version)
        yield f"| {names} | {len(arms)} of {len(releases)} | {failing} and {others} | {passing} |"
    yield ""
    newest = str(ledger.newest.version)
    pythons = ", ".join(result.python for result in results if result.litellm == newest)
    run = (
        f"{len(by_release)} of {len(ledger.releases)} releases"
        if len(by_release) < len(ledger.releases)
        else "All releases"
    )
    yield f"{run} run with their patch as it is, both arms each; {newest} on Python {pythons}."


def _one_each(results: Sequence[CellResult]) -> list[CellResult]:
    """One result a release: that of the Python on which most of them ran."""
    pythons = [result.python for result in results]
    usual = max(set(pythons), key=lambda python: (pythons.count(python), python))
    ordered = sorted(results, key=lambda result: (result.order[0], result.python == usual))
    return list({result.litellm: result for result in ordered}.values())


def _span(numbers: Iterable[int]) -> str:
    ordered = sorted(set(numbers))
    return str(ordered[0]) if not ordered[1:] else f"{ordered[0]} to {ordered[-1]}"


@click.command("table")
@click.option("--check", is_flag=True, help="Write nothing; fail if something is stale.")
@click.option("--results", type=click.Path(path_type=Path), help="Take in these results, which are newer.")
@click.option("--root", type=click.Path(path_type=Path), default=ROOT, help="The project.", hidden=True)
def command(root: Path, results: Path | None, *, check: bool) -> int:
    """Write the compatibility table, or check that it is as it would be written.

    Ends with 0, 1 if something is stale or missing, 2 if something cannot be read.
    """
    more = sorted(results.glob("**/*.json")) if results and not check else []
    try:
        stale = _stale(root, more)
    except ValueError as error:
        raise UpkeepError(str(error)) from error
    if check and stale:
        raise StaleTableError(f"{', '.join(stale)} would be written otherwise", "run nox -s table")
    _write(root, stale)
    click.echo(f"written: {', '.join(stale)}" if stale else "up to date")
    return 0


def _stale(root: Path, more: Sequence[Path]) -> dict[str, str]:
    """The files that are not as they should be, with the text that they should have."""
    committed = root / RESULTS
    results = read_results([*([committed] if committed.is_file() else []), *more])
    files = render(results, load_ledger(bundled_folder()), (root / PAGE).read_text(encoding="utf-8"))
    return {name: text for name, text in files.items() if not _holds(root / name, text)}


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        write_whole(path, text.encode())


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
