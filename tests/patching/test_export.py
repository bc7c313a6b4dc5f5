"""The verb export: a mailbox that git takes on the release's tree, the same bytes each time."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.patching.factory import ROUTER, make_patch, snapshot
from tests.patching.maintainer import CORE, NEW, NEW_PATCHED, OLD, OLD_PATCHED
from upkeep.command import main

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.patching.maintainer import Project

DATE = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\n"
TEST = b"def test_it():\n    assert 1 == 1\n"
IDENTITY = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")


@pytest.fixture
def material(project: Project) -> Project:
    """A ledger whose newest release sits a line below the patch's own, and all that an export is made of."""
    (project.patches / "1.83.0.patch").write_bytes(DATE + make_patch(OLD, {ROUTER: OLD_PATCHED[ROUTER]}))
    (project.patches / "1.84.0.patch").write_bytes(DATE + make_patch(NEW, {CORE: NEW_PATCHED[CORE]}))
    project.index.add("1.84.1", {**NEW, CORE: b"# a line more\n" + NEW[CORE]})
    folder = project.patches / "upstream"
    (folder / "measured").mkdir(parents=True)
    (folder / "tests" / "unit").mkdir(parents=True)
    (folder / "tests" / "unit" / "test_new.py").write_bytes(TEST)
    (folder / "message.txt").write_text("fix(router): find chains by every name\n\nWhy.\n\nFixes #1\n")
    (folder / "PULL_REQUEST.md").write_text("{before}\n{after}\n{tests} {provider} {release}\n")
    (folder / "BACKPORT.md").write_text("as on the main branch, for {release}\n")
    (folder / "prove_fix.py").write_text("print()\n")
    for name in ("before", "after", "tests", "provider"):
        (folder / "measured" / f"{name}.md").write_text(f"measured {name}\n")
    assert project.run("update").exit_code == 0
    return project


def _export(project: Project, place: Path) -> Result:
    env = {"LITELLM_PATCH_DIR": str(project.patches), "PIP_INDEX_URL": project.index.url, "NO_PROXY": "127.0.0.1"}
    return CliRunner().invoke(main, ["export", str(place)], env=env)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *IDENTITY, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603


@pytest.mark.parametrize("options", [(), ("-3",)], ids=["as it is", "three-way"])
def test_git_takes_the_mailbox_on_the_release_s_tree(
    material: Project, tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert _export(material, tmp_path / "out").exit_code == 0
    tree = tmp_path / "tree"
    for path, data in {**NEW, CORE: b"# a line more\n" + NEW[CORE]}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(data)
    _git(tree, "init", "-q")
    _git(tree, "add", "-A")
    _git(tree, "commit", "-qm", "stock")
    if options:  # the tree has moved on, and only the blobs' names tell git from what
        (tree / CORE).write_bytes(b"# moved on\n" * 9 + b"# a line more\n" + NEW[CORE])
        _git(tree, "commit", "-qam", "later")
    (mailbox,) = (tmp_path / "out" / "1.84.1").glob("*.patch")

    _git(tree, "am", "-q", *options, str(mailbox))

    assert (tree / CORE).read_bytes().endswith(NEW_PATCHED[CORE][-40:])
    assert b"lookup.find" in (tree / CORE).read_bytes()
    assert (tree / "tests" / "unit" / "test_new.py").read_bytes() == TEST
    assert _git(tree, "log", "-1", "--format=%an|%s|%b").strip() == (
        "Your Name|fix(router): find chains by every name|Why.\n\nFixes #1"
    )
    assert _git(tree, "status", "--porcelain") == ""


def test_the_same_patch_gives_the_same_bytes(material: Project, tmp_path: Path) -> None:
    _export(material, tmp_path / "out")
    first = snapshot(tmp_path / "out")

    assert _export(material, tmp_path / "out").exit_code == 0
    assert _export(material, tmp_path / "other").exit_code == 0
    assert snapshot(tmp_path / "out") == first == snapshot(tmp_path / "other")
    names = ["0001-fix-router-find-chains-by-every-name.patch", "PULL_REQUEST.md", "prove_fix.py"]
    assert sorted(first) == [f"{version}/{name}" for version in ("1.83.10", "1.84.1") for name in names]


def test_the_pull_request_holds_what_was_measured(material: Project, tmp_path: Path) -> None:
    _export(material, tmp_path / "out")

    text = (tmp_path / "out" / "1.84.1" / "PULL_REQUEST.md").read_text()
    assert text == "measured before\nmeasured after\nmeasured tests measured provider 1.84.1\n"


def test_an_older_line_gets_a_text_of_its_own_as_long_as_it_gets_releases(material: Project, tmp_path: Path) -> None:
    _export(material, tmp_path / "out")
    text = (tmp_path / "out" / "1.83.10" / "PULL_REQUEST.md").read_text()
    old = re.search(r'version = "1\.83\.10"\nuploaded = \S+', material.ledger.read_text())
    assert old
    material.edit(old[0], 'version = "1.83.10"\nuploaded = 2019-01-01T00:00:00Z')

    assert _export(material, tmp_path / "out").exit_code == 0

    assert text == "as on the main branch, for 1.83.10\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.84.1"]


def test_a_folder_with_something_else_is_refused(material: Project, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")

    result = _export(material, tmp_path / "out")

    assert (result.exit_code, [path.name for path in (tmp_path / "out").iterdir()]) == (2, ["mine.txt"])
    assert "holds mine.txt, which no export wrote" in result.stderr


def test_a_file_in_place_of_the_folder_is_refused(material: Project, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")

    assert _export(material, tmp_path / "out").exit_code == 2


def test_a_patches_folder_without_the_material_is_refused(project: Project, tmp_path: Path) -> None:
    project.run("update")

    result = _export(project, tmp_path / "out")

    assert (result.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "has no folder upstream" in result.stderr
