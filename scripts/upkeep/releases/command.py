"""Keep the ledger: `nox -s releases -- update`, `check` and `prove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import index_option
from litellm_patch.output import say, say_all
from litellm_patch.patching.ledger import LEDGER_NAME, Ledger, bundled_folder
from upkeep.command import VERSION
from upkeep.errors import CheckError, ProofError
from upkeep.releases.checking import check
from upkeep.releases.proving import prove
from upkeep.releases.surroundings import cache_option, patches_option, surroundings
from upkeep.releases.updating import update

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version


@click.group("releases")
def command() -> None:
    """Keep releases.toml, the ledger."""


@command.command("update")
@click.argument("versions", nargs=-1, type=VERSION, metavar="[VERSION]...")
@patches_option
@cache_option
@index_option
def update_command(
    versions: tuple[Version, ...], patches: Path | None, cache: Path | None, index_url: str | None
) -> None:
    """Write releases.toml from the index.

    With VERSION, add or refresh only these entries. Without, write all anew, but for what is kept by hand.
    """
    folder = patches or bundled_folder()
    with surroundings(folder, cache, index_url) as around:
        ledger, changed = update(folder, around, list(versions))
    say(f"{folder / LEDGER_NAME}: {_count(ledger)}, {'written' if changed else 'unchanged'}")


@command.command("check")
@click.option("--offline", is_flag=True, help="Check only what needs no index.")
@click.option("--known", is_flag=True, help="Check only what the ledger says, not what it lacks.")
@patches_option
@index_option
def check_command(patches: Path | None, index_url: str | None, *, offline: bool, known: bool) -> None:
    """Fail if releases.toml is untrue or incomplete.

    Each finding is one line. Releases that the index has and the ledger need not have are named.
    """
    folder = patches or bundled_folder()
    with surroundings(folder, None, index_url) as around:
        findings = check(folder, None if offline else around, complete=not known)
    say_all(findings)
    if findings:
        raise CheckError(f"{len(findings)} finding(s)", "fix what they name, then run nox -s releases -- update")
    say(f"{folder / LEDGER_NAME} is right{'' if offline or known else ' and complete'}")


@command.command("prove")
@patches_option
@cache_option
@index_option
def prove_command(patches: Path | None, cache: Path | None, index_url: str | None) -> None:
    """Prove what the patches do to each release.

    In memory: the patch applies at the recorded lines, changes the same names as in its first release and nothing else,
    and comes out again byte for byte.
    """
    folder = patches or bundled_folder()
    with surroundings(folder, cache, index_url) as around:
        ledger, findings = prove(folder, around)
    say_all(findings)
    if findings:
        raise ProofError(f"{len(findings)} of {_count(ledger)} do not hold", "see the lines above")
    say(f"proved: {_count(ledger)}; each applies at its recorded lines, changes the same names, and reverts")


def _count(ledger: Ledger) -> str:
    own = {release.patch for release in ledger.releases}
    optional = {step.patch for release in ledger.releases for step in release.options.values()}
    more = f" and {len(optional)} optional" if optional else ""
    return f"{len(ledger.releases)} release(s) by {len(own)} patch(es){more}"
