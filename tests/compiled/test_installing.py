"""A built extension in place of the wheel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.files import sha256
from tests.compiled.conftest import CORE, FACADE, STOCK
from upkeep.compiled import installing, workspace
from upkeep.compiled.installing import install_built, replaced_files
from upkeep.compiled.workspace import EXTENSION
from upkeep.errors import BuildError

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release
    from tests.compiled.conftest import Toolbox


@pytest.fixture(autouse=True)
def cached(cache: Path, monkeypatch: pytest.MonkeyPatch, toolbox: Toolbox) -> None:
    """What `install_built` builds is kept here, by a cargo that pretends."""
    del toolbox
    monkeypatch.setattr(
        installing, "build", lambda release, *, patched: workspace.build(release, patched=patched, cache=cache)
    )


def hashes_of(site: Path) -> dict[str, str]:
    return {path: sha256((site / path).read_bytes()) for path in (EXTENSION, FACADE)}


def test_the_patched_arm_has_the_extension_and_the_python_files(release: Release, site: Path, tmp_path: Path) -> None:
    install_built(tmp_path, site, release, patched=True)
    assert hashes_of(site) == replaced_files(tmp_path, release, patched=True)
    assert b"derived()" in (site / FACADE).read_bytes()


def test_the_rebuilt_arm_has_the_extension_alone(release: Release, site: Path, tmp_path: Path) -> None:
    install_built(tmp_path, site, release, patched=False)
    assert replaced_files(tmp_path, release, patched=False) == {EXTENSION: sha256(STOCK[CORE])}
    assert (site / EXTENSION).read_bytes() == STOCK[CORE]
    assert (site / FACADE).read_bytes() == STOCK[FACADE]


def test_a_file_that_is_not_stock_is_not_replaced(release: Release, site: Path, tmp_path: Path) -> None:
    (site / FACADE).write_bytes(b"edited")
    with pytest.raises(BuildError, match=r"router\.py has sha256 .*; make the cell anew"):
        install_built(tmp_path, site, release, patched=True)
    assert (site / EXTENSION).read_bytes() == b"published"


def test_a_linked_file_is_left_alone(release: Release, site: Path, tmp_path: Path) -> None:
    """As an installer's cache is, whose files are linked into environments."""
    linked = tmp_path / "in the installer's cache"
    linked.hardlink_to(site / EXTENSION)
    install_built(tmp_path, site, release, patched=True)
    assert linked.read_bytes() == b"published"


def test_an_environment_with_the_wheel_s_own_extension_is_named(release: Release, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has the wheel's own extension, expected a built one"):
        replaced_files(tmp_path, release, patched=True)
