"""The two arms: on stock every test marked ``fix`` must fail, on patched every test must pass."""

from __future__ import annotations

import gc
import json
import logging
import os
from pathlib import Path

# set before litellm is imported, so that nothing is fetched at start
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


from typing import TYPE_CHECKING

import litellm
import pytest
from hypothesis import Phase, settings

from litellm_patch.model.names import Config, Deployment, Kind, Rules
from tests.names import dice
from tests.names.calls import MESSAGES
from tests.names.release import litellm_version
from tests.names.world import build_router
from upkeep.provider import Behaviour, Provider

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = "tests/names/"

# the same examples in every run, so that a change is what makes a test fail; each night others, and 50 times as many
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=50)
settings.register_profile("nightly", deadline=None, max_examples=2500, print_blob=True)
# that something fails is enough: which is the smallest example does not matter. And fewer examples can only let more
# mutants survive, to be explained or killed by a test of their own
settings.register_profile(
    "mutants", settings.get_profile("ci"), max_examples=20, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# litellm logs each failure that the tests make on purpose, and searches each text for secrets: a fifth of the time
logging.getLogger("LiteLLM Router").setLevel(logging.CRITICAL)
logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)

dice.install()

# litellm's own import leaves a million objects that stay: let the collector pass them by, and come less often
gc.freeze()
gc.set_threshold(50_000, 50, 50)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--arm`` says which litellm this is; there is no default, so no run can mistake one for the other."""
    parser.addoption("--arm", choices=["stock", "patched"], required=True)
    parser.addoption("--exchange", type=Path, help="a folder that both arms have, for the tests that compare them")
    parser.addoption("--outcomes", type=Path, help="a file for the number of tests with each outcome, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "fix: shows the fix; must fail on the stock release")


def pytest_report_header(config: pytest.Config) -> str:
    """Say what is being tested."""
    return f"litellm {litellm_version()}, {config.getoption('--arm')} arm"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the stock arm, a test that shows the fix must fail by an assertion; anything else is an error.

    What compares the arms is run first on the patched one, and last on stock, which waits for it.
    """
    compares = [item for item in items if "other_arm" in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in compares]
    items[:] = [*compares, *others] if config.getoption("--arm") == "patched" else [*others, *compares]
    if config.getoption("--arm") == "stock":
        must_fail = pytest.mark.xfail(raises=AssertionError, strict=True, reason="the defect, on the stock release")
        for item in items:
            if item.get_closest_marker("fix"):
                item.add_marker(must_fail)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave the numbers for whoever runs this."""
    path: Path | None = terminalreporter.config.getoption("--outcomes")
    if path:
        kinds = ("passed", "xfailed", "skipped", "failed", "error")
        reports = {kind: terminalreporter.stats.get(kind, ()) for kind in kinds}
        counts = {kind: sum(HERE in report.nodeid for report in found) for kind, found in reports.items()}
        path.write_text(json.dumps({kind: count for kind, count in counts.items() if count}), encoding="utf-8")


@pytest.fixture
def rules(pytestconfig: pytest.Config) -> Rules:
    """The rules that this arm's Router follows."""
    return Rules.UPSTREAM if pytestconfig.getoption("--arm") == "stock" else Rules.CONTRACT


@pytest.fixture(autouse=True)
def no_callbacks_left() -> Iterator[None]:
    """Each Router registers itself with litellm for good; a hundred of them slow every call down."""
    yield
    litellm.logging_callback_manager._reset_all_callbacks()


@pytest.fixture(scope="session")
def running_provider() -> Iterator[Provider]:
    """One server for the whole run."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def broken_sync_streams_recover(running_provider: Provider) -> bool:
    """Whether a synchronous stream that breaks is taken over by a chain of its own group.

    Where it is not, the group is called over and over, chain or not, until Python gives up: here until it answers.
    """
    running_provider.reset({"primary": Behaviour.BREAK_EARLY}, calls=3)
    config = Config((Deployment("primary"), Deployment("other")), {}, {Kind.GENERAL: [{"primary": ["other"]}]})
    router = build_router(config, running_provider.url, "openai")
    for _ in router.completion(model="primary", messages=MESSAGES, stream=True):
        pass
    return running_provider.models_called == ("primary", "other")


@pytest.fixture
def provider(running_provider: Provider) -> Provider:
    """The server, with nothing called yet and every model answering."""
    running_provider.reset({})
    return running_provider
