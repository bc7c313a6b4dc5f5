"""`litellm-patch revert`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.targets import (
    all_option,
    describe_change,
    dry_option,
    for_each,
    json_option,
    quiet_option,
    targets_argument,
)
from litellm_patch.patching.apply import revert
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.commands.targets import Finding

_WORDS = ("reverted", "would be reverted", "nothing to revert")


@click.command("revert")
@targets_argument
@all_option
@dry_option
@json_option
@quiet_option
@click.pass_context
def command(  # noqa: PLR0913 - one argument an option
    ctx: click.Context, targets: tuple[Path, ...], *, every: bool, dry_run: bool, as_json: bool, quiet: bool
) -> None:
    """Take the patch out of the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())

    def undo(place: Path) -> Finding:
        return describe_change(revert(place, ledger, dry=dry_run), _WORDS, "clean", dry=dry_run)

    for_each(ctx, targets, undo, every=every, as_json=as_json, quiet=quiet)
