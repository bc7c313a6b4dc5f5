"""`litellm-patch apply`."""

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
    with_option,
)
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.commands.targets import Finding

_WORDS = ("patched", "would be patched", "already applied")


@click.command("apply")
@targets_argument
@all_option
@with_option
@dry_option
@json_option
@quiet_option
@click.pass_context
def command(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    targets: tuple[Path, ...],
    *,
    every: bool,
    option: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Patch the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())

    def patch(place: Path) -> Finding:
        return describe_change(apply(place, ledger, option, dry=dry_run), _WORDS, "applied", dry=dry_run)

    for_each(ctx, targets, patch, every=every, as_json=as_json, quiet=quiet)
