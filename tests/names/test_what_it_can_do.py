"""What a chain that begins to fire can do to a request that stock answers: what every chain can do on stock.

The contract leaves these out of its promise. Stock answers each request if the chain is not there, and fails it or
answers otherwise if the chain stands under the name as sent; with the patch it does so under a derived name too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from litellm_patch.model.names import Config, Deployment, Kind
from tests.names.calls import ACOMPLETION
from tests.names.dice import DICE
from tests.names.examples import A1, A2, A3, ALIASES, DEPLOYMENTS, TEAM_A
from tests.names.world import build_router
from upkeep.provider import Behaviour, Provider

pytestmark = pytest.mark.asyncio(loop_scope="session")

AS_SENT_OR_DERIVED = pytest.mark.parametrize(
    "key", ["gpt-4.1", pytest.param(A1, marks=pytest.mark.fix)], ids=["as sent", "derived"]
)


async def _answer(router: Any, model: str = "gpt-4.1") -> str:
    try:
        return await ACOMPLETION(router, model, TEAM_A)
    except Exception as error:  # noqa: BLE001 - an error is what most of these are about
        return f"error: {error}"


@AS_SENT_OR_DERIVED
async def test_a_gate_turns_a_cut_answer_into_the_error_of_a_dead_target(key: str, provider: Provider) -> None:
    provider.reset({A1: Behaviour.CONTENT_FILTER, A2: Behaviour.ERROR})
    config = Config(DEPLOYMENTS, ALIASES, {Kind.CONTENT_POLICY: [{key: [A2]}]})

    assert (await _answer(build_router(config, provider.url, "openai"))).startswith("error")
    assert provider.models_called == (A1, A2)


@AS_SENT_OR_DERIVED
async def test_a_gate_replaces_a_cut_answer_by_a_target_s(key: str, provider: Provider) -> None:
    provider.reset({A1: Behaviour.CONTENT_FILTER})
    config = Config(DEPLOYMENTS, ALIASES, {Kind.CONTENT_POLICY: [{key: [A2]}]})

    assert await _answer(build_router(config, provider.url, "openai")) == f"answer from {A2}"


@AS_SENT_OR_DERIVED
async def test_the_parameters_of_a_dead_target_stay_with_those_behind_it(key: str, provider: Provider) -> None:
    """Which can be the end of them: here none may take longer than the first one might."""
    provider.reset({A1: Behaviour.ERROR, A2: Behaviour.ERROR})
    hasty: Any = {"model": "backup", "timeout": 1e-6}
    chains: list[Any] = [{key: [hasty, "other"]}, {"*": ["other"]}]
    router = build_router(Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: chains}), provider.url, "openai")

    assert (await _answer(router)).startswith("error")


@AS_SENT_OR_DERIVED
async def test_dead_targets_use_the_depth_up(key: str, provider: Provider) -> None:
    """One level each, so the catch-all's target has none left for a chain of its own."""
    provider.reset(dict.fromkeys((A1, A2, "y"), Behaviour.ERROR))
    chains = {Kind.GENERAL: [{key: ["y"]}, {"*": [A2]}, {A2: ["other"]}]}
    config = Config(DEPLOYMENTS, {}, chains, max_fallbacks=2)

    assert (await _answer(build_router(config, provider.url, "openai"))).startswith("error")


@AS_SENT_OR_DERIVED
async def test_a_dead_target_is_cooled_down(key: str, provider: Provider) -> None:
    """And is not there for the next request, although it has recovered."""
    provider.reset({A1: Behaviour.ERROR, A2: Behaviour.RATE_LIMIT})
    config = Config((*DEPLOYMENTS, Deployment(A3, TEAM_A, "backup")), {}, {Kind.GENERAL: [{key: [A2, "other"]}]})
    router = build_router(config, provider.url, "openai", disable_cooldowns=False, allowed_fails=0)

    await _answer(router)
    await asyncio.sleep(0.1)  # the failure is counted by a callback that litellm runs on its own
    provider.reset({})
    DICE.seed = 0

    assert await _answer(router, "backup") == f"answer from {A3}"
