"""The page for whoever vendors litellm: each of its commands is run as it stands there, on the real release."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from litellm_patch.patching.apply import status
from litellm_patch.patching.finding import find_target
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.wheel import REVISION
from tests.documents.pages import ROOT, commands
from tests.patching.test_docker_recipe import RELEASE, make_image

PAGE = (ROOT / "docs" / "vendored.md").read_text(encoding="utf-8")
TREE, PROVEN = "third_party/litellm", "nox -s names -- --tree third_party/litellm"
OF_VENDORED = [command for command in commands(PAGE) if command != PROVEN]
EDITED = "litellm/router_utils/fallback_event_handlers.py"
PATCHING = [command for command in OF_VENDORED if command.startswith(("git ", "patch "))]
QUILT = [command for command in OF_VENDORED if "debian/patches" in command]
WHEELS = [command for command in OF_VENDORED if "wheel" in command or "constraints" in command]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a stock litellm in it, of git, and the patches where the page has them."""
    project = tmp_path_factory.mktemp("vendored") / "project"
    make_image(project.parent / "image", "--seed")
    site = find_target(project.parent / "image").package.parent
    for folder in ("litellm", f"litellm-{RELEASE}.dist-info"):
        shutil.copytree(site / folder, project / TREE / folder, ignore=shutil.ignore_patterns("*.so", "_experimental"))
    (project / TREE / f"litellm-{RELEASE}.dist-info" / "RECORD").unlink()
    (project / "litellm-patch").symlink_to(ROOT)
    _type("git init -q && git add -A third_party && git commit -qm stock", project)
    return project


@pytest.fixture
def project(stock: Path) -> Path:
    """The same, as it was committed."""
    _type("git reset -q --hard $(git rev-list --max-parents=0 HEAD) && git clean -qfdx -e litellm-patch", stock)
    return stock


def _type(command: str, project: Path, code: int = 0) -> str:
    own = (project.parent / "image" / "bin", Path(sys.executable).parent)
    path = os.pathsep.join((*map(str, own), os.environ["PATH"]))
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(  # noqa: S602 - the page's own commands
        command,
        shell=True,
        cwd=project,
        env={**os.environ, **names, "PATH": path, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def _state(tree: Path) -> State:
    return status(tree, load_ledger(bundled_folder())).state


def test_each_command_is_one_of_these() -> None:
    assert [*OF_VENDORED[:3], *PATCHING, *QUILT, *WHEELS] == OF_VENDORED
    assert all(command.startswith("litellm-patch ") for command in OF_VENDORED[:3])


def test_an_edited_tree(project: Path) -> None:
    edited = project / TREE / EDITED
    edited.write_bytes(b"# ours\n" + edited.read_bytes())
    before = edited.read_bytes()
    merge, show, undo = OF_VENDORED[:3]
    assert "kept edits in 1 place(s)" in _type(merge, project)
    assert "with local edits" in _type(show, project)
    _type(undo, project)
    assert edited.read_bytes() == before


@pytest.mark.parametrize("command", PATCHING)
def test_another_tool_patches_it(project: Path, command: str) -> None:
    _type(command, project)
    assert _state(project / TREE) is State.APPLIED


@pytest.mark.skipif(shutil.which("quilt") is None, reason="quilt is not here")
def test_quilt_patches_it(project: Path) -> None:
    (project / TREE / "litellm-patch").symlink_to(ROOT)
    for command in QUILT:
        _type(command, project / TREE)
    assert _state(project / TREE) is State.APPLIED


def test_a_constraint_takes_the_patched_wheel(project: Path) -> None:
    for command in WHEELS:
        _type(command, project)
    for folder in ("from-pip", "from-uv"):
        assert (project / folder / f"litellm-{RELEASE}+fallbacknames.{REVISION}.dist-info").is_dir()
        assert _state(project / folder) is State.APPLIED
