"""The patch files of a folder, each for a range of releases, and what they say of a release."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from litellm_patch.errors import LedgerError, PatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT, FileImage, Release, Step
from litellm_patch.patching.patchfile import parse_patch
from upkeep.releases.locating import locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from litellm_patch.patching.patchfile import FilePatch
    from litellm_patch.wheels.stock import Stock
    from upkeep.releases.offers import Offer

MEND = "fix the patch, or make a new one for this release"


@dataclass(frozen=True)
class RangePatch:
    """A patch file; it serves releases from the one that it is named after, up to the next patch's."""

    first: Version
    path: Path
    files: Mapping[str, FilePatch]
    option: str | None = None

    @property
    def name(self) -> str:
        """What it is called: its path in the patches folder."""
        return _name(self.path, self.option)

    @property
    def is_for_sources(self) -> bool:
        """Whether it changes what an installation does not have, and so is for the source archive."""
        return any(not path.startswith("litellm/") for path in self.files)

    def archives(self, offer: Offer) -> Mapping[str, str]:
        """The sha256 of each archive of a release that may have the files that it is for, by file name."""
        return offer.sdist if self.is_for_sources else offer.wheels

    @property
    def edits(self) -> object:
        """What it does, wherever in the files."""
        return {(file.path, hunk.before, hunk.after) for file in self.files.values() for hunk in file.hunks}


def read_patch(path: Path, option: str | None = None) -> RangePatch:
    """Read a patch file.

    Args:
        path: The file.
        option: The name of the optional patch that it is of.

    Returns:
        The patch, with the release that it is named after.

    Raises:
        PatchError: The file is damaged, or not named after a release.
        OSError: The file cannot be read.
    """
    try:
        first = Version(path.stem)
    except InvalidVersion as error:
        raise PatchError(f"{_name(path, option)} is not named after a release", "call it VERSION.patch") from error
    return RangePatch(first, path, parse_patch(path.read_bytes(), _name(path, option)), option)


def _name(path: Path, option: str | None) -> str:
    return f"{option}/{path.name}" if option else path.name


def read_patches(folder: Path, option: str | None = None) -> list[RangePatch]:
    """Read every patch of a folder.

    Args:
        folder: The patches folder, or the one of an optional patch inside.
        option: The name of that optional patch.

    Returns:
        The patches, oldest first; at least one.

    Raises:
        LedgerError: There is none.
        PatchError: One cannot be used, or two are for the same release.
        OSError: One cannot be read.
    """
    patches = [read_patch(path, option) for path in folder.glob("*.patch")]
    patches.sort(key=lambda patch: (patch.first, patch.path))
    if not patches:
        raise LedgerError(f"there is no patch in {folder}", "name a patches folder with --patches")
    for one, other in pairwise(patches):
        if one.first == other.first:
            raise PatchError(f"{one.name} and {other.name} are for the same release", "remove one of them")
    return patches


def read_options(folder: Path) -> dict[str, list[RangePatch]]:
    """Read the optional patches of a folder, each name a folder of patches inside.

    Args:
        folder: The patches folder.

    Returns:
        What `read_patches` gives, by name.

    Raises:
        PatchError: A patch cannot be used, or two are for the same release.
        OSError: One cannot be read.
    """
    return {
        inside.name: read_patches(inside, inside.name)
        for inside in sorted({p.parent for p in folder.glob("*/*.patch")})
    }


def patch_for(version: Version, patches: Sequence[RangePatch]) -> RangePatch:
    """Find the patch with the greatest first release that is not above a release.

    Args:
        version: The release.
        patches: All patches, oldest first.

    Returns:
        The patch of its range; the oldest, if that is for a later release.
    """
    return patches[max(bisect.bisect_right([patch.first for patch in patches], version) - 1, 0)]


def touched_by(patches: Iterable[RangePatch]) -> frozenset[str]:
    """Name the files that patches change.

    Args:
        patches: The patches.

    Returns:
        The paths, from the root of the wheel.
    """
    return frozenset(path for patch in patches for path in patch.files)


def make_entry(
    offer: Offer,
    patch: RangePatch,
    stock: Stock,
    options: Mapping[str, Sequence[RangePatch]] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Release:
    """Make the ledger's entry of a release from its stock files in the cache.

    Args:
        offer: What the index has of it.
        patch: The patch of its range.
        stock: Its stock files.
        options: All optional patches, by name.
        tell: Takes one line about each that does not fit.

    Returns:
        The entry.

    Raises:
        PatchError: The patch does not fit; names the file and the first hunk that does not.
    """
    return entry_of(offer, patch, stock.read(offer.version, patch.archives(offer)) or {}, options, tell)


def entry_of(
    offer: Offer,
    patch: RangePatch,
    sources: Mapping[str, bytes],
    options: Mapping[str, Sequence[RangePatch]] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Release:
    """Make the ledger's entry of a release.

    Args:
        offer: What the index has of it.
        patch: The patch of its range.
        sources: Its stock files, by their paths from the root of the wheel or source archive.
        options: All optional patches, by name; one whose oldest is for a later release or that is for other archives
            is left out, and so is one that does not fit.
        tell: Takes one line about each that does not fit.

    Returns:
        The entry.

    Raises:
        PatchError: The patch does not fit; names the file and the first hunk that does not.
    """
    have = dict(sources)
    images = _locate(offer.version, patch, have)
    steps: dict[str, Step] = {}
    for name, patches in (options or {}).items():
        optional = patch_for(offer.version, patches)
        if offer.version < optional.first or optional.is_for_sources != patch.is_for_sources:
            continue
        try:
            files = _locate(offer.version, optional, dict(have))
        except PatchError as error:
            if tell:
                tell(f"left out: {error}")
            continue
        steps[name] = Step(version=offer.version, patch=optional.path, files=files, option=name)
    return Release(
        version=offer.version,
        patch=patch.path,
        files=images,
        uploaded=offer.uploaded,
        wheels=offer.wheels,
        options=steps,
        sdist=offer.sdist if patch.is_for_sources else {},
        delivery="wheel" if patch.is_for_sources else "files",
    )


def _locate(version: Version, patch: RangePatch, have: dict[str, bytes]) -> tuple[FileImage, ...]:
    """Find the place of each hunk, and leave the files as the patch does."""
    images = []
    for path, file in patch.files.items():
        if file.is_new and path in have:
            raise PatchError(f"{patch.name} adds {path}, which litellm {version} has already", MEND)
        if not file.is_new and path not in have:
            raise PatchError(f"{patch.name} changes {path}, which litellm {version} does not have", MEND)
        before = have.get(path, b"")
        try:
            offsets = locate(file, before)
            after = file.apply(before, offsets)
        except PatchError as error:
            raise PatchError(f"{patch.name} does not fit litellm {version}: {error.found}", error.next_step) from error
        images.append(FileImage(path, ABSENT if file.is_new else sha256(before), sha256(after), offsets))
        have[path] = after
    return tuple(images)
