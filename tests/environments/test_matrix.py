"""Which cells a run takes, what it leaves behind, and the table made of that; no litellm is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from litellm_patch.patching.ledger import Ledger, bundled_folder, load_ledger
from upkeep.cells import command as cells
from upkeep.cells import table
from upkeep.cells.breakage import Breakage, find_breakage
from upkeep.cells.cell import run_cell
from upkeep.cells.environment import ROOT, Environment, UntrustedEnvironmentError
from upkeep.cells.result import CellResult, read_results, write_result
from upkeep.cells.selection import SELECTIONS, Shard, select
from upkeep.command import run

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release

ARMS = {"stock": {"passed": 3, "xfailed": 2}, "patched": {"passed": 5, "skipped": 1}}


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load_ledger(bundled_folder())


@pytest.fixture
def small(ledger: Ledger) -> Ledger:
    """The releases of the two oldest patches that have several."""
    oldest, second = [patch for patch, count in Counter(r.patch for r in ledger.releases).items() if count > 1][:2]
    return replace(ledger, releases=tuple(r for r in ledger.releases if r.patch in {oldest, second}))


def _results(ledger: Ledger, python: str = "3.11.7") -> list[CellResult]:
    return [CellResult.of(release, python, ARMS) for release in ledger.releases]


def _page(inside: str = "") -> str:
    return f"# before\n{table.BEGIN}\n{inside}\n{table.END}\nafter\n"


@given(st.lists(st.integers(), max_size=400), st.integers(1, 40))
def test_shards_are_a_partition_into_equal_parts(cells: list[int], count: int) -> None:
    shards = [Shard(number, count).of(cells) for number in range(1, count + 1)]

    assert sorted(cell for shard in shards for cell in shard) == sorted(cells)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_selections_grow(ledger: Ledger) -> None:
    chosen = {selection: [r.version for r in select(ledger.releases, selection)] for selection in SELECTIONS}

    assert chosen["all"] == [release.version for release in ledger.releases]
    assert chosen["edges"] == [ledger.releases[0].version, ledger.releases[-1].version]
    assert set(chosen["edges"]) <= set(chosen["ends"]) <= set(chosen["minors"]) <= set(chosen["all"])
    assert {ledger.find(version).patch for version in chosen["ends"]} == {r.patch for r in ledger.releases}
    assert {version.release[:2] for version in chosen["minors"]} == {v.release[:2] for v in chosen["all"]}
    for versions in chosen.values():
        assert versions == sorted(versions)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1/0", "1", "a/b", "-1/2", ""])
def test_a_shard_that_is_none_is_refused(shard: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("cells", "--folder", tmp_path, "--results", tmp_path, f"--shard={shard}") == 2

    assert "is not a shard: expected something like 2/4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("release", "message"), [("1.82.7", "denied"), ("9.9.9", "not supported"), ("nonsense", "nonsense")]
)
def test_a_release_that_cannot_be_run_is_refused(
    release: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cells", "--folder", tmp_path, "--results", tmp_path, f"--release={release}") == 2

    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_run_says_which_cells_are_wrong_and_goes_on(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def cell(
        release: Release, _folder: Path, results: Path | None, arguments: tuple[str, ...], *_: object
    ) -> tuple[bool, str]:
        ran.append(str(release.version))
        assert (results, arguments) == (tmp_path, ())
        return release is not ledger.in_place[-1], "said"

    monkeypatch.setattr(cells, "load_ledger", lambda _: ledger)
    monkeypatch.setattr(cells, "run_cell", cell)

    assert run("cells", "--folder", tmp_path, "--results", tmp_path, "--select", "edges") == 1

    assert ran == [str(ledger.in_place[0].version), str(ledger.in_place[-1].version)]
    assert "1 of 2 cells" in (said := capsys.readouterr().out)
    assert f"failed: {ran[-1]}" in said


def test_a_part_of_the_tests_is_no_result(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Path | None] = []

    def cell(
        _release: Release, _folder: Path, results: Path | None, _arguments: tuple[str, ...], *_: object
    ) -> tuple[bool, str]:
        kept.append(results)
        return True, ""

    monkeypatch.setattr(cells, "run_cell", cell)
    oldest = str(ledger.releases[0].version)

    run("cells", "--folder", tmp_path, "--results", tmp_path, "--release", oldest, "-k", "x")

    assert kept == [None]


class _Interpreter:
    """An environment whose interpreter says one thing."""

    def __init__(self, release: Release, returncode: int, stdout: str) -> None:
        self.release, self.returncode, self.stdout = release, returncode, stdout

    def run(self, *_arguments: str) -> _Interpreter:
        return self


@pytest.mark.parametrize(
    ("returncode", "stdout", "right", "said"),
    [
        (1, "ImportError: no such name", True, "broken upstream as known: no such name (https://link)"),
        (0, "", False, "can be imported, expected 'no such name': take it out of known_breakage.toml"),
        (1, "SyntaxError: new", False, "fails in another way than known_breakage.toml says"),
    ],
)
def test_known_breakage_must_break_as_known(
    ledger: Ledger, *, returncode: int, stdout: str, right: bool, said: str
) -> None:
    breakage = Breakage(">=1", ">=3", "no such name", "https://link")

    judged = breakage.judge(_Interpreter(ledger.releases[0], returncode, stdout))  # type: ignore[arg-type]

    assert judged[0] is right
    assert said in judged[1]


def test_known_breakage_is_found_by_release_and_python(tmp_path: Path) -> None:
    path = tmp_path / "known_breakage.toml"
    here = f"=={sys.version_info[0]}.{sys.version_info[1]}.*"
    entry = '[[broken]]\nreleases = ">=1.5,<1.6"\npython = "{}"\nerror = "e"\nlink = "l"\n'
    path.write_text(entry.format(here))
    assert find_breakage(Version("1.5.3"), path) == Breakage(">=1.5,<1.6", here, "e", "l")
    assert find_breakage(Version("1.6.0"), path) is None
    path.write_text(entry.format("<3"))
    assert find_breakage(Version("1.5.3"), path) is None


@pytest.mark.parametrize("text", ["[[broken]]\n", "broken = 1\n", "not toml", '[[broken]]\nreleases = "x"\n'])
def test_a_damaged_ledger_of_breakage_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known_breakage.toml"
    path.write_text(text)

    with pytest.raises(UntrustedEnvironmentError, match=r"known_breakage\.toml is damaged"):
        find_breakage(Version("1.5.3"), path)


def test_a_cell_whose_environment_cannot_be_trusted_is_wrong(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UntrustedEnvironmentError("the reason")

    monkeypatch.setattr("upkeep.cells.environment.ready", refuse)

    assert run_cell(ledger.releases[0], tmp_path, tmp_path / "results") == (
        False,
        f"litellm {ledger.releases[0].version}: the reason",
    )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("wrong", ["stock", "patched"])
def test_a_cell_with_a_wrong_arm_shows_all_of_it_and_leaves_no_result(
    wrong: str, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(environment: Environment, *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        failed = environment.folder.name == wrong
        return subprocess.CompletedProcess([], int(failed), f"details of {environment.folder.name}\na summary\n")

    monkeypatch.setattr("upkeep.cells.environment.ready", lambda folder, release, _: Environment(folder, release))
    monkeypatch.setattr("upkeep.cells.environment.apply_patch", lambda _: None)
    monkeypatch.setattr(Environment, "run", run)

    passed, said = run_cell(ledger.releases[0], tmp_path, tmp_path / "results", ["--a-part"])

    assert not passed
    assert said.count("details of") == 1
    assert f"{wrong}: details of {wrong}\na summary" in said
    assert not (tmp_path / "results").exists()


def test_results_are_read_as_written_and_the_later_one_counts(small: Ledger, tmp_path: Path) -> None:
    results = _results(small)
    for result in results:
        write_result(tmp_path, result)
    old = tmp_path / "old"
    old.write_text(json.dumps([{**vars(results[0]), "patched_files": "old"}]))

    assert read_results([old, *sorted(tmp_path.glob("*.json"))]) == results
    assert read_results([*sorted(tmp_path.glob("*.json")), old])[0].patched_files == "old"


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[1]", '{"litellm": "x"}', "null"),
        '{"litellm": "1.0", "python": "3.11", "patched_files": "x", "arms": 1}',
        '{"litellm": "1.0", "python": "3.11", "patched_files": "x", "arms": {"stock": {}}}',
        '{"litellm": "1.0", "python": "3.11", "patched_files": "x", "arms": {"stock": {"passed": "1"}, "patched": {}}}',
        '{"litellm": "x", "python": "3.11", "patched_files": "x", "arms": {"stock": {}, "patched": {}}}',
    ],
)
def test_a_file_that_is_no_result_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)

    with pytest.raises(ValueError, match=r"x\.json is no result of a cell"):
        read_results([tmp_path / "x.json"])


def test_the_table_counts_per_patch(small: Ledger) -> None:
    results = _results(small)
    results[-1] = replace(results[-1], arms={**ARMS, "patched": {"passed": 9}})
    newest = CellResult.of(small.releases[-1], "3.10.13", ARMS)

    page = table.render([*results, newest], small, _page("stale"))[table.PAGE]

    first = [release for release in small.releases if release.patch == small.releases[0].patch]
    assert f"| {first[0].version} to {first[-1].version} | {len(first)} of {len(first)} | 2 and 3 | 5 |" in page
    assert "| 2 and 3 | 5 to 9 |" in page
    assert f"{small.releases[-1].version} on Python 3.11, 3.10." in page
    assert "stale" not in page
    assert page.startswith("# before\n")
    assert page.endswith("\nafter\n")


def test_the_table_is_the_same_when_made_of_itself(small: Ledger, tmp_path: Path) -> None:
    files = table.render(_results(small), small, _page())
    (tmp_path / "x.json").write_text(files[table.RESULTS])

    assert table.render(read_results([tmp_path / "x.json"]), small, files[table.PAGE]) == files


def test_a_release_without_a_result_is_named(small: Ledger) -> None:
    results = _results(small)
    other_code = replace(results[0], patched_files="0" * 16)

    with pytest.raises(table.StaleTableError, match=rf"1 of 4 ends .* as it is: {results[0].litellm};"):
        table.render([other_code, *results[1:]], small, _page())


def test_a_release_between_the_ends_that_was_not_run_is_counted(small: Ledger) -> None:
    results = _results(small)
    first = [release for release in small.releases if release.patch == small.releases[0].patch]

    page = table.render([results[0], *results[2:]], small, _page())[table.PAGE]

    assert f"| {len(first) - 1} of {len(first)} |" in page
    assert f"{len(results) - 1} of {len(results)} releases run with their patch as it is" in page


def test_a_result_of_a_release_that_has_left_the_ledger_goes(small: Ledger) -> None:
    fewer = replace(small, releases=small.releases[1:])

    assert small.releases[0].version.public not in table.render(_results(small), fewer, _page())[table.RESULTS]


def _project(folder: Path, ledger: Ledger) -> Path:
    (folder / "docs").mkdir()
    for name, text in table.render(_results(ledger), ledger, _page()).items():
        (folder / name).write_text(text)
    return folder


def test_check_finds_a_stale_table_and_writes_nothing(
    small: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "load_ledger", lambda _: small)
    project = _project(tmp_path, small)
    assert run("table", "--root", project, "--check") == 0
    path = project / table.PAGE
    right = path.read_text()
    path.write_text(wrong := right.replace("2", "7", 1))

    assert run("table", "--root", project, "--check") == 1
    assert f"{table.PAGE} would be written otherwise" in capsys.readouterr().err
    assert path.read_text() == wrong

    assert run("table", "--root", project) == 0
    assert path.read_text() == right
    assert sorted(path.name for path in project.rglob("*") if path.is_file()) == [
        "compatibility.json",
        "compatibility.md",
    ]


def test_new_results_are_taken_in(
    small: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "load_ledger", lambda _: small)
    project = _project(tmp_path, small)
    write_result(tmp_path / "new", CellResult.of(small.releases[0], "3.13.0", ARMS))

    assert run("table", "--root", project, "--results", str(tmp_path / "new")) == 0

    assert table.RESULTS in capsys.readouterr().out
    assert '"python": "3.13"' in (project / table.RESULTS).read_text()


@pytest.mark.parametrize("damage", ["no results", "damaged results", "no place", "no page"])
def test_a_table_that_cannot_be_made_is_said_in_a_line(
    small: Ledger, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "load_ledger", lambda _: small)
    project = _project(tmp_path, small)
    if damage == "no results":
        (project / table.RESULTS).unlink()
    elif damage == "damaged results":
        (project / table.RESULTS).write_text("{")
    elif damage == "no place":
        (project / table.PAGE).write_text("# nothing\n")
    else:
        (project / table.PAGE).unlink()

    assert run("table", "--root", project) in {1, 2}

    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_the_committed_table_is_what_the_results_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("table", "--root", ROOT, *["--check"]) == 0, capsys.readouterr().err
