"""Write the pictures; nothing is drawn by hand."""

from __future__ import annotations

import click

from upkeep.pictures import DRAWINGS, PAGE
from upkeep.pictures.browser import draw_page


@click.command("pictures")
def command() -> int:
    """Draw the pictures of the tool at work."""
    for path, draw in DRAWINGS.items():
        path.write_text(draw(), encoding="utf-8", newline="\n")
    draw_page(PAGE)
    return 0
