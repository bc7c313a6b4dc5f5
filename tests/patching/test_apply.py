"""Apply and revert: the right bytes, all or none, and nothing else touched."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patching.factory import (
    HANDLER,
    PATCHED,
    ROUTER,
    STOCK,
    Installation,
    make_patch,
    make_world,
    snapshot,
    write_install,
    write_ledger,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_round_trip(world: Installation) -> None:
    stock = snapshot(world.root)
    output = world.expect(0, "apply")
    assert output.splitlines() == [
        f"patched {world.router}",
        f"patched {world.handler}",
        f"patched {world.record}",
        f"patched {world.marker}",
        f"patched: litellm 1.83.0 in {world.site / 'litellm'}, 4 file(s) changed",
        "next: restart the proxy",
    ]
    assert {path: (world.site / path).read_bytes() for path in PATCHED} == PATCHED
    assert snapshot(world.root).keys() - stock.keys() == {str(world.marker.relative_to(world.root))}
    assert "reverted: litellm 1.83.0" in world.expect(0, "revert")
    assert snapshot(world.root) == stock


_LINES = st.lists(st.sampled_from(["a\n", "b\n", "\n", "é\n", "  x = 1\n"]), max_size=30).map("".join)


@settings(max_examples=50, deadline=None)
@given(st.fixed_dictionaries({ROUTER: st.tuples(_LINES, _LINES), HANDLER: st.tuples(_LINES, _LINES)}))
def test_any_edit_makes_the_round_trip(edits: dict[str, tuple[str, str]]) -> None:
    before = STOCK | {path: old.encode() for path, (old, _) in edits.items()}
    after = {path: new.encode() for path, (old, new) in edits.items() if old != new}
    if not after:
        return
    with tempfile.TemporaryDirectory() as folder:
        world = Installation(Path(folder), Path(folder), Path(folder) / "site", Path(folder) / "patches")
        write_install(world.site, files=before)
        write_ledger(world.patches, before, after)
        stock = snapshot(world.site)
        world.expect(0, "apply")
        assert {path: (world.site / path).read_bytes() for path in before} == before | after
        world.expect(0, "revert")
        assert snapshot(world.site) == stock


def test_a_second_time_changes_nothing(world: Installation) -> None:
    assert "nothing to revert" in world.expect(0, "revert")
    world.expect(0, "apply")

    def marks() -> dict[Path, tuple[int, int]]:  # not the time of access: reading is allowed
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in world.site.rglob("*")}

    before = marks()
    assert "already applied" in world.expect(0, "apply")
    assert marks() == before


@pytest.mark.parametrize("patched", [[ROUTER], [HANDLER], [ROUTER, HANDLER]])
@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_a_partly_patched_tree_is_brought_home(world: Installation, patched: list[str], verb: str) -> None:
    stock = snapshot(world.site)
    world.expect(0, "apply")
    full = {path: (world.site / path).read_bytes() for path in STOCK}
    world.expect(0, "revert")
    for path in patched:
        (world.site / path).write_bytes(PATCHED[path])
    assert "partial" in world.expect(4, "status")
    world.expect(0, verb)
    if verb == "apply":
        assert {path: (world.site / path).read_bytes() for path in STOCK} == full
        assert world.marker.exists()
    else:
        assert snapshot(world.site) == stock


def test_offsets_keep_a_hunk_out_of_the_twin(world: Installation) -> None:
    """The release has one function more than the patch knows, just like the one that the patch changes."""
    twin = b"def extra(model):\n    name = model\n    group = groups.get(name)\n    return group\n\n\n"
    before = {path: data.replace(b"def completion", twin + b"def completion") for path, data in STOCK.items()}
    after = {ROUTER: PATCHED[ROUTER].replace(b"def completion", twin + b"def completion")}
    patch = make_patch(STOCK, {ROUTER: PATCHED[ROUTER]}, context=0)
    write_ledger(world.patches, before, after, {ROUTER: [6, 6]}, patch)
    site = world.root / "new"
    write_install(site, files=before)
    world.expect(0, "apply", site)
    assert (site / ROUTER).read_bytes() == after[ROUTER]
    world.expect(0, "revert", site)

    write_ledger(world.patches, before, after, {ROUTER: [0, 6]}, patch)  # the first hunk fits the twin to the byte
    assert "1.83.0.patch and the ledger disagree on litellm/router.py" in world.expect(1, "apply", site)
    write_ledger(world.patches, before, after, {ROUTER: [1, 6]}, patch)
    assert "hunk 1 does not match" in world.expect(1, "apply", site)


def test_the_cache_behind_hard_links_keeps_its_bytes(world: Installation) -> None:
    cache = world.root / "cache"
    cache.mkdir()
    for path in (world.router, world.handler, world.record):
        os.link(path, cache / path.name)
    before = snapshot(cache)
    world.expect(0, "apply")
    assert snapshot(cache) == before
    world.expect(0, "revert")
    assert snapshot(cache) == before


def test_modes_are_kept(world: Installation) -> None:
    world.router.chmod(0o440)
    world.handler.chmod(0o755)
    world.expect(0, "apply")
    assert stat.S_IMODE(world.router.stat().st_mode) == 0o440
    assert stat.S_IMODE(world.handler.stat().st_mode) == 0o755


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_is_kept(world: Installation) -> None:
    os.chown(world.router, 12345, 23456)
    world.expect(0, "apply")
    assert (world.router.stat().st_uid, world.router.stat().st_gid) == (12345, 23456)


def test_an_owner_that_cannot_be_set_is_no_error(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    world.expect(0, "apply")


def test_a_venv_inside_a_git_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)  # noqa: S603, S607
    (tmp_path / ".gitignore").write_text("env/\n")
    world = make_world(tmp_path)
    world.expect(0, "apply")
    assert world.router.read_bytes() == PATCHED[ROUTER]


@pytest.mark.parametrize("verb", ["apply", "revert"])
@pytest.mark.parametrize("start", ["clean", "applied"])
@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda file: file.write_bytes(file.read_bytes() + b"# mine\n"), "litellm/router.py was edited"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n", 2)), "litellm/router.py mixes CRLF"),
        (lambda file: file.unlink(), "litellm/router.py is missing"),
        (lambda file: file.write_bytes(b""), "litellm/router.py was edited"),
    ],
)
def test_a_drifted_file_is_refused(
    world: Installation, verb: str, start: str, edit: Callable[[Path], object], text: str
) -> None:
    if start == "applied":
        world.expect(0, "apply")
    edit(world.router)
    output = world.expect(5, verb)
    assert text in output
    assert "reinstall litellm 1.83.0" in output
    assert "handler" not in output
    assert text in world.expect(5, "status")


@pytest.mark.parametrize(("version", "code", "text"), [("1.82.7", 7, "malicious upload"), ("1.84.0", 6, "1.83.0")])
def test_a_release_that_is_not_supported_is_refused(world: Installation, version: str, code: int, text: str) -> None:
    site = world.root / "other"
    write_install(site, version)
    for verb in ("apply", "revert", "status"):
        assert text in world.expect(code, verb, site)


def test_a_patch_edited_by_hand_is_refused(world: Installation) -> None:
    file = world.patches / "1.83.0.patch"
    file.write_bytes(
        file.read_bytes().replace(b"+    group = groups.get(resolve(name))", b"+    group = resolve(name)")
    )
    assert "disagree on litellm/router.py" in world.expect(1, "apply")


def test_a_patch_that_leaves_the_package_is_refused(world: Installation) -> None:
    file = world.patches / "1.83.0.patch"
    file.write_bytes(file.read_bytes().replace(b"litellm/router.py", b"litellm/../../x.py"))
    assert "not a change of one file below a/litellm/" in world.expect(1, "apply")
