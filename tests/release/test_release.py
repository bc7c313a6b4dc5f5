"""What stops a release before anything is built, and after; `nox -s release -- --dry-run` runs the rest."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from upkeep.cells.environment import ROOT
from upkeep.errors import UpkeepError
from upkeep.release.command import ReleaseError, compare, notes_of
from upkeep.release.running import run

if TYPE_CHECKING:
    from pathlib import Path

CHANGELOG = """# Changelog

## [Unreleased]

{unreleased}## [0.2.0]{head}

### Added

- this

## [0.1.0] - 2026-01-01

- that
"""


def test_the_notes_are_those_of_the_version() -> None:
    text = CHANGELOG.format(unreleased="", head=" - 2026-11-26")

    assert notes_of(text, "0.2.0", dry_run=False) == "### Added\n\n- this\n"


@pytest.mark.parametrize(
    ("text", "version", "words"),
    [
        (CHANGELOG.format(unreleased="", head=" - 2026-11-26"), "0.3.0", "no notes for 0.3.0"),
        (CHANGELOG.format(unreleased="", head=" - 2026-11-26"), "0.2", "no notes for 0.2;"),
        (CHANGELOG.format(unreleased="- more\n\n", head=" - 2026-11-26"), "0.2.0", "notes under Unreleased"),
        (CHANGELOG.format(unreleased="", head=""), "0.2.0", "gives no date of 0.2.0"),
        (CHANGELOG.format(unreleased="", head=" - soon"), "0.2.0", "gives no date of 0.2.0"),
        (CHANGELOG.format(unreleased="", head=" - 2026-11-26"), "0.1.0", "notes for 0.2.0, pyproject.toml says 0.1.0"),
    ],
)
def test_a_changelog_that_disagrees_stops_it(text: str, version: str, words: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(words)):
        notes_of(text, version, dry_run=False)


def test_a_dry_run_takes_what_is_not_released() -> None:
    text = CHANGELOG.format(unreleased="- more\n\n", head="")

    assert notes_of(text, "0.3.0", dry_run=True) == "- more\n"
    with pytest.raises(ReleaseError, match="no notes"):
        notes_of("# Changelog\n\n## [Unreleased]\n", "0.3.0", dry_run=True)
    with pytest.raises(ReleaseError, match=r"notes under Unreleased; .* or raise the version"):
        notes_of(text, "0.2.0", dry_run=True)
    with pytest.raises(ReleaseError, match=re.escape("notes for 0.2.0, pyproject.toml says 0.1.1")):
        notes_of(text, "0.1.1", dry_run=True)


def test_all_that_must_agree_is_looked_at_first() -> None:
    """The ledger, the table, and the documents with their pictures: each has tests that it notices."""
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8").partition("def release(")[2].partition("\n@nox")[0]
    steps = [line.strip() for line in session.splitlines() if line.strip().startswith(("session.run", "run_room"))]

    assert ['"releases", "check", "--known"' in steps[0], '"table", "--check"' in steps[1]] == [True, True]
    assert '"tests/documents"' in steps[2]
    assert 'run_room(session, "release"' in steps[3]
    assert len(steps) == 4


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ({"a.whl": b"12"}, "two builds gave a.tar.gz, a.whl and a.whl"),
        ({"a.whl": b"12", "a.tar.gz": b"356"}, "a.tar.gz differ from byte 1 on"),
        ({"a.whl": b"123", "a.tar.gz": b"3456"}, "a.whl differ from byte 2 on"),
    ],
)
def test_two_builds_that_differ_stop_it(again: dict[str, bytes], words: str) -> None:
    built = {"a.whl": b"12", "a.tar.gz": b"3456"}

    compare(built, dict(built))
    with pytest.raises(ReleaseError, match=re.escape(words)):
        compare(built, again)


def test_a_program_that_ends_otherwise_stops_it(tmp_path: Path) -> None:
    assert run("sh", "-c", "echo ${PYTHONPATH-none}; exit 3", cwd=tmp_path, code=3) == "none\n"
    with pytest.raises(UpkeepError, match="ended with 3, expected 0:\nout\nerr"):
        run("sh", "-c", "echo out; echo err >&2; exit 3", cwd=tmp_path)


def test_what_is_published_is_what_was_built_and_tried() -> None:
    """It publishes the files of the job that built them, after each system has tried them, without a token."""
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]

    assert jobs["publish"]["needs"] == ["build", "try", "prove"]
    assert jobs["try"]["needs"] == "build"
    assert jobs["publish"]["environment"]["name"] == "release"
    assert jobs["publish"]["permissions"] == {"id-token": "write", "attestations": "write", "contents": "write"}
    assert "secrets." not in text
    assert all(job["permissions"] == {"contents": "read"} for name, job in jobs.items() if name != "publish")
    assert "actions/cache" not in text


def test_checksums_are_what_a_person_can_check(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'1').hexdigest()}  a\n")

    assert run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=tmp_path) == "a: OK\n"
