"""Write the ledger from the index and the patches."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_patch.errors import LedgerError, WheelError
from litellm_patch.patching.ledger import LEDGER_NAME, Ledger, Release, load_by_hand, load_ledger
from litellm_patch.wheels.stock import Stock
from upkeep.releases.offers import asked_offer, supported_offers
from upkeep.releases.ranges import make_entry, patch_for, read_options, read_patches, touched_by
from upkeep.releases.surroundings import fetch_stock
from upkeep.releases.writing import save_ledger

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from packaging.version import Version

    from upkeep.releases.surroundings import Surroundings


def update(folder: Path, around: Surroundings, versions: Collection[Version] = ()) -> tuple[Ledger, bool]:
    """Write the ledger from the index and the patches.

    Args:
        folder: The patches folder.
        around: Index, cache, clock.
        versions: The only entries to add or refresh; without any, the whole ledger is written anew.

    Returns:
        The ledger, and whether the file changed.

    Raises:
        LitellmPatchError: Why it cannot be written; the old file is as it was.
        OSError: A file cannot be read or written; the old file is as it was.
    """
    patches, options = read_patches(folder), read_options(folder)
    by_hand = load_by_hand(folder)
    old: tuple[Release, ...] = ()
    if (folder / LEDGER_NAME).exists():
        # to write all anew, the old entries may be wrong: that is what mends them
        with contextlib.nullcontext() if versions else contextlib.suppress(LedgerError):
            old = load_ledger(folder, draft=True).releases
    offers = around.index.offers
    if versions:
        wanted = [asked_offer(version, patches[0].first, by_hand, around) for version in versions]
    else:
        wanted = supported_offers(patches[0].first, by_hand, around)
        for release in old:
            if release.version not in offers:
                around.tell(f"dropped: litellm {release.version} is no longer on the index")
        old = ()
    if not wanted:
        raise WheelError("the index has no release that the patches could serve", "see what was left out")
    stock = Stock(around.cache, touched_by(patches))
    fetch_stock(stock, {offer.version: offer.wheels for offer in wanted}, around)
    entries = {release.version: release for release in old}
    for done, offer in enumerate(wanted):
        around.step("locating hunks", done, len(wanted))
        entries[offer.version] = make_entry(offer, patch_for(offer.version, patches), stock, options, around.tell)
    ledger = replace(by_hand, releases=tuple(entries[version] for version in sorted(entries)))
    return ledger, save_ledger(folder, ledger)
