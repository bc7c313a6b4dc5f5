"""`litellm-patch wheel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from packaging.version import InvalidVersion, Version

from litellm_patch.building.wheel import How, build_wheels, default_folder
from litellm_patch.commands.given import GivenPath, Replacement, index_option
from litellm_patch.commands.targets import with_option
from litellm_patch.output import say, say_all, say_json
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.difference import compare_wheels
from litellm_patch.wheels.index import Index
from litellm_patch.wheels.wheel import make_wheels, put_wheel

if TYPE_CHECKING:
    from pathlib import Path


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
@click.option(
    "--sources",
    type=GivenPath(file_okay=False),
    metavar="FOLDER",
    help="Keep what a build needs, and what it has compiled, here: some gigabytes; the user's cache unless given.",
)
@click.option("--offline", is_flag=True, help="Build from what FOLDER and cargo have already, without a network.")
@click.option("--portable", is_flag=True, help="Build for the C library of upstream's wheel; needs ziglang.")
@click.option(
    "--replace-crate",
    "replaced",
    multiple=True,
    type=Replacement(),
    metavar="NAME=VERSION[#SHA256]",
    help="Build with this version of a crate, in place of the one that upstream locked.",
)
@click.option(
    "--compare",
    type=GivenPath(exists=True, dir_okay=False),
    metavar="STOCK",
    help="Make nothing; show how the patched WHEEL differs from this stock one.",
)
@click.option("--force", is_flag=True, help="Replace a file that already exists with different content.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object a wheel, on a line each.")
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
    sources: Path | None,
    replaced: tuple[tuple[str, str], ...],
    compare: Path | None,
    *,
    offline: bool,
    portable: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the patched wheel of RELEASE, or from the stock WHEEL.

    RELEASE, such as 1.102.4, is fetched from the index, which needs the extra `wheel`; WHEEL is a file and needs no
    network. Each must have the sha256 of releases.toml. The result has a version of its own, the same bytes each time.

    From 1.110.0 on the Router is compiled: it is built from RELEASE's source archive for this machine, which needs Rust
    and maturin, half an hour and 6 GB; upstream's wheel gets what was built.
    """
    ledger = load_ledger(patches or bundled_folder())
    if compare:
        say_all(compare_wheels(GivenPath(exists=True, dir_okay=False).convert(what, None, None), compare, ledger))
        return
    index = Index(index_url)
    try:
        release = None if what.endswith(".whl") else ledger.find(Version(what))
        if release and release.delivery == "wheel":
            how = How((sources or default_folder()).absolute(), index, offline, portable, dict(replaced), option)
            wheels = build_wheels(release, how, platform)
        else:
            wheels = make_wheels(what, ledger, index, platform, option)
        for name, wheel in wheels:
            written = put_wheel(output / name, wheel, force=force)
            found = f"{'written' if written else 'already exists, byte for byte'}: {output / name}"
            if as_json and not quiet:
                told = {"wheel": str(output / name), "sha256": sha256(wheel), "written": written}
                say_json({**told, "found": found, "exit_code": 0})
            elif not quiet:
                say(found)
    except InvalidVersion as error:
        raise click.BadParameter(f"{what!r} is neither a release nor the path of a .whl file") from error
