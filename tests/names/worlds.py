"""Whole configurations and a request, drawn so that every step of the contract has something to decide.

A world is plain data, small and readable: it says which deployments there are, what they are called by whom, which of
them fail and how, which chains are configured, and what the caller sends. Each deployment has a fate of its own,
several may share an internal name, and ``pick`` says which of several equal ones is chosen: a world has one outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from litellm_patch.model.names import CATCH_ALL, Chains, Config, Deployment, Failure, Kind, Request
from upkeep.provider import Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

TEAMS = ("team-a", "team-b")
STRANGER = "team-c"
CALLERS = [*((team, False) for team in TEAMS * 2), (None, False), (STRANGER, False), (None, True)]
PUBLIC_NAMES = ("gpt-4.1", "backup", "acme/*", "openai/gpt-4.1")
GLOBAL_NAMES = ("gpt-4.1", "global", "other", "acme/*", "acme/zeta")
INTERNAL_NAMES = {team: tuple(f"model_name_{team}_{number}" for number in (1, 2, 3)) for team in TEAMS}
ALIASES = ("al", "al-2", "gpt-4.1", "openai/al", "model_name_team-a_1")
CONCRETE = ("acme/zeta", "acme/eta")
NOBODY = "nobody"

RAISED = {
    Behaviour.ERROR: Failure.ERROR,
    Behaviour.RATE_LIMIT: Failure.ERROR,
    Behaviour.LATE: Failure.ERROR,
    Behaviour.CONTEXT_WINDOW: Failure.CONTEXT_WINDOW,
    Behaviour.CONTENT_POLICY: Failure.CONTENT_POLICY,
}
FAILURES = {
    **RAISED,
    Behaviour.CONTENT_FILTER: Failure.CUT,
    Behaviour.REFUSAL: Failure.REFUSED,
    Behaviour.BREAK_EARLY: Failure.BROKEN,
}
OUTAGES = (Behaviour.ERROR, Behaviour.RATE_LIMIT)
FATES: Mapping[str, Sequence[Behaviour]] = {
    "acompletion": (*RAISED, Behaviour.CONTENT_FILTER),
    "stream": (*RAISED, Behaviour.BREAK_EARLY),
    # OpenAI's client tries again on its own when these are late, whatever litellm asks for
    "embedding": tuple(behaviour for behaviour in RAISED if behaviour is not Behaviour.LATE),
    "responses": tuple(behaviour for behaviour in RAISED if behaviour is not Behaviour.LATE),
    # on Anthropic's protocol litellm maps neither rejection to the list that it belongs to
    "messages": (*OUTAGES, Behaviour.REFUSAL),
    "messages-stream": (*OUTAGES, Behaviour.REFUSAL, Behaviour.BREAK_EARLY),
}
"""The ways to call, by name, and how a deployment can fail each of them."""


class Bucket(Enum):
    """Which of its two buckets of metadata a request has the caller's team in."""

    USUAL = "the one that the proxy uses for this call"
    METADATA = "metadata"
    LITELLM_METADATA = "litellm_metadata"
    BOTH = "metadata, with another team in litellm_metadata"


@dataclass(frozen=True)
class World:
    """A configuration, the deployments that fail and how, and a request.

    Attributes:
        config: what the Router is made of.
        behaviours: what happens to whoever calls a deployment that does not answer, by its id.
        request: what the caller sends.
        call: the way to call, by name.
        bucket: where the caller's team is found.
        objects: the aliases that are configured as an object.
        pick: which of the ways to choose among equal deployments is taken.
    """

    config: Config
    behaviours: Mapping[str, Behaviour]
    request: Request
    call: str = "acompletion"
    bucket: Bucket = Bucket.USUAL
    objects: frozenset[str] = frozenset()
    pick: int = 0

    @property
    def failing(self) -> Mapping[str, Failure]:
        """How deployments fail, for the model."""
        return {name: FAILURES[behaviour] for name, behaviour in self.behaviours.items()}


@st.composite
def worlds(draw: st.DrawFn, fates: Mapping[str, Sequence[Behaviour]] = FATES) -> World:
    """Draw a world; most often one whose caller has something to lose, so that few are drawn in vain.

    Args:
        draw: what Hypothesis draws with.
        fates: the ways to call, and how a deployment can fail each of them.

    Returns:
        The world.
    """
    call = draw(st.sampled_from([*["acompletion"] * 3, *fates]))
    team, admin = draw(st.sampled_from(CALLERS))
    deployments = draw(_deployments(team))
    known = _names_of(deployments)
    aliases = draw(st.dictionaries(st.sampled_from(ALIASES), st.sampled_from([*known, *ALIASES, NOBODY]), max_size=2))
    names = sorted({*known, *aliases, *CONCRETE, NOBODY})
    near = sorted({*_names_of([d for d in deployments if admin or d.usable_by(team)]), *aliases})
    model = draw(st.sampled_from(near) | st.sampled_from(names) | st.sampled_from(sorted(aliases) or near))
    asked = {model, aliases.get(model, model)}
    bearing = [d for d in deployments if asked & {d.model_name, d.public_name} or _matches(d, asked)]
    behaviours = draw(_behaviours(deployments, bearing, fates[call]))
    kinds = {FAILURES[behaviours[d.id]].kind for d in bearing if d.id in behaviours}
    answering = _names_of([d for d in deployments if d.usable_by(team) and d.id not in behaviours])
    targets = st.lists(st.sampled_from(answering) | st.sampled_from(near + names), min_size=1, max_size=2, unique=True)
    related = st.sampled_from(sorted({*asked, *_names_of(bearing)}))
    entry = st.tuples(related | st.sampled_from(names) | st.just(CATCH_ALL), targets).map(_entry)
    chains = st.lists(entry, max_size=2)
    steered = _with_one_more(chains, st.tuples(related, targets).map(_entry))
    config = Config(
        deployments,
        aliases,
        {kind: found for kind in Kind if (found := draw(steered if kind in kinds else chains))},
        default_fallbacks=tuple(draw(st.just([]) | st.just([]) | targets)),
        max_fallbacks=draw(st.sampled_from([5, 2])),
    )
    bucket = draw(_buckets(call, team))
    request = Request(model, team, admin, remembered=bucket not in {Bucket.LITELLM_METADATA, Bucket.BOTH})
    request = draw(st.just(request) | _with_lists(request, behaviours, chains, targets))
    return World(config, behaviours, request, call, bucket, draw(_subsets(aliases)), draw(st.integers(0, 3)))


@st.composite
def _deployments(draw: st.DrawFn, caller: str | None) -> tuple[Deployment, ...]:
    owned = [
        Deployment(name, team, draw(st.sampled_from(PUBLIC_NAMES)))
        for team in TEAMS
        for name in INTERNAL_NAMES[team][: draw(st.integers(2 * (team == caller), 3))]
    ]
    shared = [Deployment(name) for name in draw(st.lists(st.sampled_from(GLOBAL_NAMES), unique=True, max_size=4))]
    found = [*owned, *shared]
    twice = draw(st.lists(st.sampled_from(found), unique=True, max_size=1)) if found else []
    return tuple(draw(st.permutations([*found, *(replace(deployment, copy=1) for deployment in twice)])))


@st.composite
def _behaviours(
    draw: st.DrawFn, deployments: Iterable[Deployment], bearing: Iterable[Deployment], fates: Sequence[Behaviour]
) -> dict[str, Behaviour]:
    """What the deployments that bear the request's name do, most often fail; and the others, most often answer."""
    asked = {deployment.id for deployment in bearing}
    # the first is what examples shrink to
    special = [fate for fate in fates if FAILURES[fate] is not Failure.ERROR]
    fate_if_asked = st.sampled_from([Behaviour.ERROR, *fates, *special, Behaviour.ANSWER])
    fate = st.sampled_from([Behaviour.ANSWER, Behaviour.ANSWER, Behaviour.ERROR]) | st.sampled_from(fates)
    found = {d.id: draw(fate_if_asked if d.id in asked else fate) for d in sorted(deployments, key=lambda d: d.id)}
    return {name: behaviour for name, behaviour in found.items() if behaviour is not Behaviour.ANSWER}


@st.composite
def _with_one_more(
    draw: st.DrawFn,
    chains: st.SearchStrategy[list[dict[str, list[str]]]],
    entry: st.SearchStrategy[dict[str, list[str]]],
) -> Chains:
    entries = draw(chains)
    entries.insert(draw(st.integers(0, len(entries))), draw(entry))
    return entries


@st.composite
def _with_lists(
    draw: st.DrawFn,
    request: Request,
    behaviours: Mapping[str, Behaviour],
    chains: st.SearchStrategy[list[dict[str, list[str]]]],
    targets: st.SearchStrategy[list[str]],
) -> Request:
    """The request with lists of its own.

    Not in a world where an answer is cut, refused or broken off: what becomes of such lists between the two lookups
    that follow one of these differs between releases, and has nothing to do with names.
    """
    if not all(behaviour in RAISED for behaviour in behaviours.values()):
        return request
    if draw(st.booleans()):
        return replace(request, chains=draw(st.dictionaries(st.sampled_from(Kind), chains, min_size=1)))
    return replace(request, targets=tuple(draw(targets)))


def _buckets(call: str, team: str | None) -> st.SearchStrategy[Bucket]:
    """The other buckets are of other use to the protocols that the proxy keeps them free for."""
    if call not in ("acompletion", "stream", "embedding"):
        return st.just(Bucket.USUAL)
    return st.sampled_from([bucket for bucket in Bucket if team is not None or bucket is not Bucket.BOTH])


def _subsets(aliases: Iterable[str]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(aliases))) if aliases else st.just(frozenset())


def _entry(key_and_targets: tuple[str, list[str]]) -> dict[str, list[str]]:
    key, targets = key_and_targets
    return {key: targets}


def group_of(deployment: Deployment) -> tuple[str, str]:
    """What routing may choose it from by chance: those of its team with its public name, or just itself."""
    if deployment.team_id is None or deployment.public_name is None:
        return "", deployment.model_name
    return deployment.team_id, deployment.public_name


def _matches(deployment: Deployment, names: Iterable[str]) -> bool:
    pattern = deployment.public_name or deployment.model_name
    return pattern.endswith("*") and any(name.startswith(pattern[:-1]) for name in names)


def _names_of(deployments: Iterable[Deployment]) -> list[str]:
    return sorted({name for d in deployments for name in (d.model_name, d.public_name) if name}) or [NOBODY]
