"""One arm: a Router of the litellm that this interpreter imports, asked over a pipe, JSON in and JSON out.

No provider is called: a handler of LiteLLM's own custom kind stands in for them, so that what is measured is the Router
and as little else as can be. Cooldowns are off, as a deployment that failed must fail again.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
import logging
import pstats
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

PUBLIC, ALIAS, GLOBAL, BACKUP = "gpt-4.1", "prod", "primary", "backup"
FAILING, SERVING = "team-1", "team-2"
# name: what the caller asks for, and for which team
CALLERS: dict[str, tuple[str, str | None]] = {
    "public": (PUBLIC, FAILING),
    "internal": (f"model_name_{FAILING}", FAILING),
    "alias": (ALIAS, None),
    "success": (PUBLIC, SERVING),
}
SHOWN = 12  # functions of a profile


class MeasuredArm:
    """The Router of this arm, and what can be measured of it."""

    def __init__(self) -> None:
        """Import litellm, and let it know a provider that only pretends."""
        litellm = self.litellm = _module("litellm")
        litellm.suppress_debug_info = True
        for name in ("LiteLLM", "LiteLLM Router"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

        kind: Any = litellm.CustomLLM

        class SilentHandler(kind):  # type: ignore[misc]
            async def acompletion(self, *_: Any, model: str, model_response: Any, **__: Any) -> Any:
                if model == "down":
                    raise litellm.InternalServerError(message="down", model=model, llm_provider="bench")
                return model_response

        litellm.custom_provider_map = [{"provider": "bench", "custom_handler": SilentHandler()}]
        _module("litellm.utils").custom_llm_setup()
        self.router: Any = None
        self.loop = asyncio.new_event_loop()

    def build(self, teams: int, layout: str) -> dict[str, Any]:
        """Make a Router with so many deployments, all of them under the same public name, and two global groups.

        One a team, of which the second's is down; or all of that team and down, under one internal name or one each.
        """
        entries = [_deployment(f"team-{number}", "down" if number == 1 else "up") for number in range(teams)]
        if layout != "one a team":
            entries = [_deployment(FAILING, "down", number) for number in range(teams)]
        if layout == "a name each":
            entries = [entry | {"model_name": f"model_name_{entry['model_info']['id']}"} for entry in entries]
        entries += [
            {"model_name": GLOBAL, "litellm_params": {"model": "bench/down"}},
            {"model_name": BACKUP, "litellm_params": {"model": "bench/up"}},
        ]
        self.router = self.litellm.Router(
            model_list=entries, num_retries=0, disable_cooldowns=True, model_group_alias={ALIAS: GLOBAL}, fallbacks=[]
        )
        gc.collect()
        gc.freeze()
        return {"litellm": self.litellm.__file__}

    def configure(self, caller: str, key: str | None, chains: int, position: str) -> dict[str, Any]:
        """Set so many chains, one of them keyed by a name of the caller unless it is absent."""
        entries = [{f"model_name_other-{number}": [BACKUP]} for number in range(chains)]
        if position != "absent":
            entries[0 if position == "start" else -1] = {key or CALLERS[caller][0]: [BACKUP]}
        self.router.fallbacks = entries
        self.caller, self.chains = caller, entries
        return {"answered": self.loop.run_until_complete(self._send())}

    def measure(self, what: str, count: int) -> dict[str, Any]:
        """Give the CPU time of one run in seconds, of so many in a row, of a whole request or of a lookup alone."""
        if what == "stall":
            return {"seconds": self.loop.run_until_complete(self._longest_hold(count))}
        run = self._lookups if what == "lookup" else self._requests
        gc.disable()
        start = time.process_time()
        run(count)
        took = time.process_time() - start
        gc.enable()
        gc.collect(0)
        return {"seconds": took / count}

    def peak(self) -> dict[str, Any]:
        """Give the bytes that one request adds to what is allocated before it, at its peak."""
        self._requests(2)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        self._requests(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return {"bytes": peak - before}

    def steps(self, added: dict[str, list[int]]) -> dict[str, Any]:
        """Count the lines of litellm that one request runs, and those among them that a patch added, by file."""
        counted: Counter[str] = Counter()
        lines = {file: set(numbers) for file, numbers in added.items()}

        def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
            _, found, file = frame.f_code.co_filename.rpartition("/litellm/")
            if not found:
                return None
            if event == "line":
                counted["litellm"] += 1
                if frame.f_lineno in lines.get(f"litellm/{file}", ()):
                    counted["added"] += 1
            return trace

        self._requests(2)
        sys.settrace(trace)
        try:
            self._requests(1)
        finally:
            sys.settrace(None)
        return {"litellm": counted["litellm"], "added": counted["added"]}

    def profile(self, count: int) -> dict[str, Any]:
        """Tell where the time of a request goes: the functions with the largest share of their own."""
        profiler = cProfile.Profile()
        profiler.runcall(self._requests, count)
        stats: Any = pstats.Stats(profiler)
        rows = sorted(stats.stats.items(), key=lambda row: -row[1][2])[:SHOWN]
        whole = stats.total_tt
        return {
            "functions": [
                [f"{_short(file)}:{name}", calls // count, own / whole]
                for (file, _, name), (_, calls, own, _, _) in rows
            ]
        }

    def _requests(self, count: int) -> None:
        async def run() -> None:
            for _ in range(count):
                await self._send()

        self.loop.run_until_complete(run())

    async def _longest_hold(self, count: int) -> float:
        """The longest time between two turns of the loop while a request fails: the median of so many requests."""
        holds = []
        for _ in range(count):
            request = asyncio.ensure_future(self._send())
            longest, last = 0.0, time.process_time()
            while not request.done():
                await asyncio.sleep(0)
                longest, last = max(longest, time.process_time() - last), time.process_time()
            holds.append(longest)
        return statistics.median(holds)

    def _lookups(self, count: int) -> None:
        handlers = _module("litellm.router_utils.fallback_event_handlers")
        for _ in range(count):
            handlers.get_fallback_model_group(self.chains, CALLERS[self.caller][0])

    async def _send(self) -> bool:
        model, team = CALLERS[self.caller]
        metadata = {"user_api_key_team_id": team} if team else {}
        request: Awaitable[object] = self.router.acompletion(
            model=model, messages=[{"role": "user", "content": "x"}], metadata=metadata
        )
        try:
            await request
        except self.litellm.InternalServerError:
            return False
        return True


def _short(file: str) -> str:
    """A path of litellm from its package on, of anything else its name."""
    _, found, inside = file.rpartition("/litellm/")
    return f"litellm/{inside}" if found else file.rpartition("/")[2]


def _module(name: str) -> Any:
    return import_module(name)


def _deployment(team: str, serves: str, copy: int = 0) -> dict[str, Any]:
    return {
        "model_name": f"model_name_{team}",
        "litellm_params": {"model": f"bench/{serves}"},
        "model_info": {"id": f"id-{team}" + f"-{copy}" * bool(copy), "team_id": team, "team_public_model_name": PUBLIC},
    }


def main() -> None:
    """Answer each line with a line; what litellm prints goes elsewhere."""
    answers, sys.stdout = sys.stdout, sys.stderr
    arm = MeasuredArm()
    for line in sys.stdin:
        question: dict[str, Any] = json.loads(line)
        answer: dict[str, Any] = getattr(arm, question.pop("do"))(**question)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
