"""What the user gives on the command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import Any


class GivenPath(click.Path):
    """A path; an empty one, as from a variable that is not set, is refused, and not taken for the current folder."""

    def __init__(self, **checks: Any) -> None:  # noqa: ANN401 - what click.Path takes
        """Take the checks of `click.Path`."""
        super().__init__(readable=False, path_type=Path, **checks)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Refuse an empty path."""
        if not os.fspath(value):
            self.fail(
                "the path is empty, as from a variable that is not set; write . for the current folder", param, ctx
            )
        return super().convert(value, param, ctx)
