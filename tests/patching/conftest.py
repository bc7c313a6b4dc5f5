"""Fixtures of the tool's tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from patching.factory import World, make_world
from patching.fake_index import FakeIndex
from patching.maintainer import Desk, make_desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fsync do nothing in this process: it takes most of the time, and no test cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A virtual environment with a stock litellm, and a patches folder."""
    return make_world(tmp_path)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An index on loopback with a few releases, and patches for them."""
    with FakeIndex() as index:
        yield make_desk(tmp_path, index)
