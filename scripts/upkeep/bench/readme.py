"""The tables of ratios beside the optional patch, made of what `nox -s bench` left: of a whole run and a quick one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upkeep.bench.cases import CHAINS, TEAMS, USUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Row = Mapping[str, Any]

ROOT = Path(__file__).resolve().parents[3]
START, END = "<!-- bench: written by `nox -s bench -- --table` -->\n", "<!-- end of bench -->\n"
_SMALL = 0.1  # below it, three digits
_KINDS = ("ratio", "ratio_low", "ratio_high")
WORDS = {"start": "its chain is the first", "end": "its chain is the last", "absent": "there is no chain for it"}


def table(content: Mapping[str, Any]) -> str:
    """The table of a run.

    Args:
        content: what the run wrote.

    Returns:
        Markdown: for each kind of request, the ratios to stock of both arms in each release.
    """
    releases = [found["release"] for found in content["releases"]]
    heads = ["request", *(f"{release}, {arm}" for release in releases for arm in ("patched", "with matching"))]
    lines = [_when(content), "", *_head(heads)]
    for words, wanted in _kinds():
        cells = [words]
        for found in content["releases"]:
            cells += [_cell(found, wanted, arm) for arm in ("patched", "matching")]
        if any(cells[1:]):
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def table_of_releases(content: Mapping[str, Any]) -> str:
    """The table of a quick run of many releases.

    Args:
        content: what the run wrote.

    Returns:
        Markdown: for each release, the ratios to stock of each kind of request.
    """
    kinds = list(_quick_kinds())
    lines = [_when(content), "", *_head(["release", *(words for words, _, _ in kinds)])]
    for found in content["releases"]:
        cells = [found["release"], *(_cell(found, wanted, arm) for _, wanted, arm in kinds)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _when(content: Mapping[str, Any]) -> str:
    when = f"Measured {content['measured']}, Python {content['python']}"
    return f"{when}; stock in the same run is 1, in brackets the middle half."


def _head(heads: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]


def _cell(found: Mapping[str, Any], wanted: Row, arm: str) -> str:
    """The ratio of an arm in the row that is wanted; empty if it was not measured."""
    row = next((row for row in found["rows"] if wanted.items() <= row.items()), None)
    return _ratio(row["arms"][arm]) if row else ""


def _ratio(arm: Row) -> str:
    """The median and the middle half, in two digits that say something."""
    shown = [f"{arm[kind]:.2f}" if arm["ratio"] >= _SMALL else f"{arm[kind]:.3f}" for kind in _KINDS]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def _kinds() -> Iterator[tuple[str, Row]]:
    usual = {"teams": USUAL, "what": "request", "key": None}
    yield "it succeeds", usual | {"caller": "success", "chains": USUAL}
    for position, words in WORDS.items():
        for chains in CHAINS if position == "absent" else CHAINS[1:]:
            wanted = usual | {"caller": "public", "position": position, "chains": chains}
            yield f"it fails, {words}, of {chains:,}", wanted
    for caller in ("internal", "alias"):
        wanted = usual | {"caller": caller, "position": "end", "chains": USUAL}
        yield f"the same by {'its internal name' if caller == 'internal' else 'an alias'}, of {USUAL:,}", wanted
    for teams in TEAMS:
        if teams != USUAL:
            wanted = usual | {"teams": teams, "caller": "public", "position": "end", "chains": USUAL}
            yield f"it fails, {WORDS['end']}, of {USUAL:,}, with {teams:,} teams", wanted
    for chains in CHAINS[1:]:
        yield f"one lookup alone, of {chains:,} chains", {"teams": USUAL, "what": "lookup", "chains": chains}


def _quick_kinds() -> Iterator[tuple[str, Row, str]]:
    usual = {"caller": "public", "what": "request", "key": None}
    yield "it succeeds, patched", usual | {"caller": "success"}, "patched"
    yield f"{WORDS['start']}, of {CHAINS[-1]:,}, patched", usual | {"position": "start"}, "patched"
    yield f"{WORDS['end']}, of {USUAL:,}, patched", usual | {"position": "end"}, "patched"
    yield f"{WORDS['absent']}, of {USUAL:,}, patched", usual | {"position": "absent"}, "patched"
    yield f"{WORDS['end']}, of {USUAL:,}, with matching", usual | {"position": "end"}, "matching"
    yield f"one lookup alone, of {USUAL:,} chains, with matching", {"what": "lookup"}, "matching"


def write_tables(results: Path) -> None:
    """Write the tables of the last whole run and the last quick one into their page.

    Args:
        results: The folder with `bench.json` and `bench-quick.json`.

    Raises:
        OSError: One of them is not there.
    """
    readme = ROOT / "patches" / "matching" / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(START)
    whole, quick = (json.loads((results / name).read_bytes()) for name in ("bench.json", "bench-quick.json"))
    new = before + START + "\n" + table(whole) + "\n" + table_of_releases(quick) + "\n" + END
    readme.write_text(new + rest.partition(END)[2], encoding="utf-8")
