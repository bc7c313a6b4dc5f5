"""What a port works with: the release, the one below it in the ledger, its patch, and what that changes in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litellm_patch.errors import FixedUpstreamError, UnsupportedReleaseError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT, FileImage, Ledger, Release
from litellm_patch.wheels.stock import Stock
from upkeep.port.sources import fallback_sources
from upkeep.proof import language_of
from upkeep.releases.offers import asked_offer
from upkeep.releases.ranges import RangePatch, entry_of, make_entry, patch_for, read_options, read_patches
from upkeep.releases.surroundings import fetch_stock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from packaging.version import Version

    from upkeep.releases.offers import Offer
    from upkeep.releases.surroundings import Surroundings

_BEFORE_THE_DEFECT = (
    "the defect of team models came with 1.83.0: before it the proxy rewrote a team's public name before the Router "
    "saw it, so there is nothing to carry over"
)


@dataclass(frozen=True)
class Task:
    """A release to port to.

    Attributes:
        folder: The patches folder.
        around: Index, cache, clock.
        ledger: The ledger as it is.
        offer: What the index has of the release.
        base: The release below it in the ledger.
        patch: The patch to try, which is that of the release below it.
        sources: The release's files that speak of fallbacks.
        arms: Whether to run the behaviour tests.
    """

    folder: Path
    around: Surroundings
    ledger: Ledger
    offer: Offer
    base: Release
    patch: RangePatch
    sources: Mapping[str, bytes]
    arms: bool

    @property
    def version(self) -> Version:
        """The release."""
        return self.offer.version

    def try_strictly(self) -> Release:
        """Make the ledger's entry with the patch as it is.

        Returns:
            The entry.

        Raises:
            PatchError: A hunk does not fit, or not in one place.
            LitellmPatchError: The stock files cannot be had.
        """
        return make_entry(self.offer, self.patch, self._stock(), read_options(self.folder), self.around.tell)

    def entry_of(self, patch: RangePatch) -> Release:
        """Make the ledger's entry with a patch that was made for the release.

        Args:
            patch: The patch.

        Returns:
            The entry.

        Raises:
            PatchError: It does not fit.
        """
        return entry_of(self.offer, patch, self.sources, read_options(self.folder), self.around.tell)

    def applied(self, patch: RangePatch, entry: Release) -> dict[str, tuple[bytes, bytes]]:
        """Apply a patch in memory.

        Args:
            patch: The patch.
            entry: The release's entry with it.

        Returns:
            The stock and the patched content of each file, by path.

        Raises:
            PatchError: It does not fit.
        """
        return {
            image.path: (
                before := self.sources.get(image.path, b""),
                patch.files[image.path].apply(before, image.offsets),
            )
            for image in entry.files
        }

    def images_of_base(self) -> dict[str, tuple[bytes, bytes]]:
        """Give the stock and the patched files of the release below, by path.

        Raises:
            LitellmPatchError: The stock files cannot be had, or its patch does not fit them.
        """
        have = self._stock().read(self.base.version, self.base.sources) or {}
        patches, offsets = self.base.read_patch(), {image.path: image.offsets for image in self.base.files}
        return {
            path: (before := have.get(path, b""), patch.apply(before, offsets[path])) for path, patch in patches.items()
        }

    def ledger_with(self, entry: Release) -> Ledger:
        """Give the ledger with an entry more.

        Args:
            entry: The entry.

        Returns:
            The ledger.
        """
        releases = sorted((*self.ledger.releases, entry), key=lambda release: release.version)
        return replace(self.ledger, releases=tuple(releases))

    def ledger_with_stock(self) -> Ledger:
        """Give the ledger with an entry that only says what the stock files are, for the control arm to verify them."""
        same = [release for release in self.ledger.releases if release.patch == self.base.patch]
        known = {(image.path, image.pre_image): image for release in same for image in release.files}
        images = tuple(
            known.get((path, digest), FileImage(path, digest, "0" * 64, tuple(0 for _ in file.hunks)))
            for path, file in self.patch.files.items()
            for digest in [sha256(self.sources[path]) if path in self.sources else ABSENT]
        )
        # the patch of the release below, as one that was made for this release is not written yet
        entry = Release(
            version=self.version,
            patch=self.base.patch,
            files=images,
            uploaded=self.offer.uploaded,
            wheels=self.offer.wheels,
            sdist=self.offer.sdist if self.patch.is_for_sources else {},
            delivery=self.base.delivery,
        )
        return self.ledger_with(entry)

    def _stock(self) -> Stock:
        """The cache of stock files, with what the patch touches in this release and in the one below it."""
        stock = Stock(self.around.cache, frozenset(self.patch.files))
        wanted = {self.version: self.patch.archives(self.offer), self.base.version: self.base.sources}
        fetch_stock(stock, wanted, self.around)
        return stock


def prepare(folder: Path, version: Version, around: Surroundings, ledger: Ledger, *, arms: bool) -> Task:
    """Get all that a port needs, or refuse the release.

    Args:
        folder: The patches folder.
        version: The release.
        around: Index, cache, clock.
        ledger: The ledger as it is.
        arms: Whether to run the behaviour tests.

    Returns:
        The task.

    Raises:
        FixedUpstreamError: The release needs no patch.
        UnsupportedReleaseError: It cannot be supported, or is older than the defect.
        LitellmPatchError: It is denied, or its wheel cannot be had.
        OSError: A file cannot be read, or the cache not written.
    """
    if ledger.fixed and version >= ledger.fixed.version:
        raise FixedUpstreamError(
            f"litellm {version} needs no patch, upstream has the fix since {ledger.fixed.version}: "
            f"{ledger.fixed.reason}",
            "nothing to port",
        )
    patches = read_patches(folder)
    if version < patches[0].first and version not in ledger.denied:
        raise UnsupportedReleaseError(
            f"litellm {version} is older than {patches[0].first}, the first release with a patch", _BEFORE_THE_DEFECT
        )
    offer = asked_offer(version, patches[0].first, ledger, around)
    below = [release for release in ledger.releases if release.version < version]
    if not below:
        raise UnsupportedReleaseError(f"the ledger has no release below {version}", "add one with releases update")
    around.step("fetching the release", 0, 1)
    patch = patch_for(version, patches)
    archive = next(iter(offer.sdist), "") if patch.is_for_sources else offer.best
    if not archive:
        raise UnsupportedReleaseError(f"the index has no source archive of litellm {version}", "deny the release")
    sources = fallback_sources(offer, archive, patch.files, around.index, around.cache.parent / "sources")
    return Task(folder, around, ledger, offer, below[-1], patch, sources, arms)


def changes(images: Mapping[str, tuple[bytes, bytes]]) -> dict[str, frozenset[str]]:
    """Name what was changed, as the language of each file sees it.

    Args:
        images: The content of each file before and after, by path.

    Returns:
        For each file, the qualified names that changed.

    Raises:
        ProofError: A file is not of its language.
    """
    return {path: language_of(path).changed_names(before, after) for path, (before, after) in images.items()}
