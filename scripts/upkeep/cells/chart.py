"""The compatibility chart: all supported releases along the axis, stock above, patched below, and the tests run."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellm_patch.patching.ledger import Ledger
    from upkeep.cells.result import CellResult

STEP = 6  # pixels a release; all other lengths are pixels too
LEFT, TOP, ROW, GAP = 78, 66, 22, 6
BARS = 60
LABEL = 22  # what the number of a minor version takes
STOCK, PATCHED, TESTS, INK, PALE = "#c4432b", "#2f7d4f", "#8a94a3", "#24292f", "#d8dee4"


def draw(results: Sequence[CellResult], ledger: Ledger) -> str:
    """Draw the chart.

    Args:
        results: one a supported release, oldest first.
        ledger: the supported releases.

    Returns:
        An SVG document; the same for the same input.
    """
    width = LEFT + STEP * len(results) + 20
    rows = {"stock": TOP, "patched": TOP + ROW + GAP}
    bars = rows["patched"] + ROW + GAP
    bottom = bars + BARS
    size = {"width": str(width), "height": str(bottom + 64), "viewBox": f"0 0 {width} {bottom + 64}"}
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "font-family": "sans-serif", **size})
    ET.SubElement(svg, "title").text = f"{len(results)} releases of litellm: stock fails, patched passes"
    _box(svg, 0, 0, width, bottom + 64, "#ffffff")
    _text(
        svg,
        LEFT,
        20,
        "Fallback chains by every name of a request: stock fails where it is red, patched passes where it is green",
        13,
    )
    most = max((_run(result, "patched") for result in results), default=1)
    for label, y in (*rows.items(), ("tests run,", bars + BARS - 2 * ROW), (f"up to {most}", bars + BARS - ROW)):
        _text(svg, LEFT - 8, y + 15, label, 11, anchor="end")
    for at, result in enumerate(results):
        x = LEFT + STEP * at
        failing, passing = result.arms["stock"].get("xfailed", 0), result.arms["patched"].get("passed", 0)
        stock = _box(svg, x, rows["stock"], STEP - 1, ROW, STOCK if failing else PALE)
        ET.SubElement(stock, "title").text = f"{result.litellm} stock: {failing} tests of the fix fail"
        patched = _box(svg, x, rows["patched"], STEP - 1, ROW, PATCHED if passing else PALE)
        ET.SubElement(patched, "title").text = f"{result.litellm} patched: {passing} tests pass"
        height = round(BARS * _run(result, "patched") / most)
        _box(svg, x, bottom - height, STEP - 1, height, TESTS)
    _minors(svg, results)
    _ranges(svg, ledger, bottom)
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def _minors(svg: ET.Element, results: Sequence[CellResult]) -> None:
    """The minor versions, above the rows; one that has no room beside its neighbour goes higher."""
    at, taken = 0, 0
    for minor, group in groupby(results, key=lambda result: result.litellm.rpartition(".")[0]):
        x = LEFT + STEP * at
        higher = 12 if x < taken else 0
        _box(svg, x - 1, TOP - 8 - higher, 1, 8 + higher, INK)
        _text(svg, x + 3, TOP - 4 - higher, minor.partition(".")[2], 9)
        taken = 0 if higher else x + LABEL
        at += len(list(group))


def _ranges(svg: ET.Element, ledger: Ledger, bottom: int) -> None:
    """The range of each patch, below the rows; the names take turns on three levels, as ranges can be short."""
    at = 0
    for number, (patch, group) in enumerate(groupby(ledger.releases, key=lambda release: release.patch.name)):
        count = len(list(group))
        x, y = LEFT + STEP * at, bottom + 8
        _box(svg, x, y, STEP * count - 2, 3, INK)
        at += count
        last = at == len(ledger.releases)
        _text(
            svg, x + STEP * count - 2 if last else x, y + 16 + 14 * (number % 3), patch, 10, "end" if last else "start"
        )


def _run(result: CellResult, arm: str) -> int:
    counts: Mapping[str, int] = result.arms[arm]
    return sum(counts.get(outcome, 0) for outcome in ("passed", "xfailed"))


def _box(  # noqa: PLR0913, PLR0917 - a rectangle has that many sides to it
    parent: ET.Element, x: int, y: int, width: int, height: int, fill: str
) -> ET.Element:
    sides = {"x": x, "y": y, "width": width, "height": height}
    return ET.SubElement(parent, "rect", {"fill": fill, **{name: str(value) for name, value in sides.items()}})


def _text(  # noqa: PLR0913, PLR0917 - where, what, how large, which way
    parent: ET.Element, x: int, y: int, text: str, size: int, anchor: str = "start"
) -> None:
    place = {"x": str(x), "y": str(y), "font-size": str(size), "fill": INK, "text-anchor": anchor}
    ET.SubElement(parent, "text", place).text = text
