"""`status --diff` shows an edit against the stock or the patched file, whichever is nearer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.patching.factory import HANDLER, PATCHED, ROUTER, STOCK, Installation, digest, write_package
from tests.patching.fake_index import make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def wheel(world: Installation) -> Path:
    """A wheel of the release that the ledger knows."""
    wheel = world.root / "litellm-1.83.0-py3-none-any.whl"
    wheel.write_bytes(make_wheel(STOCK))
    ledger = world.patches / "releases.toml"
    ledger.write_text(ledger.read_text().replace("a" * 64, digest(wheel.read_bytes())))
    return wheel


@pytest.mark.parametrize("origin", ["stock", "patched"])
def test_an_edit_is_shown(world: Installation, wheel: Path, origin: str) -> None:
    if origin == "patched":
        world.expect(0, "apply")
    world.handler.write_bytes(world.handler.read_bytes().replace(b"    name = model\n", b"\tname = '\x1b[31m'\n"))
    result = world.run("status", None, "--stock", str(wheel))
    assert result.exit_code == 5
    lines = result.stdout.splitlines()[2:]
    assert lines[:2] == [f"--- {origin}/{HANDLER}", f"+++ found/{HANDLER}"]
    assert [line for line in lines[2:] if line[0] in "-+"] == ["-    name = model", "+       name = '\\x1b[31m'"]
    assert not [line for line in lines if ROUTER in line]
    as_json = json.loads(world.run("status", None, "--stock", str(wheel), "--json").stdout)
    assert "+\tname = '\x1b[31m'" in as_json["diff"]


def test_without_stock_files_it_says_how_to_get_them(world: Installation) -> None:
    world.handler.write_bytes(b"")
    (line,) = world.run("status", None, "--diff").stdout.splitlines()[2:]
    assert line.startswith("no diff: the stock files are not at hand; run pip download --no-deps litellm==1.83.0, then")


def test_the_cache_of_a_maintainer_serves_too(world: Installation, wheel: Path) -> None:
    world.handler.write_bytes(b"")
    place = world.root / ".cache" / "stock" / "1.83.0"
    hashes = {path: digest(STOCK[path]) for path in PATCHED}
    write_package(place)
    note = {"wheel": wheel.name, "sha256": digest(wheel.read_bytes()), "files": hashes}
    (place / "wheel.json").write_text(json.dumps(note))
    assert f"--- stock/{HANDLER}" in world.run("status", None, "--diff").stdout.splitlines()


@pytest.mark.parametrize("damage", [b"", b"not a wheel"])
def test_another_wheel_is_refused(world: Installation, wheel: Path, damage: bytes) -> None:
    world.handler.write_bytes(b"")
    wheel.write_bytes(damage)
    result = world.run("status", None, "--diff", "--stock", str(wheel))
    assert result.exit_code == 1
    assert "is not a wheel of litellm 1.83.0 that the ledger knows" in result.stderr


@pytest.mark.parametrize("edit", [None, b"\r\n"])
def test_where_no_text_was_edited_there_is_no_diff(world: Installation, wheel: Path, edit: bytes | None) -> None:
    data = world.handler.read_bytes()
    world.handler.unlink()
    if edit:
        world.handler.write_bytes(data.replace(b"\n", edit))
    assert len(world.run("status", None, "--stock", str(wheel)).stdout.splitlines()) == 2
