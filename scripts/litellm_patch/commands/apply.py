"""`litellm-patch apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.targets import all_option, for_each, say_change, targets_argument, with_option
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path


@click.command("apply")
@targets_argument
@all_option
@with_option
@click.pass_context
def command(ctx: click.Context, targets: tuple[Path, ...], *, every: bool, option: str | None) -> None:
    """Patch the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())
    for_each(
        ctx, targets, lambda place: say_change(apply(place, ledger, option), "patched", "already applied"), every=every
    )
