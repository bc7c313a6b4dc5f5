"""`litellm-patch revert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.targets import all_option, for_each, say_change, targets_argument
from litellm_patch.patching.apply import revert
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path


@click.command("revert")
@targets_argument
@all_option
@click.pass_context
def command(ctx: click.Context, targets: tuple[Path, ...], *, every: bool) -> None:
    """Take the patch out of the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())
    for_each(
        ctx, targets, lambda place: say_change(revert(place, ledger), "reverted", "nothing to revert"), every=every
    )
