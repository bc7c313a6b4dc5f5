"""An optional patch: on top of the release's own, by hashes, and gone with it; without `--with` nothing changes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.ledger import load_ledger
from litellm_patch.patching.record import read_marker
from tests.patching.factory import (
    HANDLER,
    MATCHED,
    PATCHED,
    ROUTER,
    STOCK,
    VERSION,
    Installation,
    add_option,
    digest,
    make_patch,
    snapshot,
    write_install,
)
from tests.patching.maintainer import OLD_PATCHED, Project
from upkeep.releases.writing import dump_ledger

if TYPE_CHECKING:
    from pathlib import Path

WITH = ("--with", "matching")
NAMES = ("1.83.0.patch", "matching/1.83.0.patch")
FILES = {"stock": STOCK, "patched": PATCHED, "matched": PATCHED | {HANDLER: MATCHED}}


@pytest.fixture
def option(world: Installation) -> Path:
    return add_option(world.patches)


def _is(world: Installation, kind: str) -> bool:
    """Whether the files are of a kind, with a RECORD that says so."""
    return all((world.site / path).read_bytes() == FILES[kind][path] for path in PATCHED) and (
        world.run("status").exit_code == (3 if kind == "stock" else 0)
    )


@pytest.mark.usefixtures("option")
def test_from_stock_and_from_patched_to_the_same_and_back(world: Installation) -> None:
    stock = snapshot(world.env)
    for first in ((), WITH):
        assert world.run("apply", None, *first).exit_code == 0
        assert _is(world, "matched" if first else "patched")
        assert world.run("apply", None, *WITH).exit_code == 0
        assert _is(world, "matched")
        assert world.run("revert").exit_code == 0
        assert snapshot(world.env) == stock


@pytest.mark.usefixtures("option")
def test_only_what_it_touches_is_replaced(world: Installation) -> None:
    world.run("apply")
    changed = [line.split("/")[-1] for line in world.run("apply", None, *WITH).output.splitlines()[:-2]]
    assert changed == ["handler.py", "RECORD", "litellm-patch.json"]


@pytest.mark.usefixtures("option")
def test_a_second_time_changes_nothing_with_or_without_it(world: Installation) -> None:
    world.run("apply", None, *WITH)
    before = snapshot(world.root)
    for again in (WITH, ()):
        assert "already applied" in world.run("apply", None, *again).output
    assert snapshot(world.root) == before


@pytest.mark.usefixtures("option")
def test_without_it_all_is_as_if_there_were_none(world: Installation) -> None:
    world.run("apply")
    assert _is(world, "patched")
    assert sorted(json.loads(world.marker.read_bytes())) == ["applied", "patch", "sha256"]
    answer = json.loads(world.run("status", None, "--json").output)
    assert "with" not in answer
    assert answer["found"].endswith("is patched")


def test_status_and_marker_tell_it(world: Installation, option: Path) -> None:
    world.run("apply", None, *WITH)
    answer = json.loads(world.run("status", None, "--json").output)
    assert (answer["state"], answer["with"], answer["exit_code"]) == ("applied", "matching", 0)
    assert answer["found"].endswith("is patched, with matching")
    marker = read_marker(world.marker.read_bytes())
    assert marker
    assert (marker.patch, marker.optional) == (NAMES[0], {NAMES[1]: digest(option.read_bytes())})
    assert answer["marker"] == marker.content


@pytest.mark.parametrize("damage", [b'"matching"', b"[1]", b'{"x": 1}'])
@pytest.mark.usefixtures("option")
def test_a_marker_that_says_nonsense_of_it_is_damaged(world: Installation, damage: bytes) -> None:
    world.run("apply", None, *WITH)
    content = json.loads(world.marker.read_bytes()) | {"optional": json.loads(damage)}
    world.marker.write_text(json.dumps(content))
    assert "litellm-patch.json is damaged" in world.expect(4, "status")
    assert world.run("apply").exit_code == 0
    assert _is(world, "matched")


@pytest.mark.parametrize("router", ["stock", "patched"])
@pytest.mark.parametrize("handler", ["stock", "patched", "matched"])
@pytest.mark.parametrize(("verb", "options"), [("apply", ()), ("apply", WITH), ("revert", ())])
@pytest.mark.usefixtures("option")
def test_what_a_killed_run_left_is_brought_home(
    world: Installation, router: str, handler: str, verb: str, options: tuple[str, ...]
) -> None:
    (world.site / ROUTER).write_bytes(FILES[router][ROUTER])
    (world.site / HANDLER).write_bytes(FILES[handler][HANDLER])
    clean = (router, handler) == ("stock", "stock")
    assert world.run("status").exit_code == (3 if clean else 4)

    assert world.run(verb, None, *options).exit_code == 0

    if verb == "revert":
        assert _is(world, "stock")
    else:
        # an optional patch that is in stays, named or not
        assert _is(world, "matched" if options or handler == "matched" else "patched")


@pytest.mark.usefixtures("option")
def test_an_edit_is_refused_and_shown_against_the_nearest(world: Installation) -> None:
    world.run("apply", None, *WITH)
    world.handler.write_bytes(MATCHED + b"# mine\n")
    assert "handler.py was edited" in world.expect(5, "apply")
    cache = world.root / ".cache" / "stock" / VERSION
    for path in PATCHED:
        (cache / path).parent.mkdir(parents=True, exist_ok=True)
        (cache / path).write_bytes(STOCK[path])
    note = {"wheel": f"litellm-{VERSION}-py3-none-any.whl", "sha256": "a" * 64}
    (cache / "wheel.json").write_text(json.dumps(note | {"files": {path: digest(STOCK[path]) for path in PATCHED}}))
    lines = world.run("status", None, "--diff").output.splitlines()
    assert "--- patched with matching/litellm/router_utils/handler.py" in lines
    assert [line for line in lines if line.startswith(("+", "-"))][2:] == ["+# mine"]


def test_an_unknown_one_is_refused(world: Installation) -> None:
    for has_one in (False, True):
        if has_one:
            add_option(world.patches)
        before = snapshot(world.env)
        result = world.run("apply", None, "--with", "nonsense")
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert ("name one of: matching" if has_one else "leave it out") in result.stderr
        assert snapshot(world.env) == before


def test_one_that_does_something_else_is_refused(world: Installation, option: Path) -> None:
    option.write_bytes(option.read_bytes().replace(b"+MORE = 2", b"+MORE = 3"))
    before = snapshot(world.env)
    result = world.run("apply", None, *WITH)
    assert result.exit_code == 1
    assert "matching/1.83.0.patch and the ledger disagree on" in result.stderr
    assert snapshot(world.env) == before
    assert world.run("apply").exit_code == 0


@pytest.mark.usefixtures("option")
def test_a_patched_wheel_stays_what_it_was_made_as(world: Installation) -> None:
    site = world.root / "wheel"
    write_install(site, f"{VERSION}+fallbacknames.1", STOCK | PATCHED)
    before = snapshot(site)
    assert world.run("apply", site, *WITH).exit_code == 1
    assert snapshot(site) == before
    site = world.root / "other"
    write_install(site, f"{VERSION}+fallbacknames.1.matching", STOCK | FILES["matched"])
    assert "already applied" in world.run("apply", site, *WITH).output
    assert "is patched, with matching" in world.run("status", site).output
    assert world.run("revert", site).exit_code == 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (f"{digest(PATCHED[HANDLER])} =", f"{'0' * 64} =", "handler.py has 0 entries that begin with"),
        ('"matching/1.83.0.patch"]', '"../x/1.83.0.patch"]', "must match regex"),
        ('"matching/1.83.0.patch"]', '"other/1.83.0.patch"]', "patch 'other/1.83.0.patch' is unknown"),
        ('"matching/1.83.0.patch"]', '"matching/1.83.0.patch", "matching/1.83.0.patch"]', "two patches of matching"),
    ],
)
@pytest.mark.usefixtures("option")
def test_a_wrong_entry_is_refused(world: Installation, old: str, new: str, words: str) -> None:
    ledger = world.patches / "releases.toml"
    text = ledger.read_text()
    assert old in text
    ledger.write_text(text.replace(old, new, 1))
    assert words in world.expect(1, "apply")


@pytest.mark.usefixtures("option")
def test_a_ledger_with_one_reads_as_it_was_written(world: Installation) -> None:
    ledger = load_ledger(world.patches)
    (world.patches / "releases.toml").write_bytes(dump_ledger(ledger))
    assert load_ledger(world.patches) == ledger
    assert list(ledger.releases[0].options) == ["matching"]


ADDED = OLD_PATCHED[ROUTER].replace(b"class Router:\n", b"class Router:\n    fast = True\n")


@pytest.fixture
def maintained(project: Project) -> Project:
    """A project whose older range has an optional patch, which does not fit the newest release."""
    (project.patches / "matching").mkdir()
    patch = make_patch({ROUTER: OLD_PATCHED[ROUTER]}, {ROUTER: ADDED})
    (project.patches / "matching" / "1.83.0.post1.patch").write_bytes(patch)
    return project


def test_update_finds_where_it_fits_and_says_where_not(maintained: Project) -> None:
    said = maintained.expect(0, "update")
    assert "left out: matching/1.83.0.post1.patch does not fit litellm 1.84.0: litellm/router.py: hunk 1" in said
    assert "4 release(s) by 2 patch(es) and 1 optional, written" in said
    entries = {str(release.version): release.options for release in maintained.load().releases}
    assert {version: list(options) for version, options in entries.items()} == {
        "1.83.0": [],
        "1.83.0.post1": ["matching"],
        "1.83.10": ["matching"],
        "1.84.0": [],
    }
    (image,) = entries["1.83.10"]["matching"].files
    assert (image.offsets, image.post_image) == ((3,), digest(b"import find\n\n\n" + ADDED))
    assert maintained.run("check").exit_code == 0
    assert "and 1 optional; each applies" in maintained.expect(0, "prove")


def test_an_entry_of_it_that_does_not_hold_is_found(maintained: Project) -> None:
    maintained.expect(0, "update")
    maintained.edit(digest(b"import find\n\n\n" + ADDED), "0" * 64)
    assert "litellm 1.83.10: litellm/router.py becomes one of sha256" in maintained.expect(1, "prove")


def test_check_finds_one_that_serves_nothing_or_twice(maintained: Project) -> None:
    maintained.expect(0, "update")
    folder = maintained.patches / "matching"
    (folder / "1.83.10.patch").write_bytes((folder / "1.83.0.post1.patch").read_bytes())
    (folder / "1.90.0.patch").write_bytes(b"")
    said = maintained.expect(1, "check", "--offline")
    assert "matching/1.90.0.patch cannot be used" in said
    assert "matching/1.83.10.patch is used by no release" in said
    assert "matching/1.83.10.patch does the same as matching/1.83.0.post1.patch" in said
    assert "the ranges of matching/1.83.0.post1.patch and matching/1.83.10.patch overlap at litellm 1.83.10" in said
    assert "1.83.0.patch and matching" not in said


def test_no_file_is_left_writable_to_a_cache(world: Installation, option: Path) -> None:
    """What the package manager's cache has under the same inode keeps its bytes."""
    del option
    kept = world.root / "cache"
    os.link(world.handler, kept)
    world.run("apply", None, *WITH)
    assert kept.read_bytes() == STOCK[HANDLER]
