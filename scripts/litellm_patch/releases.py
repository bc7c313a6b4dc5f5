"""The verbs of `releases`: write the ledger from the index, check it, and prove each of its entries."""

from __future__ import annotations

import bisect
import contextlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from litellm_patch.errors import (
    DeniedReleaseError,
    IndexFailureError,
    LedgerError,
    PatchError,
    ProofError,
    UnsupportedReleaseError,
)
from litellm_patch.ledger import (
    LEDGER_NAME,
    FileImage,
    Ledger,
    Release,
    dump_ledger,
    load_denied,
    load_ledger,
    save_ledger,
)
from litellm_patch.patchfile import parse_patch
from litellm_patch.proof import changed_names
from litellm_patch.stock import Stock
from litellm_patch.target import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from litellm_patch.index import Index, Offer
    from litellm_patch.patchfile import FilePatch

COOLDOWN = timedelta(hours=48)
_FETCHERS = 2
_MEND = "mend the patch, or make a new one for this release"


@dataclass(frozen=True)
class Surroundings:
    """What the verbs need of the world.

    Attributes:
        index: Where releases come from.
        cache: The folder for stock files.
        now: The time, for the cooldown.
        tell: Takes one line for the maintainer.
        step: Takes what is going on, how much of it is done, and how much there is.
    """

    index: Index
    cache: Path
    now: datetime
    tell: Callable[[str], None]
    step: Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Patch:
    """A patch file; it serves releases from the one that it is named after, up to the next patch's."""

    first: Version
    path: Path
    files: Mapping[str, FilePatch]

    @property
    def edits(self) -> object:
        """What it does, wherever in the files."""
        return {(file.path, hunk.before, hunk.after) for file in self.files.values() for hunk in file.hunks}


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
    patches = _read_patches(folder)
    denied = load_denied(folder)
    old: tuple[Release, ...] = ()
    if (folder / LEDGER_NAME).exists():
        # to write all anew, the old entries may be wrong: that is what mends them
        with contextlib.nullcontext() if versions else contextlib.suppress(LedgerError):
            old = load_ledger(folder, draft=True).releases
    offers = around.index.offers
    if versions:
        wanted = [_asked(version, patches[0].first, denied, around) for version in versions]
    else:
        wanted = _supported(patches[0].first, denied, around)
        for release in old:
            if release.version not in offers:
                around.tell(f"dropped: litellm {release.version} is no longer on the index")
        old = ()
    if not wanted:
        raise IndexFailureError("the index has no release that the patches could serve", "see what was left out")
    stock = Stock(around.cache, _touched(patches))
    _fetch(stock, {offer.version: offer.wheels for offer in wanted}, around)
    entries = {release.version: release for release in old}
    for done, offer in enumerate(wanted):
        around.step("locating hunks", done, len(wanted))
        entries[offer.version] = _entry(offer, _patch_for(offer.version, patches), stock)
    ledger = Ledger(tuple(entries[version] for version in sorted(entries)), denied)
    return ledger, save_ledger(folder, ledger)


def check(folder: Path, around: Surroundings | None) -> list[str]:
    """Look for whatever would make the ledger untrue.

    Args:
        folder: The patches folder.
        around: Index and clock; None to check only what needs no index.

    Returns:
        One line for each finding.

    Raises:
        LitellmPatchError: The ledger cannot be read, or the index fails.
        OSError: A file cannot be read.
    """
    ledger = load_ledger(folder)
    findings: list[str] = []
    if dump_ledger(ledger) != (folder / LEDGER_NAME).read_bytes():
        findings.append(f"{LEDGER_NAME} is not in the form that update writes")
    patches: list[_Patch] = []
    for path in sorted(folder.glob("*.patch")):
        try:
            patches.append(_read_patch(path))
        except (OSError, PatchError) as error:
            findings.append(f"{path.name} cannot be used: {error}")
        if path not in {release.patch for release in ledger.releases}:
            findings.append(f"{path.name} is used by no release")
    for one, other in combinations(patches, 2):
        if one.edits == other.edits:
            findings.append(f"{other.path.name} does the same as {one.path.name}")
    for release in ledger.releases:
        findings += _check_entry(release, patches)
    if around:
        findings += _check_index(ledger, min((patch.first for patch in patches), default=None), around)
    return findings


def prove(folder: Path, around: Surroundings) -> tuple[Ledger, list[str]]:
    """Apply and revert the patch of each release in memory, and see that it changes what it should and nothing else.

    Args:
        folder: The patches folder.
        around: Cache, and an index for what the cache lacks.

    Returns:
        The ledger, and one line for each release whose entry does not hold.

    Raises:
        LitellmPatchError: The ledger cannot be read, or a stock file cannot be had.
        OSError: A file cannot be read.
    """
    ledger = load_ledger(folder)
    stock = Stock(around.cache, _touched(_read_patches(folder)))
    _fetch(stock, {release.version: release.wheels for release in ledger.releases}, around)
    findings: list[str] = []
    expected: dict[Path, tuple[Version, frozenset[str]]] = {}
    for done, release in enumerate(ledger.releases):
        around.step("proving", done, len(ledger.releases))
        try:
            names = _prove(release, stock)
        except (PatchError, ProofError) as error:
            findings.append(f"litellm {release.version}: {error}")
            continue
        first, usual = expected.setdefault(release.patch, (release.version, names))
        if names != usual:
            findings.append(
                f"litellm {release.version}: {release.patch.name} does not change the same as in {first}: "
                f"only here {_listed(names - usual)}, only there {_listed(usual - names)}"
            )
    return ledger, findings


def _read_patch(path: Path) -> _Patch:
    try:
        first = Version(path.stem)
    except InvalidVersion as error:
        raise PatchError(f"{path.name} is not named after a release", "call it VERSION.patch") from error
    return _Patch(first, path, parse_patch(path.read_bytes(), path.name))


def _read_patches(folder: Path) -> list[_Patch]:
    """Read every patch of a folder, oldest first."""
    patches = sorted(map(_read_patch, folder.glob("*.patch")), key=lambda patch: (patch.first, patch.path))
    if not patches:
        raise LedgerError(f"there is no patch in {folder}", "name a patches folder with --patches")
    for one, other in pairwise(patches):
        if one.first == other.first:
            raise PatchError(f"{one.path.name} and {other.path.name} are for the same release", "remove one of them")
    return patches


def _patch_for(version: Version, patches: list[_Patch]) -> _Patch:
    """Find the patch with the greatest first release that is not above a release."""
    return patches[bisect.bisect_right([patch.first for patch in patches], version) - 1]


def _touched(patches: Iterable[_Patch]) -> frozenset[str]:
    return frozenset(path for patch in patches for path in patch.files)


def _refusal(offer: Offer, denied: Mapping[Version, str], now: datetime) -> str | None:
    """Tell why a release is not supported though the index has it."""
    if offer.version in denied:
        return f"denied: {denied[offer.version]}"
    if offer.version.is_prerelease:
        return "a pre-release"
    if offer.yanked:
        return "yanked"
    if not offer.wheels:
        return "without a wheel"
    if now - offer.uploaded < COOLDOWN:
        return f"younger than {COOLDOWN // timedelta(hours=1)} h, uploaded {offer.uploaded:%Y-%m-%d %H:%M} UTC"
    return None


def _supported(oldest: Version, denied: Mapping[Version, str], around: Surroundings) -> list[Offer]:
    """Choose the releases to support, and tell about the others; of pre-releases just how many there are."""
    offers = around.index.offers
    newer = [offers[version] for version in sorted(offers) if version >= oldest]
    refused = {offer.version: _refusal(offer, denied, around.now) for offer in newer}
    previews = sum(version.is_prerelease and version not in denied for version in refused)
    if previews:
        around.tell(f"left out: {previews} pre-release(s)")
    for version, reason in refused.items():
        if reason and (version in denied or not version.is_prerelease):
            around.tell(f"left out: litellm {version} is {reason}")
    return [offer for offer in newer if refused[offer.version] is None]


def _asked(version: Version, oldest: Version, denied: Mapping[Version, str], around: Surroundings) -> Offer:
    """Give a release that the maintainer asked for by name, or refuse it."""
    next_step = "name a final release that the index has"
    if version in denied:
        raise DeniedReleaseError(f"litellm {version} is denied: {denied[version]}", next_step)
    if version not in around.index.offers:
        raise UnsupportedReleaseError(f"the index has no litellm {version}", next_step)
    offer = around.index.offers[version]
    reason = _refusal(offer, denied, around.now)
    if version < oldest:
        reason = f"older than the oldest patch, which is for {oldest}"
    if reason:
        raise UnsupportedReleaseError(f"litellm {version} is {reason}", next_step)
    return offer


def _fetch(stock: Stock, wanted: Mapping[Version, Mapping[str, str]], around: Surroundings) -> None:
    """Fetch what the cache lacks, from wheels of the given hashes."""
    missing = [version for version, wheels in wanted.items() if stock.read(version, wheels) is None]
    chosen = {version: _choose(version, wanted[version], around.index) for version in missing}
    with ThreadPoolExecutor(_FETCHERS) as pool:
        try:
            futures = [pool.submit(stock.fill, version, wheel, around.index) for version, wheel in chosen.items()]
            for done, future in enumerate(as_completed(futures)):
                around.step("fetching wheels", done, len(missing))
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _choose(version: Version, wheels: Mapping[str, str], index: Index) -> str:
    if version not in index.offers or not index.offers[version].wheels:
        raise IndexFailureError(
            f"the index has no wheel of litellm {version}", "run releases update, or deny the release"
        )
    offer = index.offers[version]
    if offer.wheels[offer.best] != wheels.get(offer.best):
        raise IndexFailureError(
            f"the index says that {offer.best} has sha256 {offer.wheels[offer.best]}, "
            f"the ledger {wheels.get(offer.best, 'does not list it')}",
            "find out why, before anything else",
        )
    return offer.best


def _entry(offer: Offer, patch: _Patch, stock: Stock) -> Release:
    """Make the entry of a release."""
    have = stock.read(offer.version, offer.wheels) or {}
    images = []
    for path, file in patch.files.items():
        if path not in have:
            raise PatchError(f"{patch.path.name} changes {path}, which litellm {offer.version} does not have", _MEND)
        try:
            offsets = file.locate(have[path])
            after = file.apply(have[path], offsets)
        except PatchError as error:
            raise PatchError(
                f"{patch.path.name} does not fit litellm {offer.version}: {error.found}", error.next_step
            ) from error
        images.append(FileImage(path, sha256(have[path]), sha256(after), offsets))
    return Release(offer.version, offer.uploaded, patch.path, offer.wheels, tuple(images))


def _check_entry(release: Release, patches: Iterable[_Patch]) -> list[str]:
    """Check an entry against the patches that can be read."""
    findings: list[str] = []
    for patch in patches:
        if patch.path == release.patch:
            if release.version < patch.first:
                findings.append(f"{patch.path.name} serves litellm {release.version}, which is older than its name")
            try:
                release.read_patch()
            except PatchError as error:
                findings.append(str(error))
    firsts = {patch.path: patch.first for patch in patches}
    start = firsts.get(release.patch)
    findings += [
        f"the ranges of {release.patch.name} and {path.name} overlap at litellm {release.version}"
        for path, first in firsts.items()
        if start is not None and start < first <= release.version
    ]
    return findings


def _check_index(ledger: Ledger, oldest: Version | None, around: Surroundings) -> list[str]:
    """Check the ledger against the index."""
    known = {release.version: release for release in ledger.releases}
    oldest = min([*known, *([oldest] if oldest else [])])
    findings = [
        f"litellm {offer.version} is missing in {LEDGER_NAME}"
        for offer in _supported(oldest, ledger.denied, around)
        if offer.version not in known
    ]
    for version, release in known.items():
        offer = around.index.offers.get(version)
        reason = _refusal(offer, ledger.denied, around.now) if offer else "not on the index"
        if offer is None or reason:
            findings.append(f"litellm {version} is in {LEDGER_NAME}, but it is {reason}")
            continue
        findings += [
            f"{name}: the index says sha256 {offer.wheels.get(name)}, {LEDGER_NAME} {release.wheels.get(name)}"
            for name in sorted(offer.wheels.keys() | release.wheels.keys())
            if offer.wheels.get(name) != release.wheels.get(name)
        ]
        if offer.uploaded != release.uploaded:
            findings.append(f"litellm {version}: the index says uploaded {offer.uploaded}, not {release.uploaded}")
    return findings


def _prove(release: Release, stock: Stock) -> frozenset[str]:
    """Prove one entry, and give the names of all that its patch changes."""
    have = stock.read(release.version, release.wheels) or {}
    patches = release.read_patch()
    names: set[str] = set()
    for image in release.files:
        before, patch = have.get(image.path, b""), patches[image.path]
        if sha256(before) != image.pre_image:
            raise ProofError(f"{image.path} has sha256 {sha256(before)}, not {image.pre_image}", "run releases update")
        places = patch.locate(before)
        if places != image.offsets:
            raise ProofError(
                f"{image.path}: the hunks sit at offsets {list(places)}, {LEDGER_NAME} records {list(image.offsets)}",
                "run releases update",
            )
        after = patch.apply(before, image.offsets)
        if sha256(after) != image.post_image:
            raise ProofError(
                f"{image.path} becomes one of sha256 {sha256(after)}, not {image.post_image}", "run releases update"
            )
        names |= {f"{image.path}:{name}" for name in changed_names(before, after)}
        if patch.apply(after, image.offsets, reverse=True) != before:
            raise ProofError(f"{image.path} does not come back byte for byte", _MEND)
    return frozenset(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
