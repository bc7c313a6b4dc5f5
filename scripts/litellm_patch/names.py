"""The names of a request and the chain they find: a model of LiteLLM's Router in plain data.

Two sets of rules predict what a request does: ``Rules.UPSTREAM``, what the stock Router does, and
``Rules.CONTRACT``, what the patched one must do. The module shares no code with the Router and imports
nothing of it, so the tests can hold the two against each other.

The model leaves out what has nothing to do with names: retries, cooldowns, order levels, routing groups,
and the provider that the Router infers for a bare name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

CATCH_ALL = "*"


class Rules(Enum):
    """Whose rules say which names a chain is looked up by."""

    UPSTREAM = "upstream"
    CONTRACT = "contract"


class Kind(Enum):
    """The three lists of chains, by LiteLLM's own names."""

    GENERAL = "fallbacks"
    CONTEXT_WINDOW = "context_window_fallbacks"
    CONTENT_POLICY = "content_policy_fallbacks"


@dataclass(frozen=True)
class Release:
    """What differs between releases in how names route and match.

    Attributes:
        team_before_global: a team's own public name wins over a global model group of the same name.
        team_wildcard_first: a team's own wildcard wins over a global one.
        admin_across_teams: a proxy admin without a team is routed to the only team that has the public name.
        exact_typed_lists: the context window and content policy lists match exact keys only, and never ``*``.
        resumes_original: a fallback hop without a chain of its own goes on in the original request's chain.
        tracks_attempts: a model group that failed is not called a second time in one request.
        default_knows_teams: a request that nothing serves is routed to what its team calls the default fallback; else
            by the model name alone, and only if nobody's deployment has the requested name.
        providers: provider names that are stripped from a model group before its key is looked up.
    """

    team_before_global: bool
    team_wildcard_first: bool
    admin_across_teams: bool
    exact_typed_lists: bool
    resumes_original: bool
    tracks_attempts: bool
    default_knows_teams: bool
    providers: frozenset[str] = frozenset({"openai", "azure", "anthropic"})


@dataclass(frozen=True)
class Deployment:
    """One entry of the Router's ``model_list``; ``model_name`` is the internal name where a team owns it."""

    model_name: str
    team_id: str | None = None
    public_name: str | None = None

    def serves(self, name: str, team_id: str | None) -> bool:
        """Whether ``name`` is what its own team calls it."""
        return self.team_id is not None and self.team_id == team_id and self.public_name == name

    def usable_by(self, team_id: str | None) -> bool:
        """Whether the team may be routed to it: its own deployments and those nobody owns."""
        return self.team_id is None or self.team_id == team_id


Chains = Sequence[Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class Config:
    """The Router's configuration, as far as names matter."""

    deployments: tuple[Deployment, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    chains: Mapping[Kind, Chains] = field(default_factory=dict)
    max_fallbacks: int = 5


@dataclass(frozen=True)
class Request:
    """What the caller sent: the name, and who the caller is."""

    model: str
    team_id: str | None = None
    admin: bool = False


def routed(config: Config, request: Request, release: Release) -> tuple[Deployment, ...]:
    """The deployments that routing considers for a request, in model-list order.

    An alias is followed once. A name that nothing serves is routed to the first target of ``{"*": [...]}`` instead.

    Args:
        config: the Router's configuration.
        request: the caller's name and team.
        release: how this release routes.

    Returns:
        The deployments, empty where routing finds none that the caller may use.
    """
    served = _serving(config, request, release)
    if served:
        return served
    defaults = _catch_alls(config, Kind.GENERAL)
    if not defaults:
        return ()
    team_id = request.team_id if release.default_knows_teams else None
    name = config.aliases.get(request.model, request.model)
    if any(team_id is None or d.usable_by(team_id) for d in _by_model_name(config, name)):
        return ()  # found, and only then seen not to be the caller's
    if not release.default_knows_teams:
        return tuple(d for d in _by_model_name(config, defaults[0][0]) if d.usable_by(request.team_id))
    return _named(config, defaults[0][0], request.team_id, release)


def _serving(config: Config, request: Request, release: Release) -> tuple[Deployment, ...]:
    name = config.aliases.get(request.model, request.model)
    if _by_model_name(config, name) or _by_public(config, request.team_id, name):
        return _named(config, name, request.team_id, release)
    if release.admin_across_teams and request.admin and request.team_id is None and name == request.model:
        across = tuple(d for d in config.deployments if d.team_id is not None and d.public_name == name)
        if across:
            return across if len({d.team_id for d in across}) == 1 else ()
    team_wildcards = {
        d.public_name: d for d in config.deployments if d.team_id == request.team_id is not None and d.public_name
    }
    own = _matching(name, {p: _by_public(config, request.team_id, p) for p in team_wildcards})
    shared = _matching(name, {d.model_name: _by_model_name(config, d.model_name) for d in config.deployments})
    first, second = (own, shared) if release.team_wildcard_first else (shared, own)
    return tuple(d for d in first or second if d.usable_by(request.team_id))


def _named(config: Config, name: str, team_id: str | None, release: Release) -> tuple[Deployment, ...]:
    """The deployments that bear a name, as their model name or as what the caller's team calls them."""
    owned = _by_public(config, team_id, name)
    named = _by_model_name(config, name)
    if named and not (owned and release.team_before_global):
        return tuple(d for d in named if d.usable_by(team_id))
    return owned


def _by_public(config: Config, team_id: str | None, public_name: str) -> tuple[Deployment, ...]:
    return tuple(d for d in config.deployments if d.serves(public_name, team_id))


def _by_model_name(config: Config, model_name: str) -> tuple[Deployment, ...]:
    return tuple(d for d in config.deployments if d.model_name == model_name)


def _matching(name: str, patterns: Mapping[str, tuple[Deployment, ...]]) -> tuple[Deployment, ...]:
    """The deployments of the most specific wildcard that matches the start of the name, as the Router matches."""
    wildcards = {re.escape(p).replace(r"\*", "(.*)"): found for p, found in patterns.items() if "*" in p}
    for regex in sorted(wildcards, key=len, reverse=True):
        if re.match(regex, name):
            return wildcards[regex]
    return ()


def lookup_names(config: Config, request: Request, release: Release, rules: Rules) -> tuple[str, ...]:
    """The names that a request's chain can be keyed by, in order and without repeats.

    Args:
        config: the Router's configuration.
        request: the caller's name and team.
        release: how this release routes.
        rules: ``UPSTREAM`` knows the requested name only, ``CONTRACT`` adds what routing resolves it to.

    Returns:
        The names; the first that has a chain of its own wins.
    """
    if rules is Rules.UPSTREAM:
        return (request.model,)
    return tuple(dict.fromkeys(_contract_names(config, request, release)))


def _contract_names(config: Config, request: Request, release: Release) -> Iterator[str]:
    names = [request.model]
    target = config.aliases.get(request.model)
    if target is not None and not _foreign(config, target, request.team_id):
        names.append(target)
    names += [d.model_name for d in routed(config, request, release) if d.team_id is not None]
    yield from names
    for name in names:
        for deployment in _by_model_name(config, name):
            if deployment.team_id == request.team_id is not None and deployment.public_name is not None:
                yield deployment.public_name


def _foreign(config: Config, name: str, team_id: str | None) -> bool:
    """Whether a name is the internal name of other teams' deployments only."""
    named = _by_model_name(config, name)
    return bool(named) and not any(d.usable_by(team_id) for d in named)


def find_chain(
    config: Config, kind: Kind, names: Sequence[str], release: Release
) -> tuple[str | None, tuple[str, ...] | None]:
    """The chain that a list holds for a request's names.

    Args:
        config: the Router's configuration.
        kind: which of the three lists.
        names: the request's names, in order.
        release: how this release matches keys.

    Returns:
        The name that found the chain (``*`` for the catch-all) and its targets, or a pair of ``None``.
    """
    chains = config.chains.get(kind, ())
    exact = release.exact_typed_lists and kind is not Kind.GENERAL
    for name in names:
        own = _own_chain(chains, name, frozenset() if exact else release.providers)
        if own is not None:
            return name, own
    if exact:
        return None, None
    catch_alls = _catch_alls(config, kind)
    return (CATCH_ALL, catch_alls[-1]) if catch_alls else (None, None)


def _catch_alls(config: Config, kind: Kind) -> list[tuple[str, ...]]:
    """The targets of each ``{"*": [...]}``: routing takes the first of them, matching the last."""
    return [tuple(entry[CATCH_ALL]) for entry in config.chains.get(kind, ()) if CATCH_ALL in entry]


def _own_chain(chains: Chains, name: str, providers: frozenset[str]) -> tuple[str, ...] | None:
    stripped = {name.replace(f"{p}/", "") for p in providers if name.startswith(f"{p}/")}
    found: tuple[str, ...] | None = None
    for entry in chains:
        key, targets = next(iter(entry.items()))
        if key == name:
            return tuple(targets)
        if key in stripped:
            found = tuple(targets)
    return found


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    Attributes:
        answered_by: internal names of the deployments that one of answers; empty where the request fails.
        called: the model groups called, in order, by the name they were called by.
    """

    answered_by: frozenset[str]
    called: tuple[str, ...]


def predict(config: Config, request: Request, release: Release, rules: Rules, failing: Mapping[str, Kind]) -> Outcome:
    """What a request does, fallbacks included.

    Args:
        config: the Router's configuration.
        request: the caller's name and team.
        release: how this release routes, matches and walks.
        rules: whose rules say which names find a chain.
        failing: model names of the deployments that fail, and the list that their error is looked up in.

    Returns:
        Who answers, and which model groups were called on the way.
    """
    walk = _Walk(config, request, release, rules, failing)
    return Outcome(walk.call(request.model, depth=0), tuple(walk.called))


@dataclass
class _Walk:
    config: Config
    request: Request
    release: Release
    rules: Rules
    failing: Mapping[str, Kind]
    called: list[str] = field(default_factory=list)
    attempted: set[str] = field(default_factory=set)

    def call(self, model: str, depth: int) -> frozenset[str]:
        hop = Request(model, self.request.team_id, self.request.admin)
        self.called.append(model)
        candidates = routed(self.config, hop, self.release)
        answering = frozenset(d.model_name for d in candidates if d.model_name not in self.failing)
        if answering or depth >= self.config.max_fallbacks:
            return answering
        kind = next((self.failing[d.model_name] for d in candidates), Kind.GENERAL)
        if not self.config.chains.get(kind):
            kind = Kind.GENERAL
        names = list(lookup_names(self.config, hop, self.release, self.rules))
        if self.release.resumes_original and model != self.request.model:
            original = lookup_names(self.config, self.request, self.release, self.rules)
            names = [model, self.request.model, *names, *original]
        key, targets = find_chain(self.config, kind, names, self.release)
        self.attempted |= {model} | ({key} if key is not None else set())
        return self.walk(model, targets or (), depth)

    def walk(self, failed: str, targets: Sequence[str], depth: int) -> frozenset[str]:
        for target in targets:
            if target == failed or (self.release.tracks_attempts and target in self.attempted):
                continue
            depth += 1
            self.attempted.add(target)
            answering = self.call(target, depth)
            if answering:
                return answering
        return frozenset()
