"""The terminal of somebody who runs the demo; to draw it, it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.demo.command import show
from upkeep.pictures.doctor import RELEASE
from upkeep.pictures.terminal import draw_terminal

if TYPE_CHECKING:
    from rich.console import Console


def draw_demo() -> str:
    """Run the demo and draw what it prints.

    Returns:
        The picture as SVG.

    Raises:
        RuntimeError: the demo did not end as it must.
    """
    return draw_terminal("demo", f"nox -s demo -- {RELEASE}", _show)


def _show(console: Console) -> None:
    if not show(load_ledger(bundled_folder()).find(Version(RELEASE)), console):
        raise RuntimeError("the demo did not end as it must: see what it printed")
