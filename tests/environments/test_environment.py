"""Real environments with the oldest release of the ledger; the installer's index is the only thing reached."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.files import sha256
from litellm_patch.patching.finding import find_target
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.environment import Environment, UntrustedEnvironmentError, apply_patch, create, ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


@pytest.fixture(scope="module")
def oldest() -> Release:
    return load_ledger(bundled_folder()).releases[0]


@pytest.fixture(scope="module")
def environment(oldest: Release, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return create(tmp_path_factory.mktemp("environment") / "venv", oldest)


@contextmanager
def _instead_of(path: Path, content: bytes | None) -> Iterator[None]:
    """Another file in its place, or none; never written into it, as that would write into the installer's cache."""
    aside = path.rename(path.with_suffix(".aside"))
    try:
        if content is not None:
            path.write_bytes(content)
        yield
    finally:
        aside.replace(path)


def _main(environment: Environment) -> Path:
    """A file that no patch touches."""
    return find_target(environment.folder).package / "main.py"


def test_a_wheel_with_another_hash_is_refused_before_anything_is_unpacked(oldest: Release, tmp_path: Path) -> None:
    other = dataclasses.replace(oldest, wheels=dict.fromkeys(oldest.wheels, "0" * 64))

    with pytest.raises(UntrustedEnvironmentError, match=r"(?i)hash"):
        create(tmp_path / "venv", other)
    assert not list((tmp_path / "venv").glob("**/site-packages/litellm"))


def test_a_file_that_no_patch_touches_is_checked_too(environment: Environment) -> None:
    path = _main(environment)

    with (
        _instead_of(path, path.read_bytes() + b"# one line more\n"),
        pytest.raises(UntrustedEnvironmentError, match=r"RECORD: litellm/main\.py$"),
    ):
        environment.verify(State.CLEAN)
    environment.verify(State.CLEAN)


def test_another_release_is_found(environment: Environment) -> None:
    other = dataclasses.replace(environment, release=load_ledger(bundled_folder()).releases[1])

    with pytest.raises(UntrustedEnvironmentError, match=rf"has litellm {environment.release.version}, not 1\.83\.1"):
        other.verify(State.CLEAN)


def test_a_missing_file_is_found(environment: Environment) -> None:
    with (
        _instead_of(_main(environment).with_name("router.py"), None),
        pytest.raises(UntrustedEnvironmentError, match=r"drifted, expected clean"),
    ):
        environment.verify(State.CLEAN)


def test_the_interpreter_runs_without_the_caller_s_settings(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_LOG", "DEBUG")
    monkeypatch.setenv("PYTHONSTARTUP", "nonsense")

    code = "import os; print(sorted(n for n in os.environ if n.startswith(('LITELLM', 'PYTHON'))))"
    done = environment.run("-c", code)

    assert done.stdout.strip() == "['LITELLM_LOCAL_MODEL_COST_MAP', 'PYTHONPATH']"


def test_an_environment_is_brought_from_patched_to_stock_to_another_release(tmp_path: Path) -> None:
    """What was there before does not matter: not the patch, not the release, not what else was installed."""
    ledger = load_ledger(bundled_folder())
    oldest, neighbour = ledger.releases[:2]
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    used = ready(tmp_path / "venv", oldest, requirements)
    apply_patch(used)
    used.run("-m", "compileall", "-q", find_target(used.folder).package)
    kept = used.folder / "kept"
    kept.touch()
    with pytest.raises(UntrustedEnvironmentError, match=r"is applied, expected clean"):
        used.verify(State.CLEAN)

    again = ready(tmp_path / "venv", oldest, requirements)
    again.verify(State.CLEAN)
    apply_patch(again)
    other = ready(tmp_path / "venv", neighbour, requirements)

    other.verify(State.CLEAN)
    assert kept.exists(), "a new environment was made, expected the old one to be used"
    new = create(tmp_path / "new", neighbour, requirements)
    assert _contents(other) == _contents(new)


@pytest.mark.parametrize("damage", ["changed", "strange", "gone"])
def test_an_environment_that_is_not_as_recorded_is_made_anew(oldest: Release, tmp_path: Path, damage: str) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    used = ready(tmp_path / "venv", oldest, requirements)
    site = find_target(used.folder).package.parent
    victim = site / "openai" / "__init__.py"
    if damage == "strange":
        (site / "openai" / "strange.py").write_text("")
    else:
        content = victim.read_bytes() + b"# one line more\n"
        victim.unlink()
        if damage == "changed":
            victim.write_bytes(content)
    with pytest.raises(UntrustedEnvironmentError, match=r"RECORDs: .*openai"):
        used.verify_packages()

    ready(tmp_path / "venv", oldest, requirements).verify_packages()


def _contents(environment: Environment) -> dict[str, str]:
    """Every file that Python could run, and its hash."""
    site = find_target(environment.folder).package.parent
    modules = (path for path in site.rglob("*") if path.suffix in {".py", ".so", ".json"} and path.is_file())
    return {str(path.relative_to(site)): sha256(path.read_bytes()) for path in modules}
