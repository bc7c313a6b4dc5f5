"""What the user gives on the command line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import Any


class Replacement(click.ParamType):  # type: ignore[type-arg]  # generic only in the newest click
    """A crate, and the version to take of it: `NAME=VERSION`, maybe with `#` and its sha256."""

    name = "crate"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split it."""
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"([\w-]+)=([\w.+-]+(#[0-9a-f]{64})?)", value, re.ASCII)
        if not found:
            self.fail(f"{value!r} is not NAME=VERSION or NAME=VERSION#SHA256", param, ctx)
        return found[1], found[2]


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


index_option = click.option(
    "--index-url",
    envvar=["PIP_INDEX_URL", "UV_DEFAULT_INDEX"],
    show_envvar=True,
    metavar="URL",
    help="Use this package index, which must have the simple API; default: PyPI.",
)
