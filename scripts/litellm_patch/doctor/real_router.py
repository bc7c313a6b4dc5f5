"""What a real Router does: run by an interpreter that has litellm, JSON in and JSON out, nothing else of this package.

It calls no provider: a handler of its own stands in for them, and says who was called. ``verifying`` starts it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any


def answers_of(question: dict[str, Any]) -> list[int | None]:
    """Ask a real Router each of the requests.

    Args:
        question: ``model_list`` without its ``litellm_params``, ``settings`` of the Router, and ``requests``: each with
            ``model``, ``team``, ``admin``, ``failing`` (places in the model list) and ``failure``.

    Returns:
        For each request the place of the deployment that answers, ``None`` where the caller gets an error.
    """
    import litellm  # noqa: PLC0415 - only the interpreter that runs this has it
    from litellm.utils import custom_llm_setup  # noqa: PLC0415 - likewise

    litellm.suppress_debug_info = True
    failures = {
        "fallbacks": litellm.InternalServerError,
        "context_window_fallbacks": litellm.ContextWindowExceededError,
        "content_policy_fallbacks": litellm.ContentPolicyViolationError,
    }
    now: dict[str, Any] = {}

    class MockProviderHandler(litellm.CustomLLM):  # type: ignore[misc]
        async def acompletion(self, *_: Any, model: str, model_response: Any, **__: Any) -> Any:  # noqa: ANN401
            if int(model) in now["failing"]:
                raise failures[now["failure"]](message="down", model=model, llm_provider="doctor")
            model_response.choices[0].message.content = model
            return model_response

    before = litellm.custom_provider_map
    litellm.custom_provider_map = [*before, {"provider": "doctor", "custom_handler": MockProviderHandler()}]
    try:
        custom_llm_setup()  # up to some release, a Router asks for it
        router = litellm.Router(
            model_list=[
                {**entry, "litellm_params": {"model": f"doctor/{place}"}}
                for place, entry in enumerate(question["model_list"])
            ],
            num_retries=0,
            disable_cooldowns=True,
            **question["settings"],
        )
        return asyncio.run(_ask(router, question["requests"], now))
    finally:
        litellm.custom_provider_map = before


async def _ask(router: Any, requests: list[dict[str, Any]], now: dict[str, Any]) -> list[int | None]:  # noqa: ANN401
    found: list[int | None] = []
    for request in requests:
        now.update(failing=set(request["failing"]), failure=request["failure"])
        caller: dict[str, Any] = {}
        if request["team"] is not None:
            caller["user_api_key_team_id"] = request["team"]
        if request["admin"]:
            caller["user_api_key_auth"] = SimpleNamespace(user_role="proxy_admin")
        try:
            answer = await router.acompletion(
                model=request["model"], messages=[{"role": "user", "content": "?"}], metadata=caller
            )
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an error
            found.append(None)
        else:
            found.append(int(answer.choices[0].message.content))
    return found


def main() -> None:
    """Read the question from standard input and write the answers; nothing else comes out there."""
    out, sys.stdout = sys.stdout, sys.stderr  # litellm prints
    json.dump(answers_of(json.load(sys.stdin)), out)


if __name__ == "__main__":
    main()
