"""What each chain of a configuration is worth: plain data in, plain data out, every answer from the model."""

from __future__ import annotations

import difflib
import functools
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from litellm_patch.doctor.settings import INTERNAL_PREFIX
from litellm_patch.names import (
    CATCH_ALL,
    Config,
    Failure,
    Kind,
    Release,
    Request,
    Rules,
    find_chain,
    lookup_names,
    predict,
    routed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from litellm_patch.doctor.settings import Settings

EXAMPLE = "any-model"
"""What stands for the star of a wildcard, where a request needs a whole name."""

_DEEP_ENOUGH = 5  # a walk doubles with each level, and what a sixth one reaches is nobody's plan
_NEAR = 0.6  # of difflib's ratio: a typing error, not another word
FAILURES = {
    Kind.GENERAL: Failure.ERROR,
    Kind.CONTEXT_WINDOW: Failure.CONTEXT_WINDOW,
    Kind.CONTENT_POLICY: Failure.CONTENT_POLICY,
}
"""For each list, the failure that looks it up."""


class KeyKind(Enum):
    """What the key of a chain is."""

    CATCH_ALL = "catch-all"
    ALIAS = "alias"
    GROUP = "model group"
    WILDCARD = "wildcard group"
    INTERNAL = "internal name"
    PUBLIC = "public name"
    TEAM_WILDCARD = "team's wildcard"
    CONCRETE = "name that a wildcard serves"
    DEPLOYMENT_ID = "deployment id"
    PREFIXED = "with or without a provider"
    UNKNOWN = "unknown"


class Verdict(Enum):
    """What a chain is worth, the worst first."""

    DEAD = "dead"
    DORMANT = "dead on stock, alive with the patch"
    PARTLY = "alive, but on stock dead for some requests"
    UNSEEN = "cannot be told, as not all models were seen"
    QUESTIONABLE = "alive, questionable target"
    ALIVE = "alive"


@dataclass(frozen=True, order=True)
class Reach:
    """A request that reaches a chain.

    Attributes:
        model: the name that is sent.
        team_id: the caller's team, empty for callers without one.
        admin: whether the caller is a proxy admin without a team.
        direct: whether the name is an internal one that callers have a public name for.
        via: the target of another chain that this one stands in for when it fails too; empty if there is none.
    """

    model: str
    team_id: str = ""
    admin: bool = False
    direct: bool = False
    via: str = ""

    @property
    def request(self) -> Request:
        """The request, for the model."""
        return Request(self.model, self.team_id or None, self.admin)


@dataclass(frozen=True)
class Target:
    """A target of a chain, and the callers of the chain that cannot be served by it."""

    name: str
    not_for: tuple[str, ...]
    nearest: str | None = None


@dataclass(frozen=True)
class Judgement:
    """What a chain is worth.

    Attributes:
        kind: the list that it is in.
        index: where it is in there; the default fallbacks are behind the last.
        key: its key.
        key_kind: what the key is.
        owners: the teams whose name the key is.
        targets: the targets.
        today: the requests that reach it on stock.
        patched: the requests that reach it with the patch.
        verdict: what it is worth.
        notes: why, and what else is to be known, a line each.
    """

    kind: Kind
    index: int
    key: str
    key_kind: KeyKind
    owners: tuple[str, ...]
    targets: tuple[Target, ...]
    today: tuple[Reach, ...]
    patched: tuple[Reach, ...]
    verdict: Verdict
    notes: tuple[str, ...]

    def dead(self, rules: Rules) -> bool:
        """Whether it is dead for requests that it is there for, by these rules."""
        if rules is Rules.CONTRACT:
            return self.verdict is Verdict.DEAD
        return self.verdict in {Verdict.DEAD, Verdict.DORMANT, Verdict.PARTLY}


def judge(settings: Settings, release: Release) -> tuple[Judgement, ...]:
    """Judge every chain of a configuration.

    Args:
        settings: the configuration.
        release: how the release routes and matches.

    Returns:
        One judgement a chain, in the order of the lists.
    """
    return _Judge(settings, release).judgements()


def requests_of(settings: Settings, release: Release) -> tuple[Reach, ...]:
    """Every request that routing can serve: names and callers.

    A wildcard stands for one name. A team is named only where its own deployments or names make a difference.

    Args:
        settings: the configuration.
        release: how the release routes.

    Returns:
        The requests, in the order of the model list.
    """
    common = _common_names(settings.config)
    return (
        *(Reach(name) for name in common if servable(settings, release, Request(name))),
        *_requests_of_teams(settings.config, release, common),
        *(_requests_of_admins(settings.config, release) if release.admin_across_teams else ()),
    )


def servable(settings: Settings, release: Release, request: Request) -> bool:
    """Tell whether a name can be served for a caller, without what stands in for names that nothing serves.

    Args:
        settings: the configuration.
        release: how the release routes.
        request: the name and the caller.

    Returns:
        Whether there is a deployment.
    """
    by_id = settings.ids.get(request.model)
    if by_id is not None and by_id.usable_by(request.team_id):
        return True
    return bool(routed(_bare(settings.config), request, release))


def _bare(config: Config) -> Config:
    return replace(config, chains={}, default_fallbacks=())


def _common_names(config: Config) -> tuple[str, ...]:
    """The names that anybody may try: those of the groups and aliases, and what chains speak of."""
    entries = [entry for kind in Kind for entry in config.entries(kind)]
    keys = [key for entry in entries for key in entry if key != CATCH_ALL]
    targets = [name for entry in entries for found in entry.values() for name in found]
    shared = [d.model_name for d in config.deployments if d.team_id is None]
    return tuple(dict.fromkeys(map(_example, (*shared, *config.aliases, *keys, *targets))))


def _requests_of_teams(config: Config, release: Release, common: Sequence[str]) -> Iterator[Reach]:
    owned: dict[str, list[str]] = defaultdict(list)
    internal: dict[str, set[str]] = defaultdict(set)
    public: dict[str, set[str]] = defaultdict(set)
    for deployment in config.deployments:
        if deployment.team_id is not None:
            owned[deployment.team_id] += filter(None, (deployment.public_name, deployment.model_name))
            if deployment.public_name is not None:
                internal[deployment.team_id].add(deployment.model_name)
                public[deployment.team_id].add(deployment.public_name)
    for team, names in owned.items():
        prefixes = tuple(name.partition("*")[0] for name in names if "*" in name)
        others = [name for name in common if _concerns(config.aliases.get(name, name), names, prefixes)]
        for name in dict.fromkeys((*map(_example, names), *others)):
            served = routed(_bare(config), Request(name, team), release)
            # an alias that is called like a name of theirs is looked up by that name too, whatever serves it
            if any(d.team_id is not None for d in served) or (served and name in names):
                known = name in public[team] or name in config.aliases
                yield Reach(name, team, direct=name in internal[team] and not known)


def _requests_of_admins(config: Config, release: Release) -> Iterator[Reach]:
    public = [_example(d.public_name) for d in config.deployments if d.team_id and d.public_name]
    for name in dict.fromkeys((*public, *config.aliases)):
        if any(d.team_id for d in routed(_bare(config), Request(name, admin=True), release)):
            yield Reach(name, admin=True)


def _concerns(name: str, owned: Sequence[str], prefixes: tuple[str, ...]) -> bool:
    return name in owned or name.startswith(prefixes)


def _example(name: str) -> str:
    return name.replace(CATCH_ALL, EXAMPLE)


class _Judge:
    def __init__(self, settings: Settings, release: Release) -> None:
        self.settings = settings
        self.config = settings.config
        self.release = release
        self.requests = requests_of(settings, release)
        self.walked = replace(self.config, max_fallbacks=min(self.config.max_fallbacks, _DEEP_ENOUGH))
        self.reached = {rules: self.reach(rules) for rules in Rules}

    def judgements(self) -> tuple[Judgement, ...]:
        return tuple(
            self.judgement(kind, index, *next(iter(entry.items())))
            for kind in Kind
            for index, entry in enumerate(self.config.entries(kind))
        )

    def reach(self, rules: Rules) -> Mapping[tuple[Kind, int], dict[Reach, None]]:
        """For each chain the requests that reach it when whatever they call fails."""
        found: dict[tuple[Kind, int], dict[Reach, None]] = defaultdict(dict)
        for kind, failure in FAILURES.items():
            if not self.config.entries(kind):
                continue
            failing = {d.model_name: failure for d in self.config.deployments}
            for reach in self.requests:
                walk = predict(self.walked, reach.request, self.release, rules, failing)
                lookups = [lookup for lookup in walk.lookups if lookup.kind is kind]
                for number, lookup in enumerate(lookups[: 1 if reach.direct else None]):
                    if lookup.key is not None:
                        via = lookup.model if number else ""
                        found[kind, self.entry_of(kind, lookup.key)][replace(reach, via=via)] = None
            for name in self.settings.ids:
                key, _ = find_chain(self.config, kind, (name,), self.release)
                if key == name:
                    found[kind, self.entry_of(kind, key)][Reach(name)] = None
        return found

    @functools.cached_property
    def marked(self) -> Config:
        """The configuration with each chain's own place as its target: whatever finds a chain says which one it is."""
        return replace(
            self.config,
            chains={
                kind: [{key: (str(index),) for key in entry} for index, entry in enumerate(self.config.entries(kind))]
                for kind in Kind
            },
            default_fallbacks=(),
        )

    def entry_of(self, kind: Kind, key: str) -> int:
        """Which chain of a list a lookup name finds."""
        if key == CATCH_ALL:
            return max(index for index, entry in enumerate(self.config.entries(kind)) if CATCH_ALL in entry)
        _, place = find_chain(self.marked, kind, (key,), self.release)
        return int(place[0]) if place else -1

    def judgement(self, kind: Kind, index: int, key: str, targets: Sequence[str]) -> Judgement:
        today, patched = (tuple(self.reached[rules].get((kind, index), ())) for rules in Rules)
        key_kind, owners = self.key_kind(key)
        notes: list[str] = []
        judged = tuple(self.target(target, patched or today) for target in targets)
        verdict = _verdict(today, patched)
        hidden = self.hidden_owner(key) if key_kind is KeyKind.UNKNOWN else None
        if hidden is not None:
            key_kind, owners, verdict = KeyKind.INTERNAL, (hidden,), Verdict.DORMANT
            notes.append("the proxy does not show which of the team's models has this name")
        elif verdict is Verdict.DEAD and key_kind is KeyKind.UNKNOWN and not self.settings.complete:
            verdict = Verdict.UNSEEN
            near = self.nearest(key)
            notes.append(f"it may be a model that was not seen{f', or did you mean {near}?' if near else ''}")
        elif verdict is Verdict.DEAD:
            notes.append(self.why_dead(kind, index, key, key_kind))
        if verdict is Verdict.PARTLY:
            gained = [reach for reach in patched if reach not in today and not reach.direct]
            notes.append(f"only with the patch for {said(gained)}")
        doubts = tuple(self.doubts(kind, key, judged))
        if verdict is Verdict.ALIVE and doubts:
            verdict = Verdict.QUESTIONABLE
        notes += doubts
        circle = self.circle(kind, index)
        if circle:
            end = "names already tried are passed over"
            if not self.release.tracks_attempts:
                end = f"this release calls them again until max_fallbacks, {self.config.max_fallbacks}, ends it"
            notes.append(f"leads in a circle: {' -> '.join(circle)}; {end}")
        gone = [reach for reach in today if reach not in patched and not reach.direct and not reach.via]
        if gone:
            notes.append(f"with the patch, a chain of their own takes over for {said(gone)}")
        return Judgement(kind, index, key, key_kind, owners, judged, today, patched, verdict, tuple(notes))

    def key_kind(self, key: str) -> tuple[KeyKind, tuple[str, ...]]:
        """What a key is, and whose: the first that it is, in the order in which the Router would take it."""
        deployments = self.config.deployments
        internal = tuple(dict.fromkeys(d.team_id for d in deployments if d.model_name == key and d.team_id))
        public = tuple(dict.fromkeys(d.team_id for d in deployments if d.public_name == key and d.team_id))
        asked = {reach.model for reach in self.requests}
        spelled = asked | {name.rpartition("/")[2] for name in asked}
        wild = CATCH_ALL in key
        shared = any(d.model_name == key and d.team_id is None for d in deployments)
        kinds: tuple[tuple[object, KeyKind, tuple[str, ...]], ...] = (
            (key == CATCH_ALL, KeyKind.CATCH_ALL, ()),
            (key in self.config.aliases, KeyKind.ALIAS, ()),
            (shared, KeyKind.WILDCARD if wild else KeyKind.GROUP, ()),
            (internal, KeyKind.INTERNAL, internal),
            (public, KeyKind.TEAM_WILDCARD if wild else KeyKind.PUBLIC, public),
            (key in self.settings.ids, KeyKind.DEPLOYMENT_ID, ()),
            (key in asked, KeyKind.CONCRETE, ()),
            (spelled & {key, key.partition("/")[2]}, KeyKind.PREFIXED, ()),
        )
        return next(((kind, owners) for true, kind, owners in kinds if true), (KeyKind.UNKNOWN, ()))

    def doubts(self, kind: Kind, key: str, targets: Sequence[Target]) -> Iterator[str]:
        """What is wrong with the targets of a chain."""
        for target in targets:
            if target.not_for:
                near = f"; did you mean {target.nearest}?" if target.nearest else ""
                whom = ", ".join(target.not_for[:_SHOWN]) if self.known(target.name) else "anybody"
                yield f"target {target.name} cannot be served for {whom}{near}"
        if key in {target.name for target in targets}:
            yield f"target {key} is the key itself, so it is passed over"
        if not targets:
            instead = ", not the catch-all's targets" if key != CATCH_ALL and self.has_catch_all(kind) else ""
            yield f"it has no targets: its requests get the error{instead}"

    def has_catch_all(self, kind: Kind) -> bool:
        """Whether a catch-all answers where a list has no chain of a request's own."""
        key, _ = find_chain(self.config, kind, (), self.release)
        return key is not None

    def hidden_owner(self, key: str) -> str | None:
        """The team whose internal name a key is, where the proxy shows its models by their public names alone."""
        if self.settings.complete:
            return None
        masked = {d.team_id for d in self.config.deployments if d.team_id and d.model_name == d.public_name}
        return next((team for team in sorted(masked) if team and key.startswith(f"{INTERNAL_PREFIX}{team}_")), None)

    def why_dead(self, kind: Kind, index: int, key: str, key_kind: KeyKind) -> str:
        """Why nothing reaches a chain, patched or not."""
        if key_kind is KeyKind.CATCH_ALL:
            return self.why_a_catch_all_is_dead(kind, index)
        first = next(i for i, entry in enumerate(self.config.entries(kind)) if key in entry)
        if first != index:
            return f"entry {first + 1} has the same key and comes first"
        if key_kind is KeyKind.WILDCARD:
            return "a wildcard group is no key for the names that it serves; write one entry for each name, or '*'"
        if key_kind in {KeyKind.UNKNOWN, KeyKind.PREFIXED}:
            near = self.nearest(key)
            return f"no request has this name{f'; did you mean {near}?' if near else ''}"
        takers = self.takers(kind, key)
        if takers:
            return f"its requests find another chain first: {', '.join(takers)}"
        return "no caller can be routed to this name"

    def why_a_catch_all_is_dead(self, kind: Kind, index: int) -> str:
        """Why nothing reaches a catch-all."""
        last = self.entry_of(kind, CATCH_ALL)
        if last != index:
            return f"a later catch-all is the one that counts: entry {last + 1}"
        if self.release.exact_typed_lists and kind is not Kind.GENERAL:
            return "this release knows no catch-all in this list"
        return "every request finds a chain of its own first"

    def takers(self, kind: Kind, key: str) -> tuple[str, ...]:
        """The keys of the chains that the requests of a key find instead."""
        found: dict[str, None] = {}
        for reach in self.requests:
            names = lookup_names(self.config, reach.request, self.release, Rules.CONTRACT)
            if key in names and not reach.direct:
                taker, _ = find_chain(self.config, kind, names, self.release)
                if taker is not None:
                    found[taker] = None
        return tuple(found)

    def target(self, name: str, reaches: Iterable[Reach]) -> Target:
        """Who of those that reach a chain cannot be served by a target of it."""
        callers = dict.fromkeys((reach.team_id, reach.admin) for reach in reaches)
        if not self.settings.complete and not self.known(name):
            return Target(name, ())
        if not callers:
            teams = {d.team_id for d in self.config.deployments if d.team_id}
            anyone = (Request(name), *(Request(name, team) for team in sorted(teams)))
            served = any(servable(self.settings, self.release, request) for request in anyone)
            return Target(name, () if served else ("anybody",), None if served else self.nearest(name))
        not_for = tuple(
            caller_words(team, admin=admin)
            for team, admin in callers
            if not servable(self.settings, self.release, Request(name, team or None, admin))
        )
        return Target(name, not_for, self.nearest(name) if not_for and not self.known(name) else None)

    def known(self, name: str) -> bool:
        """Whether a name is one of this configuration's, whoever it belongs to."""
        return name in self.names or any(reach.model == name for reach in self.requests)

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """All names that a key or a target can be."""
        own = {name for d in self.config.deployments for name in (d.model_name, d.public_name) if name}
        return frozenset({*own, *self.config.aliases, *self.settings.ids})

    def nearest(self, name: str) -> str | None:
        """The name that may have been meant: the same with another provider or none, else one spelled much like it."""
        others = sorted(self.names - {name})
        same = (other for other in others if other.rpartition("/")[2] == name.rpartition("/")[2])
        return next(iter((*same, *difflib.get_close_matches(name, others, n=1, cutoff=_NEAR))), None)

    def circle(self, kind: Kind, index: int) -> tuple[str, ...]:
        """The keys on the way from a chain back to itself, by the patched lookup of each target; empty if none."""
        came_from: dict[int, int] = {}
        edge = deque([index])
        while edge:
            at = edge.popleft()
            for step in self.steps[kind].get(at, ()):
                if step not in came_from:
                    came_from[step] = at
                    edge.append(step)
        if index not in came_from:
            return ()
        way = [index, came_from[index]]
        while way[-1] != index:
            way.append(came_from[way[-1]])
        return tuple(next(iter(self.config.entries(kind)[place])) for place in reversed(way))

    @functools.cached_property
    def steps(self) -> Mapping[Kind, Mapping[int, tuple[int, ...]]]:
        """From each chain to those of its targets; neither the catch-all nor a chain that names itself."""
        return {
            kind: {
                index: tuple(dict.fromkeys(self._steps(kind, index, next(iter(entry.values())))))
                for index, entry in enumerate(self.config.entries(kind))
                if CATCH_ALL not in entry
            }
            for kind in Kind
        }

    def _steps(self, kind: Kind, index: int, targets: Sequence[str]) -> Iterator[int]:
        callers = dict.fromkeys(
            (r.team_id or None, r.admin) for r in self.reached[Rules.CONTRACT].get((kind, index), ())
        )
        for target in targets:
            for team, admin in callers:
                names = lookup_names(self.config, Request(target, team, admin), self.release, Rules.CONTRACT)
                key, _ = find_chain(self.config, kind, names, self.release)
                if key not in {None, CATCH_ALL} and (step := self.entry_of(kind, str(key))) != index:
                    yield step


def _verdict(today: Sequence[Reach], patched: Sequence[Reach]) -> Verdict:
    used_today, used_patched = ({reach for reach in found if not reach.direct} for found in (today, patched))
    if not used_today:
        return Verdict.DORMANT if used_patched else Verdict.DEAD
    return Verdict.PARTLY if any(not reach.via for reach in used_patched - used_today) else Verdict.ALIVE


def caller_words(team_id: str | None, *, admin: bool) -> str:
    """Say who a caller is.

    Args:
        team_id: the caller's team, or nothing.
        admin: whether it is a proxy admin.

    Returns:
        A few words.
    """
    if team_id:
        return f"team {team_id}"
    return "a proxy admin" if admin else "callers without a team of their own"


_SHOWN = 3


def said(reaches: Iterable[Reach]) -> str:
    """Say which requests, and not more than a few.

    Those that come by another chain are told only where no other request does, and no internal name is.

    Args:
        reaches: the requests.

    Returns:
        Their names and teams, in words if there are none.
    """
    found = list(reaches)
    if not found:
        return "nothing"
    used = [reach for reach in found if not reach.direct]
    if not used:
        return "nothing but its internal name"
    words = list(dict.fromkeys(map(_one, [reach for reach in used if not reach.via] or used)))
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def _one(reach: Reach) -> str:
    whom = f" ({reach.team_id})" if reach.team_id else " (admin)" if reach.admin else ""
    return f"{reach.model}{whom}{f' after {reach.via} failed' if reach.via else ''}"
