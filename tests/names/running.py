"""A world on the real Router: who was called, and what came of it."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import litellm

from litellm_patch.model.names import Kind
from tests.names.calls import CALLS
from tests.names.dice import DICE
from tests.names.world import build_router, model_entry
from tests.names.worlds import STRANGER, TEAMS, Bucket, World
from upkeep.provider import Behaviour

if TYPE_CHECKING:
    from litellm import Router

    from litellm_patch.model.names import Deployment
    from upkeep.provider import Provider

# what becomes of it is known at once: its provider answers nobody
PATIENCE_IN_SECONDS = 0.25
BY_NAME = {call.name: call for call in CALLS}


@dataclass(frozen=True)
class Run:
    """What was seen.

    Attributes:
        called: the ids of the deployments that the provider saw, in order.
        answer: the text of the answer, or ``None``.
        error: what was raised, or ``None``.
        changed: what the request changed though it was not its own: arguments by name, or settings of the Router.
    """

    called: tuple[str, ...]
    answer: str | None
    error: Exception | None
    changed: tuple[str, ...]


async def run(world: World, provider: Provider) -> Run:
    """Make a Router of a world's configuration and send it the world's request.

    Args:
        world: what to make and to send.
        provider: what its deployments call; told how each of them behaves.

    Returns:
        What was seen.
    """
    litellm.logging_callback_manager._reset_all_callbacks()  # each Router leaves some for good
    return await send(world, router_of(world, provider.url), provider)


async def send(world: World, router: Router, provider: Provider) -> Run:
    """Send a world's request to a Router that has its configuration.

    Args:
        world: what to send.
        router: whom to send it to.
        provider: what its deployments call; told how each of them behaves.

    Returns:
        What was seen.
    """
    provider.reset(behaviours_of(world))
    DICE.seed = world.pick
    lists = lists_of(world)
    lists_before, settings_before = copy.deepcopy(lists), settings_of(router)
    answer, error = None, None
    try:
        answer = await BY_NAME[world.call].send(router, model=world.request.model, **caller_of(world), **lists)
    except Exception as raised:  # noqa: BLE001 - what is raised is part of what is seen
        error = raised
    changed = [name for name, value in lists.items() if value != lists_before[name]]
    changed += [name for name, value in settings_of(router).items() if value != settings_before[name]]
    return Run(names_called(world, provider), answer, error, tuple(changed))


def behaviours_of(world: World) -> dict[str, Behaviour]:
    """What the provider is told: the behaviours by place."""
    return {place_of(name): behaviour for name, behaviour in world.behaviours.items()}


def names_called(world: World, provider: Provider) -> tuple[str, ...]:
    """The ids of the deployments that the provider saw, in order."""
    places = {place_of(deployment.id): deployment.id for deployment in world.config.deployments}
    return tuple(places[called] for called in provider.models_called)


def router_of(world: World, url: str) -> Router:
    """A Router of a world's configuration.

    Args:
        world: whose configuration.
        url: the provider's root.

    Returns:
        The Router.
    """
    provider = BY_NAME[world.call].provider
    entries = []
    for deployment in world.config.deployments:
        entry = entry_of(deployment, url, provider)
        if world.behaviours.get(deployment.id) is Behaviour.LATE:
            entry["litellm_params"]["timeout"] = PATIENCE_IN_SECONDS
        entries.append(entry)
    aliases = {
        alias: {"model": target, "hidden": True} if alias in world.objects else target
        for alias, target in world.config.aliases.items()
    }
    defaults = {"default_fallbacks": list(world.config.default_fallbacks)} if world.config.default_fallbacks else {}
    config = dataclasses.replace(world.config, deployments=())
    return build_router(config, url, provider, entries, model_group_alias=aliases, **defaults)


def entry_of(deployment: Deployment, url: str, provider: str) -> dict[str, Any]:
    """The entry of the model list for a deployment that calls its own place at the provider."""
    entry = model_entry(deployment, url, provider)
    entry["litellm_params"]["model"] = f"{provider}/{place_of(deployment.id)}"
    return entry


def place_of(deployment_id: str) -> str:
    """What the provider calls a deployment: nothing that a caller could send, and no pattern."""
    return f"place-of-{deployment_id.replace('#', '-copy-').replace('*', 'any').replace('/', '-')}"


def text_of(deployment_id: str) -> str:
    """What a deployment answers."""
    return f"answer from {place_of(deployment_id)}"


def caller_of(world: World) -> dict[str, Any]:
    """The metadata that says who the caller is."""
    caller: dict[str, Any] = {}
    if world.request.team_id is not None:
        caller["user_api_key_team_id"] = world.request.team_id
    if world.request.admin:
        caller["user_api_key_auth"] = SimpleNamespace(user_role="proxy_admin")
    if world.bucket is Bucket.BOTH:
        other = next(team for team in (*TEAMS, STRANGER) if team != world.request.team_id)
        return {"metadata": caller, "litellm_metadata": {"user_api_key_team_id": other}}
    if world.bucket is Bucket.USUAL:
        return {BY_NAME[world.call].bucket: caller} if caller else {}
    return {world.bucket.value: caller}


def lists_of(world: World) -> dict[str, Any]:
    """The arguments that bring lists along."""
    request = world.request
    lists: dict[str, Any] = {
        kind.value: [{key: list(targets) for key, targets in entry.items()} for entry in entries]
        for kind, entries in request.chains.items()
    }
    if request.targets is not None:
        lists["fallbacks"] = list(request.targets)
    return lists


def settings_of(router: Router) -> dict[str, Any]:
    """What is configured in a Router and has to do with names, as a copy."""
    settings: dict[str, Any] = {kind.value: getattr(router, kind.value) for kind in Kind}
    settings["model_group_alias"] = router.model_group_alias
    return copy.deepcopy(settings)
