"""Whole configurations and a request, drawn so that every step of the contract has something to decide.

A world is plain data, small and readable: it says which deployments there are, what they are called by whom, which of
them fail, which chains are configured, and what the caller sends. Deployments that are tried by chance alone (the
siblings of one group) share their fate, so that a world has one outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from litellm_patch.names import CATCH_ALL, Config, Deployment, Kind, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEAMS = ("team-a", "team-b")
PUBLIC_NAMES = ("gpt-4.1", "backup", "acme/*", "openai/gpt-4.1")
GLOBAL_NAMES = ("gpt-4.1", "global", "other", "acme/*", "acme/zeta")
INTERNAL_NAMES = {team: tuple(f"model_name_{team}_{number}" for number in (1, 2, 3)) for team in TEAMS}
ALIASES = ("al", "al-2", "gpt-4.1", "openai/al")
CONCRETE = ("acme/zeta", "acme/eta")
NOBODY = "nobody"


@dataclass(frozen=True)
class World:
    """A configuration, the deployments that fail and how, and a request.

    Attributes:
        config: what the Router is made of.
        failing: for each deployment that fails, the list of chains that its error belongs to.
        request: what the caller sends.
    """

    config: Config
    failing: Mapping[str, Kind]
    request: Request


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world; most often one whose caller has something to lose, so that few are drawn in vain."""
    team = draw(st.sampled_from([*TEAMS, None]))
    deployments = draw(_deployments(team))
    known = _names_of(deployments)
    aliases = draw(st.dictionaries(st.sampled_from(ALIASES), st.sampled_from([*known, *ALIASES, NOBODY]), max_size=2))
    names = sorted({*known, *aliases, *CONCRETE, NOBODY})
    near = sorted({*_names_of([d for d in deployments if d.usable_by(team)]), *aliases})
    request = Request(draw(st.sampled_from(near) | st.sampled_from(names)), team)
    entry = st.builds(
        lambda key, targets: {key: targets},
        st.sampled_from(_related(deployments, aliases, request)) | st.sampled_from([*names, CATCH_ALL]),
        st.lists(st.sampled_from(near) | st.sampled_from(names), min_size=1, max_size=2, unique=True),
    )
    lists = {kind: st.lists(entry, min_size=kind is Kind.GENERAL, max_size=3) for kind in Kind}
    chains = {kind: found for kind, entries in lists.items() if (found := draw(entries))}
    config = Config(deployments, aliases, chains, max_fallbacks=draw(st.sampled_from([5, 2])))
    return World(config, draw(_failing(deployments)), request)


@st.composite
def _deployments(draw: st.DrawFn, caller: str | None) -> tuple[Deployment, ...]:
    owned = [
        Deployment(name, team, draw(st.sampled_from(PUBLIC_NAMES)))
        for team in TEAMS
        for name in INTERNAL_NAMES[team][: draw(st.integers(2 * (team == caller), 3))]
    ]
    shared = [Deployment(name) for name in draw(st.lists(st.sampled_from(GLOBAL_NAMES), unique=True, max_size=4))]
    return tuple(draw(st.permutations([*owned, *shared])))


@st.composite
def _failing(draw: st.DrawFn, deployments: tuple[Deployment, ...]) -> dict[str, Kind]:
    groups = sorted({_group(deployment) for deployment in deployments})
    # the first is what examples shrink to
    fates = {
        group: draw(st.sampled_from([Kind.GENERAL, Kind.GENERAL, Kind.GENERAL, None, None, *Kind])) for group in groups
    }
    found = {deployment.model_name: fates[_group(deployment)] for deployment in deployments}
    return {name: kind for name, kind in found.items() if kind is not None}


def _group(deployment: Deployment) -> tuple[str, str]:
    """What routing may choose it from by chance: those of its team with its public name, or just itself."""
    if deployment.team_id is None or deployment.public_name is None:
        return "", deployment.model_name
    return deployment.team_id, deployment.public_name


def _related(deployments: Iterable[Deployment], aliases: Mapping[str, str], request: Request) -> list[str]:
    """Names that have to do with a request, whether or not the contract lets them find its chain."""
    asked = {request.model, aliases.get(request.model, request.model)}
    bearing = [d for d in deployments if asked & {d.model_name, d.public_name}]
    return sorted({*asked, *_names_of(bearing)})


def _names_of(deployments: Iterable[Deployment]) -> list[str]:
    return sorted({name for d in deployments for name in (d.model_name, d.public_name) if name}) or [NOBODY]
