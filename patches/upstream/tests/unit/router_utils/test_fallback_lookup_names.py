"""The names that a fallback chain is looked up by, beside the ones in fallback_lookup_groups."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from litellm import Router
from litellm.router_utils.cooldown_handlers import _has_fallback_group
from litellm.router_utils.fallback_event_handlers import (
    AttemptedFallbackTargets,
    _fallback_keys,
    _has_own_chain,
    _own_public_names,
    _routed_names,
    lookup_groups_with_chain,
)

TEAM: Final = "team-a"
PRIMARY: Final = "model_name_team-a_primary"
SIBLING: Final = "model_name_team-a_sibling"
STRANGER: Final = "model_name_team-b_primary"
OF_THE_TEAM: Final[Mapping[str, object]] = {"metadata": {"user_api_key_team_id": TEAM}}


def team_deployment(name: str, team_id: str, public_name: str) -> dict[str, object]:
    return {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_key": "unused"},
        "model_info": {"id": f"id-of-{name}", "team_id": team_id, "team_public_model_name": public_name},
    }


@pytest.fixture
def router() -> Router:
    return Router(
        model_list=[
            team_deployment(PRIMARY, TEAM, "gpt-4.1"),
            team_deployment(SIBLING, TEAM, "gpt-4.1"),
            team_deployment(STRANGER, "team-b", "gpt-4.1"),
            {"model_name": "target", "litellm_params": {"model": "openai/target", "api_key": "unused"}},
        ],
        model_group_alias={"alias": "target"},
    )


@pytest.mark.parametrize(
    ("fallbacks", "keys"),
    [
        ([{"a": ["b"]}, {"c": ["d"]}], ("a", "c")),
        ([{"*": ["b"]}, {"a": ["b"]}], ("a",)),
        ([], ()),
        (None, ()),
        (["a", {"model": "b"}], ()),
        ([{"a": ["b"], "c": ["d"]}], ()),
        ("a", ()),
    ],
)
def test_fallback_keys_are_those_of_a_standard_list(fallbacks: object, keys: tuple[str, ...]):
    assert _fallback_keys(fallbacks) == keys


@pytest.mark.parametrize(
    ("model_group", "keys", "found"),
    [
        ("gpt-4.1", ("gpt-4.1",), True),
        ("openai/gpt-4.1", ("gpt-4.1",), True),
        ("gpt-4.1", ("openai/gpt-4.1",), True),
        ("my/openai/gpt-4.1", ("my/gpt-4.1",), False),
        ("gpt-4.1", ("gpt-4.1-mini",), False),
    ],
)
def test_a_chain_of_its_own_is_one_that_the_matcher_finds(model_group: str, keys: Sequence[str], found: bool):
    assert _has_own_chain(model_group, keys) is found


def test_routed_names_are_those_that_routing_considers_for_the_caller(router: Router):
    ctx: Final = router._core_ctx

    assert list(_routed_names(ctx, OF_THE_TEAM, ("gpt-4.1",))) == ["gpt-4.1", PRIMARY, SIBLING]
    assert list(_routed_names(ctx, {}, ("alias",))) == ["target"]
    assert STRANGER not in set(_routed_names(ctx, OF_THE_TEAM, ("gpt-4.1", STRANGER)))


def test_own_public_names_are_those_of_the_caller_s_team(router: Router):
    ctx: Final = router._core_ctx

    assert list(_own_public_names(ctx, OF_THE_TEAM, (PRIMARY, STRANGER))) == ["gpt-4.1"]
    assert list(_own_public_names(ctx, {}, (PRIMARY,))) == []


@pytest.mark.parametrize(
    ("fallbacks", "expected"),
    [
        ([{PRIMARY: ["target"]}], (PRIMARY,)),
        ([{SIBLING: ["target"]}, {PRIMARY: ["target"]}], (PRIMARY,)),
        ([{"gpt-4.1": ["target"]}, {PRIMARY: ["target"]}], ("gpt-4.1",)),
        ([{STRANGER: ["target"]}], ("gpt-4.1",)),
        ([{"*": ["target"]}], ("gpt-4.1",)),
        (None, ("gpt-4.1",)),
    ],
)
def test_the_first_name_with_a_chain_replaces_the_groups(router: Router, fallbacks: object, expected: tuple[str, ...]):
    assert lookup_groups_with_chain(router._core_ctx, fallbacks, OF_THE_TEAM, ("gpt-4.1",)) == expected


def test_a_replacement_counts_as_attempted_and_an_own_chain_does_not(router: Router):
    replaced: Final = AttemptedFallbackTargets()
    own: Final = AttemptedFallbackTargets()

    lookup_groups_with_chain(router._core_ctx, [{PRIMARY: ["target"]}], OF_THE_TEAM, ("gpt-4.1",), attempted=replaced)
    lookup_groups_with_chain(router._core_ctx, [{"gpt-4.1": ["target"]}], OF_THE_TEAM, ("gpt-4.1",), attempted=own)

    assert replaced != own


def test_a_lone_deployment_has_a_chain_by_every_name(router: Router):
    router.fallbacks = [{PRIMARY: ["target"]}]
    of_the_team: Final = {"litellm_params": OF_THE_TEAM}

    assert _has_fallback_group(router._core_ctx, "gpt-4.1", of_the_team)
    assert not _has_fallback_group(router._core_ctx, "gpt-4.1", {"litellm_params": {}})
    assert not _has_fallback_group(router._core_ctx, "gpt-4.1", None)
