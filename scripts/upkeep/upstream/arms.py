"""The exported tests and the proof, on stock and on patched."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from upkeep.cells.environment import ROOT
from upkeep.provider import Provider
from upkeep.upstream.tree import SubmissionError

if TYPE_CHECKING:
    from upkeep.cells.environment import Environment

FIX = "TestDormantChains"  # the class of the exported tests that show the fix
PROVIDER = "a real HTTP server on loopback, not a paid one: replace both runs by yours before you send this"
_REPORTER = ("-p", "upkeep.upstream.outcomes")


def run_tests(environment: Environment, tests: Path, *, patched: bool) -> dict[str, str]:
    """Run the exported tests in an environment, and see that they come out as they must.

    Args:
        environment: with a verified litellm.
        tests: the folder with them.
        patched: whether its litellm is patched.

    Returns:
        The outcome of each test.

    Raises:
        SubmissionError: on stock, a test of the fix passes or another one fails; on patched, one fails.
    """
    outcomes = collect_outcomes(environment, tests, (tests,))
    wrong = [name for name, outcome in outcomes.items() if (outcome == "passed") is not (patched or FIX not in name)]
    # on stock a module that imports what the commit adds cannot be collected, which is one failure
    wrong = [name for name in wrong if patched or outcomes[name] != "collection error"]
    if wrong or not any(FIX in name for name in outcomes):
        arm = "patched" if patched else "stock"
        raise SubmissionError(
            f"on {arm}, these did not come out as expected: {', '.join(wrong) or 'there is no test of the fix'}"
        )
    return outcomes


def collect_outcomes(environment: Environment, root: Path, places: tuple[Path, ...], *options: str) -> dict[str, str]:
    """Run pytest in an environment, offline, and collect each outcome.

    Args:
        environment: the one.
        root: pytest's root folder, which is also where it runs.
        places: what to run, below it.
        options: further options of pytest.

    Returns:
        By the name of each test: passed, failed, skipped, error; of a module that cannot be read, collection error.

    Raises:
        SubmissionError: pytest did not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="litellm-patch-outcomes-") as scratch:
        told = Path(scratch, "outcomes.json")
        inherited = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_TOKEN"))}
        settings = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "NO_PROXY": "127.0.0.1",
            "OUTCOMES": str(told),
            "PYTHONPATH": os.pathsep.join((str(root), str(ROOT / "scripts"))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        quiet = ("-q", "--disable-warnings", "-p", "no:cacheprovider", "--continue-on-collection-errors")
        asyncio = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=session")
        command: list[str | Path] = [environment.python, "-m", "pytest", f"--rootdir={root}", *quiet, *asyncio]
        command += [*_REPORTER, *options, *places]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command, cwd=root, env=inherited | settings, capture_output=True, text=True, check=False
        )
        if not told.is_file():
            raise SubmissionError(f"pytest did not come to an end:\n{(done.stdout + done.stderr)[-3000:]}")
        outcomes: dict[str, str] = json.loads(told.read_text(encoding="utf-8"))
    return outcomes


def prove(environment: Environment, script: Path, label: str) -> str:
    """Run the submitter's proof against a provider on loopback.

    Args:
        environment: one whose proxy can start.
        script: `prove_fix.py`.
        label: what its heading says.

    Returns:
        What it prints.

    Raises:
        SubmissionError: it failed; shows what it said.
    """
    with Provider() as provider:
        settings = {"OPENAI_API_KEY": "unused", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "127.0.0.1"}
        options = ("--label", label, "--api-base", f"{provider.url}/v1", "--model", "backup")
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            [environment.python, script, *options],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SubmissionError(f"{script.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
