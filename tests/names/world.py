"""A Router built from the model's plain data, with every deployment on the loopback provider."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from litellm import Router

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.model.names import Config, Deployment


def build_router(
    config: Config,
    base_url: str,
    provider: str,
    more: Sequence[dict[str, Any]] = (),
    **settings: Any,
) -> Router:
    """A Router for a configuration, without retries and, unless a setting says otherwise, without cooldowns.

    Args:
        config: deployments, aliases and chains.
        base_url: the provider's root.
        provider: the protocol spoken to it, ``openai`` or ``anthropic``.
        more: entries of the model list that the plain data cannot say.
        settings: further arguments of the Router.

    Returns:
        The Router of the installed litellm.
    """
    chains = {kind.value: [dict(entry) for entry in entries] for kind, entries in config.chains.items()}
    return Router(
        model_list=[*(model_entry(deployment, base_url, provider) for deployment in config.deployments), *more],
        **{
            "model_group_alias": dict(config.aliases),
            "num_retries": 0,
            "disable_cooldowns": True,
            "max_fallbacks": config.max_fallbacks,
            **chains,
            **settings,
        },
    )


def model_entry(
    deployment: Deployment,
    base_url: str,
    provider: str,
    model_id: str | None = None,
    **params: Any,
) -> dict[str, Any]:
    """The entry of the Router's model list for a deployment; it calls the provider by its internal name.

    Args:
        deployment: the deployment.
        base_url: the provider's root.
        provider: the protocol spoken to it.
        model_id: its id, derived from its name if not given.
        params: further ``litellm_params``.

    Returns:
        The entry.
    """
    owner = {"team_id": deployment.team_id, "team_public_model_name": deployment.public_name}
    return {
        "model_name": deployment.model_name,
        "litellm_params": {
            "model": f"{provider}/{deployment.model_name}",
            "api_base": base_url if provider == "anthropic" else f"{base_url}/v1",
            "api_key": "unused",
            "max_retries": 0,
            **params,
        },
        "model_info": {"id": model_id or f"id-of-{deployment.id}", **(owner if deployment.team_id else {})},
    }


def continuing_router(config: Config, base_url: str) -> Router:
    """A Router that may continue a broken stream, as every deployment of it takes up a text that was begun."""
    entries = [model_entry(deployment, base_url, "openai") for deployment in config.deployments]
    for entry in entries:
        entry["model_info"]["supports_assistant_prefill"] = True
    nothing_twice = dataclasses.replace(config, deployments=())
    return build_router(nothing_twice, base_url, "openai", entries, enable_mid_stream_fallback_continuation=True)
