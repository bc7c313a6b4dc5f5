"""The command that builds one extension by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.output import say
from upkeep.command import VERSION
from upkeep.compiled.releases import find_compiled
from upkeep.compiled.workspace import build

if TYPE_CHECKING:
    from packaging.version import Version


@click.command("compiled")
@click.argument("release", type=VERSION)
@click.option("--stock", is_flag=True, help="Build the stock sources, not the patched ones.")
def command(release: Version, *, stock: bool) -> None:
    """Build the extension of a release whose Router is compiled, or take the one that was kept, and say where it is."""
    built = build(find_compiled(release), patched=not stock)
    size = built.path.stat().st_size / 1e6
    say(f"{built.path}: {size:.1f} MB, {f'built in {built.seconds:.0f} s' if built.seconds else 'kept'}")
