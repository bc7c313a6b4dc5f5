"""Fixtures of the tool's tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.patching.factory import Installation, make_world
from tests.patching.fake_index import FakeIndex
from tests.patching.maintainer import Project, make_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fsync do nothing in this process: it takes most of the time, and no test cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def world(tmp_path: Path) -> Installation:
    """A virtual environment with a stock litellm, and a patches folder."""
    return make_world(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An index on loopback with a few releases, and patches for them."""
    with FakeIndex() as index:
        yield make_project(tmp_path, index)
