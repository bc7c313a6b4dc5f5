"""Which of the index's releases are supported, and why the others are not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from litellm_patch.errors import DeniedReleaseError, UnsupportedReleaseError

if TYPE_CHECKING:
    from packaging.version import Version

    from litellm_patch.patching.ledger import Ledger
    from litellm_patch.wheels.index import Offer
    from upkeep.releases.surroundings import Surroundings

COOLDOWN = timedelta(hours=48)


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
