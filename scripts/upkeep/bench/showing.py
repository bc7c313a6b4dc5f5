"""What was measured, as tables: ratios to stock in the same run, and the times that they are of."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = ("teams", "chains", "name", "chain", "stock ms", "patched", "with matching", "peak KB", "lines run")
KINDS = {"lookup": "lookup alone", "stall": "longest hold of the event loop"}


def show(content: Mapping[str, Any]) -> Iterator[Table]:
    """The tables of a run.

    Args:
        content: what the run wrote.

    Yields:
        For each release the requests, where their time goes, and the runs of the tool.
    """
    for found in content["releases"]:
        table = Table(*COLUMNS, title=f"litellm {found['release']}: CPU time, as ratios to stock (middle half)")
        for row in found["rows"]:
            name = row["caller"] if row["what"] == "request" else KINDS[row["what"]]
            name += f", {row['layout']}" if row["what"] == "stall" else ""
            chain = f"keyed {row['key']}" if row["key"] else row["position"]
            table.add_row(f"{row['teams']:,}", f"{row['chains']:,}", name, chain, *_numbers(row["arms"]))
        yield table
        for arm, functions in found["profiles"].items():
            table = Table(
                "of the time", "calls", "function", title=f"litellm {found['release']}, {arm}: a failing request"
            )
            for function, calls, share in functions:
                table.add_row(f"{share:.0%}", str(calls), function)
            yield table
        table = Table("run", "least", "median", "most", title=f"litellm {found['release']}: the tool, in ms")
        for name, seconds in found["tool"].items():
            table.add_row(name, *(f"{1000 * kind(seconds):.0f}" for kind in (min, statistics.median, max)))
        yield table


def _numbers(arms: Mapping[str, Mapping[str, float]]) -> list[str]:
    shown = [f"{1000 * arms['stock']['seconds']:.3g}"]
    shown += [f"{arm['ratio']:.3f} ({arm['ratio_low']:.3f}-{arm['ratio_high']:.3f})" for arm in list(arms.values())[1:]]
    if "peak_bytes" in arms["stock"]:
        shown += [" / ".join(f"{arm['peak_bytes'] / 1024:.0f}" for arm in arms.values())]
        shown += [" / ".join(f"{arm['lines']}" for arm in arms.values())]
    return shown
