"""Whom a target can be served for, and the name that may have been meant by one that nothing bears."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.doctor.callers import caller_words, servable
from litellm_patch.model.names import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from litellm_patch.doctor.callers import Reach
    from litellm_patch.doctor.settings import Settings
    from litellm_patch.model.names import Routing

_NEAR = 0.6  # of difflib's ratio: a typing error, not another word
_MOST_COMPARED = 100_000  # pairs of names, some microseconds each


@dataclass(frozen=True)
class ChainTarget:
    """A target of a chain, and the callers of the chain that cannot be served by it."""

    name: str
    not_for: tuple[str, ...]
    nearest: str | None = None


@dataclass(frozen=True)
class Names:
    """The names of a configuration.

    Attributes:
        settings: the configuration.
        release: how the release routes.
        requests: every request that routing can serve.
    """

    settings: Settings
    release: Routing
    requests: tuple[Reach, ...]

    def targets(self, names: Iterable[str], reaches: Iterable[Reach]) -> tuple[ChainTarget, ...]:
        """Who of those that reach a chain cannot be served by each target of it."""
        callers = dict.fromkeys((reach.team_id, reach.admin) for reach in reaches)
        return tuple(self._target(name, callers) for name in names)

    def _target(self, name: str, callers: Collection[tuple[str, bool]]) -> ChainTarget:
        if not self.settings.complete and not self.known(name):
            return ChainTarget(name, ())
        if not callers:
            served = self._serves_anybody(name)
            return ChainTarget(name, () if served else ("anybody",), None if served else self.nearest(name))
        not_for = tuple(
            caller_words(team, admin=admin)
            for team, admin in callers
            if not servable(self.settings, self.release, Request(name, team or None, admin))
        )
        return ChainTarget(name, not_for, self.nearest(name) if not_for and not self.known(name) else None)

    def known(self, name: str) -> bool:
        """Whether a name is one of this configuration's, whoever it belongs to."""
        return name in self._own or name in self._asked

    def nearest(self, name: str) -> str | None:
        """The name that may have been meant: the same with another provider or none, else one spelled much like it.

        Of a very large configuration, only the first few names are compared by spelling.
        """
        if name not in self._nearest:
            same = [other for other in self._by_last_part.get(name.rpartition("/")[2], ()) if other != name]
            if not same and len(self._nearest) * len(self._own) <= _MOST_COMPARED:
                same = difflib.get_close_matches(name, sorted(self._own - {name}), n=1, cutoff=_NEAR)
            self._nearest[name] = next(iter(same), None)
        return self._nearest[name]

    def _serves_anybody(self, name: str) -> bool:
        """Whether there is a caller who can be served by a name."""
        config, by_id = self.settings.config, self.settings.ids.get(name)
        resolved = config.aliases.get(name, name)
        found = (
            *config.by_model_name.get(resolved, ()),
            *config.by_public_name.get(resolved, ()),
            *config.shared_wildcards.matching(resolved),
        )
        owners = {d.team_id for d in (*found, *([by_id] if by_id else []))}
        owners |= {team for team, wild in config.team_wildcards.items() if wild.matching(resolved)}
        return any(servable(self.settings, self.release, Request(name, team)) for team in (None, *owners))

    @functools.cached_property
    def _nearest(self) -> dict[str, str | None]:
        return {}

    @functools.cached_property
    def _by_last_part(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted(self._own):
            found.setdefault(name.rpartition("/")[2], []).append(name)
        return found

    @functools.cached_property
    def _asked(self) -> frozenset[str]:
        return frozenset(reach.model for reach in self.requests)

    @functools.cached_property
    def _own(self) -> frozenset[str]:
        """All names that a key or a target can be."""
        own = {name for d in self.settings.config.deployments for name in (d.model_name, d.public_name) if name}
        return frozenset({*own, *self.settings.config.aliases, *self.settings.ids})
