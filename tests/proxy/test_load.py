"""Two teams with one public name, side by side under load: the upstream's own log says whose prompt reached whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import openai

from proxy.clients import PATIENCE_IN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.arms import Arm, Arms
    from proxy.conftest import Table

TEAMS = ("alpha", "beta")
REQUESTS = 400
AT_ONCE = 100


def test_nothing_of_one_team_reaches_the_other(teams: Arms, table: Table) -> None:
    stock, patched = teams.both(lambda arm: asyncio.run(_load(arm)))

    table.add(f"{REQUESTS} requests of two teams, half of them to a model that fails", _said(stock), _said(patched))
    for arm, answers in ((teams.stock, stock), (teams.patched, patched)):
        assert len(answers) == REQUESTS
        for hit in arm.upstream.hits:
            owner = hit.model.partition(".")[2].partition("-")[0]
            assert hit.body["messages"][0]["content"].startswith(f"{owner} ")
    hits = {arm.name: len(arm.upstream.hits) for arm in (teams.stock, teams.patched)}
    assert hits == {"stock": REQUESTS, "patched": REQUESTS * 3 // 2}
    for number, (of_stock, of_patched) in enumerate(zip(stock, patched, strict=True)):
        answer = f"answer from ANSWER.{TEAMS[number % 2]}-backup"
        assert of_patched == answer
        assert of_stock == ("500" if _fails(number) else answer)


def _fails(number: int) -> bool:
    """Both teams send as many of one kind as of the other."""
    return number // 2 % 2 == 0


async def _load(arm: Arm) -> list[str]:
    """The text of each answer, or the status of an error, in the order of the requests."""
    arm.upstream.reset(arm.upstream.behaviours)
    turns = asyncio.Semaphore(AT_ONCE)
    clients = [
        openai.AsyncOpenAI(
            base_url=f"{arm.proxy.url}/v1", api_key=f"sk-{team}", max_retries=0, timeout=PATIENCE_IN_SECONDS
        )
        for team in TEAMS
    ]

    async def ask(number: int) -> str:
        model = "shared" if _fails(number) else "backup"
        prompt = f"{TEAMS[number % 2]} {number}"
        async with turns:
            try:
                answer = await clients[number % 2].chat.completions.create(
                    model=model, messages=[{"role": "user", "content": prompt}]
                )
            except openai.APIStatusError as error:
                return str(error.status_code)
        return answer.choices[0].message.content or ""

    answers = await asyncio.gather(*map(ask, range(REQUESTS)))
    for client in clients:
        await client.close()
    return answers


def _said(answers: Sequence[str]) -> str:
    return f"{sum(answer.startswith('answer') for answer in answers)} answered"
