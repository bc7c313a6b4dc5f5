"""Each step by which a chain is derived, by itself: which names there are, in which order, and what each leaves alone.

A test that both arms pass holds the patch to what stock does.
"""

from __future__ import annotations

import asyncio
import copy
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm.router_utils import fallback_event_handlers as handlers

from litellm_patch.model.names import Config, Deployment, Kind
from tests.names.asking import asked
from tests.names.calls import ACOMPLETION, EMBEDDING, MESSAGES_CALL, Call
from tests.names.dice import DICE
from tests.names.examples import A1, A2, A3, ALIASES, DEPLOYMENTS, SIBLING, TEAM_A, TEAM_B
from tests.names.release import capabilities, core_class, needs, release
from tests.names.sending import Walks
from tests.names.world import build_router, model_entry
from upkeep.provider import HELD, Behaviour, Provider

if TYPE_CHECKING:
    from types import FrameType

FAILURES = {
    Kind.GENERAL: Behaviour.ERROR,
    Kind.CONTEXT_WINDOW: Behaviour.CONTEXT_WINDOW,
    Kind.CONTENT_POLICY: Behaviour.CONTENT_POLICY,
}
TYPED = (Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY)
EXACT = pytest.mark.skipif(not release().exact_typed_lists, reason="this release strips providers in every list")

LOOKS = {"_get_all_deployments", "get_all_deployments", "_core_deployments_named"}
# stock's own code trips over some of what an alias map may hold, before it looks a chain up
UNCHECKED = pytest.mark.skipif(
    capabilities().checks_aliases, reason="this release fails such an alias everywhere but in routing"
)
UNHASHED = pytest.mark.skipif(capabilities().admin_across_teams, reason="this release hashes what an alias stands for")
UNLOCKED = pytest.mark.skipif(capabilities().locks_its_lists, reason="this release changes its lists under a lock")

COMPILED = pytest.mark.skipif(
    not capabilities().python_matcher, reason="looks into the Router's Python, and this release's is compiled"
)

LOGS = handlers if capabilities().python_matcher else import_module("litellm._logging")
HOOK = "async_pre_routing_hook"
SELECTING = pytest.mark.skipif(
    not hasattr(handlers, "get_pre_routing_selection"), reason="this release does not note what a hook selected"
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _answer(router: Any, model: str, team_id: str | None = TEAM_A, call: Call = ACOMPLETION, **more: Any) -> str:
    try:
        return await call(router, model, team_id, **more)
    except Exception as error:  # noqa: BLE001 - shown by the assertion that fails
        return repr(error)


def _siblings(*chains: dict[str, list[str]]) -> Config:
    return Config(DEPLOYMENTS + SIBLING, ALIASES, {Kind.GENERAL: list(chains)})


@pytest.mark.fix
@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
async def test_a_log_line_says_name_key_and_list(
    kind: Kind, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One log line says the name as sent, the key that was found, and the list."""
    provider.reset({A1: FAILURES[kind]})
    router = build_router(Config(DEPLOYMENTS, ALIASES, {kind: [{A1: [A2]}]}), provider.url, "openai")
    walks = Walks()
    monkeypatch.setattr(LOGS, "verbose_router_logger", walks)

    await _answer(router, "al")

    assert walks.walked == [("al", A1, kind.value)]


@pytest.mark.fix
async def test_a_log_line_at_order_levels(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same line where a group has levels to go through first."""
    provider.reset({A1: Behaviour.ERROR})
    levels = [
        model_entry(Deployment(A1, TEAM_A, "gpt-4.1"), provider.url, "openai", model_id=f"level-{order}", order=order)
        for order in (1, 2)
    ]
    config = Config(DEPLOYMENTS[1:], ALIASES, {Kind.GENERAL: [{"gpt-4.1": [A2]}]}, max_fallbacks=1)
    router = build_router(config, provider.url, "openai", more=levels)
    walks = Walks()
    monkeypatch.setattr(LOGS, "verbose_router_logger", walks)

    assert await _answer(router, A1) == f"answer from {A2}"
    assert set(walks.walked) == {(A1, "gpt-4.1", "fallbacks")}


@pytest.mark.fix
async def test_an_empty_entry_behind_an_exhausted_chain_hides_nothing(provider: Provider) -> None:
    """An entry that stock skips is skipped here too and switches nothing else off."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")
    chains: list[Any] = [{"gpt-4.1": ["gpt-4.1"]}, {}, {A1: [A2]}]

    assert await _answer(router, "gpt-4.1", fallbacks=chains) == f"answer from {A2}"


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
async def test_a_list_that_is_the_catch_all_s_too_is_an_own_chain(kind: Kind, provider: Provider) -> None:
    """A request that finds a live chain of its own today walks the same one; YAML's anchors make one list of two."""
    provider.reset({A1: FAILURES[kind]})
    targets = ["other"]
    chains = [{"gpt-4.1": targets}, {"*": targets}, {A1: [A2]}]
    router = build_router(Config(DEPLOYMENTS, {}, {kind: chains}), provider.url, "openai")

    assert await _answer(router, "gpt-4.1") == "answer from other"


@pytest.mark.fix
async def test_a_star_that_is_no_first_key_is_no_catch_all(provider: Provider) -> None:
    """A name has a chain of its own if that release matches one for it, and stock reads an entry's first key only."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")

    assert await _answer(router, "gpt-4.1", fallbacks=[{A1: [A2], "*": ["other"]}]) == f"answer from {A2}"


@pytest.mark.fix
async def test_of_two_entries_of_one_key_the_first_counts(provider: Provider) -> None:
    """As that release matches an exact key."""
    provider.reset({A1: Behaviour.ERROR})
    chains = [{A1: [A2]}, {A1: ["other"]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    assert await _answer(router, "gpt-4.1") == f"answer from {A2}"


@EXACT
@pytest.mark.parametrize("kind", TYPED, ids=lambda kind: kind.name.lower())
async def test_a_list_that_strips_no_provider_strips_none_from_a_derived_name(kind: Kind, provider: Provider) -> None:
    """As that release does for that list."""
    provider.reset({"openai/primary": FAILURES[kind]})
    deployments = (Deployment("openai/primary"), Deployment("other"))
    config = Config(deployments, {"al": "openai/primary"}, {kind: [{"primary": ["other"]}]})

    await _answer(build_router(config, provider.url, "openai"), "al", None)

    assert provider.models_called == ("openai/primary",)


@pytest.mark.parametrize(
    "alias",
    [
        *(5, None, []),
        *(pytest.param(alias, marks=UNCHECKED) for alias in ({"hidden": True}, {"model": 5, "hidden": False})),
        pytest.param({"model": ["y"], "hidden": False}, marks=UNHASHED),
    ],
    ids=repr,
)
async def test_a_malformed_alias_keeps_no_hop_from_the_catch_all(alias: Any, provider: Provider) -> None:
    """Malformed input gives what it gives today, be it an answer."""
    provider.reset({"global": Behaviour.ERROR})
    chains = [{"global": ["bad"]}, {"*": ["other"]}, {A1: [A2]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")
    router.model_group_alias = {"bad": alias}

    assert await _answer(router, "global") == "answer from other"


@COMPILED
@pytest.mark.parametrize(
    "error",
    [ValueError, pytest.param(IndexError, marks=UNLOCKED), pytest.param(RuntimeError, marks=UNLOCKED)],
    ids=lambda error: error.__name__,
)
async def test_a_name_that_routing_trips_over_keeps_the_catch_all(
    error: type[Exception], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it may while deployments come and go: what is deleted while it is being looked at is gone."""
    route = core_class()._common_checks_available_deployment

    def tripping(self: Any, model: str, *arguments: Any, **options: Any) -> Any:
        if model == "global":
            raise error("changed meanwhile")
        return route(self, model, *arguments, **options)

    chains = [{"*": ["other"]}, {A1: [A2]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")
    monkeypatch.setattr(core_class(), "_common_checks_available_deployment", tripping)

    assert await _answer(router, "global") == "answer from other"


@UNLOCKED
@pytest.mark.fix
async def test_a_deployment_that_is_deleted_while_it_is_looked_at(provider: Provider) -> None:
    """What is deleted while it is being looked at is gone: here from one of the Router's two indices."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: [{A1: [A2]}]}), provider.url, "openai")
    router.model_name_to_deployment_indices[A1] = [10**6]

    assert await _answer(router, "gpt-4.1") == f"answer from {A2}"


@pytest.mark.parametrize(
    ("call", "bucket"), [(ACOMPLETION, "metadata"), (EMBEDDING, "metadata"), (MESSAGES_CALL, "litellm_metadata")]
)
async def test_what_failed_is_not_tried_again(call: Call, bucket: str, provider: Provider) -> None:
    """No more calls than stock makes when the chain is written under the name as sent."""
    assert call.bucket == bucket
    provider.reset({A1: Behaviour.ERROR})
    DICE.seed = 0
    router = build_router(_siblings({A3: [A1]}, {"*": ["other"]}), provider.url, call.provider)

    assert "answer from other" in await _answer(router, "gpt-4.1", call=call)
    assert provider.models_called == (A1, "other")


# a tuple is a list to the compiled Router, and an empty one has no target still to try
@pytest.mark.parametrize("malformed", ["", {"gpt-4.1": ["z"]}, pytest.param((), marks=COMPILED), None], ids=repr)
async def test_a_malformed_own_chain_is_the_chain(malformed: Any, provider: Provider) -> None:
    """So is a malformed one: nothing is derived."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")

    await _answer(router, "gpt-4.1", fallbacks=[{"gpt-4.1": malformed}, {A1: ["other"]}])

    assert provider.models_called == (A1,)


@needs("malformed_lists")
@pytest.mark.fix
@pytest.mark.parametrize("malformed", [[5], [None], [[]], ["z", 5]], ids=repr)
async def test_what_is_no_list_of_targets_hides_no_chain_behind_it(malformed: Any, provider: Provider) -> None:
    """A chain that is no list of targets is no chain, whichever of the derived names has it."""
    provider.reset(dict.fromkeys((A1, "z"), Behaviour.ERROR))
    router = build_router(Config(DEPLOYMENTS, ALIASES), provider.url, "openai")

    assert await _answer(router, "al", fallbacks=[{"gpt-4.1": malformed}, {A1: [A2]}]) == f"answer from {A2}"
    assert provider.models_called == (A1, A2)


@needs("malformed_lists")
@pytest.mark.fix
async def test_a_key_that_is_no_text_hides_no_chain(provider: Provider) -> None:
    """An entry that stock skips is skipped here too: from 1.104 on stock does for names with a provider only."""
    provider.reset({"global": Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS, {"openai/al": "global"}), provider.url, "openai")
    chains: list[Any] = [{5: ["z"]}, {"global": ["other"]}]

    assert await _answer(router, "openai/al", None, fallbacks=chains) == "answer from other"


@pytest.mark.fix
async def test_a_request_that_begins_walks_a_chain_that_lists_it(provider: Provider) -> None:
    """A request that has just begun does walk a chain that lists its own name among others."""
    provider.reset({A1: Behaviour.ERROR})
    chains = [{A1: ["gpt-4.1", A2]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    assert await _answer(router, "gpt-4.1") == f"answer from {A2}"


async def test_the_catch_all_stands_behind_a_derived_chain_that_leads_nowhere(provider: Provider) -> None:
    """Behind its targets stand those that stock walks, though no hop comes to them by itself."""
    provider.reset(dict.fromkeys((A1, "z"), Behaviour.ERROR))
    chains = [{"*": ["other"]}, {A1: ["z"]}, {"z": ["z"]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    assert await _answer(router, "gpt-4.1") == "answer from other"


async def test_what_is_in_both_chains_is_tried_once(provider: Provider) -> None:
    """Behind its targets stand those that stock walks, each once."""
    provider.reset(dict.fromkeys((A1, "z"), Behaviour.ERROR))
    chains = [{"*": ["z"]}, {A1: ["z"]}, {"z": ["z"]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    await _answer(router, "gpt-4.1")

    assert provider.models_called == (A1, "z")


@pytest.mark.fix
async def test_a_malformed_catch_all_stands_behind_nothing(provider: Provider) -> None:
    """A chain that is no list of targets is no chain, and switches no other off."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")

    assert await _answer(router, "gpt-4.1", fallbacks=[{"*": 5}, {A1: [A2]}]) == f"answer from {A2}"


async def test_what_an_alias_stands_for_is_not_tried_again(provider: Provider) -> None:
    """Still to try is a target that differs from the failed name and its alias target."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{A1: ["gpt-4.1"]}]}), provider.url, "openai")

    await _answer(router, "al")

    assert provider.models_called == (A1,)


@pytest.mark.fix
@pytest.mark.parametrize("call", [ACOMPLETION, MESSAGES_CALL], ids=lambda call: call.name)
async def test_of_siblings_chains_that_of_the_failed_one_is_first(call: Call, provider: Provider) -> None:
    """The internal name of the team deployment that failed comes before those of its siblings."""
    provider.reset({A3: Behaviour.ERROR})
    DICE.seed = 1
    router = build_router(_siblings({A1: ["other"]}, {A3: [A2]}), provider.url, call.provider)

    assert f"answer from {A2}" in await _answer(router, "gpt-4.1", call=call)
    assert provider.models_called == (A3, A2)


@COMPILED
@pytest.mark.skipif(not release().tracks_attempts, reason="this release does not stamp an error with what raised it")
@pytest.mark.fix
async def test_the_error_says_what_failed(provider: Provider) -> None:
    """Read from the stamp: two requests that share their metadata note there, one after the other, what was picked."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_siblings({A3: ["other"]}, {A1: [A2]}), provider.url, "openai")
    metadata = {"user_api_key_team_id": TEAM_A}

    async def ask(text: str) -> str:
        messages = [{"role": "user", "content": text}]
        return await _answer(router, "gpt-4.1", None, Call("shared", "openai", "", send), messages=messages)

    async def send(router: Any, **request: Any) -> str:
        response = await router.acompletion(**request, metadata=metadata)
        return str(response.choices[0].message.content)

    provider.released.clear()
    try:
        DICE.seed = 0
        first = asyncio.create_task(ask(HELD))
        while not provider.models_called:  # noqa: ASYNC110 - another thread fills it
            await asyncio.sleep(0.01)
        DICE.seed = 1
        second = await ask("hello")
    finally:
        provider.released.set()

    assert (await first, second) == (f"answer from {A2}", f"answer from {A3}")


@pytest.mark.fix
async def test_the_model_list_orders_siblings_that_did_not_fail(provider: Provider) -> None:
    """In model-list order: by no order of their names, and the failed one's chain has nothing to try."""
    provider.reset({A1: Behaviour.ERROR})
    deployments = (*SIBLING, *DEPLOYMENTS, Deployment("model_name_team-a_0", TEAM_A, "gpt-4.1"))
    chains = [{"model_name_team-a_0": ["other"]}, {A3: [A2]}]
    DICE.seed = 1
    router = build_router(Config(deployments, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    assert await _answer(router, "gpt-4.1") == f"answer from {A2}"


@pytest.mark.fix
@pytest.mark.parametrize("call", [ACOMPLETION, MESSAGES_CALL], ids=lambda call: call.name)
async def test_a_hop_goes_on_in_the_chain_that_lists_it(call: Call, provider: Provider) -> None:
    """Of several derived names prefer the one whose chain lists the hop, where it goes on in the original request's."""
    provider.reset(dict.fromkeys((A3, "global"), Behaviour.ERROR))
    DICE.seed = 1
    router = build_router(_siblings({A1: ["z"]}, {A3: ["global", "other"]}), provider.url, call.provider)

    assert "answer from other" in await _answer(router, "gpt-4.1", call=call)
    assert provider.models_called == (A3, "global", "other")


@pytest.mark.fix
async def test_a_caller_cannot_say_what_failed(provider: Provider) -> None:
    """Read from the bucket that the Router itself writes for that call, never from the caller's."""
    provider.reset({A1: Behaviour.ERROR})
    DICE.seed = 0
    router = build_router(_siblings({A3: ["other"]}, {A1: [A2]}), provider.url, "anthropic")
    forged = {"deployment_model_name": A3, "model_info": {"id": f"id-of-{A3}"}}

    assert f"answer from {A2}" in await _answer(router, "gpt-4.1", call=MESSAGES_CALL, metadata=forged)


@COMPILED
@SELECTING
async def test_what_a_hook_selected_is_what_failed(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more calls than on stock: the group that an alias stands for has failed, whoever chose the alias."""
    provider.reset({"global": Behaviour.ERROR})
    hook = next(name for name in (f"_core_{HOOK}", HOOK) if hasattr(core_class(), name))
    response = import_module("litellm.types.router").PreRoutingHookResponse

    async def select(_: Any, model: str, **request: Any) -> Any:
        return response(model="al-global", messages=request["messages"]) if model == "y" else None

    monkeypatch.setattr(core_class(), hook, select)
    router = build_router(
        Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{"global": ["global"]}]}), provider.url, "openai"
    )

    await _answer(router, "y", None)

    assert provider.models_called == ("global",)


def _nothing_to_pick(monkeypatch: pytest.MonkeyPatch, *groups: str) -> None:
    """Let routing find all deployments of these groups cooled down."""
    names = ("_core_async_get_available_deployment", "async_get_available_deployment")
    method = next(name for name in names if hasattr(core_class(), name))
    pick = getattr(core_class(), method)

    async def nothing(self: Any, model: str, *arguments: Any, **options: Any) -> Any:
        if model in groups:
            raise litellm.RateLimitError("all are cooled down", model=model, llm_provider="")
        return await pick(self, model, *arguments, **options)

    monkeypatch.setattr(core_class(), method, nothing)


@COMPILED
@pytest.mark.fix
async def test_where_nothing_was_picked_nothing_failed(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """None if nothing was picked, whatever the caller says: all deployments of the name are cooled down, say."""
    router = build_router(_siblings({A3: ["other"]}, {A1: [A2]}), provider.url, "anthropic")
    _nothing_to_pick(monkeypatch, "gpt-4.1")
    forged = {"deployment_model_name": A3, "model_info": {"id": f"id-of-{A3}"}}

    assert f"answer from {A2}" in await _answer(router, "gpt-4.1", call=MESSAGES_CALL, metadata=forged)


FORGED: list[dict[str, Any]] = [
    {"deployment_model_name": [A1], "model_info": {"id": [A1]}},
    {"deployment_model_name": {}, "model_info": {"id": {}}},
]


@COMPILED
@pytest.mark.parametrize("forged", FORGED, ids=repr)
async def test_what_a_caller_says_of_what_failed_keeps_nothing_from_the_catch_all(
    forged: dict[str, Any], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Malformed input gives what it gives today, though what nothing was picked for is as the caller sent it."""
    _nothing_to_pick(monkeypatch, "global")
    chains = [{"*": ["other"]}, {A1: [A2]}]
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai")

    # a copy: the Router writes into it, and what is parametrized is there for the next run in this process too
    assert await _answer(router, "global", None, metadata=copy.deepcopy(forged)) == "answer from other"


@COMPILED
async def test_what_a_caller_says_of_what_failed_leaves_the_error_as_it_is(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Malformed input never gives a new exception: stock trips over this one only where it goes on."""
    _nothing_to_pick(monkeypatch, "global")
    router = build_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: [{A1: [A2]}]}), provider.url, "openai")

    error = await _answer(router, "global", None, metadata={"model_info": "text"})

    assert "all are cooled down" in error
    assert error == await _answer(router, "global", None)


@COMPILED
async def test_a_guardrail_s_own_chain(provider: Provider) -> None:
    """A request that picks no deployment keeps the chain that it has today."""
    names = ("guard", "guard-2")
    guardrails = [{"guardrail_name": name, "litellm_params": {"guardrail": name, "mode": "pre_call"}} for name in names]
    chains = [{"guard": ["guard-2"]}, {A1: [A2]}]
    router = build_router(
        Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url, "openai", guardrail_list=guardrails
    )

    async def check(selected_guardrail: dict[str, Any], **_: Any) -> str:
        name: str = selected_guardrail["guardrail_name"]
        if name == "guard":
            raise litellm.InternalServerError("a guardrail is down", model=name, llm_provider="guardrail")
        return name

    assert await router.aguardrail(guardrail_name="guard", original_function=check) == "guard-2"


@pytest.mark.skipif(not release().team_before_global, reason="in this release a global group hides a public name")
@pytest.mark.fix
async def test_an_alias_target_that_is_another_team_s_is_no_name(provider: Provider) -> None:
    """Step 1 is dropped if no deployment of the alias target is usable by the caller."""
    provider.reset({A3: Behaviour.ERROR})
    owned = (Deployment("shared", TEAM_B, "theirs"), Deployment(A3, TEAM_A, "shared"))
    config = Config(DEPLOYMENTS + owned, {"al": "shared"}, {Kind.GENERAL: [{"shared": ["other"]}, {A3: [A2]}]})

    assert await _answer(build_router(config, provider.url, "openai"), "al") == f"answer from {A2}"


@pytest.mark.fix
@pytest.mark.parametrize("team_id", [TEAM_A, None])
async def test_a_deployment_without_model_info_belongs_to_nobody(team_id: str | None, provider: Provider) -> None:
    provider.reset({"global": Behaviour.ERROR})
    config = Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{"global": ["other"]}]})
    router = build_router(config, provider.url, "openai")
    for deployment in router.model_list:
        if deployment["model_name"] == "global":
            del deployment["model_info"]

    assert await _answer(router, "al-global", team_id) == "answer from other"


@COMPILED
@pytest.mark.fix
async def test_no_name_is_looked_at_twice() -> None:
    """Once by routing and once for the public names of its deployments, however many share it."""
    look = getattr(handlers, "derived_lookup_names", None)
    assert look, "the release is not patched"
    more = [
        model_entry(Deployment(A1, TEAM_A, "gpt-4.1"), "http://127.0.0.1", "openai", model_id=f"copy-{number}")
        for number in range(3)
    ]
    router = build_router(Config(DEPLOYMENTS), "http://127.0.0.1", "openai", more=more)
    looks: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name in LOOKS:
            looks[str(frame.f_locals["model_name"])] += 1

    sys.setprofile(count)
    try:
        found = look(*asked(router, {"user_api_key_team_id": TEAM_A}, A1))
    finally:
        sys.setprofile(None)

    assert looks[A1] == 2
    assert [name if isinstance(name, str) else name[1] for name in found] == [A1, "gpt-4.1"], "each once"
