"""Worlds drawn for the never-worse test, and what a request does in them. No model of the Router is involved.

A world is a configuration and a request, drawn by the number of its seed. What the contract excludes from its promise
is left out by construction: answers that a gate is asked about, dict targets, cooldowns. Every deployment has a fate of
its own, several may share one internal name, and chains may name themselves, each other, or an alias.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.model.names import Routing

TEAMS = ("team-a", "team-b")
CALLERS = ("team-a",) * 7 + ("team-b", "stranger", None, "admin")
PUBLIC = ("gpt-4.1", "gpt-4.1", "backup", "acme/*")
SHARED = ("global", "other", "last", "gpt-4.1", "acme/zeta")
ALIASES = ("al", "al-2", "al-3")
FATES = ("answer", "answer", "error", "error", "error", "context", "policy")
LISTS = {"fallbacks": (2, 3, 4), "context_window_fallbacks": (0, 1, 2), "content_policy_fallbacks": (0, 1, 2)}


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
        number: of the world. Worlds with numbers 4n to 4n + 3 have one configuration and a request each.

    Returns:
        The world, the same for the same two numbers.
    """
    rng = random.Random(f"{seed}/{number // 4}")  # noqa: S311 - a test's dice
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


def written_out(world: Drawn, walked: Sequence[tuple[str, str, str]], release: Routing) -> Drawn | None:
    """The world with each chain that the patch derived written under the name that was sent, for stock.

    Args:
        world: the world.
        walked: the names as sent, the keys found, the lists.
        release: how this release walks.

    Returns:
        A world in which stock should need as many calls as the patch in the one given; none if no configuration can
        say it: a name has found one chain as it was sent and another at a hop, or it has found one in the context
        window list, and a hop that knows the name one in the general list, which that key would stand in the way of.
    """
    walked = list(dict.fromkeys(walked))
    if len({(sent, name) for sent, _, name in walked}) < len(walked):
        return None
    if release.context_window_falls_through:
        keyed = {sent for sent, _, name in walked if name == "context_window_fallbacks"}
        if any(name == "fallbacks" and keyed & {sent, world.model} for sent, _, name in walked):
            return None
    chains = {name: list(entries) for name, entries in world.chains.items()}
    for sent, key, name in walked:
        derived = next(entry[key] for entry in world.chains[name] if key in entry)
        own = (sent, world.model) if release.resumes_original else (sent,)
        behind = _walked_by_stock(world, name, own)
        if not behind and release.context_window_falls_through and name == "context_window_fallbacks":
            behind = _walked_by_stock(world, "fallbacks", own)
        targets = list(dict.fromkeys([*derived, *(target for chain in behind for target in chain)]))
        chains[name] = [{sent: targets}, *(entry for entry in chains[name] if sent not in entry)]
    return replace(world, chains=chains)


def _walked_by_stock(world: Drawn, name: str, looked_up: Sequence[str]) -> list[Sequence[str]]:
    """The chain that stock finds in a list, or nothing."""
    entries = world.chains[name]
    own = [entry[sent] for sent in looked_up for entry in entries if sent in entry]
    catch_alls = [*entries, *([{"*": world.defaults}] if world.defaults and name == "fallbacks" else [])]
    return own[:1] or [entry["*"] for entry in catch_alls if "*" in entry][-1:]
