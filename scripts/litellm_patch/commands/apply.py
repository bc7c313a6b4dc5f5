"""`litellm-patch apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.targets import change_options, describe_change, for_each, with_option
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.commands.targets import Finding

_WORDS = ("patched", "would be patched", "already applied")


@click.command("apply")
@change_options
@with_option
@click.pass_context
def command(
    ctx: click.Context, /, targets: tuple[Path, ...], *, option: str | None, dry_run: bool, **how: bool
) -> None:
    """Patch the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())

    def patch(place: Path) -> Finding:
        return describe_change(apply(place, ledger, option, dry=dry_run), _WORDS, "applied", dry=dry_run)

    for_each(ctx, targets, patch, **how)
