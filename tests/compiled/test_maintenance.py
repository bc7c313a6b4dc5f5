"""The ledger and the port of a patch for source archives: Rust and Python, a file more, and cargo as the judge."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT, Release, load_ledger
from tests.compiled.conftest import CARGO_TOML, LOCK, archive_of
from tests.patching.fake_index import FakeIndex
from upkeep.command import main
from upkeep.compiled import workspace
from upkeep.releases import proving
from upkeep.upstream.tree import git, make_trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from click.testing import Result

    from tests.compiled.conftest import Toolbox

CORE = "litellm-rust/crates/router-core/src/call.rs"
DERIVED = "litellm-rust/crates/router-core/src/derived.rs"
FACADE = "litellm/router_rust/core.py"
STOCK: Mapping[str, bytes] = {
    "litellm-rust/Cargo.toml": CARGO_TOML,
    "litellm-rust/Cargo.lock": LOCK,
    CORE: b"//! The walk.\n\nfn first() {\n    one();\n    two();\n}\n\n"
    b"fn walk() {\n    let a = 1;\n    let b = 2;\n    go(b);\n}\n",
    FACADE: b"def walk():\n    first = 1\n    return first\n",
}
PATCH = f"""\
From: Someone <someone@example.org>
Date: Mon, 1 Jan 2024 00:00:00 +0000
Subject: [PATCH] Fix

Description: fix
---
diff --git a/{CORE} b/{CORE}
--- a/{CORE}
+++ b/{CORE}
@@ -8,5 +8,5 @@
 fn walk() {{
     let a = 1;
     let b = 2;
-    go(b);
+    go(derived(b));
 }}
diff --git a/{DERIVED} b/{DERIVED}
new file mode 100644
--- /dev/null
+++ b/{DERIVED}
@@ -0,0 +1,3 @@
+pub fn derived(b: u8) -> u8 {{
+    b
+}}
diff --git a/{FACADE} b/{FACADE}
--- a/{FACADE}
+++ b/{FACADE}
@@ -1,3 +1,3 @@
 def walk():
     first = 1
-    return first
+    return derived(first)
""".encode()
SHIFTED = {**STOCK, CORE: b"// moved\n" + STOCK[CORE]}
RENAMED = {**STOCK, CORE: STOCK[CORE].replace(b"let a = 1", b"let a = 3")}


class Folder:
    """A clone with that patch, and an index with three releases."""

    def __init__(self, root: Path, index: FakeIndex) -> None:
        """Lay it out."""
        self.root, self.index, self.patches = root, index, root / "patches"
        self.patches.mkdir()
        (self.patches / "1.110.0.patch").write_bytes(PATCH)
        (self.patches / "releases.toml").write_text("schema = 2\n")
        (root / ".gitignore").write_text(".cache/\n")
        for version, files in (("1.110.0", STOCK), ("1.110.1", SHIFTED), ("1.110.2", RENAMED)):
            index.add(version, {"litellm/main.py": b""}, "cp310-abi3-manylinux_2_28_x86_64")
            archive = archive_of({f"litellm-{version}/{path}": data for path, data in files.items()})
            index.add_file(f"litellm-{version}.tar.gz", archive)

    def run(self, *arguments: str) -> Result:
        """Run a command of maintainers here."""
        settings = {"LITELLM_PATCH_DIR": str(self.patches), "PIP_INDEX_URL": self.index.url, "NO_PROXY": "127.0.0.1"}
        return CliRunner().invoke(main, arguments, env=settings)

    def commit(self) -> None:
        """Commit all, as `port` wants it."""
        who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
        for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
            subprocess.run(["git", *who, *arguments], cwd=self.root, check=True)  # noqa: S603, S607

    @property
    def releases(self) -> tuple[Release, ...]:
        """The ledger's entries."""
        return load_ledger(self.patches).releases


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """It."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "someone")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "someone@example.org")
    monkeypatch.delenv("CI", raising=False)
    root = tmp_path / "clone"
    root.mkdir()
    with FakeIndex() as index:
        yield Folder(root, index)


def test_an_entry_is_made_of_the_source_archive(folder: Folder) -> None:
    assert folder.run("releases", "update", "1.110.0", "1.110.1").exit_code == 0
    first, second = folder.releases
    assert (first.delivery, list(first.sdist), len(first.wheels)) == ("wheel", ["litellm-1.110.0.tar.gz"], 1)
    assert [image.pre_image for image in first.files] == [sha256(STOCK[CORE]), ABSENT, sha256(STOCK[FACADE])]
    assert [image.offsets for image in second.files] == [(1,), (0,), (0,)]
    assert (load_ledger(folder.patches).in_place, load_ledger(folder.patches).compiled) == ((), folder.releases)


def test_what_the_ledger_lacks_is_tried(folder: Folder) -> None:
    folder.run("releases", "update", "1.110.0")
    said = folder.run("releases", "check").output
    assert "litellm 1.110.1 is missing in releases.toml: 1.110.0.patch fits" in said
    assert "litellm 1.110.2 is missing in releases.toml: " in said
    assert "nearest at line 8, but line 9 is '    let a = 3;'" in said


def test_another_archive_than_the_ledger_s_is_noticed(folder: Folder) -> None:
    folder.run("releases", "update", "1.110.0")
    entry = next(entry for entry in folder.index.files if entry["filename"] == "litellm-1.110.0.tar.gz")
    entry["hashes"] = {"sha256": "0" * 64}
    assert f"litellm-1.110.0.tar.gz: the index says sha256 {'0' * 64}" in folder.run("releases", "check").output


def test_a_release_without_a_source_archive_gets_no_entry(folder: Folder) -> None:
    folder.index.files = [entry for entry in folder.index.files if not entry["filename"].endswith(".tar.gz")]
    result = folder.run("releases", "update", "1.110.0")
    assert result.exit_code
    assert "the index has no source archive of litellm 1.110.0" in result.stderr
    assert (folder.patches / "releases.toml").read_text() == "schema = 2\n"


def test_a_file_that_upstream_has_already_is_not_added(folder: Folder) -> None:
    archive = archive_of({f"litellm-1.110.3/{path}": data for path, data in {**STOCK, DERIVED: b"// theirs\n"}.items()})
    folder.index.add("1.110.3", {"litellm/main.py": b""}, "cp310-abi3-manylinux_2_28_x86_64")
    folder.index.add_file("litellm-1.110.3.tar.gz", archive)
    result = folder.run("releases", "update", "1.110.3")
    assert f"adds {DERIVED}, which litellm 1.110.3 has already" in result.stderr


SECOND = f"""\
diff --git a/{DERIVED} b/{DERIVED}
--- a/{DERIVED}
+++ b/{DERIVED}
@@ -1,4 +1,5 @@
 pub fn derived(b: u8) -> u8 {{
+    alias(b);
     b
 }}
 // tested
""".encode()
TESTS = f"""\
diff --git a/{DERIVED} b/{DERIVED}
--- a/{DERIVED}
+++ b/{DERIVED}
@@ -1,3 +1,5 @@
 pub fn derived(b: u8) -> u8 {{
+    alias(b);
     b
 }}
+// tested
""".encode()


def test_upstream_gets_the_change_as_one_commit_and_as_two(folder: Folder, tmp_path: Path) -> None:
    material = folder.patches / "upstream"
    (material / "rust").mkdir(parents=True)
    words = {"message.txt": "fix: all\n", "rust/teams.txt": "fix: teams\n", "rust/aliases.txt": "fix: aliases\n"}
    texts = {**words, "PULL_REQUEST.md": "for {release}\n", "BACKPORT.md": "", "prove_fix.py": ""}
    for path, text in texts.items():
        (material / path).write_text(text)
    (material / "rust" / "1.110.0-tests.patch").write_bytes(TESTS)
    (material / "rust" / "aliases.patch").write_bytes(SECOND)
    folder.run("releases", "update", "1.110.0")

    assert folder.run("export", str(tmp_path / "out")).exit_code == 0

    out, trees = tmp_path / "out" / "1.110.0", []
    for name, mails in (("one", out), ("two", out / "as-two")):
        _, after = make_trees(tmp_path / name, STOCK, sorted(mails.glob("*.patch")))
        trees.append({path: (after / path).read_bytes() for path in (CORE, DERIVED, FACADE)})
    assert trees[0] == trees[1]
    assert trees[0][DERIVED] == b"pub fn derived(b: u8) -> u8 {\n    alias(b);\n    b\n}\n// tested\n"
    assert git(after, "log", "--reverse", "--format=%s").split("\n")[1:3] == ["fix: teams", "fix: aliases"]
    assert "alias" not in git(after, "show", f"HEAD~1:{DERIVED}")
    assert (out / "PULL_REQUEST.md").read_text() == "for 1.110.0\n"


@pytest.mark.parametrize("judge", ["agrees", "refuses", "is not there", "is not there, on a CI"])
def test_cargo_judges_what_is_proved(
    judge: str, folder: Folder, toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.run("releases", "update", "1.110.0", "1.110.1")
    cache = tmp_path / "cache"
    (cache / "sdists").mkdir(parents=True)
    for (name,) in (release.sdist for release in folder.releases):
        (cache / "sdists" / name).write_bytes(folder.index.answers[f"/files/{name}"].body)
    compiles = workspace.compiles
    monkeypatch.setattr(proving, "compiles", lambda release: compiles(release, cache))
    if judge == "refuses":
        toolbox.tell("fails")
    if judge.startswith("is not there"):
        monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    if judge.endswith("CI"):
        monkeypatch.setenv("CI", "true")
    result = folder.run("releases", "prove")
    if judge == "agrees":
        assert toolbox.asked.count("check") == 2
    said = {
        "agrees": (0, "proved: 2 release(s)"),
        "refuses": (1, "litellm 1.110.0: cargo check ended with 1: error[E0308]: mismatched types"),
        "is not there": (0, "left out: whether the sources of litellm 1.110.1 compile: cargo was not found"),
        "is not there, on a CI": (1, "litellm 1.110.1: cargo was not found"),
    }[judge]
    assert (result.exit_code, said[1] in result.output + result.stderr) == (said[0], True), result.output


def test_the_patch_is_ported_as_it_is(folder: Folder) -> None:
    folder.run("releases", "update", "1.110.0")
    folder.commit()
    result = folder.run("port", "1.110.1", "--without-arms")
    assert result.exit_code == 0, result.output
    assert [entry.patch.name for entry in folder.releases] == ["1.110.0.patch"] * 2


def test_the_patch_is_merged_with_the_file_that_it_adds(folder: Folder) -> None:
    folder.run("releases", "update", "1.110.0")
    folder.commit()
    result = folder.run("port", "1.110.2", "--without-arms")
    assert result.exit_code == 0, result.output
    entry = folder.releases[-1]
    patch = entry.patch.read_text()
    assert entry.patch.name == "1.110.2.patch"
    assert f"--- /dev/null\n+++ b/{DERIVED}\n" in patch
    assert " let a = 3;" in patch
    assert (entry.delivery, entry.files[1].pre_image) == ("wheel", ABSENT)
    assert folder.run("releases", "check", "--offline").exit_code == 0
