"""Whom a target can be served for, and the name that may have been meant by one that nothing bears."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.doctor.callers import caller_words, servable
from litellm_patch.model.names import Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litellm_patch.doctor.callers import Reach
    from litellm_patch.doctor.settings import Settings
    from litellm_patch.model.names import Routing

_NEAR = 0.6  # of difflib's ratio: a typing error, not another word


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

    def target(self, name: str, reaches: Iterable[Reach]) -> ChainTarget:
        """Who of those that reach a chain cannot be served by a target of it."""
        callers = dict.fromkeys((reach.team_id, reach.admin) for reach in reaches)
        if not self.settings.complete and not self.known(name):
            return ChainTarget(name, ())
        if not callers:
            teams = {d.team_id for d in self.settings.config.deployments if d.team_id}
            anyone = (Request(name), *(Request(name, team) for team in sorted(teams)))
            served = any(servable(self.settings, self.release, request) for request in anyone)
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
        """The name that may have been meant: the same with another provider or none, else one spelled much like it."""
        others = sorted(self._own - {name})
        same = (other for other in others if other.rpartition("/")[2] == name.rpartition("/")[2])
        return next(iter((*same, *difflib.get_close_matches(name, others, n=1, cutoff=_NEAR))), None)

    @functools.cached_property
    def _asked(self) -> frozenset[str]:
        return frozenset(reach.model for reach in self.requests)

    @functools.cached_property
    def _own(self) -> frozenset[str]:
        """All names that a key or a target can be."""
        own = {name for d in self.settings.config.deployments for name in (d.model_name, d.public_name) if name}
        return frozenset({*own, *self.settings.config.aliases, *self.settings.ids})
