"""`releases check`: one line for each thing that makes the ledger untrue."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.patching.factory import ROUTER, make_patch
from tests.patching.fake_index import PAGE, IndexAnswer
from tests.patching.maintainer import CORE, NEW, NEW_PATCHED, OLD, OLD_PATCHED, Project

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def written(project: Project) -> Project:
    """A project whose ledger was just written."""
    project.expect(0, "update")
    project.index.hits.clear()
    return project


def test_a_ledger_that_was_just_written_is_right(written: Project) -> None:
    assert written.expect(0, "check") == f"{written.ledger} is right and complete\n"
    assert written.index.hits == [PAGE]


def test_offline_asks_nobody(written: Project) -> None:
    written.index.files.clear()
    assert written.expect(0, "check", "--offline") == f"{written.ledger} is right\n"
    assert written.index.hits == []


def _edit(old: str, new: str) -> Callable[[Project], object]:
    return lambda project: project.edit(old, new)


def _patch(name: str, data: bytes) -> Callable[[Project], object]:
    return lambda project: (project.patches / name).write_bytes(data)


def _rename(old: str, new: str) -> Callable[[Project], object]:
    def rename(project: Project) -> None:
        (project.patches / old).rename(project.patches / new)
        project.ledger.write_text(project.ledger.read_text().replace(old, new))

    return rename


def _swap(project: Project) -> None:
    _rename("1.83.0.patch", "x.patch")(project)
    _rename("1.84.0.patch", "1.83.0.patch")(project)
    _rename("x.patch", "1.84.0.patch")(project)


_GOOD = make_patch(OLD, {ROUTER: OLD_PATCHED[ROUTER]})
_ELSEWHERE = _GOOD.replace(b"@@ -3,5 +3,5 @@", b"@@ -13,5 +13,5 @@").replace(b"Fix", b"Another")


@pytest.mark.parametrize(
    ("damage", "findings"),
    [
        (_edit("schema = 2", "schema = 2 # mine"), [r"releases\.toml is not in the form that update writes"]),
        (_edit("# Written", "# written"), [r"releases\.toml is not in the form"]),
        (_patch("1.90.0.patch", b""), [r"1\.90\.0\.patch cannot be used: .* changes no file", "is used by no release"]),
        (_patch("new.patch", _GOOD), [r"new\.patch cannot be used: .* not named after", "is used by no release"]),
        (
            _patch("1.90.0.patch", _ELSEWHERE),
            [r"1\.90\.0\.patch is used by no release", r"1\.90\.0\.patch does the same as 1\.83\.0\.patch"],
        ),
        (_patch("1.84.0.patch", b"\xff"), [r"1\.84\.0\.patch cannot be used: .* cannot be parsed"]),
        (
            _patch("1.84.0.patch", make_patch(NEW, {ROUTER: b"x\n"})),
            [r"1\.84\.0\.patch and releases\.toml disagree on files or hunks of 1\.84\.0"],
        ),
        (
            _rename("1.83.0.patch", "1.83.1.patch"),
            [
                r"1\.83\.1\.patch serves litellm 1\.83\.0, which is older than its name",
                r"1\.83\.1\.patch serves litellm 1\.83\.0\.post1, which is older",
            ],
        ),
        (
            _rename("1.84.0.patch", "1.83.1.patch"),
            [r"the ranges of 1\.83\.0\.patch and 1\.83\.1\.patch overlap at litellm 1\.83\.10"],
        ),
        (
            _swap,
            [
                r"releases\.toml is not in the form",
                *[
                    rf"1\.84\.0\.patch serves litellm {version}, which"
                    for version in ("1.83.0", "1.83.0.post1", "1.83.10")
                ],
                r"the ranges of 1\.83\.0\.patch and 1\.84\.0\.patch overlap at litellm 1\.84\.0",
            ],
        ),
    ],
)
def test_findings_that_need_no_index(
    written: Project, damage: Callable[[Project], object], findings: list[str]
) -> None:
    damage(written)
    _expect(written, findings, "--offline")
    _expect(written, findings)


def _expect(project: Project, findings: list[str], *options: str) -> None:
    lines = [line for line in project.expect(1, "check", *options).splitlines() if not line.startswith("left out: ")]
    assert len(lines) == len(findings) + 1, lines
    for line, words in zip(lines, findings, strict=False):
        assert re.search(words, line), line
    assert lines[-1].startswith(f"error: {len(findings)} finding(s)")


def _said(version: str, key: str, value: object) -> Callable[[Project], object]:
    return lambda project: project.index.entry(version).update({key: value})


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (
            lambda project: project.index.add("1.84.1", NEW),
            [r"litellm 1\.84\.1 is missing in releases\.toml: 1\.84\.0\.patch fits, run releases update 1\.84\.1"],
        ),
        (
            lambda project: project.index.add("1.84.1", {**NEW, CORE: NEW[CORE].replace(b"self.find", b"self.seek")}),
            [r"1\.84\.1 is missing .*: 1\.84\.0\.patch does not fit litellm 1\.84\.1: .*router_core\.py: hunk 1 must"],
        ),
        (
            lambda project: project.index.add("1.84.1", {ROUTER: NEW[ROUTER]}),
            [r"1\.84\.1 is missing .* changes litellm/router_core\.py, which litellm 1\.84\.1 does not have"],
        ),
        (
            lambda project: project.index.add("1.84.1", NEW_PATCHED),
            [r"1\.84\.1 is missing .*: it has the lines of 1\.84\.0\.patch already: port 1\.84\.1 tells whether"],
        ),
        (lambda project: project.index.add("1.84.0.post2", NEW), [r"litellm 1\.84\.0\.post2 is missing"]),
        (_said("1.83.0", "hashes", {"sha256": "0" * 64}), [r"1\.83\.0-py3-none-any\.whl: the index says sha256 0000"]),
        (
            lambda project: project.index.add("1.83.0", OLD, "cp310-abi3-win_amd64"),
            [r"litellm-1\.83\.0-cp310-abi3-win_amd64\.whl: the index says sha256 .*, releases\.toml None"],
        ),
        (
            lambda project: project.index.files.remove(project.index.entry("1.84.0")),
            [r"litellm-1\.84\.0-cp310-abi3-manylinux_2_28_x86_64\.whl: the index says sha256 None"],
        ),
        (
            _said("1.83.10", "upload-time", "2020-03-01T00:00:00Z"),
            [r"litellm 1\.83\.10: the index says uploaded 2020-03"],
        ),
        (
            lambda project: project.index.remove("1.83.10"),
            [r"litellm 1\.83\.10 is in releases\.toml, but it is not on the index"],
        ),
        (_said("1.83.10", "yanked", "broken"), [r"litellm 1\.83\.10 is in releases\.toml, but it is yanked"]),
    ],
)
def test_findings_on_the_index(written: Project, change: Callable[[Project], object], findings: list[str]) -> None:
    change(written)
    _expect(written, findings)
    written.expect(0, "check", "--offline")


def test_what_is_known_is_checked_though_a_release_is_missing(written: Project) -> None:
    written.index.add("1.84.1", NEW)
    assert written.expect(0, "check", "--known").splitlines()[-1] == f"{written.ledger} is right"

    written.index.entry("1.83.0")["hashes"] = {"sha256": "0" * 64}
    _expect(written, [r"1\.83\.0-py3-none-any\.whl: the index says sha256 0000"], "--known")


def test_what_may_be_missing_is_said(written: Project) -> None:
    written.index.add("1.83.5", OLD)
    written.index.add("1.84.1rc1", NEW)
    written.index.add("1.84.2", NEW, yanked=True)
    written.index.add("1.84.3", NEW, **{"upload-time": "2999-01-01T00:00:00Z"})
    result = written.run("check")
    assert result.exit_code == 0
    assert [line.split(" is ")[-1] for line in result.stderr.splitlines()] == [
        "left out: 1 pre-release(s)",
        'denied: malicious "upload"',
        "yanked",
        "younger than 48 h, uploaded 2999-01-01 00:00 UTC",
    ]


def test_an_index_that_fails_is_no_finding(written: Project) -> None:
    written.index.answers[PAGE] = IndexAnswer(b"", 500)
    written.expect(2, "check")
    written.ledger.unlink()
    written.expect(2, "check")
