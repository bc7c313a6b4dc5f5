"""A request that stock answers is answered with the patch too, without any model: the two arms are compared.

The patched arm runs first and leaves what it saw; the stock arm runs the same worlds and judges. Both choose among
equal deployments alike, so each way to choose is compared by itself.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.names.drawn import Seen, draw, written_out
from tests.names.release import release
from tests.names.sending import runner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.names.drawn import Drawn
    from tests.names.sending import Runner

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
WORLDS = 10_000 if NIGHTLY else 300
PICKS = 2
WAYS_TO_CHOOSE = 6
# without a record of attempts a circle is walked until the depth is used up, and the number of walks doubles with it
MAX_FALLBACKS = 20 if release().tracks_attempts else 6
FOUND_IN_VAIN = 0.02
STOCK: dict[tuple[str, int], Seen] = {}
PATIENCE_IN_SECONDS = 3600 if NIGHTLY else 300

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def other_arm(pytestconfig: pytest.Config) -> Path:
    """The file that the patched arm leaves for the stock one, where both run."""
    folder: Path | None = pytestconfig.getoption("--exchange")
    if folder is None:
        pytest.skip("both arms are needed: nox -s names, or --exchange FOLDER for each")
    return folder / "patched.json"


async def test_a_request_that_stock_answers_is_answered_with_the_patch(
    other_arm: Path, pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("--arm") == "patched":
        seed = random.SystemRandom().randrange(10**6) if NIGHTLY else 1
        with runner(MAX_FALLBACKS) as sender:
            seen = [await sender.run(draw(seed, number), _picks(number)) for number in range(WORLDS)]
        _leave(other_arm, seed, seen)
        assert any(run.walked for runs in seen for run in runs), "no derived chain was walked: the log line is unknown"
        return
    seed, patched = _wait_for(other_arm)
    wrong = []
    better = excluded = 0
    with runner(MAX_FALLBACKS) as sender:
        for number, with_patch in enumerate(patched):
            world = draw(seed, number)
            picks = _picks(number)
            for pick, stock, after in zip(picks, await _once(sender, world, picks), with_patch, strict=True):
                better += stock.answer is None and after.answer is not None
                if stock.answer and not after.answer and _attempts(world, after) >= MAX_FALLBACKS:
                    excluded += 1  # as far as `max_fallbacks` reaches
                    continue
                plain = await _plain(sender, world, pick, stock, after)
                wrong += [
                    _told(f"world {number} of seed {seed}, pick {pick}", world, said, stock, after)
                    for said in _wrong(world, stock, after, plain)
                ]

    assert not wrong, f"{len(wrong)} of {len(patched) * PICKS} requests:\n\n" + "\n\n".join(wrong[:5])
    assert better > 0, "no request was answered by the patch alone: these worlds show nothing"
    assert excluded <= FOUND_IN_VAIN * len(patched) * PICKS, f"{excluded} requests ran out of max_fallbacks"


def _picks(number: int) -> tuple[int, ...]:
    """Two ways to choose, which differ wherever there is a choice."""
    return tuple((number + further) % WAYS_TO_CHOOSE for further in range(PICKS))


async def _once(sender: Runner, world: Drawn, picks: Sequence[int]) -> list[Seen]:
    """What stock does in a world: the same each time that a mutant is judged in this process."""
    missing = [pick for pick in picks if (repr(world), pick) not in STOCK]
    if missing:
        STOCK.update(
            {(repr(world), pick): seen for pick, seen in zip(missing, await sender.run(world, missing), strict=True)}
        )
    return [STOCK[repr(world), pick] for pick in picks]


async def _plain(sender: Runner, world: Drawn, pick: int, stock: Seen, after: Seen) -> Seen | None:
    """What stock does where the derived chains stand under the names that were sent, if they can."""
    if not after.walked:
        return stock
    calls = [called for called, _ in itertools.groupby(after.called)]
    if not release().tracks_attempts and len(set(calls)) < len(calls):
        return None  # on a circle a name finds one chain as it was sent and another at a hop
    plain = written_out(world, after.walked, release())
    return (await _once(sender, plain, [pick]))[0] if plain else None


def _wrong(world: Drawn, stock: Seen, after: Seen, plain: Seen | None) -> Iterator[str]:
    """The sentences of the contract that the patched Router does not keep."""
    if stock.answer and not after.answer:
        yield "A request that stock answers is answered with the patch too"
    if plain and len(after.called) > len(plain.called):
        yield f"No more calls than stock makes when the chain is written under the name as sent: {plain.called}"
    if world.caller != "admin":
        foreign = [d for d in after.called if d not in stock.called and world.owner_of(d) not in {None, world.caller}]
        if foreign:
            yield f"No derived name is another team's: {foreign}"


def _attempts(world: Drawn, seen: Seen) -> float:
    return len(seen.called) / (1 + world.retries)


def _told(place: str, world: Drawn, said: str, stock: Seen, after: Seen) -> str:
    return f"{said}\n{place}: {world}\nstock: {stock}\npatched: {after}"


def _leave(path: Path, seed: int, seen: list[list[Seen]]) -> None:
    worlds = [[(run.answer, run.called, run.walked) for run in runs] for runs in seen]
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps({"seed": seed, "worlds": worlds}), encoding="utf-8")
    temporary.replace(path)


def _wait_for(path: Path) -> tuple[int, list[list[Seen]]]:
    deadline = time.monotonic() + PATIENCE_IN_SECONDS
    while not path.is_file():
        ended = path.with_suffix(".ended").exists()
        assert path.is_file() or not ended, "the patched arm ended without running the worlds"
        assert time.monotonic() < deadline, f"the patched arm left nothing in {PATIENCE_IN_SECONDS} s"
        time.sleep(0.1)
    left = json.loads(path.read_text(encoding="utf-8"))
    worlds = [
        [Seen(answer, tuple(called), tuple(map(tuple, walked))) for answer, called, walked in runs]
        for runs in left["worlds"]
    ]
    return left["seed"], worlds
