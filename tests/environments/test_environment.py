"""Real environments with the newest release of the ledger; the installer's index is the only thing reached."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from litellm_patch.ledger import bundled_folder, load_ledger
from litellm_patch.target import State
from matrix.environment import Environment, EnvironmentRefused, apply_patch, create

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.ledger import Release


@pytest.fixture(scope="module")
def newest() -> Release:
    return load_ledger(bundled_folder()).releases[-1]


@pytest.fixture
def environment(newest: Release, tmp_path: Path) -> Environment:
    return create(tmp_path / "venv", newest)


def _package(environment: Environment) -> Path:
    (package,) = environment.folder.glob("[Ll]ib*/**/site-packages/litellm")
    return package


def _replace(path: Path, more: bytes) -> None:
    """Put a longer file in its place: writing into it would write into the installer's cache."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content + more)


def test_a_wheel_with_another_hash_is_refused_before_anything_is_unpacked(newest: Release, tmp_path: Path) -> None:
    other = dataclasses.replace(newest, wheels=dict.fromkeys(newest.wheels, "0" * 64))

    with pytest.raises(EnvironmentRefused, match=r"(?i)hash"):
        create(tmp_path / "venv", other)
    assert not list((tmp_path / "venv").glob("**/site-packages/litellm"))


def test_a_file_that_no_patch_touches_is_checked_too(environment: Environment) -> None:
    _replace(_package(environment) / "main.py", b"# one line more\n")

    with pytest.raises(EnvironmentRefused, match=r"RECORD: litellm/main\.py$"):
        environment.verify(State.CLEAN)


def test_a_missing_file_is_found(environment: Environment) -> None:
    (_package(environment) / "main.py").rename(_package(environment) / "main.txt")

    with pytest.raises(EnvironmentRefused, match=r"main\.py|no litellm"):
        environment.verify(State.CLEAN)


def test_a_patched_environment_is_not_stock_and_leaves_the_next_one_stock(
    environment: Environment, newest: Release, tmp_path: Path
) -> None:
    """The installer hard-links files from its cache, so a careless write would patch every later environment."""
    apply_patch(environment)

    with pytest.raises(EnvironmentRefused, match="is applied, expected clean"):
        environment.verify(State.CLEAN)
    create(tmp_path / "another", newest).verify(State.CLEAN)


def test_the_interpreter_runs_without_the_caller_s_settings(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_LOG", "DEBUG")
    monkeypatch.setenv("PYTHONSTARTUP", "nonsense")

    done = environment.run(
        "-c", "import os; print(sorted(n for n in os.environ if n.startswith(('LITELLM', 'PYTHON'))))"
    )

    assert done.stdout.strip() == "['LITELLM_LOCAL_MODEL_COST_MAP', 'PYTHONPATH']"
