"""Any configuration, any request: the Router does what the model says, the stock one and the patched one.

Each check quotes the sentence of the contract that it holds the Router to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, assume, event, example, given, settings
from hypothesis import strategies as st

from litellm_patch.model.names import Config, Deployment, Failure, Kind, Outcome, Request, Rules, predict
from tests.names.checks import check_the_answer, check_the_calls, check_the_error, check_the_teams
from tests.names.choosing import pick
from tests.names.labels import labels
from tests.names.release import capabilities, release
from tests.names.running import Run, run
from tests.names.transformations import (
    MEANINGLESS,
    keyed_by_one_name,
    rename_everything,
    renamed,
    swap_public_and_internal_keys,
)
from tests.names.worlds import FATES, Bucket, World, group_of, worlds
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from collections.abc import Callable

A1, A2 = Deployment("model_name_team-a_1", "team-a", "backup"), Deployment("model_name_team-a_2", "team-a", "gpt-4.1")
B1 = Deployment("model_name_team-b_1", "team-b", "gpt-4.1")
GLOBAL = Deployment("global")
DOWN = {A1.model_name: Behaviour.ERROR}


def _world(deployments: tuple[Deployment, ...], chains: dict[str, str], model: str, team_id: str | None) -> World:
    entries = [{key: [target]} for key, target in chains.items()]
    return World(Config(deployments, {}, {Kind.GENERAL: entries}), {}, Request(model, team_id))


TWO_DEFAULTS = World(
    Config((GLOBAL,), {}, {Kind.GENERAL: [{"*": ["acme/eta"]}, {"*": ["global"]}]}), {}, Request("acme/eta", "team-a")
)
ANOTHER_TEAM_S_NAME = _world((B1, GLOBAL), {"*": "global"}, B1.model_name, "team-a")
ANOTHER_TEAM_S_NAME_WITHOUT_A_TEAM = _world((B1, GLOBAL), {"*": "global"}, B1.model_name, None)
DEFAULT_BY_PUBLIC_NAME = _world((A2,), {"*": "gpt-4.1"}, "acme/eta", "team-a")
KEY_WITH_A_PROVIDER = replace(
    _world((A1, A2), {"openai/gpt-4.1": "backup"}, "gpt-4.1", "team-a"), behaviours={A2.model_name: Behaviour.ERROR}
)
KEY_WITH_A_PROVIDER_FIRST = replace(
    _world((A2, GLOBAL), {"openai/gpt-4.1": "other", A2.model_name: "global"}, "gpt-4.1", "team-a"),
    behaviours={A2.model_name: Behaviour.ERROR},
)
GLOBAL_GROUP_WITH_A_PUBLIC_NAME = replace(
    _world((A2, Deployment("gpt-4.1"), GLOBAL), {A2.model_name: "global"}, "gpt-4.1", "team-a"),
    behaviours={A2.model_name: Behaviour.ERROR, "gpt-4.1": Behaviour.ERROR},
)
INTERNAL_NAME_THAT_IS_AN_ALIAS = World(
    Config(
        (A1, A2, GLOBAL),
        {A1.model_name: A2.model_name},
        {Kind.GENERAL: [{"gpt-4.1": ["other"]}, {"backup": ["global"]}]},
    ),
    {A2.model_name: Behaviour.ERROR},
    Request(A1.model_name, "team-a"),
)
ALIAS_OF_AN_ALIAS_OF_ANOTHER_TEAM_S_NAME = World(
    Config((B1, GLOBAL), {"al": "al-2", "al-2": B1.model_name}, {Kind.GENERAL: [{"al-2": ["global"]}]}),
    {},
    Request("al", "team-a"),
)
ADMIN_BY_INTERNAL_NAME = replace(
    _world((A1, B1, GLOBAL), {A1.model_name: "global"}, A1.model_name, None),
    behaviours=DOWN,
    request=Request(A1.model_name, admin=True),
)
ADMIN_AND_TWO_TEAMS = replace(
    _world((A2, B1, GLOBAL), {"gpt-4.1": "global"}, "gpt-4.1", None), request=Request("gpt-4.1", admin=True)
)
ADMIN_AND_TWO_INTERNAL_NAMES = replace(
    _world((A2, B1, GLOBAL), {A2.model_name: "global"}, "gpt-4.1", None), request=Request("gpt-4.1", admin=True)
)
ADMIN_AT_A_HOP = World(
    Config(
        (A1, GLOBAL, Deployment("other")),
        {},
        {Kind.GENERAL: [{A1.model_name: ["global"]}], Kind.CONTEXT_WINDOW: [{A1.model_name: ["other"]}]},
    ),
    {A1.model_name: Behaviour.ERROR, "global": Behaviour.CONTEXT_WINDOW},
    Request("backup", admin=True),
)
BROKEN_TWICE = replace(
    _world((A1, A2, GLOBAL), {A1.model_name: A2.model_name, A2.model_name: "global"}, A1.model_name, "team-a"),
    behaviours={A1.model_name: Behaviour.BREAK_EARLY, A2.model_name: Behaviour.BREAK_EARLY},
    call="stream",
)
INTERNAL_KEY = replace(_world((A1, GLOBAL), {A1.model_name: "global"}, "backup", "team-a"), behaviours=DOWN)
CIRCLE = replace(
    _world((A1, A2), {A1.model_name: "gpt-4.1", A2.model_name: "backup"}, "backup", "team-a"),
    behaviours={**DOWN, A2.model_name: Behaviour.ERROR},
)
ROUTED_BY_A_DEFAULT_OF_THE_ROUTER_S = World(
    Config((GLOBAL, Deployment("other")), {"al": "nothing"}, default_fallbacks=("global",)),
    {"global": Behaviour.ERROR},
    Request("al", "team-a", chains={Kind.GENERAL: [{"nothing": ["other"]}]}),
)
PUBLIC_KEY = replace(_world((A1, GLOBAL), {"backup": "global"}, A1.model_name, "team-a"), behaviours=DOWN)
UNREMEMBERED = replace(PUBLIC_KEY.request, remembered=False)
TEAM_IN_THE_OTHER_BUCKET = replace(PUBLIC_KEY, bucket=Bucket.LITELLM_METADATA, request=UNREMEMBERED)
ANOTHER_TEAM_IN_THE_OTHER_BUCKET = replace(PUBLIC_KEY, bucket=Bucket.BOTH, request=UNREMEMBERED)

pytestmark = pytest.mark.asyncio(loop_scope="session")

of_the_profile = settings(
    # a falsifying example says enough, and explaining it takes longer than finding it
    phases=[phase for phase in settings().phases if phase is not Phase.explain],
    # the server is told anew for each example what to do
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
a_fifth = settings(of_the_profile, max_examples=max(10, of_the_profile.max_examples // 5))


def _fates() -> dict[str, list[Behaviour]]:
    """What this release knows how to recover from: a broken stream of messages is the client's, without its gate.

    And what the model knows: where a stream forgets what was called before it, a gate at a hop is asked twice, by other
    rules each time. `test_readers` and `test_what_stays` have the streams that are refused at once.
    """
    gone = set() if capabilities().stream_gate else {("messages-stream", Behaviour.BREAK_EARLY)}
    gone |= {("messages-stream", Behaviour.REFUSAL)} if release().streams_forget_attempts else set()
    return {call: [fate for fate in fates if (call, fate) not in gone] for call, fates in FATES.items()}


@given(world=worlds(_fates()))
@example(world=TWO_DEFAULTS)
@example(world=ANOTHER_TEAM_S_NAME)
@example(world=ANOTHER_TEAM_S_NAME_WITHOUT_A_TEAM)
@example(world=DEFAULT_BY_PUBLIC_NAME)
@example(world=KEY_WITH_A_PROVIDER)
@example(world=KEY_WITH_A_PROVIDER_FIRST)
@example(world=GLOBAL_GROUP_WITH_A_PUBLIC_NAME)
@example(world=INTERNAL_NAME_THAT_IS_AN_ALIAS)
@example(world=ALIAS_OF_AN_ALIAS_OF_ANOTHER_TEAM_S_NAME)
@example(world=ADMIN_BY_INTERNAL_NAME)
@example(world=ADMIN_AND_TWO_TEAMS)
@example(world=ADMIN_AND_TWO_INTERNAL_NAMES)
@example(world=ADMIN_AT_A_HOP)
@example(world=BROKEN_TWICE)
@example(world=CIRCLE)
@example(world=ROUTED_BY_A_DEFAULT_OF_THE_ROUTER_S)
@example(world=TEAM_IN_THE_OTHER_BUCKET)
@example(world=ANOTHER_TEAM_IN_THE_OTHER_BUCKET)
@of_the_profile
async def test_the_router_does_what_the_model_says(world: World, rules: Rules, provider: Provider) -> None:
    for label in labels(world, release()):
        event(label)
    outcome = predict(world.config, world.request, release(), rules, world.failing, pick=pick(world.pick))

    seen = await run(world, provider)

    check_the_calls(seen, outcome)
    check_the_answer(world, seen, outcome)
    check_the_teams(world, seen)
    check_the_error(world, seen, outcome)
    assert not seen.changed, "Configured and per-request lists are never changed."
    if rules is Rules.CONTRACT:
        _check_what_stock_does(world, outcome)


def _check_what_stock_does(world: World, outcome: Outcome) -> None:
    """A request that stock answers without asking a gate is answered, as far as ``max_fallbacks`` reaches."""
    today = predict(world.config, world.request, release(), Rules.UPSTREAM, world.failing, pick=pick(world.pick))
    asked_a_gate = {Failure.CUT, Failure.REFUSED} & {world.failing.get(hit) for hit in (*today.hit, *outcome.hit)}
    if today.answered_by and not asked_a_gate and len(outcome.called) <= world.config.max_fallbacks:
        assert outcome.answered_by


@given(world=worlds(_fates()), change=st.sampled_from(list(MEANINGLESS.values())))
@a_fifth
async def test_what_means_nothing_changes_nothing(
    world: World, change: Callable[[World], World], provider: Provider
) -> None:
    """Other names, another order of what is unrelated, one team more: the answer and the calls are the same."""
    after = change(world)

    seen, seen_after = await run(world, provider), await run(after, provider)

    name = renamed if change is rename_everything else str
    assert [name(str(group)) for group in _groups(world, seen)] == [str(group) for group in _groups(after, seen_after)]
    assert type(seen.error) is type(seen_after.error)


@pytest.mark.fix
@given(
    world=worlds(_fates()).map(keyed_by_one_name).filter(lambda world: swap_public_and_internal_keys(world) != world)
)
@example(world=INTERNAL_KEY)
@settings(a_fifth, suppress_health_check=list(HealthCheck))
async def test_a_key_may_be_public_or_internal(world: World, provider: Provider) -> None:
    """A chain fires for its owner whichever of its two names it is keyed by.

    The answer is the same; a chain that leads back to its own group by the other name may call it once more.
    """
    # without a record of attempts, a hop does not walk a derived chain that lists it, but does walk its own
    assume(release().tracks_attempts or not _lists_its_own_names(world))
    after = swap_public_and_internal_keys(world)

    seen, seen_after = await run(world, provider), await run(after, provider)

    assert type(seen.error) is type(seen_after.error)
    if seen.error is None:
        assert _groups(world, seen)[-1] == _groups(after, seen_after)[-1]


def _lists_its_own_names(world: World) -> bool:
    """Whether a chain leads back to the group that it is for, by whichever name."""
    entries = [*world.config.chains.values(), *world.request.chains.values()]
    swapped = swap_public_and_internal_keys(world)
    keys = [
        {*before, *after} | {world.request.model, world.config.aliases.get(world.request.model, "")}
        for before, after in zip(
            [entry for found in entries for entry in found],
            [e for found in (*swapped.config.chains.values(), *swapped.request.chains.values()) for e in found],
            strict=True,
        )
    ]
    targets = [{target for found in entry.values() for target in found} for found in entries for entry in found]
    return any(own & listed for own, listed in zip(keys, targets, strict=True))


def _groups(world: World, seen: Run) -> list[tuple[str, str]]:
    """The calls, where it is chance which of several siblings is called."""
    groups = {deployment.id: group_of(deployment) for deployment in world.config.deployments}
    return [groups[called] for called in seen.called]
