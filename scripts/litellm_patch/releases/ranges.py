"""The patch files of a folder, each for a range of releases, and what they say of a release."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from litellm_patch.errors import LedgerError, PatchError
from litellm_patch.ledger import FileImage, Release
from litellm_patch.patchfile import parse_patch
from litellm_patch.target import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from litellm_patch.index import Offer
    from litellm_patch.patchfile import FilePatch
    from litellm_patch.stock import Stock

MEND = "mend the patch, or make a new one for this release"


@dataclass(frozen=True)
class RangePatch:
    """A patch file; it serves releases from the one that it is named after, up to the next patch's."""

    first: Version
    path: Path
    files: Mapping[str, FilePatch]

    @property
    def edits(self) -> object:
        """What it does, wherever in the files."""
        return {(file.path, hunk.before, hunk.after) for file in self.files.values() for hunk in file.hunks}


def read_patch(path: Path) -> RangePatch:
    """Read a patch file.

    Args:
        path: The file.

    Returns:
        The patch, with the release that it is named after.

    Raises:
        PatchError: The file is damaged, or not named after a release.
        OSError: The file cannot be read.
    """
    try:
        first = Version(path.stem)
    except InvalidVersion as error:
        raise PatchError(f"{path.name} is not named after a release", "call it VERSION.patch") from error
    return RangePatch(first, path, parse_patch(path.read_bytes(), path.name))


def read_patches(folder: Path) -> list[RangePatch]:
    """Read every patch of a folder.

    Args:
        folder: The patches folder.

    Returns:
        The patches, oldest first; at least one.

    Raises:
        LedgerError: There is none.
        PatchError: One cannot be used, or two are for the same release.
        OSError: One cannot be read.
    """
    patches = sorted(map(read_patch, folder.glob("*.patch")), key=lambda patch: (patch.first, patch.path))
    if not patches:
        raise LedgerError(f"there is no patch in {folder}", "name a patches folder with --patches")
    for one, other in pairwise(patches):
        if one.first == other.first:
            raise PatchError(f"{one.path.name} and {other.path.name} are for the same release", "remove one of them")
    return patches


def patch_for(version: Version, patches: Sequence[RangePatch]) -> RangePatch:
    """Find the patch with the greatest first release that is not above a release.

    Args:
        version: The release.
        patches: All patches, oldest first.

    Returns:
        The patch of its range.
    """
    return patches[bisect.bisect_right([patch.first for patch in patches], version) - 1]


def touched_by(patches: Iterable[RangePatch]) -> frozenset[str]:
    """Name the files that patches change.

    Args:
        patches: The patches.

    Returns:
        The paths, from the root of the wheel.
    """
    return frozenset(path for patch in patches for path in patch.files)


def make_entry(offer: Offer, patch: RangePatch, stock: Stock) -> Release:
    """Make the ledger's entry of a release.

    Args:
        offer: What the index has of it.
        patch: The patch of its range.
        stock: Its stock files.

    Returns:
        The entry.

    Raises:
        PatchError: The patch does not fit; names the file and the first hunk that does not.
    """
    have = stock.read(offer.version, offer.wheels) or {}
    images = []
    for path, file in patch.files.items():
        if path not in have:
            raise PatchError(f"{patch.path.name} changes {path}, which litellm {offer.version} does not have", MEND)
        try:
            offsets = file.locate(have[path])
            after = file.apply(have[path], offsets)
        except PatchError as error:
            raise PatchError(
                f"{patch.path.name} does not fit litellm {offer.version}: {error.found}", error.next_step
            ) from error
        images.append(FileImage(path, sha256(have[path]), sha256(after), offsets))
    return Release(offer.version, offer.uploaded, patch.path, offer.wheels, tuple(images))
