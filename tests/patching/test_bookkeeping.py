"""What an installation says of itself stays true: RECORD, the marker beside it, and bytecode."""

from __future__ import annotations

import csv
import json
import os
import py_compile
import re
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_patch.patching.record import Marker, read_marker, record_listing
from tests.patching.factory import (
    PATCHED,
    ROUTER,
    STOCK,
    VERSION,
    Installation,
    digest,
    record_row,
    snapshot,
    write_install,
    write_ledger,
)

ROW = f"litellm-{VERSION}.dist-info/litellm-patch.json"


def test_the_marker_names_patch_hash_and_date(world: Installation) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    world.expect(0, "apply")
    said = json.loads(world.marker.read_bytes())
    assert said == {
        "patch": f"{VERSION}.patch",
        "sha256": digest((world.patches / f"{VERSION}.patch").read_bytes()),
        "applied": said["applied"],
    }
    assert before <= datetime.fromisoformat(said["applied"].replace("Z", "+00:00")) <= datetime.now(timezone.utc)
    assert json.loads(world.run("status", None, "--json").output)["marker"] == said


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("last", ["", "end"])
def test_record_lists_every_change_and_comes_back_byte_for_byte(world: Installation, end: str, last: str) -> None:
    stock = world.record.read_bytes().decode().replace("\r\n", end).removesuffix("" if last else end).encode()
    world.record.write_bytes(stock)
    world.expect(0, "apply")
    marker = {ROW: world.marker.read_bytes()}
    rows = "".join(record_row(path, data) for path, data in (marker | STOCK | PATCHED).items()).replace("\r\n", end)
    own = f"litellm-{VERSION}.dist-info/RECORD,,{end if last else ''}"
    assert world.record.read_bytes().decode() == rows + own
    assert [len(row) for row in csv.reader(world.record.read_text().splitlines())] == [3] * (len(STOCK) + 2)
    world.expect(0, "revert")
    assert world.record.read_bytes() == stock


def test_the_new_files_have_the_mode_of_their_neighbours(world: Installation) -> None:
    world.record.parent.chmod(0o750)
    world.expect(0, "apply")
    assert world.marker.stat().st_mode & 0o777 == 0o640


@given(
    st.lists(st.sampled_from(["litellm/a.py,,", f"{ROW},sha256=x,1", f"{ROW}x,,", f"x{ROW},,", "", "é,"]), max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.binary(max_size=3),
)
def test_a_row_comes_and_goes_without_a_trace(rows: list[str], end: str, ended: bool, data: bytes) -> None:  # noqa: FBT001
    record = (end.join(rows) + (end if ended and rows else "")).encode()
    without = record_listing(record, ROW.encode(), None)
    listing = record_listing(without, ROW.encode(), data)
    assert listing.count(record_row(ROW, data).strip().encode()) == 1
    assert record_listing(listing, ROW.encode(), data) == listing
    assert record_listing(listing, ROW.encode(), None) == without
    others = [row for row in rows if not row.startswith(f"{ROW},")]
    assert without.decode().replace("\r\n", "\n").strip("\n") == "\n".join(others).strip("\n")


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"[", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000),
        *(b'{"patch": "x", "sha256": "y"}', b'{"patch": "x", "sha256": "y", "applied": 1}'),
        b'{"patch": "x", "sha256": "y", "applied": "z", "more": ""}',
    ],
)
def test_a_damaged_marker_is_partial_and_both_verbs_mend_it(world: Installation, text: bytes) -> None:
    stock = snapshot(world.site)
    assert read_marker(text) is None
    for verb in ("apply", "revert"):
        world.expect(0, "apply")
        world.marker.write_bytes(text)
        assert "litellm-patch.json is damaged" in world.expect(4, "status")
        world.expect(0, verb)
    assert snapshot(world.site) == stock


@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_a_record_that_tells_another_story_is_mended(world: Installation, verb: str) -> None:
    world.expect(0, "apply")
    right = world.record.read_bytes()
    for wrong in (
        re.sub(rb"(?m)^litellm/router\.py,.*\n", record_row(ROUTER, STOCK[ROUTER]).encode(), right),
        re.sub(rb"(?m)^.*litellm-patch\.json,.*\n", b"", right),
        right.replace(b"litellm-patch.json,sha256=", b"litellm-patch.json,sha256=0"),
    ):
        world.expect(0, "apply")
        world.record.write_bytes(wrong)
        assert "RECORD does not match the files" in world.expect(4, "status")
        world.expect(0, verb)
        world.expect(0 if verb == "apply" else 3, "status")


def test_stock_files_with_a_marker_were_reinstalled(world: Installation) -> None:
    stock = snapshot(world.site)
    world.expect(0, "apply")
    for path, (_, data) in stock.items():
        (world.site / path).write_bytes(data if isinstance(data, bytes) else b"")
    text = world.expect(4, "status")
    assert re.search(r"says that 1\.83\.0\.patch was applied at 2\S+Z, but the files are stock, as after a rein", text)
    world.expect(0, "revert")
    assert snapshot(world.site) == stock


def test_another_revision_of_the_patch_is_told_by_its_marker(world: Installation) -> None:
    world.expect(0, "apply")
    world.router.write_bytes(PATCHED[ROUTER].replace(b"resolve", b"resolve2"))
    assert "; litellm-patch.json says that 1.83.0.patch was applied at 2" in world.expect(5, "apply")


def test_patched_files_without_a_marker_are_patched(world: Installation) -> None:
    """As out of a wheel that was patched before it was installed: its RECORD is right, and nobody applied anything."""
    world.expect(0, "apply")
    world.marker.unlink()
    world.record.write_bytes(record_listing(world.record.read_bytes(), ROW.encode(), None))
    assert "already applied" in world.expect(0, "apply")
    world.expect(0, "status")


def test_a_marker_of_this_very_patch_keeps_its_date(world: Installation) -> None:
    world.expect(0, "apply")
    said = Marker(f"{VERSION}.patch", digest((world.patches / f"{VERSION}.patch").read_bytes()), "then").dump()
    world.marker.write_bytes(said)
    world.expect(4, "status")
    world.expect(0, "apply")
    assert world.marker.read_bytes() == said


def test_a_record_without_hashes_gets_the_marker_and_nothing_else(world: Installation) -> None:
    rows = b"litellm/router.py,,\nlitellm/main.py,,\n"
    world.record.write_bytes(rows)
    world.expect(0, "apply")
    assert world.record.read_bytes() == record_row(ROW, world.marker.read_bytes()).replace("\r", "").encode() + rows
    world.expect(0, "status")
    world.expect(0, "revert")
    assert world.record.read_bytes() == rows


def test_an_install_without_record_gets_no_marker(world: Installation) -> None:
    world.record.unlink()
    world.expect(0, "apply")
    assert not world.marker.exists()
    world.expect(0, "status")


def test_an_orphaned_marker_goes_with_the_patch(world: Installation) -> None:
    world.expect(0, "apply")
    world.record.unlink()
    world.expect(0, "status")
    world.expect(0, "revert")
    assert not world.marker.exists()


def test_stale_bytecode_goes_and_other_bytecode_stays(world: Installation) -> None:
    cache = world.router.parent / "__pycache__"
    cache.mkdir()
    stale = ["router.cpython-311.pyc", "router.cpython-312.opt-1.pyc", "router.pypy310.pyc"]
    other = ["main.cpython-311.pyc", "router_utils.cpython-311.pyc", "router.txt"]
    for name in stale + other:
        (cache / name).write_bytes(b"code")
    world.expect(0, "apply")
    assert sorted(path.name for path in cache.iterdir()) == sorted(other)


@pytest.mark.parametrize("mode", ["TIMESTAMP", "UNCHECKED_HASH"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_python_never_runs_stale_bytecode(
    world: Installation, monkeypatch: pytest.MonkeyPatch, mode: str, *, elsewhere: bool
) -> None:
    """Compiled code that Python would take for fresh: unchecked, or of a source with the same size and time."""
    stock, patched = b"print('stock')\n", b"print('fixed')\n"
    site = world.root / "site"
    write_install(site, files={"litellm/__init__.py": b"", "litellm/main.py": b"", ROUTER: stock})
    write_ledger(world.patches, {ROUTER: stock}, {ROUTER: patched})
    prefix = str(world.root / "bytecode") if elsewhere else None
    monkeypatch.setattr(sys, "pycache_prefix", prefix)
    env = {**os.environ, "PYTHONPATH": str(site)} | ({"PYTHONPYCACHEPREFIX": prefix} if prefix else {})
    command = (sys.executable, "-c", "import litellm.router")

    for verb, before, after in (("apply", stock, patched), ("revert", patched, stock)):
        (site / ROUTER).write_bytes(before)
        os.utime(site / ROUTER, (1, 1))
        py_compile.compile(str(site / ROUTER), invalidation_mode=py_compile.PycInvalidationMode[mode], doraise=True)
        world.expect(0, verb, site)
        os.utime(site / ROUTER, (1, 1))
        done = subprocess.run(command, env=env, capture_output=True, check=True)  # noqa: S603
        assert b"'%b'" % done.stdout.strip() in after
