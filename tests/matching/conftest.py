"""The matchers: of the stock file, of the one behind both patches, and of stock with the optional patch alone.

They run beside `tests/names` on the stock arm, as loading litellm takes longer than they do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matching.matchers import Matcher, load


def pytest_addoption(parser: pytest.Parser) -> None:
    """There is no default, so no run can compare a matcher with itself."""
    parser.addoption("--matchers", type=Path, required=True, help="a folder with stock.py, series.py and alone.py")


@pytest.fixture(scope="session")
def stock_source(pytestconfig: pytest.Config) -> str:
    """The text of the stock file."""
    return _read(pytestconfig, "stock")


@pytest.fixture(scope="session")
def series_source(pytestconfig: pytest.Config) -> str:
    """The text of the file behind both patches."""
    return _read(pytestconfig, "series")


@pytest.fixture(scope="session")
def stock(stock_source: str) -> Matcher:
    """The matcher as the release has it."""
    return load(stock_source)


@pytest.fixture(scope="session", params=["series", "alone"])
def linear(request: pytest.FixtureRequest) -> Matcher:
    """The matcher behind both patches, and behind the optional one alone."""
    return load(_read(request.config, request.param))


def _read(config: pytest.Config, name: str) -> str:
    folder: Path = config.getoption("--matchers")
    return (folder / f"{name}.py").read_text(encoding="utf-8")
