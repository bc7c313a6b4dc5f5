"""The compatibility table of README and the chart, made of what the cells left behind; ``--check`` finds stale ones."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from matrix.chart import draw
from matrix.environment import ROOT
from matrix.result import CellResult, patched_files, read_results
from matrix.selection import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from litellm_patch.ledger import Ledger

RESULTS = "docs/compatibility.json"
CHART = "docs/compatibility.svg"
README = "README.md"
BEGIN = "<!-- compatibility: written by `nox -s table` -->"
END = "<!-- compatibility: end -->"


class StaleTableError(Exception):
    """The table does not show the ledger as it is; says what to run."""


def render(results: Sequence[CellResult], ledger: Ledger, readme: str) -> dict[str, str]:
    """All files that show the results.

    Args:
        results: what came out, by release and Python.
        ledger: the supported releases.
        readme: the text of README.md as it is.

    Returns:
        The text of each file, by its path in the project.

    Raises:
        StaleTableError: an end of a patch's range has no result, or one of other code; or README has no place for
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
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise StaleTableError(f"{README} has no place for the table: {BEGIN} ... {END}")
    table = "\n".join(_table(current, ledger))
    lines = ",\n".join(json.dumps(asdict(result)) for result in current)
    return {
        RESULTS: f"[\n{lines}\n]\n",
        CHART: draw(_one_each(current), ledger),
        README: f"{before}{BEGIN}\n\n{table}\n\n{END}{after}",
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


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Write the table and the chart, or check that they are as they would be written.

    Args:
        arguments: see ``--help``.
        root: the project.

    Returns:
        0, or 1 if something is stale or missing, 2 if something cannot be read.
    """
    parser = argparse.ArgumentParser(prog="matrix.table", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something is stale")
    parser.add_argument("--results", type=Path, help="a folder of results to take in; newer than those committed")
    options = parser.parse_args(arguments)
    more = sorted(options.results.glob("**/*.json")) if options.results and not options.check else []
    try:
        stale = _stale(root, more)
        if not options.check:
            _write(root, stale)
    except StaleTableError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except (LitellmPatchError, ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if options.check and stale:
        sys.stderr.write(f"error: {', '.join(stale)} would be written otherwise; run nox -s table\n")
        return 1
    sys.stdout.write(f"written: {', '.join(stale)}\n" if stale else "up to date\n")
    return 0


def _stale(root: Path, more: Sequence[Path]) -> dict[str, str]:
    """The files that are not as they should be, with the text that they should have."""
    committed = root / RESULTS
    results = read_results([*([committed] if committed.is_file() else []), *more])
    files = render(results, load_ledger(bundled_folder()), (root / README).read_text(encoding="utf-8"))
    return {name: text for name, text in files.items() if not _holds(root / name, text)}


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
