"""What is measured: sizes, names and places, as a whole or just enough for a trial."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

NAMES = ("public", "internal", "alias")
POSITIONS = ("start", "end", "absent")
USUAL = 1000  # chains, and teams, where the other one varies
CHAINS = (0, 10, 100, USUAL, 10_000)
TEAMS = (USUAL, 10, 20_000)
INTERNAL_KEY = "model_name_team-1"


@dataclass(frozen=True)
class Case:
    """A request to measure.

    Attributes:
        teams: deployments, one a team.
        chains: entries of ``fallbacks``.
        caller: the name that is asked for, of a group that fails, or ``success``.
        position: where the chain that is keyed by this very name stands.
        what: ``request``, or ``lookup``: upstream's matcher alone.
        key: a chain keyed so instead, which stock does not find.
    """

    teams: int
    chains: int
    caller: str
    position: str
    what: str = "request"
    key: str | None = None


def cases(*, quick: bool = False) -> list[Case]:
    """All cases, those of one number of teams together, as making a Router takes longest.

    Args:
        quick: just one of each kind, where the patches have most to do.

    Returns:
        The cases.
    """
    if quick:
        return [
            Case(USUAL, USUAL, "success", "absent"),
            Case(USUAL, CHAINS[-1], "public", "start"),
            Case(USUAL, USUAL, "public", "end"),
            Case(USUAL, USUAL, "public", "absent"),
            Case(USUAL, USUAL, "public", "end", key=INTERNAL_KEY),
            Case(USUAL, USUAL, "public", "absent", "lookup"),
        ]
    found = []
    for teams in TEAMS:
        for chains in CHAINS if teams == USUAL else (USUAL,):
            found.append(Case(teams, chains, "success", "absent"))
            for caller, position in product(NAMES, POSITIONS):
                if chains or position == "absent":
                    found.append(Case(teams, chains, caller, position))
            if chains:
                found.append(Case(teams, chains, "public", "end", key=INTERNAL_KEY))
            found.append(Case(teams, chains, "public", "absent", "lookup"))
    return found
