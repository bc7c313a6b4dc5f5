"""The other names of a request, as the router's registry and the proxy's search for credentials see them."""

from collections.abc import Mapping
from typing import Final

import pytest

from litellm import Router
from litellm.proxy.litellm_pre_call_utils import _fallback_target_groups

PRIMARY: Final = "model_name_team-a_primary"
SIBLING: Final = "model_name_team-a_sibling"
STRANGER: Final = "model_name_team-b_primary"
OF_THE_TEAM: Final[Mapping[str, object]] = {"metadata": {"user_api_key_team_id": "team-a"}}


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
            team_deployment(PRIMARY, "team-a", "gpt-4.1"),
            team_deployment(SIBLING, "team-a", "gpt-4.1"),
            team_deployment(STRANGER, "team-b", "gpt-4.1"),
            {"model_name": "target", "litellm_params": {"model": "openai/target", "api_key": "unused"}},
        ],
        model_group_alias={"alias": "target"},
        fallbacks=[{PRIMARY: ["target"]}, {"target": ["last"]}, {STRANGER: ["theirs"]}],
    )


class TestDormantChains:
    """Names that a chain was configured under, and never looked up by."""

    @pytest.mark.parametrize(
        ("model", "request_kwargs", "expected"),
        [
            pytest.param("gpt-4.1", OF_THE_TEAM, (PRIMARY, SIBLING, "gpt-4.1"), id="public name"),
            pytest.param(PRIMARY, OF_THE_TEAM, (PRIMARY, "gpt-4.1"), id="internal name"),
            pytest.param("alias", {}, ("target",), id="alias"),
            pytest.param("gpt-4.1", {}, (), id="no team"),
            pytest.param(STRANGER, OF_THE_TEAM, (), id="another team's internal name"),
            pytest.param(f"id-of-{PRIMARY}", OF_THE_TEAM, (), id="deployment id"),
        ],
    )
    def test_other_names_are_those_that_routing_considers_for_the_caller(
        self, router: Router, model: str, request_kwargs: Mapping[str, object], expected: tuple[str, ...]
    ):
        assert tuple(router.registry().other_names(model, request_kwargs)) == expected

    @pytest.mark.parametrize(
        ("model", "request_kwargs", "expected"),
        [
            pytest.param("gpt-4.1", OF_THE_TEAM, {"target", "last"}, id="public name"),
            pytest.param("alias", {}, {"last"}, id="alias"),
        ],
    )
    def test_credentials_are_looked_up_for_every_target_that_routing_can_reach(
        self, router: Router, model: str, request_kwargs: Mapping[str, object], expected: set[str]
    ):
        assert _fallback_target_groups(router, request_kwargs, None, None, model) == expected


def test_no_credentials_are_looked_up_for_a_chain_of_another_team(router: Router):
    assert _fallback_target_groups(router, {}, None, None, "gpt-4.1") == set()
