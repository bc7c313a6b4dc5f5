"""The contract's examples on the real Router, for each kind of call and each list that applies to it."""

from __future__ import annotations

import functools
from itertools import product
from typing import TYPE_CHECKING

import pytest

from litellm_patch.model.names import Config, Kind, Request, Rules, predict, routed
from tests.names.calls import ACOMPLETION, CALLS, Call
from tests.names.choosing import pick
from tests.names.dice import DICE
from tests.names.examples import DEPLOYMENTS, EXAMPLES, FAILING, Example
from tests.names.release import ERROR_TEXTS, capabilities, release
from tests.names.world import build_router
from tests.names.worlds import FAILURES
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litellm import Router

BEHAVIOURS = {
    Kind.GENERAL: Behaviour.ERROR,
    Kind.CONTEXT_WINDOW: Behaviour.CONTEXT_WINDOW,
    Kind.CONTENT_POLICY: Behaviour.CONTENT_POLICY,
}


def _cases() -> Iterator[object]:
    """Every example, call and list that the installed release can serve on stock or patched."""
    for example, call, kind in product(EXAMPLES, CALLS, Kind):
        if kind is not Kind.GENERAL and call.provider == "anthropic":
            continue  # on Anthropic's protocol litellm maps neither error to the list that it belongs to
        if kind is not Kind.GENERAL and example.general:
            continue
        if kind is not Kind.GENERAL and call is not ACOMPLETION and example is not EXAMPLES[0]:
            continue  # every call raises its error to the same reader: one example shows that it gets there
        if call.sync and example.team_id is not None and not capabilities().sync_calls_know_teams:
            continue  # routing itself finds no team's deployment for them
        marks = [pytest.mark.fix] if example.fix else []
        yield pytest.param(example, call, kind, id=f"{example.shows}-{call.name}-{kind.name.lower()}", marks=marks)


pytestmark = pytest.mark.asyncio(loop_scope="session")


@functools.cache
def _router(example: Example, kind: Kind, url: str, provider: str) -> Router:
    """One Router serves all calls of an example: making one takes as long as a call."""
    return build_router(example.config(kind), url, provider)


async def _answer(example: Example, call: Call, kind: Kind, provider: Provider) -> str | Exception:
    provider.reset(dict.fromkeys(example.down, BEHAVIOURS[kind]))
    DICE.seed = example.pick
    try:
        return await call(_router(example, kind, provider.url, call.provider), example.model, example.team_id)
    except Exception as error:  # noqa: BLE001 - what the Router raises is what is looked at
        return error


@pytest.mark.parametrize(("example", "call", "kind"), _cases())
async def test_example(example: Example, call: Call, kind: Kind, provider: Provider) -> None:
    answer = await _answer(example, call, kind, provider)

    if example.answer is None:
        assert isinstance(answer, Exception)
    else:
        assert f"answer from {example.answer}" in str(answer)
        assert not isinstance(answer, Exception)


@pytest.mark.parametrize(
    ("example", "kind"),
    [(example, kind) for example, kind in product(EXAMPLES, Kind) if kind is Kind.GENERAL or not example.general],
    ids=lambda value: value.shows if isinstance(value, Example) else value.name.lower(),
)
async def test_model_says_what_the_router_does(example: Example, kind: Kind, rules: Rules, provider: Provider) -> None:
    """The model is right on both arms: the contract's rules give the table, upstream's what the stock Router does."""
    failing = dict.fromkeys(example.down, FAILURES[BEHAVIOURS[kind]])
    outcome = predict(example.config(kind), example.request, release(), rules, failing, pick=pick(example.pick))

    if rules is Rules.CONTRACT:
        answered_by = {example.answer} if example.answer else set()
    else:
        answer = await _answer(example, ACOMPLETION, kind, provider)
        answered_by = set() if isinstance(answer, Exception) else {answer.removeprefix("answer from ")}
    assert answered_by == outcome.answered_by


@pytest.mark.parametrize(
    "behaviour", [*BEHAVIOURS.values(), Behaviour.CONTENT_FILTER], ids=lambda behaviour: behaviour.name.lower()
)
async def test_each_list_matches_as_this_release_matches_it(
    behaviour: Behaviour, rules: Rules, provider: Provider
) -> None:
    """A provider-stripped key is a chain of its own only in a list that strips providers in this release."""
    failure = FAILURES[behaviour]
    chains = [{"al": ["other"]}, {"global": ["global-backup"]}]
    config = Config(DEPLOYMENTS, {"openai/al": "global"}, {failure.kind: chains})
    outcome = predict(config, Request("openai/al"), release(), rules, dict.fromkeys(FAILING, failure))
    provider.reset(dict.fromkeys(FAILING, behaviour))
    router = build_router(config, provider.url, "openai")

    try:
        answer = await ACOMPLETION(router, "openai/al", None)
    except Exception:  # noqa: BLE001 - unanswered is an outcome too
        answer = ""

    assert {name for name in (answer.removeprefix("answer from "),) if name} == outcome.answered_by


@pytest.mark.parametrize(
    "example",
    [e for e in EXAMPLES if e.answer is None and routed(e.config(), e.request, release())],
    ids=lambda example: example.shows,
)
async def test_error_without_a_chain_is_upstreams_own(example: Example, provider: Provider) -> None:
    error = await _answer(example, ACOMPLETION, Kind.GENERAL, provider)

    assert type(error).__name__ == "InternalServerError"
    assert any(text.format(name=example.model) in str(error) for text in ERROR_TEXTS)
