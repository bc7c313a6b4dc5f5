"""The failing requests, sent through the Router of the litellm in this environment; prints one JSON object.

Runs inside the environment that is shown, with nothing but litellm and the standard library.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from typing import Any

import litellm
from litellm import Router

from upkeep.provider import Behaviour, Provider

PRIMARY, BACKUP = "model_name_acme_1", "model_name_acme_2"
CASES: tuple[dict[str, Any], ...] = (
    {
        "issue": "28019",
        "caller": "team acme",
        "model": "gpt-4.1",
        "fallbacks": [{PRIMARY: [BACKUP]}],
        "metadata": {"user_api_key_team_id": "acme"},
    },
    {
        "issue": "10317",
        "caller": "prod is an alias of primary",
        "model": "prod",
        "fallbacks": [{"primary": ["backup"]}],
        "metadata": {},
    },
)


def _model(name: str, url: str, public_name: str | None = None) -> dict[str, Any]:
    owner = {"team_id": "acme", "team_public_model_name": public_name} if public_name else {}
    params = {"model": f"openai/{name}", "api_base": f"{url}/v1", "api_key": "unused", "max_retries": 0}
    return {"model_name": name, "litellm_params": params, "model_info": owner}


async def _send(case: dict[str, Any], provider: Provider) -> dict[str, Any]:
    provider.reset({PRIMARY: Behaviour.ERROR, "primary": Behaviour.ERROR})
    router = Router(
        model_list=[
            _model(PRIMARY, provider.url, "gpt-4.1"),
            _model(BACKUP, provider.url, "gpt-4.1-backup"),
            _model("primary", provider.url),
            _model("backup", provider.url),
        ],
        model_group_alias={"prod": "primary"},
        fallbacks=case["fallbacks"],
        num_retries=0,
    )
    messages = [{"role": "user", "content": "hello"}]
    outcome = {name: case[name] for name in ("issue", "model", "caller", "fallbacks")}
    try:
        response = await router.acompletion(model=case["model"], messages=messages, metadata=case["metadata"])
        outcome["answer"] = response.choices[0].message.content
    except Exception as error:  # noqa: BLE001 - whatever the caller gets is what is shown
        outcome["error"] = f"{type(error).__name__}: {error}"
    return {**outcome, "called": list(provider.models_called)}


async def main() -> None:
    """Send every request and print what became of it."""
    litellm.suppress_debug_info = True
    with Provider() as provider:
        outcomes = [await _send(case, provider) for case in CASES]
    json.dump({"litellm": version("litellm"), "outcomes": outcomes}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
