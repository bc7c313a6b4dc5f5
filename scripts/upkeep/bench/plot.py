"""The plot of a run: what a failing request takes as chains grow, and the lookup alone, on each arm."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

COLOURS = {"stock": "#c4432b", "patched": "#2f7d4f", "matching": "#2d5fa8"}
LABELS = {"stock": "stock", "patched": "patched", "matching": "patched, with matching"}
PANELS: dict[str, dict[str, Any]] = {
    "a failing request that falls back": {"what": "request", "caller": "public", "position": "end", "key": None},
    "one lookup of a chain": {"what": "lookup"},
}


def draw(content: Mapping[str, Any]) -> bytes:
    """Draw a run.

    Args:
        content: what the run wrote.

    Returns:
        An SVG document; the same for the same input.
    """
    releases = content["releases"]
    with mpl.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(4 * len(PANELS), 3 * len(releases)), layout="constrained")
        axes = figure.subplots(len(releases), len(PANELS), squeeze=False)
        for across, found in zip(axes, releases, strict=True):
            for axis, (title, wanted) in zip(across, PANELS.items(), strict=True):
                _panel(axis, [row for row in found["rows"] if wanted.items() <= row.items() and row["chains"]])
                axis.set_title(f"{found['release']}: {title}", fontsize=9)
        axes[0][0].legend(frameon=False, fontsize=8)
        figure.suptitle(f"CPU time, measured {content['measured']}", fontsize=9, color="#24292f")
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return b"\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + b"\n"


def _panel(axis: Axes, rows: list[dict[str, Any]]) -> None:
    """Draw one line an arm, for the number of teams that has most sizes."""
    teams = [row["teams"] for row in rows]
    rows = [row for row in rows if row["teams"] == max(teams, key=teams.count)]
    for arm, colour in COLOURS.items():
        times = [1000 * row["arms"][arm]["seconds"] for row in rows]
        axis.loglog([row["chains"] for row in rows], times, marker="o", markersize=3, color=colour, label=LABELS[arm])
    axis.set_xlabel("chains")
    axis.set_ylabel("ms")
    axis.grid(visible=True, which="major", color="#d8dee4", linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)
