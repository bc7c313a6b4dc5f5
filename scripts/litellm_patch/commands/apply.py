"""`litellm-patch apply`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import GivenPath, index_option
from litellm_patch.commands.targets import change_options, describe_change, for_each, with_option
from litellm_patch.errors import MergeConflictError, WheelError
from litellm_patch.output import say_all
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.difference import stock_files
from litellm_patch.wheels.index import Index
from litellm_patch.wheels.stock import default_cache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.commands.targets import Finding
    from litellm_patch.patching.ledger import Release

_WORDS = ("patched", "would be patched", "already applied")


@click.command("apply")
@change_options
@with_option
@click.option(
    "--config", type=GivenPath(), metavar="FILE", help="End with the chains of this config.yaml that start to fire."
)
@click.option("--merge", is_flag=True, help="Merge the patch into edited files, if each hunk lands where it belongs.")
@click.option(
    "--stock",
    "wheel",
    type=GivenPath(exists=True, dir_okay=False),
    metavar="WHEEL",
    help="Take the stock files for --merge from this wheel instead of the index.",
)
@index_option
@click.pass_context
def command(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    /,
    targets: tuple[Path, ...],
    *,
    option: str | None,
    config: Path | None,
    wheel: Path | None,
    index_url: str | None,
    merge: bool,
    dry_run: bool,
    **how: bool,
) -> None:
    """Patch the litellm in TARGET."""
    if wheel and not merge:
        raise click.UsageError("--stock is for --merge")
    folder = ctx.obj or bundled_folder()
    ledger = load_ledger(folder)
    index = Index(index_url)
    chains = None
    if config:
        from litellm_patch.doctor.reporting import chains_that_start  # noqa: PLC0415 - the doctor takes a while

        chains = chains_that_start(config)

    def stock(release: Release) -> Mapping[str, bytes]:
        try:
            return stock_files(release, wheel, default_cache(folder), index) or {}
        except WheelError as error:
            raise type(error)(error.found, f"name a wheel of litellm {release.version} with --stock") from error

    def patch(place: Path) -> Finding:
        try:
            change = apply(place, ledger, option, stock if merge else None, dry=dry_run)
        except MergeConflictError as error:
            say_all(error.lines)
            raise
        found = describe_change(change, _WORDS, "applied", dry=dry_run)
        if chains is None:
            return found
        starting = chains(ledger.find(change.target.version).version) if change.paths else []
        lines = (f"starts to fire: {chain}" for chain in starting or ["no chain of the configuration"])
        return replace(found, lines=(*found.lines, *lines), data={**found.data, "starts": starting})

    for_each(ctx, targets, patch, **how)
