"""Every place where a chain is looked up, by the release that has it: all of them find the same chain."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
from collections import Counter
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm.types.router import Deployment as RouterDeployment

from litellm_patch.model.names import Config, Deployment, Kind
from tests.names.asking import lookup, may_continue
from tests.names.calls import ACOMPLETION, MESSAGES_CALL, MESSAGES_STREAM, STREAM, SYNC_STREAM, Call
from tests.names.examples import A1, A2, A3, ALIASES, DEPLOYMENTS, TEAM_A
from tests.names.release import capabilities, core_class, needs, release
from tests.names.world import build_router, continuing_router, model_entry
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from types import FrameType

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.fix]

NAMES = pytest.mark.parametrize("model", ["gpt-4.1", "al"])


def _router(provider: Provider, call: Call, behaviour: Behaviour, kind: Kind = Kind.GENERAL, **settings: Any) -> Any:
    provider.reset({A1: behaviour})
    return build_router(Config(DEPLOYMENTS, ALIASES, {kind: [{A1: [A2]}]}), provider.url, call.provider, **settings)


async def _answer(call: Call, router: Any, model: str, team_id: str | None = TEAM_A, **request: Any) -> str:
    try:
        return await call(router, model, team_id, **request)
    except Exception as error:  # noqa: BLE001 - shown by the assertion that fails
        return repr(error)


def _streams() -> list[Call]:
    """The streamed calls that routing serves from a team's deployments."""
    return [STREAM, SYNC_STREAM] if capabilities().sync_calls_know_teams else [STREAM]


@NAMES
async def test_an_answer_cut_by_a_content_filter(model: str, provider: Provider) -> None:
    router = _router(provider, ACOMPLETION, Behaviour.CONTENT_FILTER, Kind.CONTENT_POLICY)

    assert await _answer(ACOMPLETION, router, model) == f"answer from {A2}"


@NAMES
@pytest.mark.parametrize("call", _streams(), ids=lambda call: call.name)
async def test_a_stream_broken_before_its_first_text(
    call: Call,
    model: str,
    provider: Provider,
    broken_sync_streams_recover: bool,  # noqa: FBT001 - a fixture
) -> None:
    if call.sync and not broken_sync_streams_recover:
        pytest.skip("this release calls the group of a broken synchronous stream again, without end")
    router = _router(provider, call, Behaviour.BREAK_EARLY)

    assert await _answer(call, router, model) == f"answer from {A2}"


@NAMES
@needs("stream_gate")
async def test_a_messages_stream_is_held_back_while_a_chain_can_take_over(model: str, provider: Provider) -> None:
    """One lifecycle reaches the client: the primary's first frames wait until it is known whose answer it is."""
    router = _router(provider, MESSAGES_STREAM, Behaviour.BREAK_EARLY)

    answer = await _answer(MESSAGES_STREAM, router, model)

    assert f"answer from {A2}" in answer
    assert answer.count("event: message_start") == 1


@NAMES
@needs("refusal_gate")
@pytest.mark.parametrize("kind", [Kind.GENERAL, Kind.CONTENT_POLICY], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("call", [MESSAGES_CALL, MESSAGES_STREAM], ids=lambda call: call.name)
async def test_a_refusal_is_raised_where_a_chain_can_recover_it(
    call: Call, kind: Kind, model: str, provider: Provider
) -> None:
    router = _router(provider, call, Behaviour.REFUSAL, kind)

    assert f"answer from {A2}" in await _answer(call, router, model)


@needs("refusal_gate")
@pytest.mark.parametrize("call", [MESSAGES_CALL, MESSAGES_STREAM], ids=lambda call: call.name)
async def test_a_refusal_is_raised_where_a_key_without_the_provider_can_recover_it(
    call: Call, provider: Provider
) -> None:
    """The gate matches the general list as the walk does."""
    provider.reset({"openai/primary": Behaviour.REFUSAL})
    deployments = (Deployment("openai/primary"), Deployment("other"))
    config = Config(deployments, {"al": "openai/primary"}, {Kind.GENERAL: [{"primary": ["other"]}]})
    router = build_router(config, provider.url, call.provider)

    assert "answer from other" in await _answer(call, router, "al", team_id=None)


@NAMES
@needs("cooldown_gate")
async def test_a_lone_deployment_with_a_chain_is_cooled_down(model: str, provider: Provider) -> None:
    router = _router(provider, ACOMPLETION, Behaviour.RATE_LIMIT, disable_cooldowns=False, allowed_fails=0)

    first = await _answer(ACOMPLETION, router, model)
    await asyncio.sleep(0.1)  # the failure is counted by a callback that litellm runs on its own
    provider.hits.clear()
    second = await _answer(ACOMPLETION, router, model)

    assert (first, second) == (f"answer from {A2}", f"answer from {A2}")
    assert provider.models_called == (A2,)


@NAMES
@needs("continuation")
async def test_a_broken_stream_is_continued_by_the_chain(model: str, provider: Provider) -> None:
    provider.reset({A1: Behaviour.BREAK_LATE})
    router = continuing_router(Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{A1: [A2]}]}), provider.url)

    assert f"answer from {A2}" in await _answer(STREAM, router, model)


@needs("continuation")
@needs("python_matcher")
async def test_what_may_be_continued_is_looked_up_by_the_name_as_sent() -> None:
    """Whether or not the metadata say it too: a target with parameters of its own never continues a stream."""
    chains: list[Any] = [{A1: [{"model": A2, "temperature": 0}]}]
    router = continuing_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), "http://127.0.0.1")

    assert not may_continue(router, {"model": "gpt-4.1", "metadata": {"user_api_key_team_id": TEAM_A}})


async def test_order_levels_come_before_the_chain(provider: Provider) -> None:
    """In one walk: with a single fallback allowed in depth, the chain is not left to the last level's own hop."""
    provider.reset({A1: Behaviour.ERROR})
    levels = [
        model_entry(Deployment(A1, TEAM_A, "gpt-4.1"), provider.url, "openai", model_id=f"level-{order}", order=order)
        for order in (1, 2)
    ]
    config = Config(DEPLOYMENTS[1:], ALIASES, {Kind.GENERAL: [{"gpt-4.1": [A2]}]}, max_fallbacks=1)
    router = build_router(config, provider.url, "openai", more=levels)

    assert await _answer(ACOMPLETION, router, A1) == f"answer from {A2}"
    assert provider.models_called == (A1, A1, A2)


@pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
async def test_the_team_is_read_from_both_buckets(bucket: str, provider: Provider) -> None:
    router = _router(provider, ACOMPLETION, Behaviour.ERROR)
    call = dataclasses.replace(ACOMPLETION, bucket=bucket)

    assert await _answer(call, router, "gpt-4.1") == f"answer from {A2}"


@needs("admin_across_teams")
async def test_a_proxy_admin_without_a_team(provider: Provider) -> None:
    """Routing serves the admin from the only team that has the name, so that team's chain is the admin's."""
    provider.reset({A1: Behaviour.ERROR})
    config = Config((*DEPLOYMENTS[:2], Deployment("other")), {}, {Kind.GENERAL: [{A1: ["other"]}]})
    router = build_router(config, provider.url, "openai")
    admin = {"user_api_key_auth": SimpleNamespace(user_role="proxy_admin")}

    answer = await _answer(ACOMPLETION, router, "gpt-4.1", team_id=None, metadata=admin)

    assert answer == "answer from other"


@pytest.mark.parametrize("prefix", ["openai", *(["in-house"] if capabilities().new_providers else [])])
async def test_a_provider_is_stripped_from_an_alias_target_as_from_a_requested_name(
    prefix: str, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that litellm knows, or one that was registered as a plain text, as custom providers are."""
    monkeypatch.setattr(litellm, "provider_list", [*litellm.provider_list, "in-house"])
    provider.reset({f"{prefix}/primary": Behaviour.ERROR})
    deployments = (Deployment(f"{prefix}/primary"), Deployment("other"))
    config = Config(deployments, {"al": f"{prefix}/primary"}, {Kind.GENERAL: [{"primary": ["other"]}]})
    router = build_router(config, provider.url, "openai")

    assert await _answer(ACOMPLETION, router, "al", team_id=None) == "answer from other"


@needs("python_matcher")  # the compiled one is told before a request which names a provider is inferred for
@pytest.mark.skipif(not release().inferred, reason="this release infers no provider")
async def test_a_provider_is_inferred_for_an_alias_target_as_for_a_requested_name(provider: Provider) -> None:
    router = _router(provider, ACOMPLETION, Behaviour.ERROR)
    chains = [{"openai/gpt-4.1": [A2]}]

    assert await _answer(ACOMPLETION, router, "al", fallbacks=chains) == f"answer from {A2}"


@needs("admin_across_teams")
@needs("refusal_gate")
async def test_each_lookup_group_is_routed_under_its_own_name() -> None:
    """Which need not be what was sent: a hook may have chosen another name, and a hop has the original one too."""
    router = build_router(Config(DEPLOYMENTS[:2]), "http://127.0.0.1", "openai")
    admin = {"user_api_key_auth": SimpleNamespace(user_role="proxy_admin")}

    found = lookup(router)(admin, "gpt-4.1")
    assert [pair if isinstance(pair, str) else pair[1] for pair in found] == [A1]


@pytest.mark.parametrize(
    "entry",
    [{"second": ["other"], "third": ["other"]}]
    # from 1.110 on a request that brings such a list along is refused: see `test_what_stays`
    + ([None, 5] if capabilities().malformed_lists else [])
    # where a key is searched for its provider, one that is no string stops stock's own lookup
    + ([] if release().inferred else [{5: ["other"]}]),
    ids=repr,
)
async def test_a_malformed_entry_hides_no_derived_chain(entry: Any, provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")

    assert await _answer(ACOMPLETION, router, "gpt-4.1", fallbacks=[entry, {A1: [A2]}]) == f"answer from {A2}"


async def test_of_several_keys_the_first_counts_as_on_stock(provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")
    chains = [{"second": ["other"], A1: ["other"]}, {A1: [A2], "third": ["other"]}]

    assert await _answer(ACOMPLETION, router, "gpt-4.1", fallbacks=chains) == f"answer from {A2}"


async def test_a_target_with_parameters_is_always_still_to_try(provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(Config(DEPLOYMENTS), provider.url, "openai")
    chains = [{A1: [{"model": "backup", "temperature": 0}]}]

    assert await _answer(ACOMPLETION, router, "gpt-4.1", fallbacks=chains) == f"answer from {A2}"


async def test_what_is_deleted_while_it_is_looked_at_is_gone() -> None:
    router = build_router(Config(DEPLOYMENTS, {"al": "gpt-4.1"}), "http://127.0.0.1", "openai")
    look = lookup(router)
    siblings = [Deployment(A3, TEAM_A, "gpt-4.1", copy=number) for number in range(20)]
    entries = [model_entry(sibling, "http://127.0.0.1", "openai") for sibling in siblings]
    stopped = threading.Event()

    def come_and_go() -> None:
        while not stopped.is_set():
            for entry in entries:
                router.add_deployment(deployment=RouterDeployment(**entry))
            for entry in entries:
                router.delete_deployment(id=entry["model_info"]["id"])

    thread = threading.Thread(target=come_and_go)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        for _ in range(200):
            found = look({"user_api_key_team_id": TEAM_A}, "al")
            assert {name if isinstance(name, str) else name[1] for name in found} <= {"gpt-4.1", A1, A3}
    finally:
        stopped.set()
        thread.join()
        sys.setswitchinterval(interval)


@needs("python_matcher")
async def test_routing_is_asked_once_a_name(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what it is asked where the chain stands under the name as sent."""
    asked: list[str] = []
    route = core_class()._common_checks_available_deployment

    def count(self: Any, model: str, *arguments: Any, **options: Any) -> Any:
        asked.append(model)
        return route(self, model, *arguments, **options)

    monkeypatch.setattr(core_class(), "_common_checks_available_deployment", count)
    counts = []
    for key in ("al", A1):
        provider.reset({A1: Behaviour.ERROR})
        router = build_router(Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{key: [A2]}]}), provider.url, "openai")
        asked.clear()
        assert await _answer(ACOMPLETION, router, "al") == f"answer from {A2}"
        counts.append(len(asked))

    assert counts[1] == counts[0] + 1


async def test_an_alias_that_the_default_deployment_serves(provider: Provider) -> None:
    provider.reset(dict.fromkeys(("*", "target"), Behaviour.ERROR))
    config = Config((Deployment("*"), Deployment("other")), {"al": "target"}, {Kind.GENERAL: [{"target": ["other"]}]})
    router = build_router(config, provider.url, "openai")

    assert await _answer(ACOMPLETION, router, "al", team_id=None) == "answer from other"


async def test_a_provider_within_a_public_name_is_not_stripped(provider: Provider) -> None:
    provider.reset({A3: Behaviour.ERROR})
    deployments = (*DEPLOYMENTS, Deployment(A3, TEAM_A, "my/openai/primary"))
    config = Config(deployments, {}, {Kind.GENERAL: [{"my/primary": ["other"]}, {A3: [A2]}]})
    router = build_router(config, provider.url, "openai")

    assert await _answer(ACOMPLETION, router, "my/openai/primary") == f"answer from {A2}"


async def test_a_team_s_deployment_without_a_public_name_has_no_second_name(provider: Provider) -> None:
    """And stands in the way of none of its siblings'."""
    provider.reset({A3: Behaviour.ERROR})
    siblings = [
        model_entry(Deployment(A3, TEAM_A, public), provider.url, "openai", model_id=f"sibling-{number}")
        for number, public in enumerate((None, "third"))
    ]
    del siblings[0]["model_info"]["team_public_model_name"]
    config = Config(DEPLOYMENTS, {}, {Kind.GENERAL: [{"team_public_model_name": ["other"]}, {"third": [A2]}]})
    router = build_router(config, provider.url, "openai", more=siblings)

    assert await _answer(ACOMPLETION, router, A3) == f"answer from {A2}"


@needs("groups_before_ids")
async def test_a_model_group_that_is_a_deployment_s_id_too(provider: Provider) -> None:
    """Where routing takes such a name for the model group, it has that group's further names."""
    provider.reset({"z": Behaviour.ERROR})
    named_like_a_group = model_entry(Deployment("spare"), provider.url, "openai", model_id="y")
    config = Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{"z": ["other"]}]})
    router = build_router(config, provider.url, "openai", more=[named_like_a_group])

    assert await _answer(ACOMPLETION, router, "y", team_id=None) == "answer from other"


@needs("routing_groups")
async def test_an_alias_of_a_routing_group(provider: Provider) -> None:
    """The group's own name is what the alias stands for; its members' names are not."""
    provider.reset({A1: Behaviour.ERROR})
    group = {"group_name": "group", "models": [A1], "routing_strategy": "simple-shuffle"}
    config = Config(DEPLOYMENTS, {"al-group": "group"}, {Kind.GENERAL: [{A1: ["backup"]}, {"group": ["other"]}]})
    router = build_router(config, provider.url, "openai", routing_groups=[group])

    assert await _answer(ACOMPLETION, router, "al-group") == "answer from other"


@needs("routing_groups")
async def test_routing_groups_are_in_nobody_s_way(provider: Provider) -> None:
    group = {"group_name": "group", "models": [A1], "routing_strategy": "simple-shuffle"}
    router = _router(provider, ACOMPLETION, Behaviour.ERROR, routing_groups=[group])

    assert await _answer(ACOMPLETION, router, "gpt-4.1") == f"answer from {A2}"


async def test_a_catch_all_is_no_chain_of_a_public_name_that_is_a_star(provider: Provider) -> None:
    provider.reset({A3: Behaviour.ERROR})
    stars = [
        model_entry(Deployment(A3, TEAM_A, public), provider.url, "openai", model_id=f"star-{number}")
        for number, public in enumerate(("*", "acme/*"))
    ]
    config = Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{"*": ["other"]}, {"acme/*": [A2]}]})
    router = build_router(config, provider.url, "openai", more=stars)

    assert await _answer(ACOMPLETION, router, A3) == f"answer from {A2}"


@needs("continuation")
@pytest.mark.parametrize("model", ["gpt-4.1", "al"])
async def test_whose_credentials_are_resolved(model: str) -> None:
    """The proxy looks ahead for all groups that a request can fall back to, at a hop as well."""
    groups = import_module("litellm.proxy.litellm_pre_call_utils")._fallback_target_groups
    chains = [{A1: ["al-global"]}, {"global": [A2]}, {"backup": ["other"]}, {"other": ["z"]}]
    router = build_router(Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: chains}), "http://127.0.0.1", "openai")
    request = {"model": model, "metadata": {"user_api_key_team_id": TEAM_A}}

    assert groups(router, request, None, None, model) >= {"al-global", A2, "other", "z"}
    assert not groups(router, {**request, "metadata": {}}, None, None, model)


@needs("continuation")
@needs("python_matcher")
async def test_whose_credentials_are_resolved_is_asked_once_a_name() -> None:
    """Within one lookup no name is looked at twice and routing is asked once a name."""
    proxy = import_module("litellm.proxy.litellm_pre_call_utils")
    router = build_router(
        Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{A1: ["al-global"]}]}), "http://127.0.0.1", "openai"
    )
    routed: Counter[str] = Counter()
    looked_up: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == "_common_checks_available_deployment":
            routed[str(frame.f_locals["model"])] += 1
        if event == "call" and frame.f_code.co_name == "_fallback_edges":
            looked_up[str(frame.f_locals["model_group"])] += 1

    sys.setprofile(count)
    try:
        proxy._fallback_target_groups(
            router, {"model": "gpt-4.1", "metadata": {"user_api_key_team_id": TEAM_A}}, None, None, "gpt-4.1"
        )
    finally:
        sys.setprofile(None)

    assert routed == {"gpt-4.1": 1, "al-global": 1}
    assert looked_up == {"gpt-4.1": 1, A1: 1, "al-global": 1, "global": 1}
