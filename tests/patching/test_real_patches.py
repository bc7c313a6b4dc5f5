"""The project's own patches folder: it loads, and every patch in it parses and is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from litellm_patch.ledger import LEDGER_NAME, load_ledger

PATCHES = Path(__file__).parents[2] / "patches"

pytestmark = pytest.mark.skipif(not (PATCHES / LEDGER_NAME).is_file(), reason="no ledger yet")


def test_every_release_has_a_patch_that_parses_and_agrees() -> None:
    for release in load_ledger(PATCHES).releases:
        assert release.read_patch()


def test_every_patch_is_used() -> None:
    used = {release.patch for release in load_ledger(PATCHES).releases}
    assert used == set(PATCHES.glob("*.patch"))
