"""Thousands of damaged patches, ledgers and targets: never a traceback, never a byte changed but as it should be."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from litellm_patch.errors import EXIT_CODES
from tests.patching.factory import HANDLER, PATCHED, ROUTER, STOCK, VERSION, Installation, make_world, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

_JUNK = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\r", b"\n", b"\0", b"\xff", b"[", b'"', b"@@ -1 +1 @@\n", b"-- \n", b"\\ No newline\n", b"../", b"%s"]
    ),
)
_POINT = st.floats(0, 1, exclude_max=True)


@st.composite
def _damages(draw: st.DrawFn, most: int = 3) -> list[tuple[str, float, float, bytes]]:
    """Draw what happens to a text, as parts of its length, so that it is good for any text."""
    kinds = st.sampled_from(["replace", "insert", "cut", "line", "swap", "double", "digit", "crlf", "end", "case"])
    return draw(st.lists(st.tuples(kinds, _POINT, _POINT, _JUNK), min_size=1, max_size=most))


def _damaged(text: bytes, damages: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, one, other, junk in damages:
        lines = text.split(b"\n")
        at, line, second = int(one * len(text)), int(one * len(lines)), int(other * len(lines))
        size = int(other * 40)
        if kind == "swap":
            lines[line], lines[second] = lines[second], lines[line]
        elif kind == "line":
            del lines[line]
        elif kind == "double":
            lines.insert(second, lines[line])
        elif kind == "digit":
            lines[line] = lines[line].translate(bytes.maketrans(b"0123456789", b"1234567890"))
        elif kind == "case":
            lines[line] = lines[line].swapcase()
        if kind in {"swap", "line", "double", "digit", "case"}:
            text = b"\n".join(lines)
        else:
            text = {
                "replace": text[:at] + junk + text[at + size :],
                "insert": text[:at] + junk + text[at:],
                "cut": text[:at] + text[at + size :],
                "crlf": text.replace(b"\n", b"\r\n"),
                "end": text[:at],
            }[kind]
    return text


def _run(world: Installation, verb: str) -> int:
    """Run a verb; whatever it meets, it ends with a code of its own, and a refusal is one line."""
    result = world.run(verb)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in EXIT_CODES
    if verb != "status":
        assert len(result.stderr.splitlines()) == bool(result.exit_code), result.output
    return result.exit_code


def _check(world: Installation, start: str) -> None:
    """Try every verb on a world that something is wrong with; what it changes is exactly what the patch is."""
    sources = {"clean": STOCK, "applied": STOCK | PATCHED}[start]
    before = snapshot(world.root)
    _run(world, "status")
    assert snapshot(world.root) == before
    verb, goal = ("apply", STOCK | PATCHED) if start == "clean" else ("revert", STOCK)
    if _run(world, verb):
        assert snapshot(world.root) == before
    else:
        now = {path: (world.site / path).read_bytes() for path in STOCK}
        assert now in (goal, sources), "done, or it was so already"
    assert not list(world.site.rglob(".*"))


@contextmanager
def _worlds() -> Iterator[dict[str, Installation]]:
    """Give a clean world and one that is patched."""
    with tempfile.TemporaryDirectory() as folder:
        worlds = {}
        for start in ("clean", "applied"):
            (Path(folder) / start).mkdir()
            worlds[start] = make_world(Path(folder) / start)
        worlds["applied"].expect(0, "apply")
        yield worlds


_MANY = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
_STARTS = st.sampled_from(["clean", "applied"])


def _fuzz_patches_folder(name: str) -> None:
    with _worlds() as pristine:
        texts = {start: (world.patches / name).read_bytes() for start, world in pristine.items()}
        sites = {start: snapshot(world.site) for start, world in pristine.items()}

        @_MANY
        @given(_damages(), _STARTS)
        def check(damages: list[tuple[str, float, float, bytes]], start: str) -> None:
            world = pristine[start]
            file = world.patches / name
            file.write_bytes(_damaged(texts[start], damages))
            try:
                _check(world, start)
            finally:
                file.write_bytes(texts[start])
                if snapshot(world.site) != sites[start]:
                    _renew(world, start)
                    sites[start] = snapshot(world.site)

        check()


def _renew(world: Installation, start: str) -> None:
    """Make a world again in its place."""
    shutil.rmtree(world.root)
    world.root.mkdir()
    make_world(world.root)
    if start == "applied":
        world.expect(0, "apply")


def test_damaged_patches() -> None:
    _fuzz_patches_folder(f"{VERSION}.patch")


def test_damaged_ledgers() -> None:
    _fuzz_patches_folder("releases.toml")


_INFO = f"litellm-{VERSION}.dist-info"
_PARTS = st.sampled_from(
    [ROUTER, HANDLER, "litellm/__init__.py", "litellm/router_utils", "litellm", _INFO]
    + [f"{_INFO}/{name}" for name in ("METADATA", "RECORD", "litellm-patch.json", "direct_url.json")]
)
_FATES = st.sampled_from(["damage", "damage", "damage", "remove", "folder", "loop", "dangling", "empty", "huge"])


@_MANY
@given(st.lists(st.tuples(_PARTS, _FATES, _damages()), min_size=1, max_size=3), _STARTS)
@example([(_INFO, "loop", [])], "clean")
@example([("litellm/router_utils", "loop", [])], "clean")
@example([(f"{_INFO}/RECORD", "folder", []), (f"{_INFO}/litellm-patch.json", "folder", [])], "applied")
def test_damaged_targets(parts: list[tuple[str, str, list[tuple[str, float, float, bytes]]]], start: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder))
        if start == "applied":
            world.expect(0, "apply")
        for name, fate, damages in parts:
            _befall(world.site / name, fate, damages)
        before = snapshot(world.root)
        _run(world, "status")
        assert snapshot(world.root) == before
        for verb, expected in (("apply", PATCHED), ("revert", STOCK)):
            before = snapshot(world.root)
            if _run(world, verb):
                assert snapshot(world.root) == before
            else:
                for path in PATCHED:
                    # patched in kind, where all line ends are CRLF
                    assert (world.site / path).read_bytes() in {
                        expected[path],
                        expected[path].replace(b"\n", b"\r\n"),
                    }
        assert not list(world.site.rglob(".*"))


def _befall(path: Path, fate: str, damages: list[tuple[str, float, float, bytes]]) -> None:
    """Let something happen to a file or a folder."""
    if not path.parent.is_dir():
        return
    if fate == "damage":
        if path.is_file():
            path.write_bytes(_damaged(path.read_bytes(), damages))
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if fate == "folder":
        path.mkdir()
    elif fate == "loop":
        path.symlink_to(path.name)
    elif fate == "dangling":
        path.symlink_to("absent")
    elif fate != "remove":
        path.write_bytes(b"" if fate == "empty" else b"[" * 200_000)
