"""Which requests reach which chain, by the model's walk through a world where whatever they call fails."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litellm_patch.doctor.callers import Reach, requests_of
from litellm_patch.model.names import CATCH_ALL, Config, Failure, Kind, Routing, Rules, find_chain, predict
from litellm_patch.output import track

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_patch.doctor.settings import Settings

_DEEP_ENOUGH = 5  # a walk doubles with each level, and what a sixth one reaches is nobody's plan
FAILURES = {
    Kind.GENERAL: Failure.ERROR,
    Kind.CONTEXT_WINDOW: Failure.CONTEXT_WINDOW,
    Kind.CONTENT_POLICY: Failure.CONTENT_POLICY,
}
"""For each list, the failure that looks it up."""


@dataclass(frozen=True)
class Reached:
    """The requests of a configuration, and the chains that they come to.

    Attributes:
        settings: the configuration.
        release: how the release routes and matches.
    """

    settings: Settings
    release: Routing

    @property
    def config(self) -> Config:
        """The model's plain data."""
        return self.settings.config

    @functools.cached_property
    def requests(self) -> tuple[Reach, ...]:
        """Every request that routing can serve."""
        return requests_of(self.settings, self.release)

    def by(self, rules: Rules, kind: Kind, index: int) -> tuple[Reach, ...]:
        """The requests that reach a chain."""
        return tuple(self._found[rules].get((kind, index), ()))

    def entry_of(self, kind: Kind, key: str) -> int:
        """Which chain of a list a lookup name finds."""
        if key == CATCH_ALL:
            return self.config.index(kind).catch_alls[-1]
        _, place = find_chain(self._marked, kind, (key,), self.release)
        return int(place[0]) if place else -1

    @functools.cached_property
    def _found(self) -> Mapping[Rules, Mapping[tuple[Kind, int], dict[Reach, None]]]:
        return {rules: self._walk_all(rules) for rules in Rules}

    def _walk_all(self, rules: Rules) -> Mapping[tuple[Kind, int], dict[Reach, None]]:
        """For each chain the requests that reach it when whatever they call fails."""
        found: dict[tuple[Kind, int], dict[Reach, None]] = defaultdict(dict)
        deep = self.config.max_fallbacks > _DEEP_ENOUGH
        walked = replace(self.config, max_fallbacks=_DEEP_ENOUGH) if deep else self.config
        first = replace(self.config, max_fallbacks=0)  # all that counts of a request by an internal name
        vars(first)["routes"] = walked.routes  # the depth has nothing to do with it
        for kind, failure in FAILURES.items():
            if not self.config.entries(kind):
                continue
            failing = {d.id: failure for d in self.config.deployments}
            for reach in track(self.requests, f"{rules.value}: {kind.value}"):
                walk = predict(first if reach.direct else walked, reach.request, self.release, rules, failing)
                lookups = [lookup for lookup in walk.lookups if lookup.kind is kind]
                for number, lookup in enumerate(lookups):
                    if lookup.key is not None:
                        via = lookup.model if number else ""
                        found[kind, self.entry_of(kind, lookup.key)][
                            Reach(reach.model, reach.team_id, reach.admin, reach.direct, via) if via else reach
                        ] = None
            for name in self.settings.ids:
                key, _ = find_chain(self.config, kind, (name,), self.release)
                if key == name:
                    found[kind, self.entry_of(kind, key)][Reach(name)] = None
        return found

    @functools.cached_property
    def _marked(self) -> Config:
        """The configuration with each chain's own place as its target: whatever finds a chain says which one it is."""
        return replace(
            self.config,
            chains={
                kind: [{key: (str(index),) for key in entry} for index, entry in enumerate(self.config.entries(kind))]
                for kind in Kind
            },
            default_fallbacks=(),
        )
