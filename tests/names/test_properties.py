"""Any configuration, any request: the Router does what the model says, the stock one and the patched one."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import litellm
import pytest
from hypothesis import HealthCheck, Phase, event, example, given, settings

from litellm_patch.names import Config, Deployment, Kind, Request, Rules, predict, routed
from names.calls import ACOMPLETION
from names.release import release
from names.world import build_router, model_entry
from names.worlds import World, worlds
from upstream import Behaviour, Upstream

if TYPE_CHECKING:
    from litellm import Router

FAILURES = {
    Kind.GENERAL: Behaviour.ERROR,
    Kind.CONTEXT_WINDOW: Behaviour.CONTEXT_WINDOW,
    Kind.CONTENT_POLICY: Behaviour.CONTENT_POLICY,
}
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


@given(world=worlds())
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
    """Who answers, and who is called on the way; no other team's deployment, and no list changed."""
    outcome = predict(world.config, world.request, release(), rules, world.failing)
    litellm.logging_callback_manager._reset_all_callbacks()  # each Router leaves some for good
    upstream.reset({_place(name): FAILURES[kind] for name, kind in world.failing.items()})
    router = _router(world.config, upstream.url)
    configured = {kind: copy.deepcopy(getattr(router, kind.value)) for kind in Kind}

    try:
        answer = await ACOMPLETION(router, world.request.model, world.request.team_id)
    except Exception:  # noqa: BLE001 - unanswered is an outcome too
        answer = ""

    event(f"{'answered' if answer else 'unanswered'} after {len(upstream.hits)} calls")
    if outcome.answered_by:
        assert answer in {f"answer from {_place(name)}" for name in outcome.answered_by}
    else:
        assert not answer
    expected = [places for group in outcome.called if (places := _places(world, group))]
    assert len(upstream.models_called) == len(expected), (upstream.models_called, outcome.called)
    assert all(called in places for called, places in zip(upstream.models_called, expected, strict=True))
    usable = {_place(d.model_name) for d in world.config.deployments if d.usable_by(world.request.team_id)}
    assert usable.issuperset(upstream.models_called)
    assert {kind: getattr(router, kind.value) for kind in Kind} == configured


def _places(world: World, group: str) -> set[str]:
    """Where routing may send a request for a model group."""
    hop = replace(world.request, model=group)
    return {_place(deployment.model_name) for deployment in routed(world.config, hop, release())}


def _place(model_name: str) -> str:
    """What the upstream calls a deployment: nothing that a caller could send, and no pattern."""
    return f"place-of-{model_name.replace('*', 'any').replace('/', '-')}"


def _router(config: Config, url: str) -> Router:
    entries = [model_entry(deployment, url, "openai") for deployment in config.deployments]
    for entry in entries:
        entry["litellm_params"]["model"] = f"openai/{_place(entry['model_name'])}"
    return build_router(replace(config, deployments=()), url, "openai", entries)
