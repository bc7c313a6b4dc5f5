"""Carry the newest patch over to a new release: `nox -s port -- VERSION`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import index_option
from litellm_patch.output import say
from litellm_patch.patching.ledger import bundled_folder
from upkeep.command import VERSION
from upkeep.port.porting import abort, port, resume
from upkeep.releases.surroundings import cache_option, patches_option, surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version


@click.command("port")
@click.argument("version", type=VERSION, required=False)
@click.option("--continue", "resuming", is_flag=True, help="Finish the port that a person has resolved.")
@click.option("--abort", "aborting", is_flag=True, help="Drop the port that is under way.")
@click.option("--without-arms", is_flag=True, help="Do not run the behaviour tests of the release.")
@patches_option
@cache_option
@index_option
def command(  # noqa: PLR0913 - one argument an option
    version: Version | None,
    patches: Path | None,
    cache: Path | None,
    index_url: str | None,
    *,
    resuming: bool,
    aborting: bool,
    without_arms: bool,
) -> None:
    """Carry the newest patch over to VERSION, a release that the ledger lacks.

    The patch is tried strictly, else merged. What fits is proved, run on both arms and written to the ledger; what
    does not is left to a person, in a folder of its own. Ends with 0 if the ledger has the release, 1 if a person must
    decide, 2 if it cannot be tried.
    """
    if (version is not None) + resuming + aborting != 1:
        raise click.UsageError("give a VERSION, or --continue, or --abort")
    folder = patches or bundled_folder()
    with surroundings(folder, cache, index_url) as around:
        if version is not None:
            lines = port(folder, version, around, arms=not without_arms)
        else:
            lines = resume(folder, around, arms=not without_arms) if resuming else abort(folder)
    for line in lines:
        say(line)
