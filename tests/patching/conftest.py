"""Fixtures of the tool's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from patching.factory import World, make_world

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A virtual environment with a stock litellm, and a patches folder."""
    return make_world(tmp_path)
