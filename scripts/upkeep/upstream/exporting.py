"""Write the folder that a submitter takes to upstream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import index_option
from litellm_patch.errors import LedgerError
from litellm_patch.output import say
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.stock import Stock
from upkeep.errors import ExportFolderError
from upkeep.releases.surroundings import cache_option, fetch_stock, patches_option, surroundings
from upkeep.upstream.mailbox import moved_diffs, new_file, write_mail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_patch.patching.ledger import Release
    from upkeep.releases.surroundings import Surroundings

MATERIAL = "upstream"  # beside the ledger: the message, the tests, the pull request and its proof


def export(folder: Path, place: Path, around: Surroundings) -> list[Path]:
    """Write the newest release's patch as upstream takes it: a mailbox with tests, a pull request, and its proof.

    Args:
        folder: The patches folder, with `upstream/` in it.
        place: Where to write; a new folder, or one that holds an earlier export and nothing else.
        around: Cache and index, for the stock files of the release.

    Returns:
        The files, all of them written anew, with the same bytes for the same patch.

    Raises:
        ExportFolderError: The place holds something else.
        LedgerError: The patches folder has nothing for upstream.
        LitellmPatchError: The stock files cannot be had, or the patch does not fit them.
        OSError: A file cannot be read or written.
    """
    release = load_ledger(folder).in_place[-1]
    material = folder / MATERIAL
    if not material.is_dir():
        raise LedgerError(f"{folder} has no folder {MATERIAL}", "take the patches folder of a clone")
    message = (material / "message.txt").read_text(encoding="utf-8")
    files = {
        f"0001-{_slug(message.partition(chr(10))[0])}.patch": write_mail(
            release.patch.read_bytes(), message, [_change(release, around), *_tests(material)]
        ),
        "PULL_REQUEST.md": _pull_request(material, release).encode(),
        "prove_fix.py": (material / "prove_fix.py").read_bytes(),
    }
    _refuse_others(place, files)
    place.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(place / name, data)
    return [place / name for name in files]


def _change(release: Release, around: Surroundings) -> bytes:
    """Give the diffs of the package's own files, in this release."""
    patches = release.read_patch()
    stock = Stock(around.cache, frozenset(patches))
    fetch_stock(stock, {release.version: release.wheels}, around)
    have = stock.read(release.version, release.wheels) or {}
    offsets = {image.path: image.offsets for image in release.files}
    images = {path: (have[path], patches[path].apply(have[path], offsets[path])) for path in patches}
    return moved_diffs(release.patch.read_bytes(), images, offsets)


def _tests(material: Path) -> list[bytes]:
    """Give the diffs that add the tests, in the order of their paths."""
    paths = sorted((material / "tests").rglob("*.py"))
    return [new_file(path.relative_to(material).as_posix(), path.read_bytes()) for path in paths]


def _pull_request(material: Path, release: Release) -> str:
    """Fill in what was measured."""
    text = (material / "PULL_REQUEST.md").read_text(encoding="utf-8")
    for name in ("provider", "before", "after", "tests"):
        text = text.replace(f"{{{name}}}", (material / "measured" / f"{name}.md").read_text(encoding="utf-8").strip())
    return text.replace("{release}", str(release.version))


def _refuse_others(place: Path, files: Mapping[str, bytes]) -> None:
    """Refuse a place that holds what no export wrote."""
    if place.exists() and not place.is_dir():
        raise ExportFolderError(f"{place} is no folder", "name a new folder")
    strange = sorted(
        path.name
        for path in (place.iterdir() if place.is_dir() else ())
        if path.name not in files and not re.fullmatch(r"0001-[\w-]+\.patch", path.name)
    )
    if strange:
        raise ExportFolderError(f"{place} holds {', '.join(strange[:3])}, which no export wrote", "name a new folder")


def _slug(subject: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:52].rstrip("-")


@click.command("export")
@click.argument("place", type=click.Path(path_type=Path), metavar="FOLDER")
@patches_option
@cache_option
@index_option
def command(place: Path, patches: Path | None, cache: Path | None, index_url: str | None) -> None:
    """Write the patch as upstream takes it, into FOLDER.

    A mailbox for `git am` with one commit, the change and its tests; the text of the pull request; and the script that
    proves the fix with a key of your own. The same patch gives the same bytes.
    """
    folder = patches or bundled_folder()
    with surroundings(folder, cache, index_url) as around:
        for path in export(folder, place, around):
            say(f"written: {path}")
