"""The names of a request and the chain they find: a model of LiteLLM's Router in plain data.

Two sets of rules predict what a request does: ``Rules.UPSTREAM``, what the stock Router does, and
``Rules.CONTRACT``, what the patched one must do. The module shares no code with the Router and imports
nothing of it, so the tests can hold the two against each other.

The model leaves out what has nothing to do with names: retries, cooldowns, order levels, routing groups
and the continuation of a broken stream.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeVar

CATCH_ALL = "*"
_Walked = tuple["Kind", str | None, tuple[str, ...] | None]


class Rules(Enum):
    """Whose rules say which names a chain is looked up by."""

    UPSTREAM = "upstream"
    CONTRACT = "contract"


class Kind(Enum):
    """The three lists of chains, by LiteLLM's own names."""

    GENERAL = "fallbacks"
    CONTEXT_WINDOW = "context_window_fallbacks"
    CONTENT_POLICY = "content_policy_fallbacks"


class Failure(Enum):
    """How a deployment fails, as far as it decides whether a chain is looked up, when, and in which list."""

    ERROR = "an error, a rate limit or a timeout"
    CONTEXT_WINDOW = "context window exceeded"
    CONTENT_POLICY = "content policy violation"
    CUT = "answer cut by a content filter"
    REFUSED = "safeguard refusal"
    BROKEN = "stream broken before its first text"

    @property
    def kind(self) -> Kind:
        """The list that its error belongs to."""
        if self is Failure.CONTEXT_WINDOW:
            return Kind.CONTEXT_WINDOW
        return Kind.GENERAL if self in (Failure.ERROR, Failure.BROKEN) else Kind.CONTENT_POLICY


@dataclass(frozen=True)
class Routing:
    """What differs between releases in how names route and match.

    Attributes:
        team_before_global: a team's own public name wins over a global model group of the same name.
        team_wildcard_first: a team's own wildcard wins over a global one.
        admin_across_teams: a proxy admin without a team is routed to the only team that has the requested name, be it
            public or internal.
        exact_typed_lists: the context window and content policy lists match exact keys only, and never ``*``.
        resumes_original: a fallback hop without a chain of its own goes on in the original request's chain.
        tracks_attempts: a model group that failed is not called a second time in one request.
        default_knows_teams: a request that nothing serves is routed to what its team calls the default fallback; else
            by the model name alone, and only if nobody's deployment has the requested name.
        refusals_fall_back: a safeguard refusal is an error where a chain can recover it; else it is always delivered.
        gates_skip_attempted: an answer that was cut or refused is delivered if its chain holds only targets that the
            request has called already.
        context_window_falls_through: only without a chain there, the general or the client-side list is asked.
        admin_by_first_name: such an admin is held to the name that was sent first, at a hop as well.
        streams_forget_attempts: a stream that broke falls back without the record of what was called before it.
        own_lists_route: what a name is routed to for a derivation goes by the lists that the request brings along.
        original_in_any_bucket: a hop knows the original request's name whatever bucket the caller's metadata are in.
        providers: provider names that are stripped from a model group before its key is looked up.
        inferred: bare model groups that match a key with their provider before them, and that provider.
    """

    team_before_global: bool
    team_wildcard_first: bool
    admin_across_teams: bool
    exact_typed_lists: bool
    resumes_original: bool
    tracks_attempts: bool
    default_knows_teams: bool
    refusals_fall_back: bool
    gates_skip_attempted: bool
    context_window_falls_through: bool = False
    admin_by_first_name: bool = False
    streams_forget_attempts: bool = False
    original_in_any_bucket: bool = False
    own_lists_route: bool = False
    providers: frozenset[str] = frozenset({"openai", "azure", "anthropic"})
    inferred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """One entry of the Router's ``model_list``; ``model_name`` is the internal name where a team owns it.

    ``copy`` tells deployments under one internal name apart.
    """

    model_name: str
    team_id: str | None = None
    public_name: str | None = None
    copy: int = 0

    @property
    def id(self) -> str:
        """What it is called where each deployment has a fate of its own."""
        return f"{self.model_name}#{self.copy}" if self.copy else self.model_name

    def serves(self, name: str, team_id: str | None) -> bool:
        """Whether ``name`` is what its own team calls it."""
        return self.team_id is not None and self.team_id == team_id and self.public_name == name

    def usable_by(self, team_id: str | None) -> bool:
        """Whether the team may be routed to it: its own deployments and those nobody owns."""
        return self.team_id is None or self.team_id == team_id


class Group(tuple[Deployment, ...]):  # noqa: SLOT001 - the places are kept
    """Deployments that routing finds together; it knows which of them a team may use without asking each of them."""

    def usable_by(self, team_id: str | None) -> tuple[Deployment, ...]:
        """The team's own deployments and those nobody owns, in the group's order."""
        owned, shared = self._places.get(team_id, ()), self._places.get(None, ())
        if len(shared) == len(self):
            return self
        places = shared if owned is shared else sorted((*shared, *owned))
        return tuple(map(self.__getitem__, places))

    @functools.cached_property
    def _places(self) -> Mapping[str | None, Sequence[int]]:
        places: dict[str | None, list[int]] = {}
        for place, deployment in enumerate(self):
            places.setdefault(deployment.team_id, []).append(place)
        return places


Chains = Sequence[Mapping[str, Sequence[str]]]
K = TypeVar("K")
_NOBODY = Group()


def _grouped(pairs: Iterable[tuple[K, Deployment]]) -> Mapping[K, Group]:
    groups: dict[K, list[Deployment]] = {}
    for key, deployment in pairs:
        groups.setdefault(key, []).append(deployment)
    return {key: Group(found) for key, found in groups.items()}


class Wildcards:
    """Names with stars in them, and the deployments that bear each; most are a prefix with one star behind."""

    def __init__(self, patterns: Mapping[str, Group]) -> None:
        """Take the names that have a star, and leave the others."""
        self._prefixes: dict[str, tuple[int, int, Group]] = {}
        self._others: list[tuple[re.Pattern[str], tuple[int, int, Group]]] = []
        for number, (pattern, found) in enumerate(patterns.items()):
            if "*" not in pattern:
                continue
            regex = re.escape(pattern).replace(r"\*", "(.*)")
            rank = (len(regex), -number, found)
            if pattern.index("*") == len(pattern) - 1:
                self._prefixes[pattern[:-1]] = rank
            else:
                self._others.append((re.compile(regex), rank))
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def matching(self, name: str) -> Group:
        """The deployments of the most specific wildcard that matches the start of a name, as the Router matches."""
        ranks = [rank for regex, rank in self._others if regex.match(name)]
        ranks += [self._prefixes[start] for n in self._lengths if (start := name[:n]) in self._prefixes]
        return max(ranks, key=lambda rank: rank[:2])[2] if ranks else _NOBODY


class ChainIndex:
    """A list of chains, with the first and the last place of each key, and the places of the catch-alls."""

    def __init__(self, entries: Chains) -> None:
        """Take a list in which each entry counts by its first key, and any key may be the catch-all."""
        self.entries = entries
        keys = [next(iter(entry)) for entry in entries]
        self.targets = [tuple(next(iter(entry.values()))) for entry in entries]
        self.release: Routing | None = None
        self.places: dict[str, int | None] = {}
        self.last = {key: place for place, key in enumerate(keys)}
        self.first = {key: place for place, key in reversed([*enumerate(keys)])}
        self.catch_alls = [place for place, entry in enumerate(entries) if CATCH_ALL in entry]
        self.catch_all_targets = [tuple(entries[place][CATCH_ALL]) for place in self.catch_alls]

    def own_chain(self, name: str, other_spellings: AbstractSet[str]) -> int | None:
        """Where the first chain keyed by the name is, else the last one keyed by another spelling of it."""
        if name in self.first:
            return self.first[name]
        return max((self.last[key] for key in other_spellings if key in self.last), default=None)


@dataclass(frozen=True)
class Config:
    """The Router's configuration, as far as names matter.

    Attributes:
        deployments: the model list.
        aliases: what each alias stands for.
        chains: the three lists, one key an entry; a list that is empty is none.
        default_fallbacks: the targets of a further catch-all, behind the general list; none if it is empty.
        max_fallbacks: how deep a request may fall.
    """

    deployments: tuple[Deployment, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    chains: Mapping[Kind, Chains] = field(default_factory=dict)
    default_fallbacks: tuple[str, ...] = ()
    max_fallbacks: int = 5

    def entries(self, kind: Kind) -> Chains:
        """The entries of a list, with the default fallbacks where they go."""
        return self._indexed[kind].entries

    def index(self, kind: Kind) -> ChainIndex:
        """The entries of a list, by key."""
        return self._indexed[kind]

    @functools.cached_property
    def _indexed(self) -> Mapping[Kind, ChainIndex]:
        more = {Kind.GENERAL: [{CATCH_ALL: self.default_fallbacks}] if self.default_fallbacks else []}
        return {kind: ChainIndex((*self.chains.get(kind, ()), *more.get(kind, ()))) for kind in Kind}

    @functools.cached_property
    def routes(self) -> list[Any]:
        """A release; where each request goes in it, and which names that gives, as far as it was asked."""
        return [None, {}, {}]

    @functools.cached_property
    def by_model_name(self) -> Mapping[str, Group]:
        """The deployments by model name."""
        return _grouped((d.model_name, d) for d in self.deployments)

    @functools.cached_property
    def by_team_and_public_name(self) -> Mapping[tuple[str | None, str | None], Group]:
        """The teams' deployments by team and by what the team calls them."""
        return _grouped(((d.team_id, d.public_name), d) for d in self.deployments if d.team_id is not None)

    @functools.cached_property
    def by_public_name(self) -> Mapping[str | None, Group]:
        """The teams' deployments by what their teams call them."""
        return _grouped((d.public_name, d) for d in self.deployments if d.team_id is not None)

    @functools.cached_property
    def teams(self) -> Mapping[str | None, int]:
        """The teams that own deployments, and the place of each among them."""
        owners = dict.fromkeys(d.team_id for d in self.deployments if d.team_id is not None)
        return {team: place for place, team in enumerate(owners)}

    @functools.cached_property
    def public_names(self) -> Mapping[tuple[str, str], Mapping[str, None]]:
        """What the team of each model name and team calls its deployments, in order."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for d in self.deployments:
            if d.team_id is not None and d.public_name is not None:
                found.setdefault((d.model_name, d.team_id), {})[d.public_name] = None
        return found

    @functools.cached_property
    def shared_wildcards(self) -> Wildcards:
        """The wildcards among the model names."""
        return Wildcards(self.by_model_name)

    @functools.cached_property
    def team_wildcards(self) -> Mapping[str, Wildcards]:
        """The wildcards among the public names of each team that has one."""
        wild: dict[str, dict[str, Group]] = {}
        for (team, public), found in self.by_team_and_public_name.items():
            if team is not None and public and "*" in public:
                wild.setdefault(team, {})[public] = found
        return {team: Wildcards(patterns) for team, patterns in wild.items()}

    @functools.cached_property
    def bare(self) -> Config:
        """The same without chains."""
        return replace(self, chains={}, default_fallbacks=())


@dataclass(frozen=True)
class Request:
    """What the caller sent: the name, who the caller is, and lists that take the place of the configured ones.

    Attributes:
        model: the requested name.
        team_id: the caller's team.
        admin: whether the caller is a proxy admin.
        chains: lists of chains that the request brings along, each instead of the configured one.
        targets: a client-side list, which is walked as it is whatever fails.
        remembered: whether a hop can know the original request's name. It cannot if the caller's metadata are in a
            bucket that is not the call's own: the Router notes the name in the one and looks for it in the other.
        failed: how its first call failed, if it has: it was routed by what the configuration was then.
        failed_at: the internal name of the deployment that failed then, if the Router still knows it.
        sent: at a hop, the name that was sent first, if an admin is held to that.
    """

    model: str
    team_id: str | None = None
    admin: bool = False
    chains: Mapping[Kind, Chains] = field(default_factory=dict)
    targets: tuple[str, ...] | None = None
    remembered: bool = True
    failed: Failure | None = None
    failed_at: str | None = None
    sent: str | None = None


def routed(config: Config, request: Request, release: Routing) -> tuple[Deployment, ...]:
    """The deployments that routing considers for a request, in model-list order.

    An alias is followed once. A name that nothing serves is routed to the first target of ``{"*": [...]}`` instead.

    Returns:
        The deployments, empty where routing finds none that the caller may use.
    """
    if config.routes[0] is not release:
        config.routes[:] = [release, {}, {}]
    key = (request.model, request.team_id, request.admin, request.sent)
    known: dict[object, tuple[Deployment, ...]] = config.routes[1]
    if key not in known:
        known[key] = _routed(config, request, release)
    return known[key]


def _routed(config: Config, request: Request, release: Routing) -> tuple[Deployment, ...]:
    name = config.aliases.get(request.model, request.model)
    found = _serving(config, request, name, release)
    usable = _usable(found, request, release)
    named = _by_model_name(config, name)
    defaults = [targets for targets in _catch_alls(config, Kind.GENERAL) if targets]
    if usable or not defaults or (found and not named):
        return usable
    team_id = request.team_id if release.default_knows_teams else None
    if named and (team_id is None or named.usable_by(team_id)):
        return ()  # found, and only then seen not to be the caller's
    if not release.default_knows_teams:
        return _usable(_by_model_name(config, defaults[0][0]), request, release)
    return _usable(_named(config, defaults[0][0], request.team_id, release), request, release)


def _serving(config: Config, request: Request, name: str, release: Routing) -> Group:
    """The deployments that bear a name or, if none does, match it; whoever may use them."""
    named = _named(config, name, request.team_id, release)
    if named:
        return named
    if release.admin_across_teams and request.admin and request.team_id is None:
        across = config.by_public_name.get(name)
        if across:
            return across
    wild = config.team_wildcards.get(request.team_id) if request.team_id is not None else None
    own = wild.matching(name) if wild else _NOBODY
    if own and release.team_wildcard_first:
        return own
    return config.shared_wildcards.matching(name) or own


def _usable(found: Group, request: Request, release: Routing) -> tuple[Deployment, ...]:
    """Those that the caller may use: its team's and nobody's, and for an admin one team's with the very name sent."""
    if release.admin_across_teams and request.admin and request.team_id is None:
        name = request.sent or request.model
        if all(d.team_id is not None and name in {d.model_name, d.public_name} for d in found):
            return found if len({d.team_id for d in found}) == 1 else ()
    return found.usable_by(request.team_id)


def _named(config: Config, name: str, team_id: str | None, release: Routing) -> Group:
    """The deployments that bear a name, as their model name or as what the caller's team calls them."""
    owned = _by_public(config, team_id, name)
    named = _by_model_name(config, name)
    return owned if owned and release.team_before_global else named or owned


def _by_public(config: Config, team_id: str | None, public_name: str) -> Group:
    return config.by_team_and_public_name.get((team_id, public_name), _NOBODY)


def _by_model_name(config: Config, model_name: str) -> Group:
    return config.by_model_name.get(model_name, _NOBODY)


def lookup_names(config: Config, request: Request, release: Routing, rules: Rules) -> tuple[str, ...]:
    """The names that a request's chain can be keyed by, in order and without repeats.

    Args:
        config: the Router's configuration.
        request: the caller's name and team.
        release: how this release routes.
        rules: ``UPSTREAM`` knows the requested name only, ``CONTRACT`` adds what routing resolves it to.

    Returns:
        The names. Which one's chain is walked, ``find_request_chain`` tells.
    """
    derived = derived_names(config, request, release) if rules is Rules.CONTRACT else ()
    return tuple(dict.fromkeys((request.model, *derived)))


def derived_names(config: Config, request: Request, release: Routing, failed_at: str | None = None) -> tuple[str, ...]:
    """The names that the contract derives from a request, in the order of its four steps.

    Args:
        config: the Router's configuration.
        request: the caller's name and team.
        release: how this release routes.
        failed_at: the internal name of the deployment that failed; it comes before those of its siblings.
    """
    served = routed(config, request, release)
    known = config.routes[2]
    key = (request.model, request.team_id, request.admin, request.sent, failed_at)
    if key not in known:
        known[key] = _derived_names(config, request, served, failed_at)
    return known[key]  # type: ignore[no-any-return]


def _derived_names(
    config: Config, request: Request, served: Sequence[Deployment], failed_at: str | None
) -> tuple[str, ...]:
    target = config.aliases.get(request.model)
    names = [target] if target is not None and served and not _foreign(config, target, request.team_id) else []
    internal = dict.fromkeys(d.model_name for d in served if d.team_id is not None)
    names += sorted(internal, key=lambda name: name != failed_at)
    team = request.team_id
    if team is not None:
        names += [public for name in (request.model, *names) for public in config.public_names.get((name, team), ())]
    return tuple(dict.fromkeys(names))


def _foreign(config: Config, name: str, team_id: str | None) -> bool:
    """Whether a name is the internal name of other teams' deployments only."""
    named = _by_model_name(config, name)
    return bool(named) and not named.usable_by(team_id)


def find_chain(
    config: Config, kind: Kind, names: Sequence[str], release: Routing
) -> tuple[str | None, tuple[str, ...] | None]:
    """The chain that a list holds for a request's names.

    Returns:
        The name that found the chain (``*`` for the catch-all) and its targets, or a pair of ``None``.
    """
    index = config.index(kind)
    exact = release.exact_typed_lists and kind is not Kind.GENERAL
    if index.release is not release:
        index.release, index.places = release, {}
    for name in names:
        if name not in index.places:
            index.places[name] = index.own_chain(name, set() if exact else _other_spellings(name, release))
        own = index.places[name]
        if own is not None:
            return name, index.targets[own]
    if exact or not index.catch_alls:
        return None, None
    return CATCH_ALL, index.catch_all_targets[-1]


def find_request_chain(
    config: Config, request: Request, kind: Kind, release: Routing, rules: Rules
) -> tuple[str | None, tuple[str, ...] | None]:
    """The chain that a request walks when its first call has failed.

    Returns:
        The name that found it (``*`` for the catch-all), and the targets, or a pair of ``None``.
    """
    served = routed(config, request, release)
    failure = FailedCall(request, served[0].model_name if served else None)
    return _walked(config, kind, release, rules, failure)[1:]


def _walked(config: Config, kind: Kind, release: Routing, rules: Rules, failure: FailedCall) -> _Walked:
    """The list that a failed call is looked up in at last, the name that found a chain there, and all targets."""
    client_side = failure.request.targets
    if client_side is not None and kind is not Kind.CONTEXT_WINDOW:
        return kind, None, client_side
    stock = find_chain(config, kind, failure.names, release)
    key, targets = with_derived_chain(config, kind, release, failure, stock) if rules is Rules.CONTRACT else stock
    if kind is not Kind.CONTEXT_WINDOW or not release.context_window_falls_through or stock[0] is not None:
        return kind, key, targets
    if key is None:
        return _walked(config, Kind.GENERAL, release, rules, failure)
    behind = find_chain(config, Kind.GENERAL, failure.names, release)[1] if client_side is None else client_side
    return kind, key, (*(targets or ()), *(target for target in behind or () if target not in (targets or ())))


@dataclass(frozen=True)
class FailedCall:
    """A call that failed, as the Router knows it when it looks for a chain.

    Attributes:
        request: the request as it was sent to the model group that failed.
        deployment: the internal name of the deployment that failed, if there was one.
        original: the request as the caller sent it, where the release knows that of a hop.
        attempted: the targets in the request's record of attempts.
        is_hop: whether a chain led here.
        routed_by: what routes it, if that has other lists than the chains are in: routing reads the Router's own.
    """

    request: Request
    deployment: str | None = None
    original: Request | None = None
    attempted: AbstractSet[str] = frozenset()
    is_hop: bool = False
    routed_by: Config | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What stock looks its chain up by."""
        return (self.request.model, *((self.original.model,) if self.original else ()))

    def may_try(self, config: Config, targets: Sequence[str]) -> bool:
        """Whether one of the targets is still to try."""
        failed = {*self.names, config.aliases.get(self.request.model), self.deployment}
        return any(target not in failed and target not in self.attempted for target in targets)


def with_derived_chain(
    config: Config,
    kind: Kind,
    release: Routing,
    failure: FailedCall,
    found: tuple[str | None, tuple[str, ...] | None],
) -> tuple[str | None, tuple[str, ...] | None]:
    """What stock finds for a call that failed, with the chain of a derived name in front if one fires.

    Args:
        config: the Router's configuration, with the lists that the request brings along.
        kind: which of the three lists.
        release: how this release routes and matches.
        failure: the call that failed.
        found: the name that stock finds a chain by, and its targets.

    Returns:
        The name whose chain fires, and all targets; ``found`` itself where no derived chain does.
    """
    key, behind = found
    if key not in {None, CATCH_ALL} and failure.may_try(config, behind or ()):
        return found
    for group in (failure.request, failure.original):
        chains = _derived_chains(config, kind, release, failure, group) if group is not None else []
        # a hop goes on in the original request's chain, so of several in the one that it is a target of
        resumed = [pair for pair in chains if group is not failure.request and failure.request.model in pair[1]]
        for name, targets in (*resumed, *chains):
            return name, (*targets, *(target for target in behind or () if target not in targets))
    return found


def _derived_chains(
    config: Config, kind: Kind, release: Routing, failure: FailedCall, group: Request
) -> list[tuple[str, tuple[str, ...]]]:
    """The chains that the derived names of a lookup group have of their own, with a target still to try."""
    chains = []
    for name in derived_names(failure.routed_by or config, group, release, failure.deployment):
        key, targets = find_chain(config, kind, (name,), release)
        came_through = failure.is_hop and not release.tracks_attempts and failure.request.model in (targets or ())
        if key not in {None, CATCH_ALL} and targets and failure.may_try(config, targets) and not came_through:
            chains.append((name, targets))
    return chains


def _catch_alls(config: Config, kind: Kind) -> list[tuple[str, ...]]:
    """The targets of each ``{"*": [...]}``: routing takes the first of them, matching the last."""
    return config.index(kind).catch_all_targets


def _other_spellings(name: str, release: Routing) -> AbstractSet[str]:
    """A name without its provider, or with the one that the Router infers."""
    prefixed = {f"{release.inferred[name]}/{name}"} if name in release.inferred else set()
    if "/" not in name:
        return prefixed
    beginnings = (name[: slash.start()] for slash in re.finditer("/", name))
    return prefixed | {name.replace(f"{p}/", "") for p in beginnings if p in release.providers}


@dataclass(frozen=True)
class Lookup:
    """One lookup of a chain.

    Attributes:
        model: the model group that failed.
        kind: the list that was searched.
        key: the name that found the chain, ``*`` for the catch-all, or ``None``.
    """

    model: str
    kind: Kind
    key: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        answered_by: internal names of the deployments that one of answers; empty where the request fails.
        called: the model groups called, in order, by the name they were called by.
        hit: the ids of the deployments called; of several that no pick decides between, the first that answers so.
        lookups: the lookups of a chain, in order.
        delivered: the model groups whose cut or refused answer no chain could better, so it counts as the answer.
    """

    answered_by: frozenset[str]
    called: tuple[str, ...]
    lookups: tuple[Lookup, ...]
    delivered: tuple[str, ...]
    hit: tuple[str, ...] = ()


Pick = Callable[[Sequence[Deployment]], Deployment]
"""The choice among the deployments that a request may be sent to."""


def predict(  # noqa: PLR0913 - each of them changes what happens
    config: Config,
    request: Request,
    release: Routing,
    rules: Rules,
    failing: Mapping[str, Failure],
    *,
    pick: Pick | None = None,
) -> Outcome:
    """What a request does, fallbacks included.

    Returns:
        Who answers, and which model groups were called on the way.
    """
    walk = _Walk(config, request, release, rules, failing, pick)
    if request.failed is None:
        return walk.outcome(walk.call(request.model, depth=0))
    walk.called.append(request.model)
    return walk.outcome(walk.fall_back(request.model, 0, request.failed.kind, request.failed_at))


@dataclass(frozen=True)
class _BrokenStream:
    model: str
    depth: int
    deployment: str | None


@dataclass
class _Walk:
    config: Config
    request: Request
    release: Routing
    rules: Rules
    failing: Mapping[str, Failure]
    pick: Pick | None
    called: list[str] = field(default_factory=list)
    hit: list[str] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    attempted: set[str] = field(default_factory=set)
    hops: dict[str, Request] = field(default_factory=dict)

    def outcome(self, result: frozenset[str] | _BrokenStream) -> Outcome:
        """What became of the request, when its own walk has ended."""
        while isinstance(result, _BrokenStream):
            # the walk took it for an answer; whoever reads it falls back from where it came from
            if self.release.streams_forget_attempts:
                self.attempted.clear()
            result = self.fall_back(result.model, result.depth, Kind.GENERAL, result.deployment)
        return Outcome(result, tuple(self.called), tuple(self.lookups), tuple(self.delivered), tuple(self.hit))

    def call(self, model: str, depth: int) -> frozenset[str] | _BrokenStream:
        """Call a model group and fall back from it: an answer, a stream that looks like one, or nothing."""
        self.called.append(model)
        candidates = routed(self.config, self.hop(model), self.release)
        if self.pick is not None and candidates:
            candidates = (self.pick(candidates),)
        answering = [d for d in candidates if d.id not in self.failing]
        self.hit += [d.id for d in (answering or candidates)[:1]]
        if answering:
            return frozenset(d.model_name for d in answering)
        failure = next((self.failing[d.id] for d in candidates), Failure.ERROR)
        deployment = candidates[0].model_name if candidates else None
        if failure is Failure.BROKEN:
            return _BrokenStream(model, depth, deployment)
        if failure in (Failure.CUT, Failure.REFUSED) and not self.recoverable(model, failure, depth, deployment):
            self.delivered.append(model)
            return frozenset(d.model_name for d in candidates)
        return self.fall_back(model, depth, failure.kind, deployment)

    def fall_back(self, model: str, depth: int, kind: Kind, deployment: str | None) -> frozenset[str] | _BrokenStream:
        """Walk the chain of a model group that failed."""
        client_side = self.request.targets is not None
        if not self.configured(kind) or (client_side and not self.release.context_window_falls_through):
            kind = Kind.GENERAL
        failure = self.failed_call(model, depth, deployment)
        kind, key, targets = _walked(self.lists(), kind, self.release, self.rules, failure)
        if not client_side or kind is Kind.CONTEXT_WINDOW:
            self.lookups.append(Lookup(model, kind, key))
        return self.walk(model, targets or (), depth)

    def walk(self, failed: str, targets: Sequence[str], depth: int) -> frozenset[str] | _BrokenStream:
        """Call the targets of a chain in turn; each costs a level of depth, for those behind it as well."""
        if depth >= self.config.max_fallbacks:
            return frozenset()
        self.attempted.add(failed)
        for target in targets:
            if target == failed or (self.release.tracks_attempts and target in self.attempted):
                continue
            depth += 1
            self.attempted.add(target)
            answer = self.call(target, depth)
            if answer:
                return answer
        return frozenset()

    def recoverable(self, model: str, failure: Failure, depth: int, deployment: str | None) -> bool:
        """Whether a cut or refused answer is turned into an error, as a chain can take over."""
        if failure is Failure.REFUSED and not self.release.refusals_fall_back:
            return False
        if self.configured(Kind.CONTENT_POLICY):
            return self.promising(model, Kind.CONTENT_POLICY, depth, deployment)
        if _catch_alls(self.config, Kind.GENERAL):
            return True
        return failure is Failure.REFUSED and self.promising(model, Kind.GENERAL, depth, deployment)

    def promising(self, model: str, kind: Kind, depth: int, deployment: str | None) -> bool:
        """Whether stock finds a chain and, where the release looks, a target not called yet; or a derived one fires."""
        failure = self.failed_call(model, depth, deployment)
        found = find_chain(self.lists(), kind, failure.names, self.release)
        if found[1] is not None and (
            depth == 0 or not self.release.gates_skip_attempted or not self.attempted.issuperset(found[1])
        ):
            return True
        derives = self.rules is Rules.CONTRACT
        return derives and with_derived_chain(self.lists(), kind, self.release, failure, found) != found

    def configured(self, kind: Kind) -> bool:
        """Whether there is such a list: one that the request brings along counts even if it is empty."""
        return kind in self.request.chains or bool(self.config.chains.get(kind))

    def failed_call(self, model: str, depth: int, deployment: str | None) -> FailedCall:
        """A call of a model group that failed, as the Router knows it then."""
        attempted = self.attempted if self.release.tracks_attempts and depth > 0 else frozenset[str]()
        original = self.request if self.resumes(model) else None
        routes = self.lists() if self.release.own_lists_route else self.config
        return FailedCall(self.hop(model), deployment, original, attempted, is_hop=depth > 0, routed_by=routes)

    def resumes(self, model: str) -> bool:
        """Whether a hop is looked up by the name of the original request as well."""
        known = self.request.remembered or self.release.original_in_any_bucket
        return self.release.resumes_original and known and model != self.request.model

    def lists(self) -> Config:
        """The configuration with the lists that the request brings along."""
        if not self.request.chains:
            return self.config
        config = replace(self.config, chains={**self.config.chains, **self.request.chains})
        return replace(config, default_fallbacks=()) if Kind.GENERAL in self.request.chains else config

    def hop(self, model: str) -> Request:
        """The request as a fallback sends it on."""
        if model not in self.hops:
            sent = self.request.model if self.release.admin_by_first_name and model != self.request.model else None
            self.hops[model] = Request(**vars(self.request) | {"model": model, "sent": sent})
        return self.hops[model]
