"""Drawn worlds sent to the installed litellm: a Router with all its deployments in this process."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import litellm
from litellm import CustomLLM, ModelResponse, Router
from litellm.router_utils import fallback_event_handlers as handlers

from tests.names.dice import DICE
from tests.names.drawn import Seen
from tests.names.release import capabilities, core_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.names.drawn import Deployed, Drawn

WALKED = "Fallbacks for model_group = %s found under %s in %s"
"""The patch's log line: the name as sent, the key that was found, the list."""


@dataclass
class _Provider(CustomLLM):  # type: ignore[misc]  # litellm is not there where types are checked
    """Deployments in this process: LiteLLM's own way to add a provider, so all is real but for the wire.

    A request takes a third of the time that it takes over HTTP, which `test_properties` has.
    """

    fates: dict[str, str] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    async def acompletion(self, *_: Any, **request: Any) -> ModelResponse:
        deployment = request["model"]
        self.called.append(deployment)
        details = {"message": "a test's fate", "model": deployment, "llm_provider": "drawn"}
        match self.fates[deployment]:
            case "error":
                raise litellm.InternalServerError(**details)
            case "context":
                raise litellm.ContextWindowExceededError(**details)
            case "policy":
                raise litellm.ContentPolicyViolationError(**details)
        message = {"role": "assistant", "content": deployment}
        return ModelResponse(model=deployment, choices=[{"message": message, "finish_reason": "stop"}])


class Walks:
    """In place of the logger of litellm's fallback helpers: keeps the patch's one line, and costs nothing else."""

    def __init__(self) -> None:
        """Begin with nothing walked."""
        self.walked: list[tuple[str, str, str]] = []

    def info(self, message: str, *arguments: object) -> None:
        """Keep the line's three names, from a release that formats its lines late or at once."""
        start, under, within = WALKED.split("%s")[:3]
        text = message % arguments if arguments else message
        if text.startswith(start):
            name, _, rest = text.removeprefix(start).partition(under)
            key, _, fallback_type = rest.rpartition(within)
            self.walked.append((name, key, fallback_type))

    def __getattr__(self, _: str) -> Callable[..., None]:
        """Take any other call of a logger, and do nothing."""
        return lambda *_, **__: None


@contextmanager
def runner(max_fallbacks: int) -> Iterator[Runner]:
    """What sends drawn requests to the installed litellm, which does not pause before a retry meanwhile.

    Args:
        max_fallbacks: how deep a request may fall.

    Yields:
        It.
    """
    provider, walks = _Provider(), Walks()
    providers = [{"provider": "drawn", "custom_handler": provider}]
    if capabilities().python_matcher:
        pause, logs = (core_class(), "_time_to_sleep_before_retry"), handlers
    else:
        pause, logs = (import_module("litellm.router_rust.core"), "_sleep_seconds"), litellm._logging
    with (
        patch.object(*pause, lambda *_, **__: 0),
        patch.object(litellm, "custom_provider_map", providers),
        patch.object(logs, "verbose_router_logger", walks),
    ):
        litellm.utils.custom_llm_setup()
        yield Runner(max_fallbacks, provider, walks)


class Runner:
    """Sends drawn requests to the installed litellm."""

    def __init__(self, max_fallbacks: int, provider: _Provider, walks: Walks) -> None:
        """Take what the requests call, and what hears of the chains that the patch derives."""
        self.max_fallbacks, self._provider, self._walks = max_fallbacks, provider, walks
        self._made: list[tuple[Drawn, Router]] = []

    async def run(self, world: Drawn, picks: Sequence[int]) -> list[Seen]:
        """Send a world's request once for each way to choose among equals.

        Args:
            world: the configuration and the request.
            picks: numbers of the ways to choose.

        Returns:
            What was seen, for each of them.
        """
        self._provider.fates = {d.id: d.fate for d in world.deployments}
        router = self._router_of(world)
        return [await self._send(router, world, pick) for pick in picks]

    def _router_of(self, world: Drawn) -> Router:
        """The Router of a configuration. Making one takes as long as some requests, so the last two are kept."""
        configured = replace(world, model="", caller=None)
        kept = next((pair for pair in self._made if pair[0] == configured), None)
        if kept is None:
            litellm.logging_callback_manager._reset_all_callbacks()  # each Router leaves some for good
            router = Router(
                model_list=[_entry(d) for d in world.deployments],
                model_group_alias=dict(world.aliases),
                num_retries=world.retries,
                retry_after=0,
                disable_cooldowns=True,
                max_fallbacks=self.max_fallbacks,
                default_fallbacks=list(world.defaults) or None,
                **{name: [dict(entry) for entry in entries] for name, entries in world.chains.items() if entries},
            )
            kept = configured, router
        self._made = [*(pair for pair in self._made if pair is not kept), kept][-2:]
        return kept[1]

    async def _send(self, router: Router, world: Drawn, pick: int) -> Seen:
        DICE.seed = pick
        self._provider.called.clear()
        self._walks.walked.clear()
        try:
            response = await router.acompletion(
                model=world.model, messages=[{"role": "user", "content": "hello"}], metadata=_caller(world)
            )
            answer = str(response.choices[0].message.content)
        except Exception:  # noqa: BLE001 - unanswered is what is looked at
            answer = None
        return Seen(answer, tuple(self._provider.called), tuple(self._walks.walked))


def _entry(deployed: Deployed) -> dict[str, Any]:
    owner = {"team_id": deployed.team, "team_public_model_name": deployed.public} if deployed.team else {}
    return {
        "model_name": deployed.name,
        "litellm_params": {"model": f"drawn/{deployed.id}", "api_key": "unused"},
        "model_info": {"id": deployed.id, **owner},
    }


def _caller(world: Drawn) -> dict[str, Any]:
    if world.caller == "admin":
        return {"user_api_key_auth": SimpleNamespace(user_role="proxy_admin")}
    return {"user_api_key_team_id": world.caller} if world.caller else {}
