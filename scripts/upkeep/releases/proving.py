"""Prove what the patches do to each release, in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from litellm_patch.errors import BuildError, NoCargoError, PatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT, LEDGER_NAME, Ledger, Step, load_ledger
from litellm_patch.wheels.stock import Stock
from upkeep.compiled.workspace import compiles
from upkeep.errors import ProofError
from upkeep.proof import language_of
from upkeep.releases.locating import locate
from upkeep.releases.ranges import MEND, read_patches, touched_by
from upkeep.releases.surroundings import fetch_stock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from packaging.version import Version

    from litellm_patch.patching.ledger import Release
    from upkeep.releases.surroundings import Surroundings


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
    stock = Stock(around.cache, touched_by(read_patches(folder)))
    fetch_stock(stock, {release.version: release.sources for release in ledger.releases}, around)
    findings: list[str] = []
    expected: dict[Path, tuple[Version, frozenset[str]]] = {}
    for done, release in enumerate(ledger.releases):
        around.step("proving", done, len(ledger.releases))
        have = dict(stock.read(release.version, release.sources) or {})
        for step in (release, *release.options.values()):
            try:
                names = _prove(step, have if step is release else dict(have))
            except (PatchError, ProofError) as error:
                findings.append(f"litellm {release.version}: {error}")
                break
            first, usual = expected.setdefault(step.patch, (release.version, names))
            if names != usual:
                findings.append(
                    f"litellm {release.version}: {step.name} does not change the same as in {first}: "
                    f"only here {_listed(names - usual)}, only there {_listed(usual - names)}"
                )
        if release.delivery == "wheel" and (said := _compiles(release, around)):
            findings.append(f"litellm {release.version}: {said}")
    return ledger, findings


def _compiles(release: Release, around: Surroundings) -> str | None:
    """Let cargo judge the patched sources, where there is a Rust, and tell what it says against them."""
    try:
        compiles(release)
    except NoCargoError as error:
        if os.environ.get("CI") == "true":
            return str(error)
        around.tell(f"left out: whether the sources of litellm {release.version} compile: {error.found}")
    except BuildError as error:
        return str(error)
    return None


def _prove(step: Step, have: dict[str, bytes]) -> frozenset[str]:
    """Prove one patch of an entry, leave the files as it does, and give the names of all that it changes."""
    patches = step.read_patch()
    names: set[str] = set()
    for image in step.files:
        before, patch = have.get(image.path, b""), patches[image.path]
        found = sha256(before) if image.path in have else ABSENT
        if found != image.pre_image:
            raise ProofError(f"{image.path} has sha256 {found}, not {image.pre_image}", "run releases update")
        places = locate(patch, before)
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
        names |= {f"{image.path}:{name}" for name in language_of(image.path).changed_names(before, after)}
        if patch.apply(after, image.offsets, reverse=True) != before:
            raise ProofError(f"{image.path} does not come back byte for byte", MEND)
        have[image.path] = after
    return frozenset(names)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
