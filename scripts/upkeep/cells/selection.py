"""Which releases a run takes, and how it is cut into shards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from upkeep.cells.breakage import find_breakage
from upkeep.command import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from packaging.version import Version

    from litellm_patch.patching.ledger import Release

SELECTIONS = ("newest", "edges", "ends", "minors", "all")

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Shard:
    """One of several parts of a run that need nothing of each other.

    Attributes:
        number: which, from 1.
        count: how many there are.
    """

    number: int
    count: int

    def folder(self, folder: Path) -> Path:
        """Give the folder of this part's environments, which it shares with no other part."""
        return folder.resolve() / f"shard-{self.number}-of-{self.count}"

    def of(self, cells: Sequence[T]) -> Sequence[T]:
        """Every ``count``-th cell: sizes differ by one at most, and old and new releases are mixed alike.

        Args:
            cells: all of them.

        Returns:
            Those of this shard, in the same order.
        """
        return cells[self.number - 1 :: self.count]


def release_options(default: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a command the options `--release` and `--select`, as the parameters ``release`` and ``selection``.

    Args:
        default: the selection that is taken where nothing else is said.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        choice = click.Choice(SELECTIONS)
        several = click.option(
            "--select", "selection", type=choice, default=default, show_default=True, help="Take these releases."
        )
        return click.option("--release", type=VERSION, help="Take one release.")(several(command))

    return decorate


def select(releases: Sequence[Release], selection: str) -> Sequence[Release]:
    """The releases of a selection.

    Args:
        releases: all that are supported, oldest first.
        selection: ``newest`` (and the newest of each range that is known to be broken on this Python), ``edges`` (the
            oldest and the newest), ``ends`` (the first and last of each patch's range), ``minors`` (those, and the
            newest of each minor version) or ``all``.

    Returns:
        Those releases, oldest first.
    """
    newest = releases[-1].version
    wanted = {
        "newest": {newest, *_newest_broken(releases)},
        "edges": {releases[0].version, newest},
        "ends": _ends(releases),
        "minors": _ends(releases) | _newest_of_minors(releases),
        "all": {release.version for release in releases},
    }[selection]
    return [release for release in releases if release.version in wanted]


def _newest_broken(releases: Sequence[Release]) -> set[Version]:
    """The newest release of each entry of known breakage on the Python that runs."""
    found = {breakage: release.version for release in releases if (breakage := find_breakage(release.version))}
    return set(found.values())


def _ends(releases: Sequence[Release]) -> set[Version]:
    last = {release.patch: release.version for release in releases}
    first = {release.patch: release.version for release in reversed(releases)}
    return {*first.values(), *last.values()}


def _newest_of_minors(releases: Sequence[Release]) -> set[Version]:
    return set({release.version.release[:2]: release.version for release in releases}.values())
