"""`releases update`: the index goes in, one form of ledger comes out, or nothing changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

import litellm_patch
from litellm_patch.errors import UnsupportedReleaseError, WheelError
from litellm_patch.patching.apply import apply
from litellm_patch.patching.ledger import Since
from litellm_patch.wheels import index as index_module
from litellm_patch.wheels.index import Index
from tests.patching.factory import ROUTER, digest, make_patch, snapshot, write_install
from tests.patching.fake_index import PAGE, IndexAnswer
from tests.patching.maintainer import CORE, NEW, NEW_PATCHED, OLD, OLD_PATCHED, SHIFTED, Project, at
from upkeep.releases.updating import update

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = ["1.83.0", "1.83.0.post1", "1.83.10", "1.84.0"]


def test_the_ledger_says_all(project: Project) -> None:
    assert f"{project.ledger}: 4 release(s) by 2 patch(es), written" in project.expect(0, "update")
    assert project.versions() == ALL
    _, _, shifted, newest = project.load().releases
    assert (shifted.patch.name, newest.patch.name) == ("1.83.0.patch", "1.84.0.patch")
    (image,) = shifted.files
    assert (image.path, image.offsets, image.pre_image) == (ROUTER, (3,), digest(SHIFTED[ROUTER]))
    assert image.post_image == digest(b"import find\n\n\n" + OLD_PATCHED[ROUTER])
    (image,) = newest.files
    assert (image.path, image.pre_image, image.post_image) == (CORE, digest(NEW[CORE]), digest(NEW_PATCHED[CORE]))
    hashes = {entry["filename"]: entry["hashes"]["sha256"] for entry in project.index.files}
    assert dict(newest.wheels) == {name: value for name, value in hashes.items() if "-1.84.0-" in name}
    assert newest.uploaded.isoformat() == "2020-01-02T03:04:04+00:00"
    assert shifted.uploaded.isoformat() == "2020-01-02T03:04:05+00:00"
    assert project.load().denied == {Version("1.83.5"): 'malicious "upload"'}


def test_the_ledger_serves_apply(project: Project) -> None:
    project.expect(0, "update")
    write_install(project.root / "site", "1.83.10", SHIFTED | {"litellm/__init__.py": b""})
    assert next(path.name for path in apply(project.root / "site", project.load()).paths) == "router.py"


def test_what_is_fixed_upstream_is_kept_and_respected(project: Project) -> None:
    project.expect(0, "update")
    project.ledger.write_text(
        project.ledger.read_text() + '\n[fixed]\nversion = "1.84.0"\nreason = "see pull request 1"\n'
    )
    assert "fixed says 1.84.0, but 1.84.0 is listed with a patch" in project.expect(2, "check")

    (project.patches / "1.84.0.patch").unlink()
    assert "left out: litellm 1.84.0 is fixed upstream: see pull request 1" in project.expect(0, "update")
    assert project.load().fixed == Since(Version("1.84.0"), "see pull request 1")
    assert project.versions() == ["1.83.0", "1.83.0.post1", "1.83.10"]
    assert "is right and complete" in project.expect(0, "check")
    assert "litellm 1.84.0 is fixed upstream" in project.expect(2, "update", "1.84.0")


def test_a_second_time_changes_nothing_and_fetches_nothing(project: Project) -> None:
    project.expect(0, "update")
    before, node = project.ledger.read_bytes(), project.ledger.stat().st_ino
    project.index.hits.clear()
    project.index.files.reverse()
    assert "unchanged" in project.expect(0, "update")
    assert (project.ledger.read_bytes(), project.ledger.stat().st_ino) == (before, node)
    assert project.index.hits == [PAGE]


def test_the_bytes_depend_on_nothing_else(project: Project) -> None:
    project.expect(0, "update")
    before = project.ledger.read_bytes()
    project.index.files.reverse()
    project.ledger.write_text(before.decode().partition("[[releases]]")[0])
    project.expect(0, "update", "1.84.0", "1.83.10", "1.83.0.post1", "1.83", "--cache", str(project.root / "other"))
    assert project.ledger.read_bytes() == before


def test_the_cache_keeps_only_what_patches_touch(project: Project) -> None:
    project.expect(0, "update", "--cache", str(project.root / "there"))
    assert sorted(snapshot(project.root / "there")) == sorted(
        f"{version}/{path}"
        for version, paths in {
            "1.83.0": (ROUTER,),
            "1.83.0.post1": (ROUTER,),
            "1.83.10": (ROUTER,),
            "1.84.0": (ROUTER, CORE),
        }.items()
        for path in (*paths, "wheel.json")
    )
    assert not project.cache.exists()
    project.expect(0, "update")
    assert project.cache.is_dir()


def test_a_cache_that_is_damaged_or_lacks_a_file_is_fetched_anew(project: Project) -> None:
    project.expect(0, "update")
    before = project.ledger.read_bytes()
    note = project.cache / "1.83.0" / "wheel.json"
    damages: list[Callable[[], object]] = [
        lambda: (project.cache / "1.83.0" / ROUTER).write_bytes(b""),
        (project.cache / "1.83.0" / ROUTER).unlink,
        note.unlink,
        lambda: note.write_text("[]"),
        lambda: note.write_bytes(b"\xff"),
        lambda: note.write_text(note.read_text().replace('"sha256": "', '"sha256": "0')),
        lambda: note.write_text(note.read_text().replace(CORE, "litellm/other.py")),
    ]
    for damage in damages:
        damage()
        project.index.hits.clear()
        assert "unchanged" in project.expect(0, "update")
        assert project.index.fetched == ["litellm-1.83.0-py3-none-any.whl"]
        assert project.ledger.read_bytes() == before


def test_what_is_left_out_is_said(project: Project) -> None:
    for version in ("1.83.5", "1.84.1rc1", "1.84.1.dev2"):
        project.index.add(version, OLD)
    project.index.add("1.84.0+fallbacknames.1", NEW_PATCHED)
    project.index.add("1.84.2", NEW, yanked="broken")
    project.index.add_file("litellm-1.84.2.tar.gz", b"", yanked=True)
    project.index.add("1.84.3", NEW, yanked=True)
    project.index.add_file("litellm-1.84.3.tar.gz", b"")
    project.index.add_file("litellm-1.84.4.tar.gz", b"")
    project.index.add("1.84.5", NEW, **{"upload-time": "2999-01-01T00:00:00Z"})
    result = project.run("update")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "left out: 2 pre-release(s)",
        'left out: litellm 1.83.5 is denied: malicious "upload"',
        "left out: litellm 1.84.2 is yanked",
        "left out: litellm 1.84.4 is without a wheel",
        "left out: litellm 1.84.5 is younger than 48 h, uploaded 2999-01-01 00:00 UTC",
    ]
    assert project.versions() == [*ALL, "1.84.3"]


def test_the_cooldown_ends_after_48_hours(project: Project) -> None:
    uploaded = at("2020-01-02T03:04:05")
    told: list[str] = []
    around = project.surroundings(uploaded + timedelta(hours=48, seconds=-2), told)
    with pytest.raises(WheelError, match="no release that the patches could serve"):
        update(project.patches, around)
    assert len([line for line in told if "younger than 48 h" in line]) == 4
    with pytest.raises(UnsupportedReleaseError, match="younger than 48 h"):
        update(project.patches, around, [Version("1.84.0")])
    ledger, _ = update(project.patches, project.surroundings(uploaded + timedelta(hours=48), told))
    assert len(ledger.releases) == 4


def test_only_the_named_releases_are_touched(project: Project) -> None:
    project.expect(0, "update", "1.84")
    assert project.versions() == ["1.84.0"]
    project.expect(0, "update", "1.83.0", "1.83.0.post1")
    assert project.versions() == ["1.83.0", "1.83.0.post1", "1.84.0"]
    for version in ("1.84.0", "1.83.0"):
        for entry in project.index.files:
            if f"-{version}-" in entry["filename"]:
                entry["upload-time"] = "2020-02-02T02:02:02Z"
    project.expect(0, "update", "1.84.0")
    times = {str(release.version): release.uploaded.month for release in project.load().releases}
    assert times == {"1.83.0": 1, "1.83.0.post1": 1, "1.84.0": 2}


def test_a_named_release_that_cannot_be_supported_is_refused(project: Project) -> None:
    project.index.add("1.84.1rc1", NEW)
    project.index.add("1.84.2", NEW, yanked=True)
    for version, words in [
        ("1.83.5", "is denied: malicious"),
        ("1.99.0", "the index has no litellm 1.99.0"),
        ("1.84.1rc1", "is a pre-release"),
        ("1.84.2", "is yanked"),
        ("1.9.0", "older than the oldest patch, which is for 1.83.0"),
    ]:
        assert words in project.expect(2, "update", "1.84.0", version)
    assert project.run("update", "new").exit_code == 2
    assert project.index.fetched == []


def test_a_release_that_left_the_index_is_dropped_and_said(project: Project) -> None:
    project.expect(0, "update")
    project.index.remove("1.83.10")
    assert "dropped: litellm 1.83.10 is no longer on the index" in project.expect(0, "update")
    assert project.versions() == ["1.83.0", "1.83.0.post1", "1.84.0"]


def test_an_update_of_all_mends_entries_that_are_wrong(project: Project) -> None:
    project.expect(0, "update")
    before = project.ledger.read_bytes()
    for old, new in [('["1.83.0.patch"]', '["gone.patch"]'), ("post_image", "image"), ("= [3]", "= [0]")]:
        project.edit(old, new)
        project.expect(0, "update")
        assert project.ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("tags", "fetched"),
    [
        (["cp310-abi3-manylinux_2_28_x86_64", "py3-none-any", "cp311-cp311-manylinux_2_28_x86_64"], "py3-none-any"),
        (["cp310-abi3-macosx_11_0_arm64", "cp310-abi3-manylinux_2_28_x86_64"], "cp310-abi3-manylinux_2_28_x86_64"),
        (["cp310-cp310-manylinux2014_x86_64", "cp311-cp311-manylinux2014_x86_64"], "cp311-cp311-manylinux2014_x86_64"),
        (["cp310-abi3-win_amd64", "cp310-abi3-musllinux_1_2_x86_64"], "cp310-abi3-musllinux_1_2_x86_64"),
    ],
)
def test_one_wheel_of_a_release_is_fetched(project: Project, tags: list[str], fetched: str) -> None:
    project.index.files.clear()
    for tag in tags:
        project.index.add("1.83.0", OLD, tag)
    project.expect(0, "update")
    assert project.index.fetched == [f"litellm-1.83.0-{fetched}.whl"]
    assert len(project.load().releases[0].wheels) == len(tags)


def _page(status: int, body: bytes = b"", kind: str = "text/html") -> Callable[[Project], object]:
    return lambda project: project.index.answers.update({PAGE: IndexAnswer(body, status, kind)})


def _html(project: Project) -> None:
    links = "".join(
        f'<a href="/files/{entry["filename"]}#sha256={entry["hashes"]["sha256"]}">{entry["filename"]}</a>'
        for entry in project.index.files
    )
    _page(200, links.encode())(project)


def _cut_page(project: Project) -> None:
    project.index.answers[PAGE] = IndexAnswer(
        project.index.page(), kind="application/vnd.pypi.simple.v1+json", missing=9
    )


def _other_wheel(project: Project) -> None:
    body = project.index.answer("1.83.10").body
    project.index.answer("1.83.10").body = body[:-1] + bytes([body[-1] ^ 1])


def _no_zip(project: Project) -> None:
    project.index.answer("1.83.10").body = b"no zip"
    project.index.entry("1.83.10")["hashes"]["sha256"] = digest(b"no zip")


def _set(attribute: str, value: object) -> Callable[[Project], object]:
    return lambda project: setattr(project.index.answer("1.83.10"), attribute, value)


def _said(key: str, value: object) -> Callable[[Project], object]:
    return lambda project: project.index.entry("1.83.10").update({key: value})


def _replaced(files: dict[str, bytes]) -> Callable[[Project], object]:
    def replace(project: Project) -> None:
        project.index.remove("1.83.10")
        project.index.add("1.83.10", files)

    return replace


def _file(name: str, data: bytes) -> Callable[[Project], object]:
    return lambda project: (project.patches / name).write_bytes(data)


def _no_patches(project: Project) -> None:
    for path in project.patches.glob("*.patch"):
        path.unlink()


_PATCH = make_patch(OLD, {ROUTER: OLD_PATCHED[ROUTER]})
_WHEEL = r"litellm-1\.83\.10-py3-none-any\.whl"
_MISFIT_WORDS = (
    rf"1\.83\.0\.patch does not fit litellm 1\.83\.10: {ROUTER}: hunk 1 must .* none; nearest at line 3, "
    r"but line 5 is '    def stream\(me, name\):', expected '    def stream\(self, name\):'"
)
_MISFIT = {ROUTER: OLD[ROUTER].replace(b"def stream(self,", b"def stream(me,")}


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (_page(500), 2, "the index's page of litellm: the server answered 500"),
        (_page(403), 2, "answered 403"),
        (_page(404), 2, "the index has no project litellm"),
        (_page(200, b"{", "application/vnd.pypi.simple.v1+json"), 2, "could not be fetched: JSONDecodeError"),
        (_page(200, b"{}", "application/vnd.pypi.simple.v1+json"), 2, "could not be fetched: ValidationError"),
        (_page(200, b"x", "image/png"), 2, "could not be fetched: UnsupportedContentTypeError"),
        (
            _page(200, b'{"meta": {"api-version": "9.0"}, "files": []}', "application/vnd.pypi.simple.v1+json"),
            2,
            "could not be fetched: ",
        ),
        (_cut_page, 2, "could not be fetched: "),
        (_html, 2, "gives no upload time of litellm-1"),
        (_said("upload-time", None), 2, f"gives no upload time of {_WHEEL}"),
        (_said("upload-time", "2020-01-01T00:00:00"), 2, f"gives no upload time of {_WHEEL}"),
        (_said("hashes", {}), 2, f"gives no sha256 of {_WHEEL}"),
        (_said("hashes", {"md5": "0" * 32}), 2, f"gives no sha256 of {_WHEEL}"),
        (_said("hashes", {"sha256": "zz"}), 2, f"gives no sha256 of {_WHEEL}"),
        (_set("status", 500), 2, f"{_WHEEL}: the server answered 500"),
        (_set("status", 404), 2, f"{_WHEEL}: the server answered 404"),
        (_set("missing", 9), 2, f"{_WHEEL} could not be fetched: "),
        (_other_wheel, 2, f"{_WHEEL} has sha256 [0-9a-f]{{64}}, the index says [0-9a-f]{{64}}"),
        (_no_zip, 2, f"{_WHEEL} is not a wheel"),
        (_replaced({"litellm/main.py": b""}), 2, rf"1\.83\.0\.patch changes {ROUTER}, which litellm 1\.83\.10 does"),
        (_replaced(_MISFIT), 2, _MISFIT_WORDS),
        (_replaced({ROUTER: OLD[ROUTER] * 2}), 2, r"hunk 1 must fit in exactly one place.* lines that fit: \d+, \d+"),
        (_no_patches, 2, "there is no patch in"),
        (_file("1.85.0.patch", b"no patch"), 2, r"1\.85\.0\.patch changes no file"),
        (_file("newest.patch", _PATCH), 2, r"newest\.patch is not named after a release"),
        (_file("1.84.patch", _PATCH), 2, r"1\.84\.0\.patch and 1\.84\.patch are for the same"),
        (_file("releases.toml", b"schema = "), 2, "not valid TOML"),
        (_file("releases.toml", b"schema = 1"), 2, "schema must be 2, not 1"),
        (_file("releases.toml", b"denied = []"), 2, "schema: is missing"),
        (
            _file("releases.toml", b"schema = 2\ndenied = [{version = '1'}]"),
            2,
            r"denied\[0\]\.reason: is missing",
        ),
    ],
)
def test_a_failure_leaves_the_ledger_as_it_was(
    project: Project, damage: Callable[[Project], object], code: int, words: str
) -> None:
    damage(project)
    output = project.expect(code, "update")
    assert len(output.splitlines()) == 1
    assert re.search(words, output), output


def test_other_entries_must_be_right_if_they_are_to_stay(project: Project) -> None:
    project.expect(0, "update")
    project.edit('["1.83.0.patch"]', '["gone.patch"]')
    assert "patch 'gone.patch' is unknown" in project.expect(2, "update", "1.84.0")


def test_what_was_fetched_before_a_failure_is_kept(project: Project) -> None:
    project.index.answer("1.84.0").status = 500
    project.expect(2, "update")
    project.index.answer("1.84.0").status = 200
    project.expect(0, "update")
    assert len(project.index.fetched) == len(set(project.index.fetched)) + 1


def test_an_index_that_is_silent_or_away(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_TIMEOUT", (0.2, 0.2))
    project.index.answers[PAGE] = IndexAnswer(b"", stalls=True)
    assert "ReadTimeout" in project.expect(2, "update")
    project.index.answers.pop(PAGE)
    project.index.answer("1.83.0").stalls = True
    assert "litellm-1.83.0-py3-none-any.whl could not be fetched: " in project.expect(2, "update")
    for url, words in [("http://127.0.0.1:1/simple", "ConnectionError"), ("nonsense", "MissingSchema")]:
        assert words in project.expect(2, "update", "--index-url", url)


def test_an_interrupted_update_leaves_the_ledger_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = snapshot(project.patches)
    for owner, name, act, code in [
        (Index, "download", interrupt, 1),
        (os, "fsync", interrupt, 1),
        (os, "fsync", fail, 2),
        (Path, "replace", interrupt, 1),
        (Path, "replace", fail, 2),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, act)
            assert project.run("update").exit_code == code
        assert snapshot(project.patches) == before
    project.expect(0, "update")
    assert project.versions() == ALL


def test_a_password_in_the_address_is_not_shown(project: Project) -> None:
    project.index.answers[PAGE] = IndexAnswer(b"", 500)
    url = project.index.url.replace("//", "//me:secret@")
    for address in (url, "http://me:secret@127.0.0.1:1/", "ftp://me:secret@127.0.0.1/", "//me:secret@127.0.0.1/"):
        assert "secret" not in project.expect(2, "update", "--index-url", address)


def test_where_the_index_is(project: Project) -> None:
    away = {"PIP_INDEX_URL": "http://127.0.0.1:1/"}
    project.expect(2, "update", **away)
    project.expect(0, "update", "--index-url", project.index.url, **away)
    project.expect(0, "update", PIP_INDEX_URL="", UV_DEFAULT_INDEX=project.index.url.rstrip("/"))
    project.expect(0, "update", PIP_INDEX_URL="", UV_DEFAULT_INDEX=f"mine={project.index.url}")


def test_the_machines_certificates_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    expected: str | bool = True
    for name in ("", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if name:
            expected = f"/certs/{name}"
            monkeypatch.setenv(name, expected)
        with Index()._client("it") as client:
            assert client.s.verify == expected


def test_without_the_library_it_says_what_to_install(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypi_simple", None)
    assert "pip install 'pypi-simple>=1.8' 'requests>=2.32'" in project.expect(2, "update")


def test_the_library_is_only_imported_by_those_who_need_it() -> None:
    code = "import sys, litellm_patch.cli; sys.exit(bool({'requests', 'pypi_simple', 'pydantic'} & set(sys.modules)))"
    sources = Path(litellm_patch.__file__).parents[1]
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env=os.environ | {"PYTHONPATH": str(sources)}, check=False).returncode == 0  # noqa: S603
