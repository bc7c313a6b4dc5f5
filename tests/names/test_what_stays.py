"""What the contract says must stay exactly as it is: every test here passes on stock and on patched."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import litellm
import pytest

from litellm_patch.model.names import Config, Deployment, Kind
from tests.names.asking import may_continue
from tests.names.calls import ACOMPLETION, CALLS, MESSAGES, MESSAGES_CALL, MESSAGES_STREAM, STREAM, Call
from tests.names.dice import DICE
from tests.names.examples import A1, A2, A3, ALIASES, B1, DEPLOYMENTS, FAILING, SIBLING, TEAM_A, TEAM_B
from tests.names.release import ERROR_TEXTS, capabilities, needs
from tests.names.world import build_router, continuing_router, model_entry
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

NEW_CODE = {
    *("derived_lookup_names", "derived_fallback_chain", "with_derived_fallbacks", "has_derived_fallbacks"),
    *("picked_deployment_id", "failed_deployment_id", "_failed_model_name", "_model_name_of", "_alias_target"),
    *("_as_fallback_chain", "_keyed_chains", "_is_own_chain", "_own_chains"),
    *("_deployments_named", "_deployments_routed_to"),
    # what Python has of it where the Router is compiled
    *("derived_chain", "_chain_derived", "other_names", "_other_names"),
}

# lists that hold no chain as the Router knows them
NO_LISTS: list[Any] = [[None], [5], [{5: ["other"]}]]
WITHOUT_A_KEY: list[Any] = [[], [{}], *NO_LISTS, [{"*": ["nobody"]}]]
REFUSED = "Invalid router request fields"
"""What is said to a request that brings one of `NO_LISTS` along, before anything is called, from 1.110 on."""
RESOLVING = {"derived_lookup_names"}

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _config(*chains: dict[str, list[str]], kind: Kind = Kind.GENERAL) -> Config:
    return Config(DEPLOYMENTS, ALIASES, {kind: list(chains)})


def _bare(*chains: dict[str, list[str]]) -> Config:
    return Config((), {}, {Kind.GENERAL: list(chains)})


@contextmanager
def _functions_called() -> Iterator[Counter[str]]:
    """Count what runs in litellm's fallback helpers and around its compiled Router, by function name."""
    called: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and (path.endswith("fallback_event_handlers.py") or "router_rust" in path):
            called[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        yield called
    finally:
        sys.setprofile(None)


async def test_stock_finds_a_public_target_of_a_public_key(provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({"gpt-4.1": ["backup"]}, {A1: ["other"]}), provider.url, "openai")

    assert await ACOMPLETION(router, "gpt-4.1", TEAM_A) == f"answer from {A2}"
    assert provider.models_called == (A1, A2)


@pytest.mark.parametrize("call", [call for call in CALLS if not call.sync], ids=lambda call: call.name)
async def test_a_request_that_succeeds_runs_none_of_the_new_code(call: Call, provider: Provider) -> None:
    router = build_router(_config({A1: [A2]}, {"gpt-4.1": ["backup"]}), provider.url, call.provider)

    with _functions_called() as called:
        assert f"answer from {A1}" in await call(router, "gpt-4.1", TEAM_A)

    if call.name != "messages-stream":  # stock itself looks a chain up there, to decide what to hold back
        assert not NEW_CODE & set(called)


@pytest.mark.fix
async def test_the_new_code_is_known_by_its_names(provider: Provider) -> None:
    """Else the test above would see none of it whatever runs."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({A1: [A2]}), provider.url, "openai")

    with _functions_called() as called:
        await _outcome(router, "gpt-4.1", TEAM_A)

    assert NEW_CODE & set(called)


@needs("python_matcher")
@pytest.mark.parametrize(
    ("model", "key"),
    [("gpt-4.1", "gpt-4.1"), ("openai/gpt-4.1", "gpt-4.1"), ("gpt-4.1", A1), ("al", A1), ("gpt-4.1", "nobody")],
    ids=["own chain", "own chain, without the provider", "internal key", "alias", "no chain"],
)
async def test_the_list_is_matched_as_often_as_on_stock(model: str, key: str, provider: Provider) -> None:
    """The matcher walks all providers for each key, so it may not run once more for each further name."""
    provider.reset(dict.fromkeys(FAILING, Behaviour.ERROR))
    router = build_router(_config({key: [A2]}), provider.url, "openai")

    with _functions_called() as called:
        await _outcome(router, model, TEAM_A)

    assert called["get_fallback_model_group"] == 1
    if key == model.removeprefix("openai/"):
        assert not RESOLVING & set(called)  # stock resolves it: nothing to resolve


@pytest.mark.parametrize("team_id", [TEAM_A, TEAM_B, None])
async def test_a_deployment_id_has_no_other_name(team_id: str | None, provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({A1: ["other"]}, {"gpt-4.1": ["other"]}), provider.url, "openai")

    assert await _outcome(router, f"id-of-{A1}", team_id) is None
    assert provider.models_called == ((A1,) if team_id == TEAM_A or capabilities().ids_of_other_teams else ())


async def test_a_deployment_id_keeps_the_catch_all(provider: Provider) -> None:
    """What routing gives for an id is no list, and keeps no request from what stock walks."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({"*": ["other"]}, {A1: ["z"]}), provider.url, "openai")

    assert await _outcome(router, f"id-of-{A1}", TEAM_A) == "answer from other"


async def test_a_deployment_id_is_no_alias(provider: Provider) -> None:
    """Routing takes a name for an id first, whatever the alias map says of it."""
    provider.reset({A1: Behaviour.ERROR})
    config = Config(DEPLOYMENTS, {f"id-of-{A1}": "global"}, {Kind.GENERAL: [{"global": ["other"]}]})
    router = build_router(config, provider.url, "openai")

    assert await _outcome(router, f"id-of-{A1}", TEAM_A) is None
    assert provider.models_called == (A1,)


@pytest.mark.parametrize(
    "fallbacks",
    [["z"], [{"model": "z"}], ["z", {"model": "backup"}], ["z", {A1: [A2]}], [{A1: [A2]}, "z"]],
    ids=["strings", "objects", "mixed", "string, then chain", "chain, then string"],
)
async def test_client_side_lists(fallbacks: list[Any], provider: Provider) -> None:
    """The name has one letter: as long as an entry of a list of chains."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({A1: [A2]}), provider.url, "openai")

    assert await ACOMPLETION(router, "gpt-4.1", TEAM_A, fallbacks=copy.deepcopy(fallbacks)) == "answer from z"
    assert provider.models_called == (A1, "z")


@pytest.mark.parametrize(
    "fallbacks",
    [*WITHOUT_A_KEY, [{"": []}], *([{A1: no_chain}] for no_chain in (None, 5, "z", {"model": "z"}, [None], [5]))],
    ids=repr,
)
async def test_malformed_lists_give_the_request_s_own_error(fallbacks: list[Any], provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config(), provider.url, "openai")

    refused = fallbacks in NO_LISTS and not capabilities().malformed_lists
    with _functions_called() as called, pytest.raises(Exception, match=REFUSED if refused else "the primary is down"):
        await ACOMPLETION(router, "gpt-4.1", TEAM_A, fallbacks=fallbacks)
    assert provider.models_called == (() if refused else (A1,))
    assert not RESOLVING & set(called) or fallbacks not in WITHOUT_A_KEY


@pytest.mark.parametrize("malformed", [None, 5], ids=repr)
async def test_a_malformed_entry_hides_no_chain_of_the_name_as_sent(malformed: Any, provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config(), provider.url, "openai")

    expected = f"answer from {A2}" if capabilities().malformed_lists else None
    assert await _outcome(router, "gpt-4.1", TEAM_A, fallbacks=[malformed, {"gpt-4.1": [A2]}]) == expected
    assert provider.models_called == ((A1, A2) if expected else ())


@pytest.mark.parametrize("team_id", [5, ["team-a"], {"team": "a"}, ""], ids=repr)
async def test_a_team_that_is_no_string_is_no_team(team_id: Any, provider: Provider) -> None:
    provider.reset({"global": Behaviour.ERROR})
    router = build_router(_config({A1: ["other"]}), provider.url, "openai")

    assert await _outcome(router, "global", team_id) is None
    assert "other" not in provider.models_called


@needs("routing_groups")
@pytest.mark.parametrize("model", ["group", "al-group"])
async def test_a_routing_group_reaches_no_chain_of_its_members(model: str, provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    group = {"group_name": "group", "models": [A1], "routing_strategy": "simple-shuffle"}
    config = Config(DEPLOYMENTS, {"al-group": "group"}, {Kind.GENERAL: [{A1: ["other"]}, {"gpt-4.1": ["other"]}]})
    router = build_router(config, provider.url, "openai", routing_groups=[group])

    assert await _outcome(router, model, TEAM_A) is None
    assert provider.models_called == (A1,)


@pytest.mark.parametrize("alias", [5, {"model": 5}, {"hidden": True}, {"model": None}, []], ids=repr)
async def test_a_malformed_alias_changes_nothing(alias: Any, provider: Provider) -> None:
    """An alias map can come from a row of a database; beside it, another request's chain is found as always."""
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({"gpt-4.1": [A2]}), provider.url, "openai")
    router.model_group_alias = {"bad": alias}

    assert await _outcome(router, "bad", TEAM_A) is None
    assert await ACOMPLETION(router, "gpt-4.1", TEAM_A) == f"answer from {A2}"


async def test_an_alias_of_no_text_leaves_the_error_as_it_is(provider: Provider) -> None:
    provider.reset({"global": Behaviour.ERROR})
    router = build_router(_config({"nobody": [A2]}), provider.url, "openai")
    router.model_group_alias = {"global": {"model": 5, "hidden": False}}

    if not capabilities().malformed_aliases:
        with pytest.raises(ValueError, match="expected a string"):
            await ACOMPLETION(router, "global", None)
        assert provider.models_called == ()
        return
    with pytest.raises(Exception, match="fallback model group") as raised:
        await ACOMPLETION(router, "global", None)
    assert any(text.format(name="global") in str(raised.value) for text in ERROR_TEXTS)


async def test_disabled_fallbacks(provider: Provider) -> None:
    provider.reset({A1: Behaviour.ERROR})
    router = build_router(_config({A1: [A2]}), provider.url, "openai")

    with pytest.raises(Exception, match="the primary is down"):
        await ACOMPLETION(router, "gpt-4.1", TEAM_A, disable_fallbacks=True)
    assert provider.models_called == (A1,)


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name.lower())
async def test_lists_are_never_changed(kind: Kind, provider: Provider) -> None:
    provider.reset(dict.fromkeys(FAILING, Behaviour.ERROR))
    configured = [{B1: ["other"]}, {A1: [A2]}, {"*": ["other"]}]
    router = build_router(_config(*configured, kind=kind), provider.url, "openai")
    of_request = copy.deepcopy(configured)

    await _outcome(router, "gpt-4.1", TEAM_A)
    await _outcome(router, "gpt-4.1", TEAM_A, **{kind.value: of_request})

    assert getattr(router, kind.value) == configured
    assert of_request == configured


async def test_circles_end(provider: Provider) -> None:
    """However the chains of a request lead back, it calls no more than if its chain stood under the name as sent."""
    failing = [d.model_name for d in DEPLOYMENTS if d.team_id == TEAM_A]
    provider.reset(dict.fromkeys(failing, Behaviour.ERROR))
    config = Config(DEPLOYMENTS, ALIASES, {Kind.GENERAL: [{A1: [A2]}, {A2: [A1]}]}, max_fallbacks=3)
    router = build_router(config, provider.url, "openai")

    written_out = dataclasses.replace(config, chains={Kind.GENERAL: [{"gpt-4.1": [A2]}, *config.chains[Kind.GENERAL]]})
    assert await _outcome(build_router(written_out, provider.url, "openai"), "gpt-4.1", TEAM_A) is None
    as_written_out = len(provider.models_called)
    provider.hits.clear()
    assert await _outcome(router, "gpt-4.1", TEAM_A) is None

    assert len(provider.models_called) <= as_written_out


@pytest.mark.parametrize("pick", [0, 1])
async def test_what_was_never_called_is_still_to_try(pick: int, provider: Provider) -> None:
    """The chain of a sibling leads nowhere, and the sibling itself is what comes next."""
    provider.reset({"x": Behaviour.ERROR, "dead": Behaviour.ERROR, A3: Behaviour.CONTEXT_WINDOW})
    DICE.seed = pick
    deployments = (*DEPLOYMENTS, *SIBLING, Deployment("x"), Deployment("dead"))
    chains = {Kind.GENERAL: [{"x": ["gpt-4.1", A1]}], Kind.CONTEXT_WINDOW: [{A1: ["dead"]}]}
    router = build_router(Config(deployments, {}, chains), provider.url, "openai")

    assert await _outcome(router, "x", TEAM_A) == f"answer from {A1}"


async def test_a_cut_answer_is_delivered_where_no_target_is_still_to_try(provider: Provider) -> None:
    provider.reset({"global": Behaviour.CONTENT_FILTER})
    config = Config(DEPLOYMENTS, ALIASES, {Kind.CONTENT_POLICY: [{"global": ["al-global"]}]})

    assert await _outcome(build_router(config, provider.url, "openai"), "al-global", None) is not None
    assert provider.models_called == ("global",)


SIBLINGS = tuple(Deployment(f"model_name_team-a_{number}", TEAM_A, "gpt-4.1") for number in range(1, 7))


@pytest.mark.parametrize(
    ("model", "aliases", "chains", "calls"),
    [
        ("gpt-4.1", {}, [{"gpt-4.1": [d.model_name for d in SIBLINGS[1:]]}], 6),
        ("global", {f"al-{n}": "global" for n in range(5)}, [{"global": [*(f"al-{n}" for n in range(5)), "other"]}], 7),
    ],
    ids=["siblings", "aliases of the group itself"],
)
async def test_a_chain_of_other_names_of_the_group_is_walked_once(
    model: str, aliases: dict[str, str], chains: list[dict[str, list[str]]], calls: int, provider: Provider
) -> None:
    deployments = (*SIBLINGS, Deployment("global"), Deployment("other"))
    provider.reset({d.model_name: Behaviour.ERROR for d in deployments})
    router = build_router(Config(deployments, aliases, {Kind.GENERAL: chains}), provider.url, "openai")

    assert await _outcome(router, model, TEAM_A) is None
    assert len(provider.models_called) == calls


@pytest.mark.parametrize("shared", [True, False], ids=["one internal name", "an internal name each"])
async def test_the_work_grows_with_the_deployments(shared: bool, provider: Provider) -> None:  # noqa: FBT001 - from the table
    """Not with their square: four times as many take four times as long, chain or no chain."""
    lines = [await _lines_run(count, provider, shared=shared) for count in (25, 100, 175)]

    assert lines[2] - lines[1] <= 1.2 * (lines[1] - lines[0]) + 100


async def test_providers_are_not_tried_with_each_deployment(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work never grows with a product: what has no provider in its name is not asked for each."""
    before = await _lines_run(100, provider, shared=False)
    monkeypatch.setattr(litellm, "provider_list", [*litellm.provider_list, *(f"strange-{n}" for n in range(1000))])

    assert await _lines_run(100, provider, shared=False) - before < 20 * 1000


async def _lines_run(count: int, provider: Provider, *, shared: bool) -> int:
    """How many lines litellm runs to fail a request for a name that ``count`` deployments of a team have."""
    name = A1 if shared else "model_name_team-a_x{}"
    deployments = [Deployment(name.format(number), TEAM_A, "gpt-4.1", copy=number) for number in range(count)]
    provider.reset({"down": Behaviour.ERROR})
    entries = [model_entry(deployment, provider.url, "openai") for deployment in deployments]
    for entry in entries:
        entry["litellm_params"]["model"] = "openai/down"
    router = build_router(_bare({"nobody": ["other"]}), provider.url, "openai", more=entries)
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace if "litellm" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await _outcome(router, "gpt-4.1", TEAM_A)
    finally:
        sys.settrace(before)
    return lines


async def test_the_caller_s_name_stays_in_the_answer_s_metadata(provider: Provider) -> None:
    router = build_router(_config({A1: [A2]}), provider.url, "openai")
    metadata: dict[str, Any] = {"user_api_key_team_id": TEAM_A}

    await router.acompletion(model="gpt-4.1", messages=MESSAGES, metadata=metadata)

    assert metadata["model_group"] == "gpt-4.1"


async def test_a_team_s_request_stays_with_the_team(provider: Provider) -> None:
    """Two teams, one public name: whatever fails, no request of one reaches a deployment of the other."""
    provider.reset(dict.fromkeys(FAILING, Behaviour.ERROR))
    config = Config(DEPLOYMENTS + SIBLING, ALIASES, {Kind.GENERAL: [{A1: ["backup"]}, {B1: ["backup"]}]})
    router = build_router(config, provider.url, "openai")

    for model in ("gpt-4.1", "al", "al-a1", A1, "backup"):
        provider.hits.clear()
        await _outcome(router, model, TEAM_B)
        assert not [called for called in provider.models_called if TEAM_A in called], model


@needs("continuation")
@pytest.mark.parametrize("brought_along", [False, True], ids=["configured", "brought along"])
@pytest.mark.parametrize("model", ["gpt-4.1", "al", A1])
async def test_a_target_with_parameters_of_its_own_never_continues_a_stream(
    model: str,
    brought_along: bool,  # noqa: FBT001 - from the table
    provider: Provider,
) -> None:
    """The check that says whether a stream may go on must see the very chain that would take it over."""
    provider.reset({A1: Behaviour.BREAK_LATE})
    chain: Any = {A1: [{"model": A2, "temperature": 0}]}
    router = continuing_router(_config({A1: [A2]}) if brought_along else _config(chain), provider.url)

    with pytest.raises(Exception, match="onnection"):
        await STREAM(router, model, TEAM_A, **({"fallbacks": [chain]} if brought_along else {}))
    assert provider.models_called == (A1,)


@needs("continuation")
@pytest.mark.parametrize(
    ("model", "chains"),
    [
        ("global", [{"global": [{"model": "other", "temperature": 0}]}]),
        ("gpt-4.1", [{A1: [A1]}, {A3: [{"model": A2, "temperature": 0}]}]),
    ],
    ids=["of the name as sent", "of a sibling of what failed"],
)
async def test_a_chain_with_parameters_of_its_own_never_continues_a_stream(
    model: str, chains: list[Any], provider: Provider
) -> None:
    provider.reset(dict.fromkeys((A1, "global"), Behaviour.BREAK_LATE))
    DICE.seed = 0
    router = continuing_router(Config(DEPLOYMENTS + SIBLING, {}, {Kind.GENERAL: chains}), provider.url)

    with pytest.raises(Exception, match="onnection"):
        await STREAM(router, model, TEAM_A)


@needs("continuation")
@needs("python_matcher")
@pytest.mark.parametrize("model", ["nobody", 5, None])
async def test_a_name_without_a_chain_keeps_no_stream_from_going_on(model: Any) -> None:
    """Be it no text at all: malformed input never gives a new exception."""
    router = continuing_router(_config({A1: [A2]}), "http://127.0.0.1")

    assert may_continue(router, {"model": model, "metadata": {"user_api_key_team_id": TEAM_A}})


@needs("continuation")
async def test_a_stream_is_continued_by_its_own_chain_whatever_others_have(provider: Provider) -> None:
    provider.reset({A1: Behaviour.BREAK_LATE})
    chains: list[Any] = [{"gpt-4.1": ["other"]}, {A1: [{"model": A2, "temperature": 0}]}]
    router = continuing_router(Config(DEPLOYMENTS, {}, {Kind.GENERAL: chains}), provider.url)

    assert "answer from other" in await STREAM(router, "gpt-4.1", TEAM_A)


@needs("continuation")
@pytest.mark.parametrize("fallbacks", [None, 5], ids=repr)
async def test_a_broken_stream_is_not_continued_by_what_is_no_list(fallbacks: Any, provider: Provider) -> None:
    provider.reset({A1: Behaviour.BREAK_LATE})
    router = continuing_router(_config({A1: [A2]}), provider.url)

    refused = fallbacks is not None and not capabilities().malformed_lists
    with pytest.raises(Exception, match=REFUSED if refused else "onnection"):
        await STREAM(router, "gpt-4.1", TEAM_A, fallbacks=fallbacks)
    assert provider.models_called == (() if refused else (A1,))


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(_config({key: ["other"]}, kind=kind), id=f"{owner} chain, {kind.name.lower()}")
        for owner, key in (("nobody's", "nobody"), ("another team's", B1))
        for kind in (Kind.GENERAL, Kind.CONTENT_POLICY)
    ],
)
@pytest.mark.parametrize(
    ("call", "behaviour", "delivered"),
    [
        (ACOMPLETION, Behaviour.CONTENT_FILTER, f"answer from {A1}"),
        (MESSAGES_CALL, Behaviour.REFUSAL, ""),
        (MESSAGES_STREAM, Behaviour.REFUSAL, '"stop_reason": "refusal"'),
    ],
    ids=["cut answer", "refusal", "streamed refusal"],
)
async def test_an_answer_that_no_chain_can_better_is_delivered(
    call: Call, behaviour: Behaviour, delivered: str, config: Config, provider: Provider
) -> None:
    provider.reset({A1: behaviour})
    router = build_router(config, provider.url, call.provider)

    assert delivered in await call(router, "gpt-4.1", TEAM_A)
    assert provider.models_called == (A1,)


GATES = pytest.mark.parametrize(
    ("call", "behaviour", "kind"),
    [
        (ACOMPLETION, Behaviour.CONTENT_FILTER, Kind.CONTENT_POLICY),
        pytest.param(MESSAGES_CALL, Behaviour.REFUSAL, Kind.GENERAL, marks=needs("refusal_gate")),
        pytest.param(MESSAGES_STREAM, Behaviour.REFUSAL, Kind.GENERAL, marks=needs("refusal_gate")),
    ],
    ids=["cut answer", "refusal", "streamed refusal"],
)


@GATES
async def test_a_gate_sees_the_chain_of_the_name_as_sent(
    call: Call, behaviour: Behaviour, kind: Kind, provider: Provider
) -> None:
    provider.reset({"global": behaviour})
    router = build_router(_config({"global": ["other"]}, kind=kind), provider.url, call.provider)

    assert "answer from other" in await call(router, "global", None)


@needs("stream_gate")  # before, some gates of stock count a target that has been tried
@GATES
async def test_a_gate_sees_no_chain_that_is_used_up(
    call: Call, behaviour: Behaviour, kind: Kind, provider: Provider
) -> None:
    """What the last target gives is delivered, where all others have been tried."""
    provider.reset({"global": behaviour, "other": behaviour})
    chains = _config({"global": ["other"]}, {"other": ["global"]}, kind=kind)

    delivered = await call(build_router(chains, provider.url, call.provider), "global", None)

    assert delivered == await call(build_router(_config(), provider.url, call.provider), "other", None)
    assert provider.models_called[:2] == ("global", "other")


async def _frames(router: Any, model: str) -> list[str]:
    """What has reached the client when a stream breaks."""
    frames = []
    with suppress(Exception):
        async for chunk in await router.aanthropic_messages(
            model=model,
            messages=MESSAGES,
            max_tokens=16,
            stream=True,
            litellm_metadata={"user_api_key_team_id": TEAM_A},
        ):
            frames.append(chunk.decode() if isinstance(chunk, bytes) else str(chunk))  # noqa: PERF401
    return frames


@needs("stream_gate")
async def test_a_stream_is_held_back_for_the_chain_of_the_name_as_sent(provider: Provider) -> None:
    provider.reset({"global": Behaviour.BREAK_EARLY})
    router = build_router(_config({"global": ["other"]}), provider.url, "anthropic")

    frames = "".join(await _frames(router, "global"))

    assert "answer from other" in frames
    assert frames.count("event: message_start") == 1


@needs("stream_gate")
@pytest.mark.parametrize(
    "chains",
    [[{"nobody": ["other"]}], [{B1: ["other"]}], [{"global": ["other"]}, {"other": ["global"]}]],
    ids=["no chain", "another team's chain", "a chain that is used up"],
)
async def test_no_stream_is_held_back_for_nothing(chains: list[dict[str, list[str]]], provider: Provider) -> None:
    """The first frames reach the client though the stream breaks, as no other answer can take over."""
    provider.reset(dict.fromkeys((A1, "global", "other"), Behaviour.BREAK_EARLY))
    model = "global" if len(chains) > 1 else "gpt-4.1"

    frames = await _frames(build_router(_config(*chains), provider.url, "anthropic"), model)

    assert "event: message_start" in "".join(frames)


async def test_a_deployment_that_nobody_owns_has_no_public_name(provider: Provider) -> None:
    """Whatever its ``model_info`` says, as a row of a database may."""
    provider.reset({"global": Behaviour.ERROR})
    router = build_router(_config({"public": ["other"]}), provider.url, "openai")
    for deployment in router.model_list:
        if deployment["model_name"] == "global":
            deployment["model_info"]["team_public_model_name"] = "public"

    assert await _outcome(router, "global", None) is None
    assert provider.models_called == ("global",)


async def test_a_public_name_that_is_no_text_keeps_nothing_from_the_catch_all(provider: Provider) -> None:
    """Malformed input gives what it gives today, be it an answer. Of two, the other one is picked."""
    provider.reset({A1: Behaviour.ERROR})
    DICE.seed = 0
    copy_of_it = model_entry(Deployment(A1, TEAM_A, "gpt-4.1"), provider.url, "openai", model_id="copy")
    chains = _config({"*": ["other"]}, {"nobody": ["z"]})
    router = build_router(chains, provider.url, "openai", more=[copy_of_it])
    for deployment in router.model_list:
        if deployment["model_info"]["id"] == "copy":
            deployment["model_info"]["team_public_model_name"] = 5

    assert await _outcome(router, A1, TEAM_A) == "answer from other"


@needs("cooldown_gate")
@pytest.mark.parametrize(("siblings", "cooled_down"), [(0, False), (1, True)], ids=["alone", "one of two"])
async def test_a_deployment_without_a_chain_is_cooled_down_if_it_has_a_sibling(
    siblings: int,
    cooled_down: bool,  # noqa: FBT001 - from the table
) -> None:
    handlers = import_module("litellm.router_utils.cooldown_handlers")
    more = [model_entry(Deployment("global"), "http://127.0.0.1", "openai", model_id="sibling")][:siblings]
    config = _config({"nobody": ["other"]})
    settings = {"disable_cooldowns": False, "allowed_fails": 0}
    router = build_router(config, "http://127.0.0.1", "openai", more=more, **settings)

    judged = handlers._should_cooldown_deployment(
        getattr(router, "_core_ctx", router), "id-of-global", 429, Exception("busy"), requested_model_group="global"
    )
    assert judged is cooled_down


@needs("cooldown_gate")
@pytest.mark.parametrize(("key", "found"), [("global", True), ("nobody", False)])
async def test_a_cooldown_without_a_request_at_hand(key: str, found: bool) -> None:  # noqa: FBT001 - from the table
    """Who cools a deployment down may not know the request; upstream's own callers and tests need not."""
    gate = import_module("litellm.router_utils.cooldown_handlers")._has_fallback_group
    router = build_router(_config({key: ["other"]}), "http://127.0.0.1", "openai")

    assert gate(getattr(router, "_core_ctx", router), "global") is found


async def test_a_provider_within_a_name_is_not_stripped(provider: Provider) -> None:
    provider.reset({"my/openai/primary": Behaviour.ERROR})
    deployments = (Deployment("my/openai/primary"), Deployment("other"))
    config = Config(deployments, {"al": "my/openai/primary"}, {Kind.GENERAL: [{"my/primary": ["other"]}]})

    assert await _outcome(build_router(config, provider.url, "openai"), "al", None) is None
    assert provider.models_called == ("my/openai/primary",)


async def _outcome(router: Any, model: str, team_id: Any, **request: Any) -> str | None:
    try:
        answer: str = await ACOMPLETION(router, model, team_id, **request)
    except Exception:  # noqa: BLE001 - only whether it is answered matters here
        return None
    return answer
