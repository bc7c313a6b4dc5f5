"""Many callers at once, each prompt marked with its team, so that the provider's log says whose prompt reached whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import openai

from tests.proxy.clients import PATIENCE_IN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from upkeep.provider import Hit

AT_ONCE = 100


@dataclass(frozen=True)
class Ask:
    """A request: whose, for which model, its number, and the key if it is not the one that the cases give the team."""

    team: str
    model: str
    number: int
    key: str | None = None

    @property
    def prompt(self) -> str:
        """The prompt, marked."""
        return f"{self.team} {self.number}"


def ask_all(url: str | Callable[[], str], asks: Sequence[Ask], at_once: int = AT_ONCE) -> list[str]:
    """Send requests, many at once.

    Args:
        url: the proxy's root, or what tells it for each request.
        asks: what to send.
        at_once: how many are under way.

    Returns:
        In the same order, the text of each answer, the status of an error, or ``"no answer"``.
    """
    return asyncio.run(_ask_all(url if callable(url) else lambda: url, asks, at_once))


async def _ask_all(url: Callable[[], str], asks: Sequence[Ask], at_once: int) -> list[str]:
    turns = asyncio.Semaphore(at_once)
    async with openai.AsyncOpenAI(
        api_key="unused", base_url=url(), max_retries=0, timeout=PATIENCE_IN_SECONDS
    ) as client:

        async def one(ask: Ask) -> str:
            async with turns:
                caller = client.with_options(base_url=f"{url()}/v1", api_key=ask.key or f"sk-{ask.team}")
                try:
                    answer = await caller.chat.completions.create(
                        model=ask.model, messages=[{"role": "user", "content": ask.prompt}]
                    )
                except openai.APIStatusError as error:
                    return str(error.status_code)
                except openai.APIConnectionError:
                    return "no answer"
            return answer.choices[0].message.content or ""

        return await asyncio.gather(*map(one, asks))


def strangers(hits: Iterable[Hit]) -> list[str]:
    """The hits on a place of one team with the prompt of another; there must be none."""
    found = []
    for hit in hits:
        owner = hit.model.partition(".")[2].partition("-")[0]
        prompt = str(hit.body["messages"][0]["content"])
        if not prompt.startswith(f"{owner} "):
            found.append(f"{hit.model} got {prompt!r}")
    return found
