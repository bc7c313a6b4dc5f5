"""What the contract says of any world, asked of the model alone: in any release, with many more worlds than calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litellm_patch.model.names import (
    CATCH_ALL,
    Failure,
    Kind,
    Outcome,
    Routing,
    Rules,
    find_chain,
    lookup_names,
    predict,
    routed,
)
from tests.model.releases import releases
from tests.names.choosing import pick
from tests.names.transformations import (
    MEANINGLESS,
    keyed_by_one_name,
    rename_everything,
    renamed,
    swap_public_and_internal_keys,
)
from tests.names.worlds import World, worlds

if TYPE_CHECKING:
    from collections.abc import Callable

any_world = settings(
    max_examples=200, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def _outcome(world: World, release: Routing, rules: Rules = Rules.CONTRACT) -> Outcome:
    return predict(world.config, world.request, release, rules, world.failing, pick=pick(world.pick))


@any_world
@given(world=worlds(), release=releases(), kind=st.sampled_from(Kind))
def test_a_request_that_finds_a_chain_of_its_own_today_finds_the_same_one(
    world: World, release: Routing, kind: Kind
) -> None:
    """Steps 2 to 4 only add names behind."""
    today = lookup_names(world.config, world.request, release, Rules.UPSTREAM)
    patched = lookup_names(world.config, world.request, release, Rules.CONTRACT)
    key, targets = find_chain(world.config, kind, today, release)

    assert patched[: len(today)] == today
    if key not in {None, CATCH_ALL}:
        assert find_chain(world.config, kind, patched, release) == (key, targets)


@any_world
@given(world=worlds(), release=releases())
def test_another_team_s_names_never_enter(world: World, release: Routing) -> None:
    """Of all names but the one that was sent, none is an internal name that only other teams' deployments bear."""
    own_team = world.request.team_id
    for name in lookup_names(world.config, world.request, release, Rules.CONTRACT)[1:]:
        bearers = [d for d in world.config.deployments if d.model_name == name]
        if world.request.admin and release.admin_across_teams:
            assert len({d.team_id for d in bearers}) <= 1
        else:
            assert not bearers or any(d.usable_by(own_team) for d in bearers)


@any_world
@given(world=worlds(), release=releases(), rules=st.sampled_from(Rules))
def test_circles_end(world: World, release: Routing, rules: Rules) -> None:
    """Calls are bounded by ``max_fallbacks`` and the longest chain, whatever leads where."""
    lists = [*world.config.chains.values(), *world.request.chains.values()]
    chains = [targets for entries in lists for entry in entries for targets in entry.values()]
    longest = max(map(len, [*chains, world.config.default_fallbacks, world.request.targets or ()]))

    assert len(_outcome(world, release, rules).called) <= _most_calls(longest, 0, world.config.max_fallbacks)


def _most_calls(longest: int, depth: int, max_fallbacks: int) -> int:
    """A call and, if it may fall back, all its targets, of which each is one level deeper than the one before."""
    if depth >= max_fallbacks:
        return 1
    return 1 + sum(_most_calls(longest, depth + number, max_fallbacks) for number in range(1, longest + 1))


@any_world
@given(world=worlds(), release=releases(), rules=st.sampled_from(Rules))
def test_whenever_a_gate_says_that_a_chain_exists_the_dispatcher_finds_it(
    world: World, release: Routing, rules: Rules
) -> None:
    outcome = _outcome(world, release, rules)

    for lookup in outcome.lookups:
        if _failure(world, lookup.model, release) in {Failure.CUT, Failure.REFUSED}:
            assert lookup.key is not None


@any_world
@given(world=worlds(), release=releases(), rules=st.sampled_from(Rules))
def test_whenever_the_dispatcher_would_find_a_chain_the_gate_says_so(
    world: World, release: Routing, rules: Rules
) -> None:
    """Except, as on stock, for a cut answer without a content policy list: that gate sees no chain but ``*``."""
    outcome = _outcome(world, release, rules)
    failure = _failure(world, world.request.model, release)

    if world.request.model in outcome.called[:1] and world.request.model in outcome.delivered:
        kind = Kind.CONTENT_POLICY if world.config.chains.get(Kind.CONTENT_POLICY) else Kind.GENERAL
        names = lookup_names(world.config, world.request, release, rules)
        key, _ = find_chain(world.config, kind, names, release)
        blind = failure is Failure.CUT and kind is Kind.GENERAL and key != CATCH_ALL
        assert key is None or blind or not release.refusals_fall_back


def _failure(world: World, group: str, release: Routing) -> Failure | None:
    served = routed(world.config, replace(world.request, model=group), release)
    return next((world.failing.get(deployment.model_name) for deployment in served), None)


@any_world
@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize("change", MEANINGLESS.values(), ids=MEANINGLESS)
@given(world=worlds(), release=releases())
def test_what_means_nothing_changes_nothing(
    change: Callable[[World], World], rules: Rules, world: World, release: Routing
) -> None:
    before, after = _outcome(world, release, rules), _outcome(change(world), release, rules)

    name = renamed if change is rename_everything else str
    assert after.answered_by == frozenset(map(name, before.answered_by))
    assert after.called == tuple(map(name, before.called))


@any_world
@given(world=worlds().map(keyed_by_one_name), release=releases())
def test_a_key_may_be_public_or_internal(world: World, release: Routing) -> None:
    """A chain fires for its owner whichever of its two names it is keyed by."""
    before, after = _outcome(world, release), _outcome(swap_public_and_internal_keys(world), release)

    assert after.answered_by == before.answered_by
