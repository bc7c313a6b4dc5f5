"""`litellm-patch apply`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import GivenPath
from litellm_patch.commands.targets import change_options, describe_change, for_each, with_option
from litellm_patch.model.names import Rules
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packaging.version import Version

    from litellm_patch.commands.targets import Finding

_WORDS = ("patched", "would be patched", "already applied")


@click.command("apply")
@change_options
@with_option
@click.option(
    "--config", type=GivenPath(), metavar="FILE", help="End with the chains of this config.yaml that start to fire."
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    targets: tuple[Path, ...],
    *,
    option: str | None,
    config: Path | None,
    dry_run: bool,
    **how: bool,
) -> None:
    """Patch the litellm in TARGET."""
    ledger = load_ledger(ctx.obj or bundled_folder())
    chains = _chains_of(config) if config else None

    def patch(place: Path) -> Finding:
        change = apply(place, ledger, option, dry=dry_run)
        found = describe_change(change, _WORDS, "applied", dry=dry_run)
        if chains is None:
            return found
        starting = chains(ledger.find(change.target.version).version) if change.paths else []
        lines = (f"starts to fire: {chain}" for chain in starting or ["no chain of the configuration"])
        return replace(found, lines=(*found.lines, *lines), data={**found.data, "starts": starting})

    for_each(ctx, targets, patch, **how)


def _chains_of(config: Path) -> Callable[[Version], list[str]]:
    """Read a configuration, and tell by release which of its chains only the patch lets fire, for some or for all."""
    from litellm_patch.doctor.configuration import read_configuration  # noqa: PLC0415 - the doctor takes a while
    from litellm_patch.doctor.judging import judge  # noqa: PLC0415
    from litellm_patch.doctor.reporting import ProxyConfig  # noqa: PLC0415
    from litellm_patch.doctor.settings import read_settings  # noqa: PLC0415

    settings = read_settings(read_configuration(config)[0], os.environ)

    def starting(version: Version) -> list[str]:
        judgements = judge(settings, ProxyConfig(settings, version, Rules.UPSTREAM).release)
        return [
            f"{found.key} -> {', '.join(target.name for target in found.targets)} ({found.kind.value})"
            for found in judgements
            if found.dead(Rules.UPSTREAM) and not found.dead(Rules.CONTRACT)
        ]

    return starting
