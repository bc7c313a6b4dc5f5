"""What breaks around the proxy, and the proxy itself, while requests run."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.proxy import clients
from tests.proxy.arms import behaviours_of, settings_for, standing, write
from tests.proxy.cases import KEYS
from tests.proxy.crowd import Ask, ask_all, strangers
from tests.proxy.process import POLL_IN_SECONDS, running
from upkeep.provider import Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.proxy.arms import Arm, Arms
    from tests.proxy.conftest import Table
    from upkeep.cells.environment import Environment

pytestmark = pytest.mark.faults
PROBE = "sk-probe"  # custom_auth.py answers it
FEW = 200


def test_a_provider_vanishes(environments: Mapping[str, Environment], folder: Path, table: Table) -> None:
    asks = [Ask("alpha", "fragile", number) for number in range(FEW)]

    def lose(arm: Arm) -> list[str]:
        with _when(lambda: len(arm.fragile.hits) > FEW // 4, lambda: arm.fragile.__exit__(None, None, None)):
            return ask_all(arm.proxy.url, asks, at_once=10)

    with standing(environments, folder / "vanishing", KEYS) as arms:
        stock, patched = arms.both(lose)

    for arm in (arms.stock, arms.patched):
        assert strangers((*arm.provider.hits, *arm.fragile.hits)) == []
    table.add(f"{FEW} requests, the provider vanishes", _said(stock), _said(patched))
    primary, backup = "answer from ANSWER.alpha-fragile", "answer from ANSWER.alpha-backup"
    assert set(stock) == {primary, "500"}
    assert set(patched) == {primary, backup}
    assert len(arms.patched.provider.hits) == Counter(patched)[backup]


def test_a_proxy_is_killed_and_restarted_under_load(environments: Mapping[str, Environment], folder: Path) -> None:
    asks = [Ask(team, "shared", number) for number in range(FEW) for team in ("alpha", "beta")]
    configuration = write(folder / "killed", KEYS, {})
    log = configuration.with_name("proxy.log")
    with ExitStack() as stack:
        provider = stack.enter_context(Provider(behaviours_of(configuration)))
        settings = settings_for(provider, provider)
        first = stack.enter_context(running(environments["patched"], configuration, log, settings))
        with _when(lambda: len(provider.hits) > FEW // 4, first.kill):
            before = ask_all(first.url, asks, at_once=10)
        second = stack.enter_context(
            running(environments["patched"], configuration, log.with_stem("proxy-again"), settings)
        )
        after = ask_all(second.url, asks, at_once=10)

    assert strangers(provider.hits) == []
    for ask, answers in zip(asks, zip(before, after, strict=True), strict=True):
        answer = f"answer from ANSWER.{ask.team}-backup"
        assert answers[0] in {answer, "no answer"}
        assert answers[1] == answer
    assert {answer.partition(" ")[0] for answer in before} == {"answer", "no"}
    # a request that is sent again may be served again, but none is passed around
    assert max(Counter(hit.body["messages"][0]["content"] for hit in provider.hits).values()) <= 4


@dataclass(frozen=True)
class Vitals:
    """How a proxy's process is."""

    tasks: int
    objects: int
    megabytes: int

    def __str__(self) -> str:
        """In the words of the table."""
        return f"{self.tasks} tasks {self.objects} objects {self.megabytes} MB"

    @classmethod
    def of(cls, arm: Arm) -> Vitals:
        """Ask the process."""
        reply = clients.send_raw(arm.proxy.url, PROBE, "/v1/chat/completions", b"{}")
        message = json.loads(reply.text)["error"]["message"]
        counts = json.loads(message[message.index("{") : message.rindex("}") + 1].replace("'", '"'))
        return cls(counts["tasks"], counts["objects"], arm.proxy.memory >> 20)


def test_many_failing_requests_leave_nothing_behind(teams: Arms, table: Table, pytestconfig: pytest.Config) -> None:
    number: int = pytestconfig.getoption("--failing")

    def wear(arm: Arm) -> tuple[Vitals, Vitals, Counter[str]]:
        warm = [Ask("alpha", model, number) for number in range(FEW) for model in ("down", "alone")]
        ask_all(arm.proxy.url, warm, at_once=20)
        start = Vitals.of(arm)
        arm.provider.reset(arm.provider.behaviours)
        asks = [Ask("alpha", model, each) for each in range(number // 2) for model in ("down", "alone")]
        answers = Counter(ask_all(arm.proxy.url, asks, at_once=20))
        return start, Vitals.of(arm), answers

    results = teams.both(wear)

    table.add(f"{number} failing requests", *(f"{start}, then {end}" for start, end, _ in results))
    hits = [len(arm.provider.hits) for arm in (teams.stock, teams.patched)]
    assert hits == [number, number * 3 // 2]
    for start, end, _ in results:
        assert end.tasks <= start.tasks + 10
        assert end.objects - start.objects < number


@contextmanager
def _when(happened: Callable[[], bool], then: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, wait for something to happen and then do something."""
    over = threading.Event()

    def wait() -> None:
        while not happened():
            if over.wait(POLL_IN_SECONDS / 10):
                return
        then()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        try:
            yield
        finally:
            over.set()
            waiting.result()


def _said(answers: Sequence[str]) -> str:
    return f"{sum(answer.startswith('answer') for answer in answers)} answered"
