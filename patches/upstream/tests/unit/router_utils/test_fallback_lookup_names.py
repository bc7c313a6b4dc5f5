"""The names that a fallback chain is looked up by, beside the ones in fallback_lookup_groups."""

from collections.abc import Mapping
from typing import Final

import pytest

from litellm import Router
from litellm.router_utils.cooldown_handlers import _has_fallback_group
from litellm.router_utils.fallback_event_handlers import (
    AttemptedFallbackTargets,
    _is_fallback_chain,
    _is_own_chain,
    _keyed_chains,
    _own_chains,
    derived_fallback_chain,
    derived_lookup_names,
    failed_deployment_id,
    has_derived_fallbacks,
    picked_deployment_id,
    with_derived_fallbacks,
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


def derived(
    router: Router,
    fallbacks: object,
    model_group: str = "gpt-4.1",
    found: object = None,
    failed: str | None = None,
    request: Mapping[str, object] = OF_THE_TEAM,
) -> tuple[str, object] | None:
    failed_id: Final = f"id-of-{failed}" if failed is not None else None
    return derived_fallback_chain(router._core_ctx, fallbacks, request, model_group, found, failed_id)


@pytest.mark.parametrize(
    ("targets", "well_formed"),
    [(["a", {"model": "b"}], True), ([], True), (["a", 5], False), ("a", False), (None, False), (5, False)],
)
def test_a_chain_is_a_list_of_targets(targets: object, well_formed: bool):
    assert _is_fallback_chain(targets) is well_formed


def test_keyed_chains_are_those_the_matcher_reads():
    fallbacks: Final = [{"a": ["b"], "c": ["d"]}, None, {}, {7: ["b"]}, "e", {"*": ["b"]}, {"f": 5}]

    assert _keyed_chains(fallbacks) == (("a", ["b"]), ("f", 5))
    assert _keyed_chains(None) == ()


def test_an_own_chain_is_told_from_the_star_that_holds_the_same_list():
    shared: Final = ["x"]

    assert _is_own_chain(shared, [{"*": shared}, {"a": shared}], ("a",))
    assert not _is_own_chain(shared, [{"*": shared}, {"a": shared}], ("b",))
    assert not _is_own_chain(None, [{"*": shared}], ("a",))


def test_own_chains_are_those_that_the_matcher_finds():
    chains: Final = (("gpt-4.1", 1), ("gpt-4.1", 2), ("openai/o3", 3), ("o1", 4), ("my/o1", 5))
    names: Final = ("gpt-4.1", "openai/o1", "o3", "my/openai/o1", "nobody")

    found: Final = _own_chains(names, chains)

    assert [found.get(name) for name in names] == [1, 4, 3, None, None]


def test_derived_names_are_those_that_routing_considers_for_the_caller(router: Router):
    registry: Final = router.registry()

    assert derived_lookup_names(registry, OF_THE_TEAM, ("gpt-4.1",)) == (
        ("gpt-4.1", PRIMARY),
        ("gpt-4.1", SIBLING),
        ("gpt-4.1", "gpt-4.1"),
    )
    assert derived_lookup_names(registry, OF_THE_TEAM, ("gpt-4.1",), SIBLING)[0] == ("gpt-4.1", SIBLING)
    assert derived_lookup_names(registry, OF_THE_TEAM, (PRIMARY,)) == ((PRIMARY, PRIMARY), (PRIMARY, "gpt-4.1"))
    assert derived_lookup_names(registry, {}, ("alias",)) == (("alias", "target"),)
    assert derived_lookup_names(registry, OF_THE_TEAM, (STRANGER, f"id-of-{PRIMARY}")) == ()


@pytest.mark.parametrize(
    ("fallbacks", "name"),
    [
        pytest.param([{PRIMARY: ["target"]}], PRIMARY, id="internal name"),
        pytest.param([{SIBLING: ["target"]}, {PRIMARY: ["target"]}], PRIMARY, id="in the order of the model list"),
        pytest.param([{STRANGER: ["target"]}], None, id="another team"),
        pytest.param([{"*": ["target"]}], None, id="star"),
        pytest.param(None, None, id="no list"),
        pytest.param(["target"], None, id="client-side list"),
        pytest.param([None, {7: ["x"]}, {PRIMARY: ["target"]}], PRIMARY, id="entries the matcher skips"),
        pytest.param([{PRIMARY: 5}, {SIBLING: ["target"]}], SIBLING, id="no list of targets"),
        pytest.param([{f"openai/{PRIMARY}": ["x"]}], None, id="another provider's spelling"),
    ],
)
def test_the_first_derived_name_with_a_chain_is_found(router: Router, fallbacks: object, name: str | None):
    found: Final = derived(router, fallbacks)

    assert (found[0] if found is not None else None) == name


def test_a_chain_of_its_own_stands_while_it_has_a_target_to_try(router: Router):
    own: Final = ["target"]
    exhausted: Final = [PRIMARY]

    assert derived(router, [{"gpt-4.1": own}, {PRIMARY: ["x"]}], found=own) is None
    assert derived(router, [{"gpt-4.1": own}, {"*": own}, {PRIMARY: ["x"]}], found=own) is None
    assert derived(router, [{"gpt-4.1": 5}, {PRIMARY: ["x"]}], found=5) is None
    assert derived(router, [{"gpt-4.1": exhausted}, {PRIMARY: ["x"]}], found=exhausted, failed=PRIMARY) == (
        PRIMARY,
        ["x"],
    )


def test_what_was_tried_is_not_still_to_try(router: Router):
    attempted: Final = AttemptedFallbackTargets()
    attempted.record("x")

    assert derived(router, [{PRIMARY: [PRIMARY]}], failed=PRIMARY) is None
    assert derived(router, [{"target": ["alias"]}], model_group="alias", request={}) is None
    assert derived(router, [{PRIMARY: ["x"]}], request={**OF_THE_TEAM, "attempted_targets": attempted}) is None
    assert derived(router, [{PRIMARY: [{"model": PRIMARY}]}], failed=PRIMARY) is not None
    assert attempted.keys == frozenset(("x",))


def test_a_hop_goes_on_in_the_chain_that_lists_it(router: Router):
    hop: Final = {"metadata": {"user_api_key_team_id": TEAM, "model_group": "hop", "original_model_group": "gpt-4.1"}}
    fallbacks: Final = [{PRIMARY: ["x"]}, {SIBLING: ["hop", "y"]}]

    assert derived(router, fallbacks, model_group="hop", request=hop) == (SIBLING, ["hop", "y"])


def test_what_the_lookup_found_stands_behind_once(router: Router):
    star: Final = ["target", "other"]
    fallbacks: Final = [{"*": star}, {PRIMARY: ["backup", "target"]}]

    found: Final = with_derived_fallbacks(router._core_ctx, "fallbacks", fallbacks, OF_THE_TEAM, "gpt-4.1", star, None)

    assert found == ["backup", "target", "other"]
    assert star == ["target", "other"]
    assert with_derived_fallbacks(router._core_ctx, "fallbacks", [], OF_THE_TEAM, "gpt-4.1", None, None) is None


def test_the_failed_deployment_is_read_from_the_router_s_own_notes():
    noted: Final = {"metadata": {"model_info": {"id": "noted"}}, "litellm_metadata": {"model_info": {"id": "sent"}}}
    stamped: Final = ValueError("failed")
    stamped.failed_deployment_id = "stamped"

    assert failed_deployment_id(stamped, noted) == "stamped"
    assert failed_deployment_id(ValueError("failed"), noted) == "noted"
    assert failed_deployment_id(ValueError("failed"), {}) is None
    assert picked_deployment_id({"model_info": None}) is None


def test_a_gate_sees_a_derived_chain(router: Router):
    answered: Final = {**OF_THE_TEAM, "model_info": {"id": f"id-of-{PRIMARY}"}}

    assert has_derived_fallbacks(router._core_ctx, [{PRIMARY: ["target"]}], answered, "gpt-4.1", None)
    assert not has_derived_fallbacks(router._core_ctx, [{PRIMARY: [PRIMARY]}], answered, "gpt-4.1", None)


def test_a_lone_deployment_has_a_chain_by_every_name(router: Router):
    router.fallbacks = [{PRIMARY: ["target"]}]
    of_the_team: Final = {"litellm_params": OF_THE_TEAM}
    failed: Final = f"id-of-{PRIMARY}"

    assert _has_fallback_group(router._core_ctx, "gpt-4.1", failed, of_the_team)
    assert not _has_fallback_group(router._core_ctx, "gpt-4.1", failed, {"litellm_params": {}})
    assert not _has_fallback_group(router._core_ctx, "gpt-4.1")
