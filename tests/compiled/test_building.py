"""What is built, what is kept, and what is said when it cannot be."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from litellm_patch.building.lockfile import check_lock, locked_versions
from litellm_patch.errors import BuildError, NoCargoError
from tests.compiled.conftest import CORE, DERIVED, LOCK, RUSTC, STOCK, with_archive
from upkeep.compiled.workspace import REPLACED, build, compiles

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release
    from tests.compiled.conftest import Toolbox

PATCHED = b"fn derived() {}\nfn walk() { derived() }\n"


def tree_of(cache: Path) -> Path:
    return cache / "rustc-1.95.0-x86_64-unknown-linux-gnu" / "tree"


def built_in(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*/built/*/*") if path.is_file()]


def test_the_stock_and_the_patched_sources_are_built(release: Release, cache: Path, toolbox: Toolbox) -> None:
    stock, patched = (build(release, patched=patched, cache=cache) for patched in (False, True))
    assert stock.path.read_bytes() == STOCK[CORE]
    assert patched.path.read_bytes() == PATCHED
    assert set(patched.sources) - set(stock.sources) == {DERIVED}
    assert toolbox.asked == ["metadata", "build", "build"]  # the lock file is derived once


def test_what_was_built_is_kept(release: Release, cache: Path, toolbox: Toolbox) -> None:
    build(release, patched=True, cache=cache)
    assert toolbox.asked
    kept = build(release, patched=True, cache=cache)
    assert (kept.seconds, kept.path.read_bytes(), toolbox.asked) == (0, PATCHED, [])


@pytest.mark.parametrize("damage", ["another content", "no note"])
def test_what_is_not_as_it_was_built_is_built_again(
    damage: str, release: Release, cache: Path, toolbox: Toolbox
) -> None:
    path = build(release, patched=True, cache=cache).path
    assert toolbox.asked
    if damage == "no note":
        path.with_name("sha256").unlink()
    else:
        path.write_bytes(b"evil")
    assert build(release, patched=True, cache=cache).path.read_bytes() == PATCHED
    assert toolbox.asked == ["build"]


def test_only_what_differs_is_written(release: Release, cache: Path, toolbox: Toolbox) -> None:
    """Else cargo would compile all crates anew; and what an archive has no more goes."""
    build(release, patched=True, cache=cache)
    tree = tree_of(cache)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*") if path.is_file()}
    build(release, patched=False, cache=cache)
    after = {path: path.stat().st_mtime_ns for path in tree.rglob("*") if path.is_file()}
    changed = {str(path.relative_to(tree)) for path in before if before[path] != after.get(path)}
    assert changed == {CORE, DERIVED, "litellm/router.py"}
    assert not (tree / DERIVED).exists()
    assert toolbox.asked


def test_another_patch_is_another_extension(release: Release, cache: Path, toolbox: Toolbox) -> None:
    first = build(release, patched=True, cache=cache).path
    release.patch.write_bytes(b"A word more.\n\n" + release.patch.read_bytes())
    assert build(release, patched=True, cache=cache).path != first
    assert toolbox.asked.count("build") == 2


def test_a_build_that_fails_is_said_in_a_line_and_leaves_nothing(
    release: Release, cache: Path, toolbox: Toolbox
) -> None:
    toolbox.tell("fails")
    line = r"cargo build ended with 1: error\[E0308\]: mismatched types; read .*"
    with pytest.raises(BuildError, match=line) as error:
        build(release, patched=True, cache=cache)
    assert "\n" not in str(error.value)
    assert built_in(cache) == []
    toolbox.tell("fails", off=True)
    assert build(release, patched=True, cache=cache).path.read_bytes() == PATCHED


def test_an_archive_with_another_hash_is_not_opened(release: Release, cache: Path, toolbox: Toolbox) -> None:
    (archive,) = (cache / "sdists").iterdir()
    archive.write_bytes(b"evil")
    with pytest.raises(BuildError, match=r"litellm-1\.110\.0\.tar\.gz has sha256 \w{64}, expected \w{64}; "):
        build(release, patched=False, cache=cache)
    assert not archive.exists()
    assert toolbox.asked == []


@pytest.mark.parametrize("path", ["litellm-1.110.0/../evil", "evil", "litellm-1.110.1/README.md"])
def test_an_archive_that_leaves_its_folder_is_refused(
    path: str, release: Release, cache: Path, toolbox: Toolbox
) -> None:
    with pytest.raises(BuildError, match=r"expected plain files below litellm-1\.110\.0/"):
        build(with_archive(release, cache, {path: b""}), patched=False, cache=cache)
    assert toolbox.asked == []


def test_sources_that_the_ledger_does_not_know_are_not_built(release: Release, cache: Path, toolbox: Toolbox) -> None:
    files = {f"litellm-1.110.0/{path}": data for path, data in STOCK.items()} | {f"litellm-1.110.0/{DERIVED}": b""}
    with pytest.raises(BuildError, match="expected absent and"):
        build(with_archive(release, cache, files), patched=True, cache=cache)
    assert toolbox.asked == []


def test_a_machine_without_cargo(release: Release, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoCargoError, match=r"cargo was not found, .*; install Rust"):
        build(release, patched=False, cache=cache)


def test_a_toolchain_that_is_too_old(release: Release, cache: Path, toolbox: Toolbox) -> None:
    toolbox.install("rustc", RUSTC, release="1.87.0")
    with pytest.raises(BuildError, match=r"found Rust 1\.87\.0, expected 1\.88 or later; run rustup update"):
        build(release, patched=False, cache=cache)
    assert toolbox.asked == []


def test_a_toolchain_that_does_not_work(release: Release, cache: Path, toolbox: Toolbox) -> None:
    toolbox.install("rustc", "#!{python}\nraise SystemExit(1)")
    with pytest.raises(BuildError, match="`rustc --version --verbose` failed"):
        build(release, patched=False, cache=cache)


def test_a_crate_that_cargo_moves_is_noticed(release: Release, cache: Path, toolbox: Toolbox) -> None:
    toolbox.tell("moves")
    with pytest.raises(BuildError, match=r"other crates than upstream's lock file has: serde 1\.0\.1 \(aa\); see why"):
        build(release, patched=False, cache=cache)
    assert not list(cache.glob("*/locks/*"))
    assert built_in(cache) == []


def test_a_crate_with_another_checksum_is_noticed() -> None:
    check_lock(LOCK, LOCK, {})
    with pytest.raises(BuildError, match=r"serde 1\.0\.0 \(bb\)"):
        check_lock(LOCK, LOCK.replace(b'"aa"', b'"bb"'), {})


@pytest.mark.parametrize("wanted", ["0.9.0", "0.9.0#cc"])
def test_a_replaced_crate_is_taken_in_that_version_alone(wanted: str) -> None:
    taken = LOCK.replace(b"1.0.0", b"0.9.0").replace(b'"aa"', b'"cc"')
    check_lock(LOCK, taken, {"serde": wanted})
    with pytest.raises(BuildError, match=r"serde 1\.0\.0"):
        check_lock(LOCK, LOCK, {"serde": wanted})
    with pytest.raises(BuildError, match=r"serde 0\.9\.0 \(cc\)"):
        check_lock(LOCK, taken, {"serde": "0.9.0#dd"})


def test_only_what_upstream_locked_otherwise_is_replaced(release: Release, cache: Path, toolbox: Toolbox) -> None:
    build(release, patched=False, cache=cache)
    assert "update" not in toolbox.asked
    assert not {name for name in REPLACED if locked_versions(LOCK, name)}


def test_cargo_judges_the_patched_sources_once(release: Release, cache: Path, toolbox: Toolbox) -> None:
    assert compiles(release, cache)
    assert toolbox.asked == ["metadata", "check"]
    assert not compiles(release, cache)
    assert toolbox.asked == []
    toolbox.tell("fails")
    release.patch.write_bytes(b"A word more.\n\n" + release.patch.read_bytes())
    with pytest.raises(BuildError, match="cargo check ended with 1: error"):
        compiles(release, cache)
