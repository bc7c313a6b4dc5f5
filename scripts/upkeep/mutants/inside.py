"""Runs within the patched environment of one release: collects the suite once and forks a process for each mutant."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

import pytest

from upkeep.mutants.generate import added_lines, mutants
from upkeep.mutants.judge import judging
from upkeep.mutants.reached import StatementsRun, marked
from upkeep.mutants.running import run_until_failure
from upkeep.mutants.verdict import MutantVerdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from upkeep.mutants.generate import Mutant
    from upkeep.mutants.judge import Judge

PROCESSOR_TIME_IN_SECONDS = 240
TIME_LIMIT_IN_SECONDS = 1200  # for what only waits; a busy machine must not make a mutant look like one
LIMITS = (signal.SIGPROF, signal.SIGALRM)
NEVER_WORSE = "tests/names/test_never_worse.py"
COMPARES = "other_arm"  # the fixture of a test that both arms have a part in


class Forks:
    """A pytest plugin that runs what was collected once for each mutant, in a process of its own."""

    def __init__(self, scratch: Path, package: Path, stock: Path, files: Sequence[str], judge: Judge) -> None:
        """Take what to mutate.

        Args:
            scratch: a folder with the mutants to skip and the kills so far, and for what comes out.
            package: the patched package.
            stock: the stock one.
            files: what the patch changes in them.
            judge: who compares with stock what a mutant does, if nothing else notices it.
        """
        self._stock, self._package, self._files, self._judge = stock, package, files, judge
        self._results = scratch / "results.jsonl"
        self._known = [tuple(key) for key in json.loads((scratch / "known.json").read_text(encoding="utf-8"))]
        self._reached = StatementsRun()
        self._alive = _functions_alive(package)
        self._kills: Counter[tuple[str, str]] = Counter()
        self._killers: dict[tuple[str, ...], str] = {}
        for *key, by in json.loads((scratch / "kills.json").read_text(encoding="utf-8")):
            self._count(key[0], by)
            self._killers[tuple(key)] = by
        self._seconds: dict[str, float] = {}
        self._of_file: Counter[Path] = Counter()
        self._pools: list[ThreadPoolExecutor] = []
        self.said = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests without a mutant, which all must pass, and then in a fork for each mutant.

        The first run is in this process, and leaves it with all that litellm imports or makes on first use. It notes
        who runs what, too; what compares the arms takes longer than all others, and is taken to run everything.
        """
        self._of_file.update(item.path for item in session.items)
        patched = self._mark()
        session.config.pluginmanager.register(self._reached)
        self.said = run_until_failure(session, [item for item in session.items if not _compares(item)], self._seconds)
        session.config.pluginmanager.unregister(self._reached)
        for function, code in patched:
            function.__code__ = code
        if self.said:
            return True
        gc.collect()
        gc.unfreeze()
        self._pools = [found for found in gc.get_objects() if isinstance(found, ThreadPoolExecutor)]
        gc.freeze()
        killers: set[str] = set()
        for mutant in self._mutants():
            swaps = list(_swaps(mutant.code, self._alive[mutant.file]))
            if mutant.key in self._known or not swaps:
                fate = "skipped" if mutant.key in self._known else "unreachable"
                verdict = MutantVerdict(mutant.file, *mutant.key, fate)
            else:
                verdict = self._run(session, swaps, mutant)
            if verdict.by:
                self._count(mutant.function, verdict.by)
                killers.add(verdict.by)
            self._write(verdict)
        self._must_survive(session, killers)
        return True

    def _count(self, function: str, by: str) -> None:
        self._kills[function, by] += 1
        self._kills["", by] += 1

    def _mark(self) -> list[tuple[FunctionType, CodeType]]:
        """Let what the patch changes say what of it is reached: the functions, and their code as it was."""
        found = []
        for file in self._files:
            stock, patched = ((folder / file).read_text(encoding="utf-8") for folder in (self._stock, self._package))
            code_of_file = marked(file, patched, added_lines(stock, patched))
            for function, code in _swaps(code_of_file, self._alive[file]):
                if code.co_name != "<lambda>":  # has no statement, and another one may stand in its line
                    found.append((function, function.__code__))
                    function.__code__ = _in_file(code, function.__code__.co_filename)
        return found

    def _must_survive(self, session: pytest.Session, killers: Collection[str]) -> None:
        """What killed a mutant passes in a fork without one: else it is being a fork, or the order, that fails it."""
        items = [item for item in session.items if item.nodeid in killers]
        fate, by = self._fork(session, items, ())
        if fate != "survived":
            self.said = f"{by} ({fate}, in a fork)"

    def _mutants(self) -> Iterator[Mutant]:
        for file in self._files:
            stock, patched = ((folder / file).read_text(encoding="utf-8") for folder in (self._stock, self._package))
            yield from mutants(file, stock, patched)

    def _write(self, verdict: MutantVerdict) -> None:
        with self._results.open("a", encoding="utf-8") as results:
            results.write(json.dumps(asdict(verdict)) + "\n")

    def _run(
        self, session: pytest.Session, swaps: Sequence[tuple[FunctionType, CodeType]], mutant: Mutant
    ) -> MutantVerdict:
        """Run what could notice a mutant: by itself the test that killed the very same one before, then all others."""
        session.items.sort(key=lambda item: self._promise(item, mutant.function))
        reaching = self._reached.by(mutant.file, mutant.lines)
        items = [item for item in session.items if not mutant.lines or item.nodeid in reaching or _compares(item)]
        killer = [item for item in items if item.nodeid == self._killers.get(mutant.key)]
        fate, by = "survived", ""
        for tests in (killer, items):
            if tests and fate == "survived":
                fate, by = self._fork(session, tests, swaps)
        return MutantVerdict(mutant.file, *mutant.key, fate, by)

    def _fork(
        self, session: pytest.Session, items: Sequence[pytest.Item], swaps: Sequence[tuple[FunctionType, CodeType]]
    ) -> tuple[str, str]:
        """Run tests in a copy of this process: what became of them, and the first that failed."""
        self._judge.forget()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _run_in_child(session, items, swaps, self._pools, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            by = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return ("timed out" if os.WTERMSIG(status) in LIMITS else "killed"), by
        if os.WEXITSTATUS(status) == 0 and any(map(_compares, items)):
            by = self._judge.judge()
        return ("killed" if by or os.WEXITSTATUS(status) else "survived"), by

    def _promise(self, item: pytest.Item, function: str) -> tuple[float, ...]:
        """Where a test comes: first what killed most for its time, of this function's mutants or of all.

        Then quick tests of small files: properties take long, and hundreds of examples show the same few rules. What
        needs the other arm is last, as the mutant is judged once all else has passed.
        """
        seconds = max(self._seconds.get(item.nodeid, 0), 0.001)
        kills = (self._kills[function, item.nodeid], self._kills["", item.nodeid])
        return _compares(item), *(-count / seconds for count in kills), seconds * self._of_file[item.path]


def _compares(item: pytest.Item) -> bool:
    return COMPARES in getattr(item, "fixturenames", ())


def _run_in_child(
    session: pytest.Session,
    items: Sequence[pytest.Item],
    swaps: Sequence[tuple[FunctionType, CodeType]],
    pools: Sequence[ThreadPoolExecutor],
    writing: int,
) -> None:
    """Never returns: a mutant must not go on in the parent's name."""
    status = 1
    try:
        for number in LIMITS:
            signal.signal(number, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR_TIME_IN_SECONDS)
        signal.alarm(TIME_LIMIT_IN_SECONDS)
        _forget_threads(pools)
        session.config.pluginmanager.unregister(name="terminalreporter")
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for function, code in swaps:
            function.__code__ = _in_file(code, function.__code__.co_filename)
        failed = run_until_failure(session, items)
        os.write(writing, failed.encode())
        status = int(bool(failed))
    finally:
        os._exit(status)


def _forget_threads(pools: Sequence[ThreadPoolExecutor]) -> None:
    """A fork has none of its parent's threads, but the pools think that they are idle, and would wait for them."""
    for pool in pools:
        pool._threads.clear()  # type: ignore[attr-defined]
        pool._idle_semaphore = threading.Semaphore(0)


def _functions_alive(package: Path) -> dict[str, dict[tuple[str, int], list[FunctionType]]]:
    """The functions of the package, by file and by their code's name and line; wrapped ones and methods included."""
    found: dict[str, dict[tuple[str, int], list[FunctionType]]] = {}
    for function in gc.get_objects():
        if isinstance(function, FunctionType):
            path = Path(function.__code__.co_filename)
            if path.is_relative_to(package):
                place = function.__code__.co_name, function.__code__.co_firstlineno
                found.setdefault(str(path.relative_to(package)), {}).setdefault(place, []).append(function)
    return found


def _swaps(
    mutated: CodeType, alive: dict[tuple[str, int], list[FunctionType]]
) -> Iterator[tuple[FunctionType, CodeType]]:
    """The functions that are alive and whose code is another one in a mutated module."""
    for code in _codes(mutated):
        for function in alive.get((code.co_name, code.co_firstlineno), ()):
            if _image(code) != _image(function.__code__):
                yield function, code


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _in_file(code: CodeType, path: str) -> CodeType:
    """A code object with all that is in it, as if it came from a file: tests tell litellm's code by that."""
    constants = tuple(_in_file(c, path) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=path, co_consts=constants)


def _image(code: CodeType) -> tuple[object, ...]:
    """What a code object does, without where it was written."""
    constants = tuple(_image(c) if isinstance(c, CodeType) else (type(c), repr(c)) for c in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars


def main(arguments: Sequence[str]) -> int:
    """Run the mutants of a release.

    Args:
        arguments: a folder with ``known.json``, the mutants to skip, and ``kills.json``, which test killed which
            mutant before, where ``results.jsonl`` is written, a verdict a
            line; the package's folder; that of the stock one, and the interpreter that has it; the files' paths in the
            package; then, behind ``--``, what goes to pytest.

    Returns:
        0, or 1 if the suite does not pass without a mutant.
    """
    here, tests = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    scratch, package, stock, stock_python = map(Path, here[:4])
    files = here[4:]
    for file in files:
        importlib.import_module(".".join((package.name, *Path(file).with_suffix("").parts)))
    # pytest's own tracebacks search all modules for their sources, which each fork would do anew: most of a kill's time
    both = (f"--exchange={scratch}", "--tb=native")
    with judging(stock_python, scratch / "patched.json", [NEVER_WORSE, "--arm=stock", *both]) as judge:
        forks = Forks(scratch, package, stock, files, judge)
        code = pytest.main([*tests, "--arm=patched", *both], plugins=[forks])
    if forks.said:
        print(f"fails without a mutant: {forks.said}")  # noqa: T201 - for whoever started this
    return 1 if code or forks.said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
