"""Look for whatever would make the ledger untrue or incomplete."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError
from litellm_patch.patching.ledger import LEDGER_NAME, Ledger, Step, load_ledger
from litellm_patch.patching.patchfile import FilePatch, Hunk
from litellm_patch.wheels.stock import Stock
from upkeep.releases.locating import locate
from upkeep.releases.offers import Offer, refusal_of, supported_offers
from upkeep.releases.ranges import RangePatch, make_entry, patch_for, read_patch, touched_by
from upkeep.releases.surroundings import fetch_stock
from upkeep.releases.writing import dump_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from upkeep.releases.surroundings import Surroundings


def check(folder: Path, around: Surroundings | None, *, complete: bool = True) -> list[str]:
    """Look for whatever would make the ledger untrue.

    Args:
        folder: The patches folder.
        around: Index and clock; None to check only what needs no index.
        complete: Whether a release that the index has and the ledger lacks is a finding.

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
    patches: list[RangePatch] = []
    used = {step.patch for release in ledger.releases for step in (release, *release.options.values())}
    for path in sorted((*folder.glob("*.patch"), *folder.glob("*/*.patch"))):
        option = None if path.parent == folder else path.parent.name
        name = path.relative_to(folder).as_posix()
        try:
            patches.append(read_patch(path, option))
        except (OSError, PatchError) as error:
            findings.append(f"{name} cannot be used: {error}")
        if path not in used:
            findings.append(f"{name} is used by no release")
    for one, other in combinations(patches, 2):
        if one.edits == other.edits:
            findings.append(f"{other.name} does the same as {one.name}")
    for release in ledger.releases:
        for step in (release, *release.options.values()):
            findings += _check_step(step, [patch for patch in patches if patch.option == step.option])
    if around:
        own = sorted((patch for patch in patches if patch.option is None), key=lambda patch: patch.first)
        findings += _check_missing(ledger, own if complete else [], around)
        findings += _check_index(ledger, around)
    return findings


def _check_step(step: Step, patches: Iterable[RangePatch]) -> list[str]:
    """Check one patch of an entry against those of its name that can be read."""
    findings: list[str] = []
    for patch in patches:
        if patch.path == step.patch:
            if step.version < patch.first:
                findings.append(f"{patch.name} serves litellm {step.version}, which is older than its name")
            try:
                step.read_patch()
            except PatchError as error:
                findings.append(str(error))
    firsts = {patch.name: patch.first for patch in patches}
    start = firsts.get(step.name)
    findings += [
        f"the ranges of {step.name} and {name} overlap at litellm {step.version}"
        for name, first in firsts.items()
        if start is not None and start < first <= step.version
    ]
    return findings


def _check_missing(ledger: Ledger, patches: Sequence[RangePatch], around: Surroundings) -> list[str]:
    """Look for releases that the ledger lacks, and try these patches on them; without patches, look for none."""
    if not patches:
        return []
    known = {release.version for release in ledger.releases}
    oldest = min([*known, *(patch.first for patch in patches)])
    return [
        f"litellm {offer.version} is missing in {LEDGER_NAME}: {_trial(offer, patches, around)}"
        for offer in supported_offers(oldest, ledger, around)
        if offer.version not in known
    ]


def _check_index(ledger: Ledger, around: Surroundings) -> list[str]:
    """Check what the ledger says of its releases."""
    known = {release.version: release for release in ledger.releases}
    findings: list[str] = []
    for version, release in known.items():
        offer = around.index.offers.get(version)
        reason = refusal_of(offer, ledger, around.now) if offer else "not on the index"
        if offer is None or reason:
            findings.append(f"litellm {version} is in {LEDGER_NAME}, but it is {reason}")
            continue
        stated = {**offer.wheels, **(offer.sdist if release.sdist else {})}
        recorded = {**release.wheels, **release.sdist}
        findings += [
            f"{name}: the index says sha256 {stated.get(name)}, {LEDGER_NAME} {recorded.get(name)}"
            for name in sorted(stated.keys() | recorded.keys())
            if stated.get(name) != recorded.get(name)
        ]
        if offer.uploaded != release.uploaded:
            findings.append(f"litellm {version}: the index says uploaded {offer.uploaded}, not {release.uploaded}")
    return findings


def _trial(offer: Offer, patches: Sequence[RangePatch], around: Surroundings) -> str:
    """Tell whether the patch of a release's range fits it, or the first hunk that does not."""
    stock = Stock(around.cache, touched_by(patches))
    patch = patch_for(offer.version, patches)
    fetch_stock(stock, {offer.version: patch.archives(offer)}, around)
    try:
        make_entry(offer, patch, stock)
    except PatchError as error:
        have = stock.read(offer.version, patch.archives(offer)) or {}
        if all(path in have and _is_there(file, have[path]) for path, file in patch.files.items()):
            return f"it has the lines of {patch.path.name} already: port {offer.version} tells whether it has the fix"
        return f"{error.found}; port {offer.version} merges it, or finds that upstream has a fix"
    return f"{patch.path.name} fits, run releases update {offer.version}, or port {offer.version} to try it"


def _is_there(file: FilePatch, data: bytes) -> bool:
    """Tell whether a file has what a patch would make of it: upstream may have taken the patch."""
    undone = (Hunk(hunk.after_start, hunk.after, hunk.before_start, hunk.before) for hunk in file.hunks)
    try:
        locate(FilePatch(file.path, tuple(undone)), data)
    except PatchError:
        return False
    return True
