"""What is locked is what pyproject.toml asks for; `nox -s lock -- --check` says it of what those ask for in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from litellm_patch.patching.ledger import load_toml
from upkeep.cells.environment import ROOT
from upkeep.release.locking import LOCKED, LOCKED_UPSTREAM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def asked(*, upstream: bool) -> Iterator[Requirement]:
    """All that pyproject.toml lists by name."""
    content = load_toml(ROOT / "pyproject.toml")
    groups = content["dependency-groups"]
    listed = [entry for name in groups if (name == "upstream") == upstream for entry in groups[name]]
    if not upstream:
        extras = content["project"]["optional-dependencies"].values()
        listed += [*content["project"]["dependencies"], *(entry for extra in extras for entry in extra)]
        listed += content["build-system"]["requires"]
    return (Requirement(entry) for entry in listed if isinstance(entry, str))


def missing(path: Path, *, upstream: bool) -> list[str]:
    """What a file of locked versions lacks, or has in a version that does not fit."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    locked = [Requirement(line.partition(" --hash=")[0]) for line in lines]
    return [
        str(wanted)
        for wanted in asked(upstream=upstream)
        if not (found := [entry for entry in locked if canonicalize_name(entry.name) == canonicalize_name(wanted.name)])
        or not all(wanted.specifier.contains(next(iter(entry.specifier)).version) for entry in found)
    ]


@pytest.mark.parametrize("path", [LOCKED, LOCKED_UPSTREAM], ids=lambda path: path.name)
def test_all_that_is_asked_for_is_locked(path: Path) -> None:
    assert not missing(path, upstream=path == LOCKED_UPSTREAM)


def test_what_is_not_locked_is_named(tmp_path: Path) -> None:
    path = tmp_path / "locked.txt"
    lines = LOCKED.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line.replace("click==", "click==7.") for line in lines if not line.startswith("ruff==")))
    assert {Requirement(found).name for found in missing(path, upstream=False)} == {"click", "ruff"}
