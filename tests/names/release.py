"""What the installed litellm can do, probed: the one table that decides what differs between releases."""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from litellm import BadRequestError, ContextWindowExceededError, InternalServerError, Router

from litellm_patch.model.names import Routing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

ERROR_TEXTS = (
    "No fallback model group found for original model_group={name}. Fallbacks=",
    "No fallback model group found for lookup_groups={name}. Fallbacks=",
    "LiteLLM: model group '{name}' failed with the error above and no fallback model group was found",
)
MOCKED = {"model": "openai/none", "api_key": "unused"}
TEAM = {"user_api_key_team_id": "probe"}
ADMIN = {"user_api_key_auth": SimpleNamespace(user_role="proxy_admin")}


@dataclass(frozen=True)
class Capabilities:
    """What this release has beyond the names themselves.

    Attributes:
        python_matcher: what looks a chain up is Python, so that its calls can be counted.
        ids_of_other_teams: a request by a deployment's id is served whoever owns the deployment.
        malformed_lists: a request that brings a list along with other than chains and names in it is served.
        malformed_aliases: an alias whose value has no name is as good as none.
        follows_changes: a request that is under way sees what comes and goes; else it keeps to what it began with.
        new_providers: a provider that is registered after litellm was imported is stripped from a name too.
    """

    refusal_gate: bool
    stream_gate: bool
    continuation: bool
    cooldown_gate: bool
    routing_groups: bool
    groups_before_ids: bool
    sync_calls_know_teams: bool
    admin_across_teams: bool
    forgets_wildcards: bool
    python_matcher: bool
    ids_of_other_teams: bool
    malformed_lists: bool
    malformed_aliases: bool
    follows_changes: bool
    new_providers: bool
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
        python_matcher=not compiled,
        ids_of_other_teams=_serves("id-of-probe", metadata={"user_api_key_team_id": "stranger"}),
        malformed_lists=_serves("plain", fallbacks=[5]),
        malformed_aliases=not compiled,
        follows_changes=not compiled,
        new_providers=not compiled,
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
        context_window_falls_through=_context_window_falls_through(),
        admin_by_first_name=capabilities().admin_across_teams and not _serves_hops_of_admins(),
        streams_forget_attempts=_is_compiled(),
        original_in_any_bucket=_knows_original_in_any_bucket(),
        own_lists_route=_is_compiled(),
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


def _serves(model: str, **request: Any) -> bool:
    """Whether a request is served."""
    owned = _owned("model_name_probe_1", "public", MOCKED)
    owned["model_info"] = {**cast("dict[str, str]", owned["model_info"]), "id": "id-of-probe"}
    router = Router(model_list=[owned, _mocked("plain", "served")])
    try:
        router.completion(model=model, messages=[], mock_response="served", num_retries=0, **request)
    except (BadRequestError, ValueError):  # of these is the error that says that no deployment is available
        return False
    return True


def _context_window_falls_through() -> bool:
    """Whether a context window list without a chain for the request leaves it to the general list."""
    router = Router(
        model_list=[_mocked("full", "litellm.ContextWindowExceededError"), _mocked("other", "answer")],
        fallbacks=[{"full": ["other"]}],
        context_window_fallbacks=[{"nobody": ["other"]}],
        num_retries=0,
    )
    try:
        response = router.completion(model="full", messages=[])
    except ContextWindowExceededError:
        return False
    assert response.choices[0].message.content == "answer"
    return True


def _serves_hops_of_admins() -> bool:
    """Whether a proxy admin's request that names nobody's deployment falls back to what only one team has."""
    team = _owned("model_name_probe_1", "probe-only", {**MOCKED, "mock_response": "answer"})
    return _falls_back([_mocked("down"), team], [{"down": ["probe-only"]}], metadata=dict(ADMIN))


def _knows_original_in_any_bucket() -> bool:
    """Whether a hop finds the original request's chain, so no catch-all, with metadata in a bucket of another call."""
    chains = [{"down": ["hop"]}, {"*": ["last"]}]
    deployments = [_mocked("down"), _mocked("hop"), _mocked("last", "answer")]
    return not _falls_back(deployments, chains, litellm_metadata=dict(TEAM))


def _falls_back(deployments: list[Any], chains: list[dict[str, list[str]]], **request: Any) -> bool:
    """Whether a request for what is down is answered."""
    router = Router(model_list=deployments, fallbacks=chains, num_retries=0)
    asked = router.acompletion(model="down", messages=[], **request)
    with ThreadPoolExecutor(1) as pool:  # a test may have a loop of its own here
        try:
            response = pool.submit(asyncio.run, asked).result()
        except InternalServerError:
            return False
    assert response.choices[0].message.content == "answer"
    return True


def _mocked(model_name: str, response: str = "litellm.InternalServerError") -> dict[str, object]:
    return {"model_name": model_name, "litellm_params": {**MOCKED, "mock_response": response}}


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
