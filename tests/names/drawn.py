"""Worlds drawn for the never-worse test, and what a request does in them. No model of the Router is involved.

A world is a configuration and a request, drawn by the number of its seed. What the contract excludes from its promise
is left out by construction: answers that a gate is asked about, dict targets, cooldowns. Every deployment has a fate of
its own, several may share one internal name, and chains may name themselves, each other, or an alias.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import litellm
from litellm import CustomLLM, ModelResponse, Router
from litellm.router_utils import fallback_event_handlers as handlers

from names.dice import DICE
from names.release import core_class

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TEAMS = ("team-a", "team-b")
CALLERS = ("team-a",) * 7 + ("team-b", "stranger", None, "admin")
PUBLIC = ("gpt-4.1", "gpt-4.1", "backup", "acme/*")
SHARED = ("global", "other", "last", "gpt-4.1", "acme/zeta")
ALIASES = ("al", "al-2", "al-3")
FATES = ("answer", "answer", "error", "error", "error", "context", "policy")
LISTS = {"fallbacks": (2, 3, 4), "context_window_fallbacks": (0, 1, 2), "content_policy_fallbacks": (0, 1, 2)}
WALKED = "Fallbacks for model_group = %s found under %s in %s"
"""The patch's log line: the name as sent, the key that was found, the list."""


@dataclass(frozen=True)
class Deployed:
    """A deployment: its id, its names, and what becomes of whoever calls it."""

    id: str
    name: str
    fate: str
    team: str | None = None
    public: str | None = None


@dataclass(frozen=True)
class Drawn:
    """A world. ``caller`` is a team's id, ``admin`` for a proxy admin without a team, or none."""

    deployments: tuple[Deployed, ...]
    aliases: Mapping[str, str]
    chains: Mapping[str, Sequence[Mapping[str, Sequence[str]]]]
    defaults: tuple[str, ...]
    retries: int
    model: str
    caller: str | None

    def owner_of(self, deployment_id: str) -> str | None:
        """The team that a deployment belongs to."""
        return next(d.team for d in self.deployments if d.id == deployment_id)

    def __str__(self) -> str:
        """The world in a few lines."""
        rows = [f"  {d.id}: {d.name} of {d.team or 'nobody'}, public {d.public}: {d.fate}" for d in self.deployments]
        return "\n".join(
            [
                f"request for {self.model!r} by {self.caller}, num_retries={self.retries}",
                *rows,
                f"  aliases {dict(self.aliases)}, default_fallbacks {list(self.defaults)}",
                *(f"  {name}: {entries}" for name, entries in self.chains.items()),
            ]
        )


@dataclass(frozen=True)
class Seen:
    """What a request did: who answered it, or none; the ids called, in order; the chains that the patch derived."""

    answer: str | None
    called: tuple[str, ...]
    walked: tuple[tuple[str, str, str], ...] = ()


def draw(seed: int, number: int) -> Drawn:
    """Draw a world.

    Args:
        seed: of the run.
        number: of the world. Worlds with numbers 2n and 2n + 1 have one configuration and a request each.

    Returns:
        The world, the same for the same two numbers.
    """
    rng = random.Random(f"{seed}/{number // 2}")  # noqa: S311 - a test's dice
    deployments = tuple(_deployments(rng))
    owned = [d for d in deployments if d.team == TEAMS[0]]
    shared = [d.name for d in deployments if d.team is None]
    asked = [name for d in owned for name in (d.name, d.public) if name]
    targets = [*asked, *asked, *shared, *(d.name for d in deployments)]
    aliases = {alias: rng.choice([*targets, *ALIASES]) for alias in ALIASES if rng.random() < 0.5}
    keys = [*asked, *asked, *aliases, *aliases.values(), *shared, "*", "*"]
    targets = [_concrete(name) for name in (*targets, *aliases)]
    chains = {
        name: [_entry_of(rng, keys, targets) for _ in range(rng.choice(counts))] for name, counts in LISTS.items()
    }
    defaults = (rng.choice(targets),) if rng.random() < 0.1 else ()
    retries = rng.choice((0, 0, 0, 1, 2))
    rng = random.Random(f"{seed}/{number}/request")  # noqa: S311
    model = _concrete(rng.choice([*asked, *aliases, *aliases, *shared]))
    return Drawn(deployments, aliases, chains, defaults, retries, model, rng.choice(CALLERS))


def _entry_of(rng: random.Random, keys: Sequence[str], targets: Sequence[str]) -> dict[str, list[str]]:
    return {rng.choice(keys): list(dict.fromkeys(rng.choices(targets, k=rng.choice((1, 1, 2, 3)))))}


def _concrete(name: str) -> str:
    return name.replace("*", "zeta")


def _deployments(rng: random.Random) -> Iterator[Deployed]:
    """Siblings and strangers, and now and then several under one internal name."""
    for team, counts in zip(TEAMS, ((2, 3, 3), (1, 2)), strict=True):
        for number in range(1, rng.choice(counts) + 1):
            name, public = f"model_name_{team}_{number}", rng.choice(PUBLIC)
            for copy in range(rng.choice((1, 1, 1, 2))):
                yield Deployed(f"{team[-1]}{number}{'xy'[copy]}", name, rng.choice(FATES), team, public)
    for name in rng.sample(SHARED, 2):
        for copy in range(rng.choice((1, 1, 1, 2))):
            yield Deployed(f"{name.replace('/', '-')}-{copy}", name, rng.choice(FATES))


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


class _Walks:
    """In place of the logger of litellm's fallback helpers: keeps the patch's one line, and costs nothing else."""

    def __init__(self) -> None:
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
        return lambda *_, **__: None


@contextmanager
def runner(max_fallbacks: int) -> Iterator[Runner]:
    """What sends drawn requests to the installed litellm, which does not pause before a retry meanwhile.

    Args:
        max_fallbacks: how deep a request may fall.

    Yields:
        It.
    """
    provider, walks = _Provider(), _Walks()
    providers = [{"provider": "drawn", "custom_handler": provider}]
    with (
        patch.object(core_class(), "_time_to_sleep_before_retry", lambda *_, **__: 0),
        patch.object(litellm, "custom_provider_map", providers),
        patch.object(handlers, "verbose_router_logger", walks),
    ):
        litellm.utils.custom_llm_setup()
        yield Runner(max_fallbacks, provider, walks)


class Runner:
    """Sends drawn requests to the installed litellm."""

    def __init__(self, max_fallbacks: int, provider: _Provider, walks: _Walks) -> None:
        """Take what the requests call, and what hears of the chains that the patch derives."""
        self.max_fallbacks, self._provider, self._walks = max_fallbacks, provider, walks
        self._made: tuple[Drawn, Router] | None = None

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
        """The Router of a configuration: making one takes as long as some requests, so worlds share it."""
        configured = replace(world, model="", caller=None)
        if self._made is None or self._made[0] != configured:
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
            self._made = configured, router
        return self._made[1]

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


def written_out(world: Drawn, walked: Sequence[tuple[str, str, str]]) -> Drawn:
    """The world with each chain that the patch derived written under the name that was sent, for stock.

    Args:
        world: the world.
        walked: the names as sent, the keys found, the lists.

    Returns:
        A world in which stock should need as many calls as the patch in the one given.
    """
    chains = {name: list(entries) for name, entries in world.chains.items()}
    for sent, key, name in dict.fromkeys(walked):
        behind = _walked_on_stock(world, name, sent)
        targets = list(dict.fromkeys([*_chain_of(world, name, key), *behind]))
        chains[name] = [{sent: targets}, *(entry for entry in chains[name] if sent not in entry)]
    return replace(world, chains=chains)


def _walked_on_stock(world: Drawn, name: str, sent: str) -> Sequence[str]:
    """What stock walks of a list for a name whose own chain, if any, is exhausted: at most this."""
    own = _chain_of(world, name, sent) or _chain_of(world, name, world.model)
    if own or (name == "fallbacks" and world.defaults):
        return own or world.defaults
    return next((entry["*"] for entry in reversed(world.chains[name]) if "*" in entry), ())


def _chain_of(world: Drawn, name: str, key: str) -> Sequence[str]:
    return next((entry[key] for entry in world.chains[name] if key in entry), ())
