"""The ledger is read strictly, and its errors name the key and the place."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from litellm_patch.errors import (
    DeniedReleaseError,
    FixedUpstreamError,
    LedgerError,
    PatchError,
    UnsupportedReleaseError,
)
from litellm_patch.patching.ledger import Ledger, Since, load_by_hand, load_ledger
from tests.patching.factory import (
    HANDLER,
    PATCHED,
    ROUTER,
    STOCK,
    Installation,
    digest,
    fix_upstream,
    make_patch,
    write_ledger,
)
from upkeep.releases.writing import dump_ledger, save_ledger

if TYPE_CHECKING:
    from pathlib import Path


def test_a_right_ledger_loads(world: Installation) -> None:
    ledger = load_ledger(world.patches)
    release = ledger.find(Version("1.83"))
    assert [file.path for file in release.files] == [ROUTER, HANDLER]
    assert release.files[0].pre_image == digest(STOCK[ROUTER])
    assert release.files[0].post_image == digest(PATCHED[ROUTER])
    assert release.uploaded.isoformat() == "2026-03-31T05:08:21+00:00"
    assert list(release.read_patch()) == [ROUTER, HANDLER]


def test_denied_and_unsupported_releases_say_so(world: Installation) -> None:
    ledger = load_ledger(world.patches)
    with pytest.raises(DeniedReleaseError, match="malicious upload"):
        ledger.find(Version("1.82.7"))
    for version in ("1.83.0.post1", "1.83.0rc1", "1.83.0+local", "1.0", "2.0"):
        with pytest.raises(UnsupportedReleaseError, match=r"nearest: 1\.83\.0"):
            ledger.find(Version(version))


def test_releases_with_the_fix_say_so(world: Installation) -> None:
    fix_upstream(world.patches)
    ledger = load_ledger(world.patches)
    for version in ("1.90.0", "1.90.0.post1", "2.0"):
        with pytest.raises(FixedUpstreamError, match=r"upstream has the fix since 1\.90\.0: see pull request 1"):
            ledger.find(Version(version))
    for version in ("1.89.9", "1.90.0rc1"):
        with pytest.raises(UnsupportedReleaseError):
            ledger.find(Version(version))
    assert ledger.find(Version("1.83.0")).version == Version("1.83.0")


def test_the_nearest_releases_are_the_neighbours(world: Installation) -> None:
    ledger = world.patches / "releases.toml"
    entry = "[[releases]]" + ledger.read_text().partition("[[releases]]")[2].partition("[files.")[0]
    more = "".join(entry.replace('version = "1.83.0"', f'version = "{version}"') for version in ("1.9.0", "1.101.0"))
    ledger.write_text(ledger.read_text() + more)
    with pytest.raises(UnsupportedReleaseError, match=r"nearest: 1\.83\.0 or 1\.101\.0"):
        load_ledger(world.patches).find(Version("1.90.0"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 2", "schema = 1", "releases.toml: schema must be 2, not 1"),
        ("schema = 2", "schema = true", "schema: must be of type int, not bool"),
        ("schema = 2\n", "", "schema: is missing"),
        ("schema = 2", "schema = 2\nextra = 1", "unknown: extra"),
        ("schema = 2", "schema = ", "not valid TOML"),
        ("schema = 2", "schema = " + "[" * 5000, "not valid TOML"),
        ('version = "1.83.0"\n', "", r"releases\[0\]\.version: is missing"),
        ('version = "1.83.0"', 'version = "new"', r"releases\[0\]\.version: must be a release number, not 'new'"),
        ('version = "1.83.0"', "version = 1.83", "version: must be of type str, not float"),
        ("uploaded = 2026-03-31T05:08:21Z", "uploaded = 2026-03-31", "uploaded: must be of type datetime, not date"),
        ("05:08:21Z", "05:08:21", "uploaded: must say its time zone"),
        ('["1.83.0.patch"]', '["1.84.0.patch"]', r"1\.83\.0: patch '1\.84\.0\.patch' is unknown"),
        ('["1.83.0.patch"]', '["../x.patch"]', "patches.* must match regex"),
        ('["1.83.0.patch"]', '["releases.toml"]', "patches.* must match regex"),
        ('["1.83.0.patch"]', "[]", "Length of"),
        ('["1.83.0.patch"]', '["1.83.0.patch", "1.83.0.patch"]', "then those of folders in it"),
        ("a" * 64, "a" * 63, "wheels.* must match regex"),
        ("a" * 64, "A" * 64, "must match regex"),
        ('"litellm-1.83.0-py3-none-any.whl"', '"other.whl"', "wheels.* must match regex"),
        (f'"{ROUTER}"', '"litellm/../x"', "'litellm/../x' is not a plain path below litellm/"),
        (f'"{ROUTER}"', f'"{HANDLER}"', "not valid TOML"),
        (digest(STOCK[ROUTER])[:12], "0" * 12, r"1\.83\.0: litellm/router\.py has 0 entries that begin with 0{12}"),
        (digest(STOCK[ROUTER])[:12], "zz", "files.* must match regex"),
        (f"['{digest(STOCK[ROUTER])[:12]}', ", "[", "files has 1 entries, but 1.83.0.patch changes 2 files"),
        (digest(PATCHED[ROUTER]), digest(STOCK[ROUTER]), "litellm/router.py must become another file than it was"),
        ("offsets = [0]", "offsets = []", "Length of"),
        ("offsets = [0]", "offsets = [true]", "must be of type int, not bool"),
        ("offsets = [0]", "offsets = 0", "offsets: .*int"),
        ('reason = "malicious upload"', "", r"denied\[0\]\.reason: is missing"),
        ('reason = "malicious upload"', 'reason = ""', "Length of"),
        ('version = "1.82.7"', 'version = "1.83"', r"version 1\.83(\.0)? is listed twice"),
        ("[[denied]]", "[denied]", "denied"),
        ("[[denied]]", "[[fixed]]\n[[denied]]", "fixed"),
        ("[[denied]]", '[fixed]\nversion = "1.90"\n[[denied]]', "fixed.reason: is missing"),
        (
            "[[denied]]",
            '[fixed]\nversion = 1\nreason = "x"\n[[denied]]',
            "fixed.version: must be of type str, not int",
        ),
        (
            *("[[denied]]", '[fixed]\nversion = "1.82"\nreason = "x"\n[[denied]]'),
            r"releases\.toml: fixed says 1\.82, but 1\.83\.0 is listed with a patch",
        ),
    ],
)
def test_a_wrong_ledger_is_refused(world: Installation, old: str, new: str, message: str) -> None:
    ledger = world.patches / "releases.toml"
    text = ledger.read_text()
    assert old in text
    ledger.write_text(text.replace(old, new, 1))
    with pytest.raises(LedgerError, match=message) as caught:
        load_ledger(world.patches)
    assert "\n" not in str(caught.value)
    world.expect(1, "apply")


def test_a_missing_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"there is no releases\.toml in"):
        load_ledger(tmp_path)


def test_a_release_listed_twice_is_refused(world: Installation) -> None:
    ledger = world.patches / "releases.toml"
    entry = "[[releases]]" + ledger.read_text().partition("[[releases]]")[2].partition("[files.")[0]
    ledger.write_text(ledger.read_text() + entry)
    with pytest.raises(LedgerError, match=r"version 1\.83\.0 is listed twice"):
        load_ledger(world.patches)


def test_a_ledger_that_disagrees_with_its_patch_is_refused(world: Installation) -> None:
    write_ledger(world.patches, offsets={ROUTER: [0, 0, 0, 0]})
    with pytest.raises(PatchError, match="disagree on files or hunks"):
        load_ledger(world.patches).find(Version("1.83.0")).read_patch()
    write_ledger(world.patches)
    (world.patches / "1.83.0.patch").write_bytes(make_patch(STOCK, {ROUTER: PATCHED[ROUTER]}))
    with pytest.raises(PatchError, match="disagree on files or hunks"):
        load_ledger(world.patches).find(Version("1.83.0")).read_patch()


def test_a_draft_may_lack_releases(world: Installation) -> None:
    ledger = world.patches / "releases.toml"
    ledger.write_text(
        "schema = 2\n[[denied]]" + ledger.read_text().partition("[[denied]]")[2].partition("[[releases]]")[0]
    )
    assert (
        load_ledger(world.patches, draft=True).denied
        == load_by_hand(world.patches).denied
        == {Version("1.82.7"): "malicious upload"}
    )
    with pytest.raises(LedgerError, match="releases is missing"):
        load_ledger(world.patches)
    ledger.unlink()
    assert load_by_hand(world.patches) == Ledger((), {})


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.builds("1.{}.{}".format, st.integers(0, 20), st.integers(0, 20)).map(Version),
        st.text(min_size=1),
        max_size=4,
    ),
    st.lists(st.integers(-9999, 9999), min_size=1, max_size=9),
    st.datetimes(timezones=st.timezones()),
    st.none() | st.builds(Since, st.just(Version("1.91")), st.text(min_size=1)),
)
@example(
    {Version("1.2.3"): 'a "b" \\ \x7f \n \x00 é \U0001f600'},
    [0],
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    Since(Version("1.91"), "\x7f"),
)
def test_a_ledger_that_is_written_reads_the_same(
    world: Installation, denied: dict[Version, str], offsets: list[int], uploaded: datetime, fixed: Since | None
) -> None:
    (release,) = load_ledger(world.patches).releases
    (file, _) = release.files
    uploaded = uploaded.replace(microsecond=0)
    try:
        uploaded = uploaded.astimezone(timezone.utc)
    except OverflowError:
        return
    entries = [
        replace(release, version=Version(version), uploaded=uploaded, files=(replace(file, offsets=tuple(offsets)),))
        for version in ("1.90.10", "1.90.9", "1.90.9.post1")
    ]
    folder = world.root / "written"
    folder.mkdir(exist_ok=True)
    (folder / release.patch.name).touch()
    entries = [replace(entry, patch=folder / release.patch.name) for entry in entries]
    (folder / "releases.toml").unlink(missing_ok=True)
    assert save_ledger(folder, Ledger(tuple(entries), denied, fixed))
    back = load_ledger(folder)
    assert back == Ledger((entries[1], entries[2], entries[0]), denied, fixed)
    assert not save_ledger(folder, back)
    assert dump_ledger(back) == (folder / "releases.toml").read_bytes()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_gives_anything_but_a_refusal(world: Installation, data: st.DataObject) -> None:
    write_ledger(world.patches)
    ledger = world.patches / "releases.toml"
    text = ledger.read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 40, len(text))))
    ledger.write_bytes(text[:start] + data.draw(st.binary(max_size=20)) + text[end:])
    try:
        load_ledger(world.patches)
    except LedgerError as error:
        assert str(error).startswith("releases.toml")  # noqa: PT017 - most damages raise, a few are harmless
