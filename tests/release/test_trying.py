"""A wheel is tried by the installers themselves; what it holds, and what it answers, is pretended."""

from __future__ import annotations

import zipfile
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.demo.command import DemoOutcome
from upkeep.errors import UpkeepError
from upkeep.release import trying
from upkeep.release.trying import INSTALLERS, try_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from upkeep.cells.environment import Environment

NAME = "litellm-1.110.2+fallbacknames.2"
FILES = {
    "litellm/__init__.py": "",
    "litellm/main.py": "",
    f"{NAME}.dist-info/METADATA": "Metadata-Version: 2.1\nName: litellm\nVersion: 1.110.2+fallbacknames.2\n",
    f"{NAME}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
RELEASE = load_ledger(bundled_folder()).find(Version("1.110.2"))


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of two empty modules, whose installation counts as patched."""
    path = tmp_path / f"{NAME}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
        record = f"{NAME}.dist-info/RECORD"
        archive.writestr(record, "".join(f"{name},,\n" for name in (*FILES, record)))
    monkeypatch.setattr(trying, "status", lambda *_: SimpleNamespace(state=State.APPLIED))
    answer_with(monkeypatch, "answer from backup")
    return path


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: str, leave: str | None = None) -> None:
    """Let the one request have this answer, and the run leave a file beside litellm's own."""

    def send(environment: Environment) -> list[DemoOutcome]:
        (main,) = environment.folder.glob("lib/*/site-packages/litellm/main.py")
        if leave:
            (main.parent / leave).touch()
        return [DemoOutcome("28019", "gpt-4.1", "team acme", [], ("primary", "backup"), answer)]

    monkeypatch.setattr(trying, "send_requests", send)


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_wheel_is_installed_asked_and_uninstalled(installer: str, wheel: Path, tmp_path: Path) -> None:
    assert try_wheel(wheel, RELEASE, installer, tmp_path / installer) == 1
    assert not list(tmp_path.glob(f"{installer}/lib/*/site-packages/litellm*"))


def test_a_file_that_is_left_is_named(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, "answer from backup", leave="stray.txt")
    with pytest.raises(UpkeepError, match=r"pip uninstalled litellm and left \S*/site-packages/litellm$"):
        try_wheel(wheel, RELEASE, "pip", tmp_path / "venv")


def test_an_answer_of_another_is_an_error(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, "answer from primary")
    with pytest.raises(UpkeepError, match=r"not answered by their backup: \['gpt-4\.1: '\]"):
        try_wheel(wheel, RELEASE, "uv", tmp_path / "venv")


def test_what_is_not_patched_is_not_asked(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "status", lambda *_: SimpleNamespace(state=State.DRIFTED))
    with pytest.raises(UpkeepError, match="is drifted, expected applied"):
        try_wheel(wheel, RELEASE, "uv", tmp_path / "venv")
