"""The matchers: of the stock file, of the installed one, and of stock with the optional patch alone."""

from __future__ import annotations

import os
from pathlib import Path

# set before litellm is imported, so that nothing is fetched at start
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import pytest
from hypothesis import settings

from matching.matchers import INSTALLED, Matcher, load

# the same examples in every run, and each night others, 50 times as many
settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=200)
settings.register_profile("nightly", deadline=None, max_examples=10_000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """There is no default, so no run can compare a matcher with itself."""
    parser.addoption("--stock", type=Path, required=True, help=f"the release's own {INSTALLED.name}")
    parser.addoption("--alone", type=Path, required=True, help="the same file with the optional patch alone")


@pytest.fixture(scope="session")
def stock_source(pytestconfig: pytest.Config) -> str:
    """The text of the stock file."""
    path: Path = pytestconfig.getoption("--stock")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def stock(stock_source: str) -> Matcher:
    """The matcher as the release has it."""
    return load(stock_source)


@pytest.fixture(scope="session", params=["installed", "alone"])
def linear(request: pytest.FixtureRequest) -> Matcher:
    """The matcher as it is installed, and as it is without the other patch."""
    path: Path = INSTALLED if request.param == "installed" else request.config.getoption("--alone")
    return load(path.read_text(encoding="utf-8"))
