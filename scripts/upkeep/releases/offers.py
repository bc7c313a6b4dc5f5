"""Which of the index's releases are supported, and why the others are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from litellm_patch.errors import DeniedReleaseError, UnsupportedReleaseError, WheelError
from litellm_patch.wheels.index import RETRY, Index

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.version import Version
    from pypi_simple import DistributionPackage

    from litellm_patch.patching.ledger import Ledger
    from upkeep.releases.surroundings import Surroundings

COOLDOWN = timedelta(hours=48)


@dataclass(frozen=True)
class Offer:
    """One release on the index: all its files, as the index describes them."""

    version: Version
    files: tuple[DistributionPackage, ...]

    @property
    def yanked(self) -> bool:
        """Whether every single file was yanked."""
        return all(file.is_yanked for file in self.files)

    @cached_property
    def wheels(self) -> Mapping[str, str]:
        """The sha256 of each wheel, by file name; empty for a release without wheels."""
        return self._hashes(".whl")

    @cached_property
    def sdist(self) -> Mapping[str, str]:
        """The sha256 of the source archive, by file name; empty for a release without one."""
        return self._hashes(".tar.gz")

    @cached_property
    def uploaded(self) -> datetime:
        """When the first of the wheels was uploaded: UTC, whole seconds."""
        times = []
        for file in self.files:
            if file.filename in self.wheels:
                if file.upload_time is None or file.upload_time.tzinfo is None:
                    raise WheelError(f"the index gives no upload time of {file.filename}", RETRY)
                times.append(file.upload_time.astimezone(timezone.utc))
        return min(times).replace(microsecond=0)

    @property
    def best(self) -> str:
        """The name of the wheel to read sources from: the one of least surprise."""
        return min(self.wheels, key=lambda name: (_rank(name), name))

    def _hashes(self, ending: str) -> Mapping[str, str]:
        names = sorted(file.filename for file in self.files if file.filename.endswith(ending))
        hashes = {file.filename: file.digests.get("sha256", "").lower() for file in self.files}
        for name in names:
            if not re.fullmatch(r"[0-9a-f]{64}", hashes[name]):
                raise WheelError(f"the index gives no sha256 of {name}", RETRY)
        return {name: hashes[name] for name in names}


class OfferIndex(Index):
    """An index, and what it says of each release."""

    @cached_property
    def offers(self) -> Mapping[Version, Offer]:
        """Every release; raises what asking for `files` does."""
        return {version: Offer(version, tuple(files.values())) for version, files in self.files.items()}


def refusal_of(offer: Offer, ledger: Ledger, now: datetime) -> str | None:
    """Tell why a release is not supported though the index has it.

    Args:
        offer: What the index has of it.
        ledger: What is denied, and what is fixed.
        now: The time, for the cooldown.

    Returns:
        The reason, or None if it is supported.
    """
    if reason := ledger.ruled_out(offer.version):
        return reason
    if offer.version.is_prerelease:
        return "a pre-release"
    if offer.yanked:
        return "yanked"
    if not offer.wheels:
        return "without a wheel"
    if now - offer.uploaded < COOLDOWN:
        return f"younger than {COOLDOWN // timedelta(hours=1)} h, uploaded {offer.uploaded:%Y-%m-%d %H:%M} UTC"
    return None


def supported_offers(oldest: Version, ledger: Ledger, around: Surroundings) -> list[Offer]:
    """Choose the releases to support, and tell about the others; of pre-releases just how many there are.

    Args:
        oldest: The release of the oldest patch; those before it are not looked at.
        ledger: What is denied, and what is fixed.
        around: Index and clock, and who is told.

    Returns:
        What the index has of each supported release, oldest first.
    """
    offers = around.index.offers
    # a private index may have patched wheels beside upstream's
    newer = [offers[version] for version in sorted(offers) if version >= oldest and not version.local]
    refused = {offer.version: refusal_of(offer, ledger, around.now) for offer in newer}
    previews = sum(version.is_prerelease and version not in ledger.denied for version in refused)
    if previews:
        around.tell(f"left out: {previews} pre-release(s)")
    for version, reason in refused.items():
        if reason and (version in ledger.denied or not version.is_prerelease):
            around.tell(f"left out: litellm {version} is {reason}")
    return [offer for offer in newer if refused[offer.version] is None]


def asked_offer(version: Version, oldest: Version, ledger: Ledger, around: Surroundings) -> Offer:
    """Give a release that the maintainer asked for by name, or refuse it.

    Args:
        version: The release.
        oldest: The release of the oldest patch.
        ledger: What is denied, and what is fixed.
        around: Index and clock.

    Returns:
        What the index has of it.

    Raises:
        DeniedReleaseError: It is denied.
        UnsupportedReleaseError: It cannot be supported; says why.
    """
    next_step = "name a final release that the index has"
    if version in ledger.denied:
        raise DeniedReleaseError(f"litellm {version} is denied: {ledger.denied[version]}", next_step)
    if version not in around.index.offers:
        raise UnsupportedReleaseError(f"the index has no litellm {version}", next_step)
    offer = around.index.offers[version]
    reason = refusal_of(offer, ledger, around.now)
    if version < oldest:
        reason = f"older than the oldest patch, which is for {oldest}"
    if reason:
        raise UnsupportedReleaseError(f"litellm {version} is {reason}", next_step)
    return offer


def _rank(name: str) -> int:
    """Order wheels: pure, then one for the commonest machine, then any."""
    tags = parse_wheel_filename(name)[3]
    if any(tag.platform == "any" for tag in tags):
        return 0
    fits = any(
        (tag.interpreter == "cp311" or tag.abi == "abi3") and re.fullmatch(r"manylinux.*_x86_64", tag.platform)
        for tag in tags
    )
    return 1 if fits else 2
