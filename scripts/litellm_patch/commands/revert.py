"""`litellm-patch revert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.targets import change_options, describe_change, for_each
from litellm_patch.patching.apply import revert
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.commands.targets import Finding

_WORDS = ("reverted", "would be reverted", "nothing to revert")


@click.command("revert")
@change_options
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[Path, ...], *, dry_run: bool, **how: bool) -> None:
    """Remove the patch from the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())

    def undo(place: Path) -> Finding:
        return describe_change(revert(place, ledger, dry=dry_run), _WORDS, "clean", dry=dry_run)

    for_each(ctx, targets, undo, **how)
