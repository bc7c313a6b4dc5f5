"""A terminal, drawn."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 112


def draw_terminal(name: str, command: str, show: Callable[[Console], object]) -> str:
    """Draw what a command prints.

    Args:
        name: of the picture, without its folder; the same texts under the same name are the same bytes.
        command: what the person at the terminal typed.
        show: prints on a console what the command does.

    Returns:
        The picture as SVG; it loads nothing from anywhere.
    """
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor", markup=False
    )
    console.print(f"$ {command}", highlight=False)
    show(console)
    drawn = console.export_svg(title=command.split(maxsplit=1)[0], unique_id=name)
    drawn = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", drawn, flags=re.DOTALL)  # fonts from elsewhere
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())
