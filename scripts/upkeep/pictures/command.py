"""Write the pictures; nothing is drawn by hand."""

from __future__ import annotations

import click

from upkeep.pictures import DRAWINGS


@click.command("pictures")
def command() -> int:
    """Draw the pictures of the tool at work."""
    for path, draw in DRAWINGS.items():
        path.write_text(draw(), encoding="utf-8", newline="\n")
    return 0
