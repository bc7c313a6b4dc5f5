"""The mutants of the patch in Rust, by a cargo-mutants that pretends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from litellm_patch.errors import BuildError
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.mutants import rust
from upkeep.mutants.rust import CRATES, run_rust_mutants

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release
    from tests.compiled.conftest import Toolbox

CARGO_MUTANTS = """\
#!{python}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
option = lambda name: sys.argv[sys.argv.index(name) + 1]
crate = option("--package")
added = [line for line in pathlib.Path(option("--in-diff")).read_text().splitlines() if line.startswith("+fn ")]
made = [] if (here / ("none-in-" + crate)).exists() else added
fate = "MissedMutant" if (here / ("blind-" + crate)).exists() else "CaughtMutant"
outcomes = [{{"scenario": "Baseline", "summary": "Success"}}]
outcomes += [{{"scenario": {{"Mutant": {{"name": crate + ": " + line}}}}, "summary": fate}} for line in made]
report = pathlib.Path(option("--output"), "mutants.out")
report.mkdir()
(report / "outcomes.json").write_text(json.dumps({{"outcomes": outcomes}}))
sys.exit(2 if fate == "MissedMutant" else 0)
"""
GLUE, CORE = CRATES


@pytest.fixture(autouse=True)
def box(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A cargo-mutants on the search path; the tests that go upstream belong to the real patch."""
    toolbox.install("cargo-mutants", CARGO_MUTANTS)
    monkeypatch.setattr(rust, "_with_tests", lambda *_: {})
    return toolbox


def test_the_mutants_of_each_crate_are_judged(release: Release, cache: Path, tmp_path: Path, box: Toolbox) -> None:
    lines = [
        f"+fn {name}() {{ {body} }}".replace("{  }", "{}") for name, body in (("walk", "derived()"), ("derived", ""))
    ]
    assert run_rust_mutants(release, tmp_path / "out", cache) == {
        "CaughtMutant": [f"{crate}: {line}" for crate in (GLUE, CORE) for line in lines]
    }
    box.tell(f"blind-{GLUE}")
    fates = run_rust_mutants(release, tmp_path / "out", cache)
    assert fates["MissedMutant"] == [f"{GLUE}: {line}" for line in lines]


@pytest.mark.parametrize("crate", [CORE, GLUE])
def test_a_crate_without_a_mutant_is_an_error(
    crate: str, release: Release, cache: Path, tmp_path: Path, box: Toolbox
) -> None:
    box.tell(f"none-in-{crate}")
    with pytest.raises(BuildError, match=rf"made no mutant of 1\.110\.0\.patch in {crate}"):
        run_rust_mutants(release, tmp_path / "out", cache)


def test_the_mutants_are_of_the_patched_crates_only() -> None:
    """A crate that the patch comes to touch must be added to those that are judged."""
    for release in load_ledger(bundled_folder()).compiled:
        touched = {file.path.split("/")[2] for file in release.files if file.path.endswith(".rs")}
        assert {f"litellm-{crate}" for crate in touched} == set(CRATES)


def test_what_the_glue_returns_is_written_out() -> None:
    sources = {"a.rs": b"fn f(x: u8) -> PyResult<Vec<String>> {\n", "a.py": b"# -> PyResult<u8> {"}
    assert rust._spelled_out(sources) == {
        "a.rs": b"fn f(x: u8) -> Result<Vec<String>, pyo3::PyErr> {\n",
        "a.py": sources["a.py"],
    }
