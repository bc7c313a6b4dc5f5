"""The worlds that are drawn have all that the contract speaks of."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.model.releases import ABLE, PLAIN
from tests.names.labels import labels, possible
from tests.names.worlds import World, worlds

pytestmark = pytest.mark.slow


def test_every_branch_is_reached() -> None:
    """Each step of names winning in each list, each way to fail of each call, each kind of caller."""
    seen: dict[str, Counter[str]] = {"able": Counter(), "plain": Counter()}

    @settings(
        max_examples=2500,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(world=worlds())
    def draw(world: World) -> None:
        seen["able"].update(labels(world, ABLE))
        seen["plain"].update(labels(world, PLAIN))

    draw()

    assert sorted(possible(ABLE) ^ set(seen["able"])) == []
    assert sorted(possible(PLAIN) ^ set(seen["plain"])) == []
