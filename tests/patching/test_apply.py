"""Apply and revert: the right bytes, all or none, and nothing else touched."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patching.factory import (
    HANDLER,
    PATCHED,
    ROUTER,
    STOCK,
    World,
    make_patch,
    make_world,
    record_row,
    snapshot,
    write_install,
    write_ledger,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_round_trip(world: World) -> None:
    stock = snapshot(world.root)
    output = world.expect(0, "apply")
    assert output.splitlines() == [
        f"patched {world.router}",
        f"patched {world.handler}",
        f"patched {world.record}",
        f"patched: litellm 1.83.0 in {world.site / 'litellm'}, 3 file(s) changed",
    ]
    assert {path: (world.site / path).read_bytes() for path in PATCHED} == PATCHED
    rows = "".join(record_row(path, data) for path, data in (STOCK | PATCHED).items())
    assert world.record.read_bytes().decode() == f"{rows}litellm-1.83.0.dist-info/RECORD,,\r\n"
    assert snapshot(world.root).keys() == stock.keys()
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
        world = World(Path(folder), Path(folder), Path(folder) / "site", Path(folder) / "patches")
        write_install(world.site, files=before)
        write_ledger(world.patches, before, after)
        stock = snapshot(world.site)
        world.expect(0, "apply")
        assert {path: (world.site / path).read_bytes() for path in before} == before | after
        world.expect(0, "revert")
        assert snapshot(world.site) == stock


def test_a_second_time_changes_nothing(world: World) -> None:
    assert "nothing to revert" in world.expect(0, "revert")
    world.expect(0, "apply")

    def marks() -> dict[Path, tuple[int, int]]:  # not the time of access: reading is allowed
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in world.site.rglob("*")}

    before = marks()
    assert "already applied" in world.expect(0, "apply")
    assert marks() == before


@pytest.mark.parametrize("patched", [[ROUTER], [HANDLER], [ROUTER, HANDLER]])
@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_a_partly_patched_tree_is_brought_home(world: World, patched: list[str], verb: str) -> None:
    stock = snapshot(world.site)
    world.expect(0, "apply")
    full = snapshot(world.site)
    world.expect(0, "revert")
    for path in patched:
        (world.site / path).write_bytes(PATCHED[path])
    assert "partial" in world.expect(4, "status")
    world.expect(0, verb)
    assert snapshot(world.site) == (full if verb == "apply" else stock)


def test_offsets_keep_a_hunk_out_of_the_twin(world: World) -> None:
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
    assert "1.83.0.patch and the ledger disagree on litellm/router.py" in world.expect(21, "apply", site)
    write_ledger(world.patches, before, after, {ROUTER: [1, 6]}, patch)
    assert "hunk 1 does not match" in world.expect(21, "apply", site)


def test_the_cache_behind_hard_links_keeps_its_bytes(world: World) -> None:
    cache = world.root / "cache"
    cache.mkdir()
    for path in (world.router, world.handler, world.record):
        os.link(path, cache / path.name)
    before = snapshot(cache)
    world.expect(0, "apply")
    assert snapshot(cache) == before
    world.expect(0, "revert")
    assert snapshot(cache) == before


def test_modes_are_kept(world: World) -> None:
    world.router.chmod(0o440)
    world.handler.chmod(0o755)
    world.expect(0, "apply")
    assert stat.S_IMODE(world.router.stat().st_mode) == 0o440
    assert stat.S_IMODE(world.handler.stat().st_mode) == 0o755


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_is_kept(world: World) -> None:
    os.chown(world.router, 12345, 23456)
    world.expect(0, "apply")
    assert (world.router.stat().st_uid, world.router.stat().st_gid) == (12345, 23456)


def test_an_owner_that_cannot_be_set_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    world.expect(0, "apply")


def test_stale_bytecode_goes_and_other_bytecode_stays(world: World) -> None:
    cache = world.router.parent / "__pycache__"
    cache.mkdir()
    stale = ["router.cpython-311.pyc", "router.cpython-312.opt-1.pyc", "router.pypy310.pyc"]
    other = ["main.cpython-311.pyc", "router_utils.cpython-311.pyc", "router.txt"]
    for name in stale + other:
        (cache / name).write_bytes(b"code")
    world.expect(0, "apply")
    assert sorted(path.name for path in cache.iterdir()) == sorted(other)


def test_a_record_without_hashes_is_left_alone(world: World) -> None:
    world.record.write_bytes(b"litellm/router.py,,\nlitellm/main.py,,\n")
    assert "2 file(s) changed" in world.expect(0, "apply")
    assert world.record.read_bytes() == b"litellm/router.py,,\nlitellm/main.py,,\n"
    world.expect(0, "status")


def test_an_install_without_record(world: World) -> None:
    world.record.unlink()
    world.expect(0, "apply")
    world.expect(0, "status")


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
        (lambda file: file.write_bytes(file.read_bytes() + b"# mine\n"), "litellm/router.py was modified"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n")), "litellm/router.py has CRLF line"),
        (lambda file: file.unlink(), "litellm/router.py is missing"),
        (lambda file: file.write_bytes(b""), "litellm/router.py was modified"),
    ],
)
def test_a_modified_file_is_refused(
    world: World, verb: str, start: str, edit: Callable[[Path], object], text: str
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
def test_a_release_that_is_not_supported_is_refused(world: World, version: str, code: int, text: str) -> None:
    site = world.root / "other"
    write_install(site, version)
    for verb in ("apply", "revert", "status"):
        assert text in world.expect(code, verb, site)


def test_a_patch_edited_by_hand_is_refused(world: World) -> None:
    file = world.patches / "1.83.0.patch"
    file.write_bytes(
        file.read_bytes().replace(b"+    group = groups.get(resolve(name))", b"+    group = resolve(name)")
    )
    assert "disagree on litellm/router.py" in world.expect(21, "apply")


def test_a_patch_that_leaves_the_package_is_refused(world: World) -> None:
    file = world.patches / "1.83.0.patch"
    file.write_bytes(file.read_bytes().replace(b"litellm/router.py", b"litellm/../../x.py"))
    assert "not a change of one file below a/litellm/" in world.expect(21, "apply")


def fail(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *calls: int) -> None:
    """Make the given calls of a function, counted from 1, fail as on a full disk."""
    function, count = getattr(owner, name), itertools.count(1)

    def fault(*args: object, **kwargs: object) -> object:
        if next(count) in calls:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*args, **kwargs)

    monkeypatch.setattr(owner, name, fault)


@pytest.mark.parametrize("verb", ["apply", "revert"])
@pytest.mark.parametrize(
    "fault",
    [
        *((Path, "replace", call) for call in (1, 2, 3)),
        *((Path, "chmod", call) for call in (1, 2, 3)),
        *((os, "fsync", call) for call in (1, 2, 3, 4, 5, 6)),  # three files, then their three folders
    ],
)
def test_a_fault_at_any_step_leaves_all_as_before(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: str, fault: tuple[object, str, int]
) -> None:
    if verb == "revert":
        world.expect(0, "apply")
    with monkeypatch.context() as faulty:
        fail(faulty, *fault)
        output = world.expect(30, verb)
    assert "No space left on device, and nothing was changed" in output
    world.expect(0, verb)


def test_a_fault_while_removing_bytecode_leaves_the_sources_as_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = snapshot(world.site)
    cached = world.router.parent / "__pycache__" / "router.cpython-311.pyc"
    cached.parent.mkdir()
    cached.write_bytes(b"code")
    fail(monkeypatch, Path, "unlink", 1)
    assert world.run("apply").exit_code == 30
    cached.unlink()
    assert snapshot(world.site) == stock


def test_a_fault_keeps_hard_links_and_times(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.router.stat()
    fail(monkeypatch, Path, "replace", 2)
    world.expect(30, "apply")
    after = world.router.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, before.st_nlink)


def test_without_hard_links_a_fault_is_undone_from_copies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, Path, "replace", 2)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    world.expect(30, "apply")


def test_an_interrupt_is_undone_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    before = snapshot(world.root)
    monkeypatch.setattr("litellm_patch.apply._sync_folder", interrupt)
    assert world.run("apply").exit_code == 1
    assert snapshot(world.root) == before


def test_what_cannot_be_put_back_is_said_and_can_be_brought_home(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = snapshot(world.site)
    with monkeypatch.context() as faulty:
        fail(faulty, Path, "replace", 2, 3)
        result = world.run("apply")
    assert result.exit_code == 31
    assert f"could not be put back: {world.router}; run status" in result.stderr
    assert snapshot(world.site).keys() == stock.keys()
    world.expect(4, "status")
    world.expect(0, "revert")
    assert snapshot(world.site) == stock


def test_a_file_that_cannot_be_read_is_one_clear_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = world.run("apply")
    assert result.exit_code == 30
    assert "Permission denied" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(world: World) -> None:
    world.router.parent.chmod(0o555)
    assert "Permission denied" in world.expect(30, "apply")
    world.router.parent.chmod(0o755)
