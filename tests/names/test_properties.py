"""Any configuration, any request: the Router does what the model says, the stock one and the patched one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings

from litellm_patch.names import Config, Deployment, Kind, Request, Rules, predict, routed
from names.release import capabilities, release
from names.running import run, text_of
from names.worlds import FATES, World, worlds
from upstream import Behaviour, Upstream

TWO_DEFAULTS = World(
    Config((Deployment("global"),), {}, {Kind.GENERAL: [{"*": ["acme/eta"]}, {"*": ["global"]}]}),
    {},
    Request("acme/eta", "team-a"),
)
ANOTHER_TEAM_S_NAME = World(
    Config(
        (Deployment("model_name_team-b_1", "team-b", "gpt-4.1"), Deployment("global")),
        {},
        {Kind.GENERAL: [{"*": ["global"]}]},
    ),
    {},
    Request("model_name_team-b_1", "team-a"),
)
DEFAULT_BY_PUBLIC_NAME = World(
    Config((Deployment("model_name_team-a_1", "team-a", "gpt-4.1"),), {}, {Kind.GENERAL: [{"*": ["gpt-4.1"]}]}),
    {},
    Request("acme/eta", "team-a"),
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _fates() -> dict[str, list[Behaviour]]:
    """What this release knows how to recover from: a broken stream of messages is the client's, without its gate."""
    gone = set() if capabilities().stream_gate else {("messages-stream", Behaviour.BREAK_EARLY)}
    return {call: [fate for fate in fates if (call, fate) not in gone] for call, fates in FATES.items()}


@given(world=worlds(_fates()))
@example(world=TWO_DEFAULTS)
@example(world=ANOTHER_TEAM_S_NAME)
@example(world=replace(ANOTHER_TEAM_S_NAME, request=Request("model_name_team-b_1")))
@example(world=DEFAULT_BY_PUBLIC_NAME)
@settings(
    # a falsifying example says enough, and explaining it takes longer than finding it
    phases=[phase for phase in Phase if phase is not Phase.explain],
    # the server is told anew for each example what to do
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_the_router_does_what_the_model_says(world: World, rules: Rules, upstream: Upstream) -> None:
    outcome = predict(world.config, world.request, release(), rules, world.failing)

    seen = await run(world, upstream)

    event(f"{'answered' if seen.error is None else 'unanswered'} after {len(seen.called)} calls")
    places = [found for group in outcome.called if (found := _routed(world, group))]
    assert len(seen.called) == len(places), (seen.called, outcome.called)
    assert all(called in found for called, found in zip(seen.called, places, strict=True)), (
        seen.called,
        outcome.called,
    )
    assert (seen.error is None) == bool(outcome.answered_by), (seen, outcome)
    if outcome.answered_by:
        assert seen.called[-1] in outcome.answered_by
        if world.behaviours.get(seen.called[-1]) is not Behaviour.REFUSAL:
            assert text_of(seen.called[-1]) in (seen.answer or "")
    usable = {d.model_name for d in world.config.deployments if d.usable_by(world.request.team_id)}
    if not world.request.admin:
        assert usable.issuperset(seen.called)
    assert not seen.changed


def _routed(world: World, group: str) -> set[str]:
    """Where routing may send a request for a model group."""
    return {d.model_name for d in routed(world.config, replace(world.request, model=group), release())}
