"""Fixtures of the doctor's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doctor.clinic import Clinic, configuration

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    """A folder with the configuration in it."""
    clinic = Clinic(tmp_path)
    clinic.write(configuration())
    return clinic
