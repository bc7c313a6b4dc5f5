"""Chains that lead back to themselves."""

from __future__ import annotations

import functools
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.model.names import CATCH_ALL, Kind, Request, Rules, find_request_chain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.doctor.reaching import Reached


_FARTHEST = 100  # chains on the ways from one; a long circle of very many would be written out for each of them


@dataclass(frozen=True)
class Circles:
    """The ways from chain to chain, by the patched lookup of each target.

    Attributes:
        reached: the requests of a configuration, and the chains that they come to.
    """

    reached: Reached

    def of(self, kind: Kind, index: int) -> tuple[str, ...]:
        """The keys on the way from a chain back to itself, empty if none."""
        came_from: dict[int, int] = {}
        edge = deque([index])
        while edge and index not in came_from and len(came_from) < _FARTHEST:
            at = edge.popleft()
            for step in self._steps[kind].get(at, ()):
                if step not in came_from:
                    came_from[step] = at
                    edge.append(step)
        if index not in came_from:
            return ()
        way = [index, came_from[index]]
        while way[-1] != index:
            way.append(came_from[way[-1]])
        return tuple(next(iter(self.reached.config.entries(kind)[place])) for place in reversed(way))

    @functools.cached_property
    def _steps(self) -> Mapping[Kind, Mapping[int, tuple[int, ...]]]:
        """From each chain to those of its targets; neither the catch-all nor a chain that names itself."""
        return {
            kind: {
                index: tuple(dict.fromkeys(self._next(kind, index, next(iter(entry.values())))))
                for index, entry in enumerate(self.reached.config.entries(kind))
                if CATCH_ALL not in entry
            }
            for kind in Kind
        }

    def _next(self, kind: Kind, index: int, targets: Sequence[str]) -> Iterator[int]:
        callers = dict.fromkeys((r.team_id or None, r.admin) for r in self.reached.by(Rules.CONTRACT, kind, index))
        for target in targets:
            for team, admin in callers:
                request = Request(target, team, admin)
                key, _ = find_request_chain(self.reached.config, request, kind, self.reached.release, Rules.CONTRACT)
                if key not in {None, CATCH_ALL} and (step := self.reached.entry_of(kind, str(key))) != index:
                    yield step
