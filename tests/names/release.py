"""What the installed litellm can do, probed: the one table that decides what differs between releases."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from litellm import BadRequestError, Router

from litellm_patch.model.names import Routing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

ERROR_TEXTS = (
    "No fallback model group found for original model_group={name}. Fallbacks=",
    "No fallback model group found for lookup_groups={name}. Fallbacks=",
    "LiteLLM: model group '{name}' failed with the error above and no fallback model group was found",
)
TEAM = {"user_api_key_team_id": "probe"}
ADMIN = {"user_api_key_auth": SimpleNamespace(user_role="proxy_admin")}


@dataclass(frozen=True)
class Capabilities:
    """What this release has beyond the names themselves."""

    refusal_gate: bool
    stream_gate: bool
    continuation: bool
    cooldown_gate: bool
    routing_groups: bool
    groups_before_ids: bool
    sync_calls_know_teams: bool
    admin_across_teams: bool
    forgets_wildcards: bool
    locks_its_lists: bool
    checks_aliases: bool


@functools.cache
def capabilities() -> Capabilities:
    """The readers of chains that the installed release has."""
    core = core_class()
    compiled = _is_compiled()
    cooldown_handlers = import_module("litellm.router_utils.cooldown_handlers")
    return Capabilities(
        refusal_gate=compiled or hasattr(core, "_refusal_fallback_available"),
        stream_gate=compiled
        or any(hasattr(core, gate) for gate in ("_stream_can_fall_back", "_anthropic_messages_stream_can_fall_back")),
        continuation=hasattr(
            import_module("litellm.router_rust.invoke.streaming") if compiled else core,
            "_mid_stream_continuation_eligible",
        ),
        cooldown_gate=hasattr(cooldown_handlers, "_has_fallback_group"),
        routing_groups=compiled or hasattr(core, "_get_routing_group_deployments"),
        groups_before_ids=_routes_to("twin", "twin"),
        admin_across_teams=_routes_to("probe-only", "model_name_probe_4", caller=ADMIN),
        sync_calls_know_teams=_sync_routing_knows_teams(),
        forgets_wildcards=_forgets_wildcards(),
        checks_aliases=_checks_aliases(),
        locks_its_lists=compiled or hasattr(core, "_core_deployments_named"),
    )


def needs(capability: str) -> pytest.MarkDecorator:
    """Skip a test in releases that lack a capability.

    Args:
        capability: a field of `Capabilities`.

    Returns:
        The mark.
    """
    has = getattr(capabilities(), capability)
    return pytest.mark.skipif(not has, reason=f"this release has no {capability.replace('_', ' ')}")


@functools.cache
def release() -> Routing:
    """How the installed release routes and matches, for the model."""
    handlers = import_module("litellm.router_utils.fallback_event_handlers")
    return Routing(
        team_before_global=_routes_to("shared", "model_name_probe_1"),
        team_wildcard_first=_routes_to("probe/x", "model_name_probe_2"),
        admin_across_teams=capabilities().admin_across_teams,
        exact_typed_lists=hasattr(core_class(), "_get_fallback_model_group_from_fallbacks"),
        resumes_original=_resumes_original(handlers),
        tracks_attempts=hasattr(handlers, "AttemptedFallbackTargets"),
        default_knows_teams=_routes_to("nobody", "model_name_probe_3", fallbacks=[{"*": ["default"]}]),
        refusals_fall_back=capabilities().refusal_gate,
        gates_skip_attempted=hasattr(handlers, "has_unattempted_fallback_target"),
        inferred=_inferred(handlers, "gpt-4.1", "openai"),
    )


def litellm_version() -> str:
    """The release, as its metadata states it."""
    return version("litellm")


def _is_compiled() -> bool:
    """Whether the Router is Rust, from 1.110 on: no Python method tells then what it can do."""
    return find_spec("litellm.router_rust") is not None and find_spec("litellm.router_python_core") is None


def core_class() -> Any:
    """The class that holds the routing logic: from 1.109 on, ``litellm.Router`` is a facade."""
    if find_spec("litellm.router_python_core") is None:
        return Router
    return import_module("litellm.router_python_core").PythonCore


def _routes_to(name: str, model_name: str, caller: Mapping[str, object] = TEAM, **settings: Any) -> bool:
    """Whether a request for ``name`` is routed to this deployment alone, not to a global one of the same name."""
    params = {"model": "openai/none", "api_key": "unused"}
    router = Router(
        model_list=[
            {"model_name": "shared", "litellm_params": params},
            {"model_name": "probe/*", "litellm_params": params},
            {"model_name": "twin", "litellm_params": params},
            {"model_name": "other", "litellm_params": params, "model_info": {"id": "twin"}},
            _owned("model_name_probe_1", "shared", params),
            _owned("model_name_probe_2", "probe/*", params),
            _owned("model_name_probe_3", "default", params),
            _owned("model_name_probe_4", "probe-only", params),
        ],
        **settings,
    )
    return _routed_names(router, name, caller) == [model_name]


def _routed_names(router: Router, name: str, caller: Mapping[str, object]) -> list[str] | None:
    """The ``model_name`` of each deployment that a request is routed to; None for none, or for one by its id."""
    request = {"model": name, "metadata": dict(caller)}
    if _is_compiled():
        routable = router.registry().deployments(name, source="routable", request=request)
        return [deployment["model_name"] for deployment in routable] or None
    try:
        _, deployments = router._common_checks_available_deployment(model=name, request_kwargs=request)
    except BadRequestError:
        return None
    # a deployment that was chosen by its id comes alone
    return [deployment["model_name"] for deployment in deployments] if isinstance(deployments, list) else None


def _inferred(handlers: ModuleType, bare: str, provider: str) -> dict[str, str]:
    """The provider of a bare name, if a key that spells it out matches the name."""
    found, _ = handlers.get_fallback_model_group([{f"{provider}/{bare}": ["target"]}], bare)
    return {bare: provider} if found else {}


def _resumes_original(handlers: ModuleType) -> bool:
    """Whether a hop of a fallback is looked up by the original request's name too."""
    if not hasattr(handlers, "fallback_lookup_groups"):
        return False
    kwargs = {"metadata": {"original_model_group": "original"}}
    return "original" in handlers.fallback_lookup_groups(kwargs, "hop")


def _sync_routing_knows_teams() -> bool:
    """Whether a synchronous call is routed to a team's deployment by its public name."""
    params = {"model": "openai/none", "api_key": "unused"}
    router = Router(model_list=[_owned("model_name_probe_1", "public", params)])
    try:
        router.get_available_deployment(model="public", request_kwargs={"metadata": {"user_api_key_team_id": "probe"}})
    except BadRequestError:
        return False
    return True


def _forgets_wildcards() -> bool:
    """Whether a team's wildcard is gone with its deployment."""
    entry = _owned("model_name_probe_1", "probe/*", {"model": "openai/none", "api_key": "unused"})
    entry["model_info"] = {**cast("dict[str, str]", entry["model_info"]), "id": "probe"}
    router = Router(model_list=[entry])
    router.delete_deployment(id="probe")
    return _routed_names(router, "probe/x", TEAM) is None


def _checks_aliases() -> bool:
    """Whether an alias that stands for no text is none, instead of an error wherever it is looked up."""
    params = {"model": "openai/none", "api_key": "unused"}
    router = Router(model_list=[{"model_name": "probe", "litellm_params": params}])
    router.model_group_alias = {"probe": None}
    try:
        return _routed_names(router, "probe", {}) == ["probe"]
    except TypeError:
        return False


def _owned(model_name: str, public_name: str, params: dict[str, str]) -> dict[str, object]:
    owner = {"team_id": "probe", "team_public_model_name": public_name}
    return {"model_name": model_name, "litellm_params": params, "model_info": owner}
