"""Both arms of one release, in environments that the driver made and verified."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.judging import State
from tests.proxy.arms import Arms, standing
from tests.proxy.cases import KEYS
from upkeep.cells.environment import Environment, find_release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.version import Version


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what is tested; there are no defaults, as there is nothing to test without the driver."""
    parser.addoption("--release", required=True, help="the release")
    parser.addoption("--stock", type=Path, required=True, help="an environment with the stock release")
    parser.addoption("--patched", type=Path, required=True, help="an environment with the patched one")
    parser.addoption("--folder", type=Path, required=True, help="for configurations and logs")
    parser.addoption("--faults", action="store_true", help="break things too; takes minutes")
    parser.addoption("--failing", type=int, default=400, help="how many failing requests must leave nothing behind")
    parser.addoption("--table", type=Path, help="a file for what came of each case, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "faults: breaks things under load; left out unless --faults is given")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes."""
    if not config.getoption("--faults"):
        broken = [item for item in items if item.get_closest_marker("faults")]
        items[:] = [item for item in items if item not in broken]
        config.hook.pytest_deselected(items=broken)


@dataclass
class Table:
    """What came of the cases, in the words of the table."""

    rows: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, case: str, stock: object, patched: object) -> None:
        """Note one."""
        self.rows[case] = (str(stock), str(patched))


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Iterator[Table]:
    """The table; written at the end."""
    table = Table()
    yield table
    path: Path | None = pytestconfig.getoption("--table")
    if path:
        path.write_text(json.dumps(table.rows, indent=1), encoding="utf-8")


@pytest.fixture(scope="session")
def environments(pytestconfig: pytest.Config) -> Mapping[str, Environment]:
    """The environments of the arms; that each is what its name says is seen once more."""
    release = find_release(pytestconfig.getoption("--release"))
    found = {name: Environment(pytestconfig.getoption(f"--{name}"), release) for name in ("stock", "patched")}
    found["stock"].verify(State.CLEAN)
    found["patched"].verify(State.APPLIED)
    return found


@pytest.fixture(scope="session")
def release(environments: Mapping[str, Environment]) -> Version:
    """The release."""
    return environments["stock"].release.version


@pytest.fixture(scope="session")
def folder(pytestconfig: pytest.Config) -> Path:
    """The folder for configurations and logs."""
    folder: Path = pytestconfig.getoption("--folder")
    return folder.resolve()


@pytest.fixture(scope="session")
def teams(environments: Mapping[str, Environment], folder: Path) -> Iterator[Arms]:
    """Both arms with ``teams.yaml``."""
    with standing(environments, folder / "teams", KEYS) as arms:
        yield arms
