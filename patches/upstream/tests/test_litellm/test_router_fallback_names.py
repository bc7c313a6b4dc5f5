"""
A fallback chain is found under every name that routing knows a request by: the requested name, the alias target, the
internal name of a team's deployment and its public name (issues 28019, 10317 and 34027).

Providers are mocked by each deployment's ``mock_response``, so nothing leaves the process.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

import litellm
from litellm import Router
from litellm.types.utils import Choices, Message, ModelResponse

TEAM_A: Final = "team-a"
TEAM_B: Final = "team-b"
A_PRIMARY: Final = "model_name_team-a_primary"
A_BACKUP: Final = "model_name_team-a_backup"
A_WILDCARD: Final = "model_name_team-a_wildcard"
B_PRIMARY: Final = "model_name_team-b_primary"
B_BACKUP: Final = "model_name_team-b_backup"
FAILS: Final = "litellm.InternalServerError"
TOO_LONG: Final = "litellm.ContextWindowExceededError"
CUT: Final = ModelResponse(choices=[Choices(finish_reason="content_filter", message=Message(content="cut"))])


def deployment(
    name: str, mock_response: object, team_id: str | None = None, public_name: str | None = None
) -> dict[str, object]:
    model_info: Final = {"id": f"id-of-{name}"} | (
        {"team_id": team_id, "team_public_model_name": public_name} if team_id is not None else {}
    )
    return {
        "model_name": name,
        "litellm_params": {"model": f"openai/{name}", "api_key": "unused", "mock_response": mock_response},
        "model_info": model_info,
    }


def router_with(
    fallbacks: Sequence[Mapping[str, object]] = (),
    failure: object = FAILS,
    context_window_fallbacks: Sequence[Mapping[str, object]] = (),
    content_policy_fallbacks: Sequence[Mapping[str, object]] = (),
    allowed_fails: int | None = None,
) -> Router:
    """Two teams with the same public names, a global group, and aliases; every primary fails, every other answers."""
    return Router(
        model_list=[
            deployment(A_PRIMARY, failure, TEAM_A, "gpt-4.1"),
            deployment(A_BACKUP, f"answer from {A_BACKUP}", TEAM_A, "backup"),
            deployment(A_WILDCARD, failure, TEAM_A, "acme/*"),
            deployment(B_PRIMARY, failure, TEAM_B, "gpt-4.1"),
            deployment(B_BACKUP, f"answer from {B_BACKUP}", TEAM_B, "backup"),
            deployment("primary", failure),
            deployment("other", "answer from other"),
        ],
        model_group_alias={
            "team-alias": "gpt-4.1",
            "alias": "primary",
            "hidden-alias": {"model": "primary", "hidden": True},
            "alias-of-alias": "alias",
        },
        fallbacks=list(fallbacks),
        context_window_fallbacks=list(context_window_fallbacks),
        content_policy_fallbacks=list(content_policy_fallbacks) if content_policy_fallbacks else None,
        num_retries=0,
        allowed_fails=allowed_fails,
        disable_cooldowns=allowed_fails is None,
    )


def metadata_of(team_id: str | None) -> dict[str, object]:
    return {} if team_id is None else {"user_api_key_team_id": team_id}


async def ask(router: Router, model: str, team_id: str | None = None, bucket: str = "metadata") -> str | None:
    response: Final = await router.acompletion(
        model=model,
        messages=[{"role": "user", "content": "hello"}],
        **{bucket: metadata_of(team_id)},
    )
    return response.choices[0].message.content


class TestDormantChains:
    """Chains that were accepted, listed, and never fired."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("model", "team_id", "fallbacks", "answerer"),
        [
            pytest.param("gpt-4.1", TEAM_A, [{A_PRIMARY: [A_BACKUP]}], A_BACKUP, id="public name, internal key"),
            pytest.param("gpt-4.1", TEAM_A, [{A_PRIMARY: ["backup"]}], A_BACKUP, id="public target"),
            pytest.param("gpt-4.1", TEAM_A, [{"*": ["other"]}, {A_PRIMARY: [A_BACKUP]}], A_BACKUP, id="before star"),
            pytest.param(
                "gpt-4.1", TEAM_B, [{A_PRIMARY: [A_BACKUP]}, {B_PRIMARY: [B_BACKUP]}], B_BACKUP, id="own team's chain"
            ),
            pytest.param(A_PRIMARY, TEAM_A, [{"gpt-4.1": ["backup"]}], A_BACKUP, id="internal name, public key"),
            pytest.param("team-alias", TEAM_A, [{A_PRIMARY: [A_BACKUP]}], A_BACKUP, id="alias of a public name"),
            pytest.param("acme/zeta", TEAM_A, [{A_WILDCARD: [A_BACKUP]}], A_BACKUP, id="wildcard, internal key"),
            pytest.param("acme/zeta", TEAM_A, [{"acme/*": [A_BACKUP]}], A_BACKUP, id="wildcard, public key"),
            pytest.param("alias", None, [{"primary": ["other"]}], "other", id="alias"),
            pytest.param("hidden-alias", None, [{"primary": ["other"]}], "other", id="alias in its long form"),
        ],
    )
    async def test_the_chain_answers(
        self, model: str, team_id: str | None, fallbacks: Sequence[Mapping[str, object]], answerer: str
    ):
        assert await ask(router_with(fallbacks), model, team_id) == f"answer from {answerer}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("bucket", ["metadata", "litellm_metadata"])
    async def test_the_team_is_read_from_both_buckets(self, bucket: str):
        router: Final = router_with([{A_PRIMARY: [A_BACKUP]}])

        assert await ask(router, "gpt-4.1", TEAM_A, bucket) == f"answer from {A_BACKUP}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize(("model", "team_id"), [("gpt-4.1", TEAM_A), ("team-alias", TEAM_A)])
    async def test_a_context_window_chain_answers(self, model: str, team_id: str):
        router: Final = router_with(failure=TOO_LONG, context_window_fallbacks=[{A_PRIMARY: [A_BACKUP]}])

        assert await ask(router, model, team_id) == f"answer from {A_BACKUP}"

    @pytest.mark.asyncio
    async def test_a_stream_is_answered_by_the_chain(self):
        router: Final = router_with([{A_PRIMARY: [A_BACKUP]}])

        stream: Final = await router.acompletion(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "hello"}],
            metadata=metadata_of(TEAM_A),
            stream=True,
        )

        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == f"answer from {A_BACKUP}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize(("model", "team_id"), [("gpt-4.1", TEAM_A), ("team-alias", TEAM_A)])
    async def test_a_cut_response_gives_way_to_the_chain(self, model: str, team_id: str):
        router: Final = router_with(failure=CUT, content_policy_fallbacks=[{A_PRIMARY: [A_BACKUP]}])

        assert await ask(router, model, team_id) == f"answer from {A_BACKUP}"

    @pytest.mark.asyncio
    async def test_the_caller_s_names_are_left_in_the_request(self):
        metadata: Final = metadata_of(TEAM_A)
        configured: Final = [{A_PRIMARY: [A_BACKUP]}]
        router: Final = router_with(configured)

        response: Final = await router.acompletion(
            model="gpt-4.1", messages=[{"role": "user", "content": "hello"}], metadata=metadata
        )

        assert response._hidden_params["additional_headers"]["x-litellm-attempted-fallbacks"] == 1
        assert metadata["original_model_group"] == "gpt-4.1"
        assert configured == [{A_PRIMARY: [A_BACKUP]}]


class TestWhatStays:
    """What is found today is found as before, and nothing of another team is."""

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("model", "team_id", "fallbacks", "answerer"),
        [
            pytest.param(
                "gpt-4.1",
                TEAM_A,
                [{A_PRIMARY: ["other"]}, {"gpt-4.1": ["backup"]}],
                A_BACKUP,
                id="requested name first",
            ),
            pytest.param("primary", None, [{"primary": ["other"]}], "other", id="global name"),
            pytest.param("alias", None, [{"alias": ["other"]}], "other", id="alias as key"),
            pytest.param("gpt-4.1", TEAM_A, [{"*": ["other"]}], "other", id="star"),
        ],
    )
    async def test_a_chain_found_today_is_found(
        self, model: str, team_id: str | None, fallbacks: Sequence[Mapping[str, object]], answerer: str
    ):
        assert await ask(router_with(fallbacks), model, team_id) == f"answer from {answerer}"

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("model", "team_id", "fallbacks"),
        [
            pytest.param("gpt-4.1", TEAM_B, [{A_PRIMARY: [A_BACKUP]}], id="another team's chain"),
            pytest.param(A_PRIMARY, TEAM_B, [{"gpt-4.1": ["other"]}], id="another team's internal name"),
            pytest.param("primary", None, [{"alias": ["other"]}], id="a chain of an alias only"),
            pytest.param("alias-of-alias", None, [{"primary": ["other"]}], id="an alias of an alias"),
        ],
    )
    async def test_the_original_error_comes_back(
        self, model: str, team_id: str | None, fallbacks: Sequence[Mapping[str, object]]
    ):
        with pytest.raises((litellm.InternalServerError, litellm.BadRequestError)) as raised:
            await ask(router_with(fallbacks), model, team_id)

        assert "answer from" not in str(raised.value)

    @pytest.mark.asyncio
    async def test_disable_fallbacks_is_obeyed(self):
        router: Final = router_with([{A_PRIMARY: [A_BACKUP]}])

        with pytest.raises(litellm.InternalServerError):
            await router.acompletion(
                model="gpt-4.1",
                messages=[{"role": "user", "content": "hello"}],
                metadata=metadata_of(TEAM_A),
                disable_fallbacks=True,
            )

    @pytest.mark.asyncio
    async def test_a_cut_response_stands_for_another_team(self):
        router: Final = router_with(failure=CUT, content_policy_fallbacks=[{A_PRIMARY: [A_BACKUP]}])

        assert await ask(router, "gpt-4.1", TEAM_B) == "cut"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("team_id", [7, "", None])
    async def test_a_malformed_team_id_gives_what_it_gave(self, team_id: object):
        router: Final = router_with([{"primary": ["other"]}, {A_PRIMARY: [A_BACKUP]}])

        response: Final = await router.acompletion(
            model="primary",
            messages=[{"role": "user", "content": "hello"}],
            metadata={"user_api_key_team_id": team_id},
        )

        assert response.choices[0].message.content == "answer from other"
