"""Mutants of what a patch adds in Rust: made by cargo-mutants, judged by the tests that go upstream with the patch."""

from __future__ import annotations

import difflib
import json
import re
import shutil
from typing import TYPE_CHECKING

from litellm_patch.building.workspace import CRATE, RUST, workspace
from litellm_patch.errors import BuildError
from litellm_patch.patching.ledger import bundled_folder
from litellm_patch.patching.patchfile import parse_patch
from upkeep.compiled.workspace import REPLACED, default_cache, sources_of, with_python
from upkeep.releases.locating import locate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Release

CRATES: Mapping[str, tuple[str, ...]] = {CRATE: ("--", "--lib", "router::"), "litellm-router-core": ()}
"""The crates that the patch changes, and which of a crate's tests judge: all, or those of a module."""
TESTS = "upstream/rust"
_JUDGED = (0, 2, 3)  # exit codes of cargo-mutants: all noticed, some missed, some timed out


def run_rust_mutants(release: Release, output: Path, cache: Path | None = None) -> dict[str, list[str]]:
    """Run the mutants of a compiled release's patch.

    Args:
        release: Which.
        output: A folder for cargo-mutants' own report.
        cache: As for `build`.

    Returns:
        The mutants by what became of them: ``CaughtMutant``, ``MissedMutant``, ``Timeout``, ``Unviable``.

    Raises:
        BuildError: There is no cargo-mutants, or the tests fail without a mutant; or none was made of a crate.
    """
    program = shutil.which("cargo-mutants")
    if program is None:
        raise BuildError("cargo-mutants was not found", "cargo install cargo-mutants")
    cache = cache or default_cache()
    stock, patched = (sources_of(release, series, cache) for series in ((), (release,)))
    stock, tested = map(_spelled_out, (stock, {**patched, **_with_tests(release, patched)}))
    shutil.rmtree(output, ignore_errors=True)
    fates: dict[str, list[str]] = {}
    with workspace(cache, REPLACED, {**with_python(), "CARGO_INCREMENTAL": "1"}) as place:
        place.prepare(tested)
        diff = place.folder / "patch.diff"
        diff.write_text(_difference(release, stock, tested), encoding="utf-8")
        for crate, which in CRATES.items():
            report = output / crate
            report.mkdir(parents=True)
            options = ("--in-place", "--package", crate, "--timeout", "120", "--no-shuffle")
            where = ("--in-diff", diff, "--output", report)
            place.run(program, "mutants", *options, *where, *which, allowed=_JUDGED)
            outcomes = json.loads((report / "mutants.out" / "outcomes.json").read_bytes())["outcomes"]
            made = [outcome for outcome in outcomes if outcome["scenario"] != "Baseline"]
            if not made:
                raise BuildError(f"cargo-mutants made no mutant of {release.patch.name} in {crate}", f"read {report}")
            for outcome in made:
                fates.setdefault(outcome["summary"], []).append(outcome["scenario"]["Mutant"]["name"])
    return fates


def _spelled_out(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The sources with ``PyResult`` written out: of an alias cargo-mutants makes nothing that compiles."""
    alias, itself = rb"-> PyResult<(.+)> \{", rb"-> Result<\1, pyo3::PyErr> {"
    return {path: re.sub(alias, itself, data) if path.endswith(".rs") else data for path, data in contents.items()}


def _with_tests(release: Release, patched: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that the tests patch changes, after it."""
    path = bundled_folder() / TESTS / f"{release.patch.stem}-tests.patch"
    patches = parse_patch(path.read_bytes(), path.name)
    return {file: patch.apply(patched[file], locate(patch, patched[file])) for file, patch in patches.items()}


def _difference(release: Release, stock: Mapping[str, bytes], tested: Mapping[str, bytes]) -> str:
    """What the patch adds to the Rust sources, as it stands in the tree; cargo-mutants leaves tests out by itself."""
    lines: list[str] = []
    for image in release.files:
        path = image.path.removeprefix(f"{RUST}/")
        if path == image.path or not path.endswith(".rs"):
            continue
        before, after = (files.get(image.path, b"").decode().splitlines(keepends=True) for files in (stock, tested))
        lines += difflib.unified_diff(before, after, f"a/{path}" if before else "/dev/null", f"b/{path}")
    return "".join(lines)
