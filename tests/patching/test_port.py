"""The verb port: a release that the ledger lacks, by the patch as it is, by a merge, or by a person."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from packaging.version import Version

from litellm_patch.patching.ledger import load_ledger
from litellm_patch.patching.readers import known_readers, uncovered
from tests.patching.factory import ROUTER, fix_upstream, make_patch, snapshot
from upkeep.command import main
from upkeep.port import readers
from upkeep.port.merging import merge_file
from upkeep.proof.rust import changed_names

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.patching.maintainer import Project

_READER = b"""class Router:
    def async_function_with_fallbacks_common_utils(self, name):
        first = 1
        second = 2
        group = get_fallback_model_group(self.fallbacks, name)
        return group

    def twin(self, name):
        first = 1
        second = 2
        group = self.find(name)
        return group
"""
_NAMES = b"get_fallback_model_group(self.fallbacks, lookup(name))"
DATE = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\n"
STOCK = b"import litellm\n\n\n" + _READER
PATCHED = STOCK.replace(b"get_fallback_model_group(self.fallbacks, name)", _NAMES)
RENAMED = STOCK.replace(b"first = 1", b"zeroth = 1", 1)
REWRITTEN = STOCK.replace(b"get_fallback_model_group(self.fallbacks, name)", b"get_fallback_model_group([], name)")


@pytest.fixture(autouse=True)
def _git(monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "someone")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "someone@example.org")


@pytest.fixture
def clone(project: Project) -> Project:
    """A clone with one patch for one release, and an index with more of them."""
    for path in project.patches.glob("*.patch"):
        path.unlink()
    (project.patches / "1.83.0.patch").write_bytes(DATE + make_patch({ROUTER: STOCK}, {ROUTER: PATCHED}))
    project.index.files.clear()
    releases = {"1.83.0": STOCK, "1.83.1": b"# moved\n" + STOCK, "1.84.0": RENAMED, "1.85.0": REWRITTEN}
    for version, router in releases.items():
        project.index.add(version, {ROUTER: router, "litellm/main.py": b""})
    project.index.add("1.82.6", {ROUTER: STOCK})
    project.ledger.write_text('schema = 2\n\n[[denied]]\nversion = "1.83.5"\nreason = "malicious"\n')
    project.run("update", "1.83.0")
    (project.root / ".gitignore").write_text(".cache/\n")
    _commit(project)
    return project


def _commit(project: Project) -> None:
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run(["git", *arguments], cwd=project.root, check=True)  # noqa: S603, S607 - as a maintainer would


def _port(project: Project, *arguments: str, **env: str) -> Result:
    settings = {"LITELLM_PATCH_DIR": str(project.patches), "PIP_INDEX_URL": project.index.url, "NO_PROXY": "127.0.0.1"}
    return CliRunner().invoke(main, ["port", *arguments], env=settings | env)


def _refused(project: Project, code: int, *arguments: str, **env: str) -> str:
    """Run the verb, expect a refusal in one line, and see that the patches folder is as it was."""
    before = snapshot(project.patches)
    result = _port(project, *arguments, **env)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert snapshot(project.patches) == before
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    return result.stderr


def _work(project: Project) -> Path:
    return project.root / ".cache" / "port"


def test_a_patch_that_fits_is_proved_and_written(clone: Project) -> None:
    result = _port(clone, "1.83.1", "--without-arms")

    assert result.exit_code == 0, result.output
    entry = load_ledger(clone.patches).releases[-1]
    assert (str(entry.version), entry.patch.name, entry.files[0].offsets) == ("1.83.1", "1.83.0.patch", (1,))
    assert "look: the arms were not run" in result.stdout
    assert not _work(clone).exists()


def test_a_release_of_the_ledger_needs_no_port(clone: Project) -> None:
    result = _port(clone, "1.83.0")

    assert (result.exit_code, "nothing to port" in result.stdout) == (0, True)


def test_a_merge_without_a_conflict_makes_a_patch(clone: Project) -> None:
    result = _port(clone, "1.84.0", "--without-arms")

    assert result.exit_code == 0, result.output
    entry = load_ledger(clone.patches).releases[-1]
    patch = entry.patch.read_text()
    assert entry.patch.name == "1.84.0.patch"
    assert "+        group = get_fallback_model_group(self.fallbacks, lookup(name))" in patch
    assert patch.startswith("From 0000000000000000000000000000000000000000 ")
    assert "From: Someone <someone@example.org>" in patch
    assert clone.run("check", "--offline").exit_code == 0
    assert clone.run("prove").exit_code == 0


def test_a_conflict_is_left_to_a_person_and_finished_after_it(clone: Project) -> None:
    told = _refused(clone, 1, "1.85.0", "--without-arms")

    assert "conflict in line 8 of the merged file, in Router.async_function_with_fallbacks_common_utils" in told
    assert "check: _has_fallback_group (from 1.108.1)" in told
    assert "half finished" in _refused(clone, 2, "1.84.0")
    assert "marks of a conflict" in _refused(clone, 1, "--continue", "--without-arms")

    (_work(clone) / "tree" / ROUTER).write_bytes(REWRITTEN.replace(b"([], name)", b"([], lookup(name))"))
    result = _port(clone, "--continue", "--without-arms")

    assert result.exit_code == 0, result.output
    assert load_ledger(clone.patches).releases[-1].patch.name == "1.85.0.patch"
    assert not _work(clone).exists()


def test_a_port_can_be_dropped(clone: Project) -> None:
    _refused(clone, 1, "1.85.0", "--without-arms")

    assert _port(clone, "--abort").exit_code == 0
    assert not _work(clone).exists()
    assert "no port is under way" in _refused(clone, 2, "--abort")
    assert "no port is under way" in _refused(clone, 2, "--continue")


def test_what_a_killed_port_left_can_only_be_dropped(clone: Project) -> None:
    _work(clone).mkdir(parents=True)
    (_work(clone) / "port.json").write_text("{")

    assert "holds half a port" in _refused(clone, 2, "1.83.1")
    assert _port(clone, "--abort").exit_code == 0


@pytest.mark.parametrize("left_out", [b"", STOCK], ids=["nothing edited", "stock again"])
def test_a_work_folder_without_an_edit_is_refused(clone: Project, left_out: bytes) -> None:
    _refused(clone, 1, "1.85.0", "--without-arms")
    (_work(clone) / "tree" / ROUTER).write_bytes(REWRITTEN)
    if left_out:
        (_work(clone) / "tree" / "litellm" / "new.py").write_bytes(left_out)

    expected = "was added or removed" if left_out else "nothing is edited"
    assert expected in _refused(clone, 1, "--continue", "--without-arms")


def test_a_file_that_is_gone_is_a_conflict_that_names_the_new_home(clone: Project) -> None:
    clone.index.add("1.86.0", {"litellm/router_core.py": STOCK})

    told = _refused(clone, 1, "1.86.0", "--without-arms")

    assert "litellm/router.py is gone" in told
    assert "async_function_with_fallbacks_common_utils of litellm/router.py is now in litellm/router_core.py" in told


def test_a_clean_merge_into_another_function_is_refused() -> None:
    """The patch's function is taken away, and the twin that is left would take the hunk."""
    merged = merge_file(ROUTER, STOCK, PATCHED, STOCK.replace(b"async_function_with_fallbacks_common_utils", b"other"))

    gone = "Router.async_function_with_fallbacks_common_utils"
    assert merged.conflicts == (
        f"{ROUTER}: the merge leaves {gone} as it is, which the patch changes",
        f"{ROUTER}: the merge changes Router.other, which the patch does not",
    )


def test_a_patch_that_fits_another_function_is_refused(clone: Project) -> None:
    renamed = STOCK.replace(b"async_function_with_fallbacks_common_utils", b"another_reader")
    clone.index.add("1.87.0", {ROUTER: b"# fallback\n" * 9 + renamed})
    patch = clone.patches / "1.83.0.patch"
    patch.write_bytes(DATE + make_patch({ROUTER: STOCK}, {ROUTER: PATCHED}, context=1))
    clone.run("update", "1.83.0")
    _commit(clone)

    told = _refused(clone, 1, "1.87.0", "--without-arms")

    assert "changes other things there than in 1.83.0" in told
    assert "only here litellm/router.py:Router.another_reader" in told


def test_a_new_reader_of_chains_stops_the_port(clone: Project) -> None:
    new = STOCK + b"\n    def fresh_gate(self, name):\n        return get_fallback_model_group(self.fallbacks, name)\n"
    clone.index.add("1.88.0", {ROUTER: new, "litellm/proxy/auth.py": b"def check(): return fallback_chain([], 'a')\n"})

    told = _refused(clone, 1, "1.88.0", "--without-arms")

    assert "new reader of chains: litellm/proxy/auth.py:1 check (calls fallback_chain)" in told
    assert "Router.fresh_gate (calls get_fallback_model_group, loops" not in told
    assert "new reader of chains: litellm/router.py:17 Router.fresh_gate (calls get_fallback_model_group)" in told
    assert "2 reader(s) of chains in litellm 1.88.0 are not covered" in told
    assert json.loads((_work(clone) / "port.json").read_text())["version"] == "1.88.0"


def test_a_reader_that_the_patch_does_not_reach_stops_it_too(clone: Project) -> None:
    reader = b"def _has_fallback_group(name):\n    return get_fallback_model_group([], name)\n"
    clone.index.add("1.89.0", {ROUTER: STOCK, "litellm/router_utils/cooldown_handlers.py": reader})

    told = _refused(clone, 1, "1.89.0", "--without-arms")

    assert (
        "reader that the patch does not reach: litellm/router_utils/cooldown_handlers.py:1 _has_fallback_group" in told
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.99.0", "the index has no litellm 1.99.0"),
        ("1.82.6", "the defect of team models came with 1.83.0"),
        ("1.83.5", "denied: malicious"),
        ("not-a-version", "is not a version"),
    ],
)
def test_a_release_that_cannot_be_ported(clone: Project, version: str, words: str) -> None:
    before = snapshot(clone.patches)
    result = _port(clone, version)

    assert (result.exit_code, snapshot(clone.patches)) == (2, before)
    assert words in result.stderr


def test_a_release_that_has_the_fix_needs_no_port(clone: Project) -> None:
    fix_upstream(clone.patches)
    _commit(clone)

    assert "needs no patch" in _refused(clone, 2, "1.90.0")


def test_local_changes_are_refused(clone: Project) -> None:
    (clone.patches / "1.83.0.patch").write_bytes((clone.patches / "1.83.0.patch").read_bytes() + b"\n")

    assert "not committed: patches/1.83.0.patch" in _refused(clone, 2, "1.83.1")


def test_a_folder_without_a_repository_is_refused(clone: Project) -> None:
    (clone.root / ".git").rename(clone.root / "git")

    assert "is in no git repository" in _refused(clone, 2, "1.83.1", GIT_CEILING_DIRECTORIES=str(clone.root.parent))


def test_a_folder_that_a_repository_ignores_is_refused(clone: Project) -> None:
    """As where the tool is installed in an environment inside of somebody's checkout."""
    subprocess.run(["git", "rm", "-rq", "--cached", "patches"], cwd=clone.root, check=True)  # noqa: S607
    (clone.root / ".gitignore").write_text(".cache/\npatches/\n")
    _commit(clone)

    assert "git does not track" in _refused(clone, 2, "1.83.1")


def test_a_machine_without_git_is_refused(clone: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert "git is not on the PATH" in _refused(clone, 2, "1.83.1", PATH=str(tmp_path / "empty"))


def test_arms_that_cannot_be_run_are_refused(clone: Project) -> None:
    """There are no tests beside this patches folder; the ledger stays as it was."""
    assert "the tests or uv are not here" in _refused(clone, 1, "1.83.1")


@pytest.fixture
def cells(clone: Project) -> Project:
    """The clone with a stand-in for the cells, which take minutes: files `cells` and `control` say how each ends."""
    room = clone.root / "scripts" / "upkeep"
    room.mkdir(parents=True)
    (room / "__init__.py").touch()
    (room / "__main__.py").write_text(
        "import pathlib, sys\n"
        f"ends = pathlib.Path({str(clone.root / 'tests')!r}, sys.argv[1]).read_text()\n"
        "text = pathlib.Path('patches/releases.toml').read_text()\n"
        '_, version, entry = text.partition(f\'version = "{sys.argv[sys.argv.index("--release") + 1]}"\')\n'
        "patch = pathlib.Path('patches', entry.partition('patches = [\"')[2].partition('\"')[0])\n"
        "print(bool(version) and patch.is_file(), 'ended as it was told')\n"
        "sys.exit(int(ends) if patch.is_file() else 9)\n"
    )
    (clone.root / "tests").mkdir()
    (clone.root / "pyproject.toml").touch()
    return clone


def _end(project: Project, arms: int, control: int) -> None:
    (project.root / "tests" / "cells").write_text(str(arms))
    (project.root / "tests" / "control").write_text(str(control))


@pytest.mark.parametrize("version", ["1.83.1", "1.84.0"], ids=["strictly", "merged"])
def test_both_arms_are_run_with_what_is_to_be_written(cells: Project, version: str) -> None:
    _end(cells, arms=0, control=1)

    result = _port(cells, version)

    assert result.exit_code == 0, result.output
    assert "True ended as it was told" in result.stdout
    assert cells.versions() == ["1.83.0", version]


@pytest.mark.parametrize("version", ["1.83.1", "1.84.0"], ids=["strictly", "merged"])
def test_arms_that_are_not_as_they_must_be_write_nothing(cells: Project, version: str) -> None:
    _end(cells, arms=1, control=1)

    assert f"litellm {version} is not as it must be: True ended as it was told" in _refused(cells, 1, version)

    assert "half finished" in _refused(cells, 2, version)
    _end(cells, arms=0, control=1)
    assert _port(cells, "--continue").exit_code == 0
    assert cells.versions() == ["1.83.0", version]


@pytest.mark.parametrize("version", ["1.83.1", "1.84.0", "1.85.0"])
def test_a_release_that_passes_the_control_arm_closes_the_range(cells: Project, version: str) -> None:
    _end(cells, arms=1, control=0)

    result = _port(cells, version)

    assert result.exit_code == 0, result.output
    assert f"litellm {version} has the fix" in result.stdout
    ledger = load_ledger(cells.patches)
    assert (str(ledger.fixed and ledger.fixed.version), cells.versions()) == (version, ["1.83.0"])
    assert not _work(cells).exists()
    _commit(cells)
    assert "needs no patch" in _refused(cells, 2, version)
    assert cells.run("check").exit_code == (0 if version == "1.83.1" else 1)


def test_a_control_arm_that_cannot_be_run_is_no_answer(cells: Project) -> None:
    _end(cells, arms=1, control=3)

    assert "the control arm of litellm 1.85.0 could not be run" in _refused(cells, 1, "1.85.0")


def test_a_ledger_that_cannot_be_written_takes_the_patch_back(clone: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "releases.toml")

    monkeypatch.setattr("upkeep.port.porting.save_ledger", fail)

    assert "No space left" in _refused(clone, 2, "1.84.0", "--without-arms")


def test_a_release_before_a_later_one_with_the_same_patch_is_refused(clone: Project) -> None:
    _port(clone, "1.84.0", "--without-arms")
    _commit(clone)
    clone.index.add("1.84.2", {ROUTER: RENAMED})
    assert _port(clone, "1.84.2", "--without-arms").exit_code == 0
    _commit(clone)
    clone.index.add("1.84.1", {ROUTER: REWRITTEN})

    assert "later releases use it" in _refused(clone, 1, "1.84.1", "--without-arms")


@pytest.mark.parametrize("arguments", [(), ("1.83.1", "--continue"), ("--continue", "--abort")])
def test_one_thing_at_a_time(clone: Project, arguments: tuple[str, ...]) -> None:
    result = _port(clone, *arguments)

    assert (result.exit_code, "give a VERSION" in result.stderr) == (2, True)


def test_the_table_of_readers_is_whole() -> None:
    """Each entry says where, since when, what for, and either why it is left or that the patch must reach it."""
    matchers, table = known_readers()

    assert {"get_fallback_model_group", "fallback_lookup_groups"} <= matchers
    assert all(reader.files and reader.what and (reader.left is None or reader.left) for reader in table)
    assert len({(reader.function, path) for reader in table for path in reader.files}) == sum(
        len(reader.files) for reader in table
    )
    assert len(readers.check_list()) == sum(reader.left is None for reader in table)


RUST = """
/// Looks `list.lookup_groups(x)` up.
fn reads<'a>(
    list: &'a Fallbacks,
) -> Option<Vec<String>> {
    list.lookup_groups(&["a"], keys)
}

impl Other for Core<'_> {
    async fn names(&self) -> &str {
        // list.lookup_groups(groups)
        "lookup_groups("
    }

    fn chains(&self) -> bool {
        self.lists.any(|list| list.has_keyed_chain(group))
    }
}

#[cfg(test)]
mod tests {
    fn reads_too() {
        list.lookup_groups(&["a"], keys);
    }
}
"""


def test_the_search_for_readers_knows_rust() -> None:
    """Comments, strings and tests read no chain; what neither the table nor the patch covers stops a port."""
    found = readers.find_readers({"litellm-rust/crates/x/src/new.rs": RUST.encode()})

    assert [(reader.name, reader.line, reader.by) for reader in found] == [
        ("reads", 3, "calls lookup_groups"),
        ("Core.chains", 15, "calls has_keyed_chain"),
    ]
    assert len(uncovered(found, {}, Version("1.109.0"))) == len(found)
    assert not uncovered(found, {found[0].path: {"reads", "Core.chains"}}, Version("1.109.0"))


def test_a_rust_function_changes_with_its_code_alone() -> None:
    edited = RUST.replace("// list", "// another list").replace("any(", "all(")

    assert changed_names(RUST.encode(), edited.encode()) == {"Core.chains"}
