"""Which requests there are: the names that routing can serve, and who sends them."""

from __future__ import annotations

import bisect
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.model.names import CATCH_ALL, Config, Kind, Request, Routing, routed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from litellm_patch.doctor.settings import Settings

EXAMPLE = "any-model"
"""What stands for the star of a wildcard, where a request needs a whole name."""

SHOWN = 3
"""How many names a sentence holds before it counts the others."""


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


def requests_of(settings: Settings, release: Routing) -> tuple[Reach, ...]:
    """Every request that routing can serve: names and callers.

    A wildcard stands for one name. A team is named only where its own deployments or names make a difference.
    """
    common = _common_names(settings.config)
    return (
        *(Reach(name) for name in common if servable(settings, release, Request(name))),
        *_requests_of_teams(settings.config, release, common),
        *(_requests_of_admins(settings.config, release) if release.admin_across_teams else ()),
    )


def servable(settings: Settings, release: Routing, request: Request) -> bool:
    """Tell whether a name can be served for a caller, without what stands in for names that nothing serves."""
    by_id = settings.ids.get(request.model)
    if by_id is not None and by_id.usable_by(request.team_id):
        return True
    return bool(routed(settings.config.bare, request, release))


def _common_names(config: Config) -> tuple[str, ...]:
    """The names that anybody may try: those of the groups and aliases, and what chains speak of."""
    entries = [entry for kind in Kind for entry in config.entries(kind)]
    keys = [key for entry in entries for key in entry if key != CATCH_ALL]
    targets = [name for entry in entries for found in entry.values() for name in found]
    shared = [d.model_name for d in config.deployments if d.team_id is None]
    return tuple(dict.fromkeys(map(_example, (*shared, *config.aliases, *keys, *targets))))


def _requests_of_teams(config: Config, release: Routing, common: Sequence[str]) -> Iterator[Reach]:
    owned: dict[str, list[str]] = defaultdict(list)
    internal: dict[str, set[str]] = defaultdict(set)
    public: dict[str, set[str]] = defaultdict(set)
    for deployment in config.deployments:
        if deployment.team_id is not None:
            owned[deployment.team_id] += filter(None, (deployment.public_name, deployment.model_name))
            if deployment.public_name is not None:
                internal[deployment.team_id].add(deployment.model_name)
                public[deployment.team_id].add(deployment.public_name)
    concerned = _Concerned(config, common)
    for team, names in owned.items():
        mine = set(names)
        for name in dict.fromkeys((*map(_example, names), *concerned.by(mine))):
            served = routed(config.bare, Request(name, team), release)
            # an alias that is called like a name of theirs is looked up by that name too, whatever serves it
            if any(d.team_id is not None for d in served) or (served and name in mine):
                known = name in public[team] or name in config.aliases
                yield Reach(name, team, direct=name in internal[team] and not known)


def _requests_of_admins(config: Config, release: Routing) -> Iterator[Reach]:
    public = [_example(d.public_name) for d in config.deployments if d.team_id and d.public_name]
    for name in dict.fromkeys((*public, *config.aliases)):
        if any(d.team_id for d in routed(config.bare, Request(name, admin=True), release)):
            yield Reach(name, admin=True)


class _Concerned:
    """Which of the names that anybody may try lead to a team's own."""

    def __init__(self, config: Config, common: Sequence[str]) -> None:
        self.common = common
        self.places: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(common):
            self.places[config.aliases.get(name, name)].append(place)
        self.sorted = sorted(self.places)

    def by(self, owned: AbstractSet[str]) -> Iterator[str]:
        found = {place for name in owned for place in self.places.get(name, ())}
        for prefix in {name.partition("*")[0] for name in owned if "*" in name}:
            for at in range(bisect.bisect_left(self.sorted, prefix), len(self.sorted)):
                if not self.sorted[at].startswith(prefix):
                    break
                found.update(self.places[self.sorted[at]])
        return map(self.common.__getitem__, sorted(found))


def _example(name: str) -> str:
    return name.replace(CATCH_ALL, EXAMPLE)


def caller_words(team_id: str | None, *, admin: bool) -> str:
    """Say who a caller is."""
    if team_id:
        return f"team {team_id}"
    return "a proxy admin" if admin else "callers without a team of their own"


def describe(reaches: Iterable[Reach]) -> str:
    """Say which requests, and not more than a few.

    Those that come by another chain are told only where no other request does, and no internal name is.
    """
    found = list(reaches)
    if not found:
        return "none"
    used = [reach for reach in found if not reach.direct]
    if not used:
        return "only its internal name"
    return few(list(dict.fromkeys(map(request_words, [reach for reach in used if not reach.via] or used))))


def few(words: Sequence[str]) -> str:
    """List a few, and count the others."""
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def request_words(reach: Reach) -> str:
    """Say which request: its name, who sends it, and the target behind which it comes."""
    whom = f" ({reach.team_id})" if reach.team_id else " (admin)" if reach.admin else ""
    return f"{reach.model}{whom}{f' after {reach.via} failed' if reach.via else ''}"
