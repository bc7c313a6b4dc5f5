"""`litellm-patch wheel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from packaging.version import InvalidVersion

from litellm_patch.commands.given import GivenPath
from litellm_patch.commands.targets import with_option
from litellm_patch.output import say
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.index import Index
from litellm_patch.wheels.wheel import make_wheels, put_wheel

if TYPE_CHECKING:
    from pathlib import Path

index_option = click.option(
    "--index-url",
    envvar=["PIP_INDEX_URL", "UV_DEFAULT_INDEX"],
    show_envvar=True,
    metavar="URL",
    help="Ask this index, which must speak the simple API; PyPI unless given.",
)


@click.command("wheel")
@click.argument("what", metavar="RELEASE|WHEEL")
@click.option(
    "--output",
    type=GivenPath(file_okay=False),
    default=".",
    metavar="FOLDER",
    help="Write into this folder instead of the current one.",
)
@click.option(
    "--platform",
    metavar="PATTERN",
    help="Make every wheel of RELEASE for such a platform, as '*linux*'; the one that fits this Python unless given.",
)
@click.option("--force", is_flag=True, help="Replace a file that already exists with different content.")
@with_option
@index_option
@click.pass_obj
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    patches: Path | None,
    what: str,
    output: Path,
    platform: str | None,
    option: str | None,
    index_url: str | None,
    *,
    force: bool,
) -> None:
    """Make the patched wheel of RELEASE, or from the stock WHEEL.

    RELEASE, such as 1.102.4, is fetched from the index, which needs the extra `wheel`; WHEEL is a file and needs no
    network. Each must have the sha256 of releases.toml. The result has a version of its own, the same bytes each time.
    """
    ledger = load_ledger(patches or bundled_folder())
    try:
        for name, wheel in make_wheels(what, ledger, Index(index_url), platform, option):
            written = put_wheel(output / name, wheel, force=force)
            say(f"{'written' if written else 'already exists, byte for byte'}: {output / name}")
    except InvalidVersion as error:
        raise click.BadParameter(f"{what!r} is neither a release nor the path of a .whl file") from error
