"""What is measured: sizes, names and places, as a whole or just enough for a trial."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = ("public", "internal", "alias")
POSITIONS = ("start", "end", "absent")
USUAL = 1000  # chains, and teams, where the other one varies
CHAINS = (0, 10, 100, USUAL, 10_000)
TEAMS = (USUAL, 10, 20_000)
INTERNAL_KEY = "model_name_team-1"
ONE_A_TEAM, ONE_NAME, A_NAME_EACH = "one a team", "one name", "a name each"


@dataclass(frozen=True)
class BenchCase:
    """A request to measure.

    Attributes:
        teams: deployments, one a team.
        chains: entries of ``fallbacks``.
        caller: the name that is asked for, of a group that fails, or ``success``.
        position: where the chain that is keyed by this very name stands.
        what: ``request``; ``lookup``: upstream's matcher alone; or ``stall``: the longest time that a request holds the
            event loop.
        key: a chain keyed so instead, which stock does not find.
        layout: whose the deployments are: one a team, or all of one team, under one internal name or one each.
    """

    teams: int
    chains: int
    caller: str
    position: str
    what: str = "request"
    key: str | None = None
    layout: str = ONE_A_TEAM


def cases(*, quick: bool = False) -> list[BenchCase]:
    """All cases, those of one number of teams together, as making a Router takes longest.

    Args:
        quick: just one of each kind, where the patches have most to do.

    Returns:
        The cases.
    """
    if quick:
        return [
            BenchCase(USUAL, USUAL, "success", "absent"),
            BenchCase(USUAL, CHAINS[-1], "public", "start"),
            BenchCase(USUAL, USUAL, "public", "end"),
            BenchCase(USUAL, USUAL, "public", "absent"),
            BenchCase(USUAL, USUAL, "public", "end", key=INTERNAL_KEY),
            BenchCase(USUAL, USUAL, "public", "absent", "lookup"),
            *_stalls((200,), (10,)),
        ]
    found = []
    for teams in TEAMS:
        for chains in CHAINS if teams == USUAL else (USUAL,):
            found.append(BenchCase(teams, chains, "success", "absent"))
            for caller, position in product(NAMES, POSITIONS):
                if chains or position == "absent":
                    found.append(BenchCase(teams, chains, caller, position))
            if chains:
                found.append(BenchCase(teams, chains, "public", "end", key=INTERNAL_KEY))
            found.append(BenchCase(teams, chains, "public", "absent", "lookup"))
    return [*found, *_stalls((10, 200, USUAL), (10, USUAL))]


def _stalls(deployments: Sequence[int], chains: Sequence[int]) -> list[BenchCase]:
    """How long a request of a team with many deployments holds the event loop, when none of them has a chain."""
    return [
        BenchCase(count, entries, "public", "absent", "stall", layout=layout)
        for layout, count, entries in product((ONE_NAME, A_NAME_EACH), deployments, chains)
    ]
