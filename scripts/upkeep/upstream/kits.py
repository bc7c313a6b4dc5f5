"""What goes to upstream: a change for the newest release, and the same for each older line that still gets releases."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from litellm_patch.building.sources import fetch
from litellm_patch.errors import LedgerError
from litellm_patch.patching.ledger import load_ledger
from litellm_patch.patching.patchfile import parse_patch
from litellm_patch.wheels.stock import read_sdist, read_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Ledger, Release
    from upkeep.releases.surroundings import Surroundings

MATERIAL = "upstream"
"""Beside the ledger: the messages, the tests, the texts of the pull requests and their proof."""
RUST = "rust"
"""Below it: what only a release with a compiled Router gets."""


@dataclass(frozen=True)
class Kit:
    """A pull request: the release whose tree it is for, and what it is made of.

    Attributes:
        release: the release.
        material: the folder with everything that is not the patch.
        newest: whether it is for the branch that upstream develops on, not for an older line.
    """

    release: Release
    material: Path
    newest: bool

    @property
    def compiled(self) -> bool:
        """Whether the Router of its release is compiled."""
        return self.release.delivery == "wheel"

    @property
    def text(self) -> Path:
        """The description, without what is measured."""
        return self.material / ("PULL_REQUEST.md" if self.newest else "BACKPORT.md")

    @property
    def additions(self) -> tuple[Path, ...]:
        """The patches of tests that go on top of the release's own."""
        path = self.material / RUST / f"{self.release.patch.stem}-tests.patch"
        return (path,) if self.compiled and path.is_file() else ()

    @property
    def second(self) -> Path | None:
        """The part of the whole that a second commit adds where the change is sent as two."""
        path = self.material / RUST / "aliases.patch"
        return path if self.compiled and path.is_file() else None

    @property
    def tests(self) -> dict[str, bytes]:
        """The test files that it adds, by their path in upstream's tree."""
        roots = (self.material, self.material / RUST) if self.compiled else (self.material,)
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for root in roots
            for path in sorted((root / "tests").rglob("*.py"))
        }

    def stock(self, around: Surroundings) -> dict[str, bytes]:
        """Read the tree of the release as far as it was published.

        Args:
            around: the cache and the index.

        Returns:
            The content of each file of the source archive, or of the wheel where the patch is for that, by path.

        Raises:
            LitellmPatchError: the archive cannot be had, or has another hash than the ledger says.
            OSError: it cannot be kept.
        """
        name = min(self.release.sources)
        read = read_wheel if name.endswith(".whl") else read_sdist
        return read(fetch(self.release, name, around.cache / "archives", around.index), name)

    def touched(self) -> set[str]:
        """Tell which files it changes or adds.

        Raises:
            PatchError: a patch is damaged.
            OSError: one cannot be read.
        """
        added = (parse_patch(path.read_bytes(), path.name) for path in self.additions)
        return {*self.tests, *chain.from_iterable(added), *(file.path for file in self.release.files)}


def find_kits(folder: Path) -> list[Kit]:
    """Choose the releases that get a pull request.

    Args:
        folder: the patches folder.

    Returns:
        That of the newest release, then one for each older line of which a release came out after the newest line
        began, newest first.

    Raises:
        LedgerError: the folder has nothing for upstream, or its ledger is wrong.
        OSError: it cannot be read.
    """
    ledger, material = load_ledger(folder), folder / MATERIAL
    if not material.is_dir():
        raise LedgerError(f"{folder} has no folder {MATERIAL}", "take the patches folder of a clone")
    kits = [Kit(ledger.newest, material, newest=True)]
    return kits + [Kit(release, material, newest=False) for release in _maintained(ledger)]


def _maintained(ledger: Ledger) -> list[Release]:
    """The newest release of each older line that upstream still releases, newest first."""
    heads = {release.version.release[:2]: release for release in ledger.releases}
    line = ledger.newest.version.release[:2]
    began = min(release.uploaded for release in ledger.releases if release.version.release[:2] == line)
    return [release for _, release in sorted(heads.items(), reverse=True) if release.uploaded > began][1:]
