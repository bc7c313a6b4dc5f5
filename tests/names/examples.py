"""The examples of the contract, read from its page, and the deployments that they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from litellm_patch.model.names import Chains, Config, Deployment, Kind, Request

A1, A2, A3, A4 = (f"model_name_team-a_{number}" for number in (1, 2, 3, 4))
B1, B2 = "model_name_team-b_1", "model_name_team-b_2"
TEAM_A, TEAM_B = "team-a", "team-b"

DEPLOYMENTS = (
    Deployment(A1, TEAM_A, "gpt-4.1"),
    Deployment(A2, TEAM_A, "backup"),
    Deployment(B1, TEAM_B, "gpt-4.1"),
    Deployment(B2, TEAM_B, "backup"),
    Deployment("global"),
    Deployment("global-backup"),
    Deployment("other"),
    Deployment("y"),
    Deployment("z"),
    Deployment("p"),
)
FAILING = frozenset({A1, A3, B1, "global", "y", "z", "acme/*", "acme/zeta"})
ALIASES = {
    "al": "gpt-4.1",
    "al-global": "global",
    "al-a1": A1,
    "al-id": f"id-of-{A1}",
    "x": "y",
    "y": "z",
    A4: "global",
}
WILDCARD = (Deployment(A3, TEAM_A, "acme/*"),)
GLOBAL_WILDCARD = (Deployment("acme/*"),)
SIBLING = (Deployment(A3, TEAM_A, "gpt-4.1"),)


PAGE = Path(__file__).parents[2] / "patches" / "README.md"
INTERNAL = {"A1": A1, "A2": A2, "A3": A3, "A4": A4, "B1": B1, "B2": B2}
_ENTRY = re.compile(r'\{"?([^":]+)"?: \[([^\]]*)\]\}')
_MORE = re.compile(
    r"(?P<wildcard>`acme/\*` is a group)"
    r"|named `(?P<named>[^`]+)`, public `(?P<second>[^`]+)`"
    r"|(?P<internal>A[34]) is public `(?P<public>[^`]+)`"
)


@dataclass(frozen=True, eq=False)
class Example:
    """A row of the page; an answer of ``None`` is the original error.

    Attributes:
        shows: the row, for the test's id.
        model: the name that the caller sends.
        team_id: the caller's team.
        chains: the entries of one list.
        stock: the internal name of the deployment that answers on stock.
        answer: the same on patched.
        more: deployments beside the common ones.
        down: the deployments that fail.
    """

    shows: str
    model: str
    team_id: str | None
    chains: Chains
    stock: str | None
    answer: str | None
    more: tuple[Deployment, ...] = field(default=())
    down: frozenset[str] = FAILING

    @property
    def fix(self) -> bool:
        """Whether the stock Router does something else."""
        return self.stock != self.answer

    @property
    def general(self) -> bool:
        """Whether it is about the general list only, as not all releases know ``*`` in the others."""
        return self.answer == "other"

    @property
    def pick(self) -> int:
        """Which of the ways to choose among siblings takes the one that fails."""
        return int(self.more == SIBLING and A1 not in self.down)

    def config(self, kind: Kind = Kind.GENERAL) -> Config:
        """The Router's configuration, with the chains in one of the three lists."""
        return Config(DEPLOYMENTS + self.more, ALIASES, {kind: self.chains})

    @property
    def request(self) -> Request:
        """The request, for the model."""
        return Request(self.model, self.team_id)


def _read(row: str) -> Example:
    """Take a row of the page apart; one that says something else than the others do is a mistake."""
    asked, team, down, chains, stock, patched = (cell.strip() for cell in row.strip("| \n").split(" | "))
    name, _, more = asked.partition("`, ")
    entries = _ENTRY.findall(chains)
    assert ", ".join(f"{{{key}: [{targets}]}}" for key, targets in entries) == chains.strip("`").replace('"', ""), row
    return Example(
        shows=f"{asked} of {team}: {chains}".replace("`", ""),
        model=_named(name.strip("`")),
        team_id=None if team == "none" else f"team-{team}",
        chains=[{_named(key): [_named(target) for target in targets.split(", ")]} for key, targets in entries],
        stock=None if stock == "error" else _named(stock),
        answer=None if patched == "error" else _named(patched),
        more=_more(more) if more else (),
        down=frozenset(map(_named, down.split(", "))),
    )


def _named(name: str) -> str:
    return INTERNAL.get(name, name)


def _more(words: str) -> tuple[Deployment, ...]:
    found = _MORE.search(words)
    assert found, words
    if found["wildcard"]:
        return GLOBAL_WILDCARD
    if found["named"]:
        return (Deployment(found["named"], TEAM_A, found["second"]),)
    return (Deployment(INTERNAL[found["internal"]], TEAM_A, found["public"]),)


EXAMPLES = tuple(
    _read(line)
    for line in PAGE.read_text(encoding="utf-8").partition("\n## Examples\n")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| `")
)
