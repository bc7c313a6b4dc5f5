"""`apply --merge`: the patch in an edited litellm, each hunk where it belongs, and the edits back byte for byte."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching import replacing
from tests.patching.factory import (
    HANDLER,
    STOCK,
    VERSION,
    Installation,
    digest,
    make_patch,
    snapshot,
    write_install,
    write_ledger,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from click.testing import Result

ROUTER, EVENTS = "litellm/router.py", "litellm/router_utils/events.py"
_TWIN = b"""    def %b(self, model, **kwargs):
        name = model
        group = self.find(name, kwargs["team"])
        return group

"""
_FIXED = _TWIN.replace(b"self.find(name,", b"self.find(resolve(name),")
_ROUTER = b"""import os
from litellm.types import Deployment, Limits


class Router:
    def __init__(self, groups):
        self.groups = groups

%b%b    def other(self):
        total = 0
        for group in self.groups:
            total += 1
        return total
"""
_EVENTS = b"""import litellm


def chain_of(name):
    found = litellm.chains.get(name)
    return found


def count(names):
    return len(names)
"""
_NEW_EVENTS = (
    _EVENTS.replace(b"litellm\n\n", b"litellm\nfrom litellm.names import derived\n\n", 1).replace(
        b".get(name)", b".get(name) or derived(name)"
    )
    + b"\n\ndef own(name):\n    return derived(name)\n"
)
BEFORE = {path: data for path, data in STOCK.items() if path != HANDLER} | {
    ROUTER: _ROUTER % (_TWIN % b"completion", _TWIN % b"acompletion"),
    EVENTS: _EVENTS,
}
AFTER = {ROUTER: _ROUTER % (_TWIN % b"completion", _FIXED % b"acompletion"), EVENTS: _NEW_EVENTS}
OLDER = {ROUTER: AFTER[ROUTER].replace(b"resolve(", b"guess("), EVENTS: AFTER[EVENTS].replace(b"own", b"its")}
MATCHED = AFTER[EVENTS].replace(b"found = litellm.chains.get", b"found = litellm.table.get")


class Vendored:
    """A world whose litellm someone edits: what `apply` finds, and the stock wheel."""

    def __init__(self, root: Path, *, bare: bool = False) -> None:
        """Make it."""
        site = root / "third_party" if bare else root / "site"
        package = write_install(site, files=BEFORE)
        if bare:
            for file in (info := site / f"litellm-{VERSION}.dist-info").iterdir():
                file.unlink()
            info.rmdir()
            (site / "pyproject.toml").write_text(f'[project]\nname = "litellm"\nversion = "{VERSION}"\n')
        patches = write_ledger(root / "patches", BEFORE, AFTER)
        self.wheel = root / f"litellm-{VERSION}-py3-none-any.whl"
        with zipfile.ZipFile(self.wheel, "w") as wheel:
            for path, data in BEFORE.items():
                wheel.writestr(path, data)
        ledger = patches / "releases.toml"
        ledger.write_text(ledger.read_text().replace("a" * 64, digest(self.wheel.read_bytes())))
        self.package = package
        self.world = Installation(root, site, site, patches)

    def edit(self, edits: Mapping[str, Callable[[bytes], bytes]]) -> dict[str, tuple[int, bytes | str]]:
        """Edit files, and give what is there then."""
        for path, edit in edits.items():
            file = self.world.site / path
            before = file.read_bytes()
            file.write_bytes(edit(before))
            assert file.read_bytes() != before
        return snapshot(self.world.root)

    def merge(self, *options: str) -> Result:
        """Apply with --merge."""
        return self.world.run("apply", None, "--merge", "--stock", str(self.wheel), *options)

    def read(self, path: str) -> bytes:
        """Read a file of the tree."""
        return (self.world.site / path).read_bytes()

    def keep(self, *revisions: Mapping[str, bytes]) -> None:
        """Keep patches of older revisions."""
        for number, after in enumerate(revisions, 1):
            folder = self.world.patches / "former" / str(number)
            folder.mkdir(parents=True)
            (folder / f"{VERSION}.patch").write_bytes(make_patch(BEFORE, after))


@pytest.fixture(params=[False, True], ids=["installed", "bare"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> Vendored:
    return Vendored(tmp_path, bare=request.param)


def _sub(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new)


def _crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def _vendor(data: bytes) -> bytes:
    data = re.sub(rb"(?m)^from litellm\b", b"from vendor.litellm", data)
    return re.sub(rb"(?m)^import litellm$", b"from vendor import litellm", data)


LOG = _sub(b"        name = model\n", b"        log(model)\n        name = model\n")
LAID_OUT = _sub(
    b'self.find(name, kwargs["team"])\n', b'self.find(\n            name,\n            kwargs["team"],\n        )\n'
)
EDITS: dict[str, tuple[Mapping[str, Callable[[bytes], bytes]], Callable[[bytes], bytes]]] = {
    "a log line in both twins": ({ROUTER: LOG}, LOG),
    "a helper that moved": (
        {ROUTER: lambda data: _no_other(data).replace(b"\n    def __init__", _OTHER + b"\n    def __init__")},
        lambda data: _no_other(data).replace(b"\n    def __init__", _OTHER + b"\n    def __init__"),
    ),
    "a renamed prefix": ({ROUTER: _vendor, EVENTS: _vendor}, _vendor),
    "a renamed prefix and CRLF": ({ROUTER: _vendor, EVENTS: lambda data: _crlf(_vendor(data))}, _vendor),
    "a backport before the class": (
        {ROUTER: _sub(b"class Router", b"LIMIT = 3\n\n\nclass Router")},
        _sub(b"class Router", b"LIMIT = 3\n\n\nclass Router"),
    ),
    "one twin gone": (
        {ROUTER: _sub(_TWIN % b"completion", b"")},
        lambda data: data.replace(_TWIN % b"completion", b""),
    ),
}
_OTHER = b"\n" + BEFORE[ROUTER][BEFORE[ROUTER].index(b"    def other") :]


def _no_other(data: bytes) -> bytes:
    return data.replace(_OTHER, b"")


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_merged_and_comes_back(tree: Vendored, name: str) -> None:
    edits, same = EDITS[name]
    before = tree.edit(edits)
    assert "apply --merge" in tree.world.expect(5, "apply")

    result = tree.merge()

    assert result.exit_code == 0, result.output
    assert "kept edits in" in result.output
    assert tree.read(ROUTER) == same(AFTER[ROUTER])
    status = tree.world.run("status")
    assert status.exit_code == 0
    assert f"is patched, with local edits in {ROUTER}" in status.output
    done = snapshot(tree.world.root)
    assert "already applied" in tree.merge().output
    assert "already applied" in tree.world.expect(0, "apply")
    assert snapshot(tree.world.root) == done
    tree.world.expect(0, "revert")
    assert snapshot(tree.world.root) == before


def test_another_layout_is_merged_and_comes_back(tree: Vendored) -> None:
    """A formatter's: the patched function takes stock's layout until the patch is taken out; the others keep theirs."""
    before = tree.edit({ROUTER: LAID_OUT, EVENTS: _sub(b"litellm\n\n\n", b"litellm\n\n")})
    assert tree.merge().exit_code == 0
    assert LAID_OUT(_TWIN % b"completion") + _FIXED % b"acompletion" in tree.read(ROUTER)
    tree.world.expect(0, "revert")
    assert snapshot(tree.world.root) == before


def test_imports_in_another_layout_are_merged(tree: Vendored) -> None:
    tree.edit({EVENTS: _sub(b"import litellm\n", b"import litellm\nimport os\n")})
    result = tree.merge()
    assert result.exit_code == 5
    tree.edit({EVENTS: _sub(b"import litellm\nimport os\n", b"import litellm # all\n")})
    assert tree.merge().exit_code == 5, "the remark would be lost"
    tree.edit({EVENTS: _sub(b"import litellm # all\n", b"import  litellm\n")})
    assert tree.merge().exit_code == 0


def test_a_conflict_is_shown_and_changes_nothing(tree: Vendored) -> None:
    before = tree.edit({ROUTER: _sub(b"self.find(name,", b"self.search(name,")})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)
    *shown, last = result.stderr.splitlines()
    assert shown[0] == f"{ROUTER}, in Router.acompletion:"
    assert [line.partition(" ")[0] for line in shown if re.match(r"[<|=>]{7}", line)] == [
        *("<<<<<<<", "|||||||", "=======", ">>>>>>>")
    ]
    assert any("self.search(name," in line for line in shown)
    assert any("self.find(resolve(name)," in line for line in shown)
    assert last.startswith(f"error: {ROUTER}: your edit and the patch meet in 1 place(s), shown above; undo your edit")


def test_a_twin_never_gets_the_other_s_hunk(tree: Vendored) -> None:
    """Git alone puts it there without a word: the twin that the patch is for is gone."""
    before = tree.edit({ROUTER: _sub(_TWIN % b"acompletion", b"")})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)


def test_a_function_under_another_name_is_refused(tree: Vendored) -> None:
    before = tree.edit({ROUTER: _sub(b"def acompletion", b"def bcompletion")})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)
    assert f"{ROUTER}: the merge changes Router.bcompletion, which the patch does not" in result.stderr


READER = b"\n\ndef mine(name):\n    return get_fallback_model_group(name)\n"


@pytest.mark.parametrize("path", [ROUTER, "litellm/mine.py"])
def test_a_reader_that_the_edit_added_is_refused(tree: Vendored, path: str) -> None:
    tree.edit({ROUTER: LOG})
    (tree.world.site / path).touch()
    before = tree.edit({path: lambda data: data + READER})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)
    assert re.search(rf"new reader of chains: {path}:\d+ mine \(calls get_fallback_model_group\)", result.stderr)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda data: data + b"<<<<<<< HEAD\n", "marks of a merge that was not finished"),
        (lambda data: data + b"def (\n", "is not Python"),
        (lambda data: data.replace(b"\n", b"\r\n", 3) + b"# mine\n", "mixes CRLF and LF"),
        (lambda data: data.replace(b"\n", b"\r\n", 3), "mixes CRLF and LF"),
    ],
)
def test_what_cannot_be_merged(tree: Vendored, edit: Callable[[bytes], bytes], words: str) -> None:
    before = tree.edit({ROUTER: edit})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)
    assert words in result.stderr


def test_a_missing_file_is_not_merged(tree: Vendored) -> None:
    tree.edit({ROUTER: LOG})
    (tree.world.site / EVENTS).unlink()
    result = tree.merge()
    assert result.exit_code == 5
    assert f"{EVENTS} is missing" in result.stderr


def test_two_releases_mixed(tree: Vendored) -> None:
    other = BEFORE[ROUTER] + b"NEXT = 1\n"
    ledger = tree.world.patches / "releases.toml"
    text = ledger.read_text()
    entry = text[text.index("[[releases]]") : text.index("\n[files")]
    entry = entry.replace(f'"{VERSION}"\nu', '"1.84.0"\nu').replace(f"litellm-{VERSION}-", "litellm-1.84.0-")
    entry = entry.replace(digest(BEFORE[ROUTER])[:12], digest(other)[:12])
    section = f'[files."{VERSION}.patch"."{ROUTER}"]\n'
    change = f'{digest(other)} = {{ post_image = "{"b" * 64}", offsets = [0] }}\n'
    ledger.write_text(text.replace(section, section + change) + "\n" + entry)
    before = tree.edit({ROUTER: lambda _: other})
    for output in (tree.merge().stderr, tree.world.run("status").output):
        assert f"{ROUTER} is that of litellm 1.84.0, so that two releases are mixed" in output
    assert snapshot(tree.world.root) == before


def test_the_stock_files_must_be_the_ledger_s(tree: Vendored) -> None:
    before = tree.edit({ROUTER: LOG})
    tree.wheel.write_bytes(tree.wheel.read_bytes() + b"x")
    result = tree.merge()
    assert result.exit_code == 1
    assert "is not a wheel of litellm" in result.stderr
    assert "with --stock" in result.stderr
    before.pop(tree.wheel.name)
    assert before.items() <= snapshot(tree.world.root).items()


def test_without_git(tree: Vendored, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree.edit({ROUTER: LOG})
    monkeypatch.setenv("PATH", str(tree.world.root))
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (1, before)
    assert "git is not on the PATH" in result.stderr


def test_patched_and_then_edited_is_taken_over(tree: Vendored) -> None:
    """As after `git am` in the vendoring project and an edit behind it: no file of litellm changes."""
    tree.world.expect(0, "apply")
    tree.edit({ROUTER: LOG})
    assert tree.world.run("status").exit_code == 5
    assert tree.merge().exit_code == 0
    assert tree.read(ROUTER) == LOG(AFTER[ROUTER])
    tree.world.expect(0, "revert")
    assert tree.read(ROUTER) == LOG(BEFORE[ROUTER])


def test_an_edit_of_the_patch_itself_is_refused(tree: Vendored) -> None:
    tree.world.expect(0, "apply")
    before = tree.edit({ROUTER: _sub(b"resolve(name)", b"resolve(model)")})
    result = tree.merge()
    assert (result.exit_code, snapshot(tree.world.root)) == (5, before)


def test_an_edit_after_the_merge(tree: Vendored) -> None:
    tree.edit({ROUTER: LOG})
    assert tree.merge().exit_code == 0
    tree.edit({ROUTER: _sub(b"total = 0", b"total = 1")})
    assert "run apply --merge, which takes the later edit into its record" in tree.world.expect(5, "revert")
    assert tree.merge().exit_code == 0
    tree.world.expect(0, "revert")
    assert tree.read(ROUTER) == LOG(BEFORE[ROUTER]).replace(b"total = 0", b"total = 1")


@pytest.mark.parametrize("after", [1, 2])
def test_half_merged(tree: Vendored, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Killed after the record, or after a file: a merge goes on, revert goes back, plain apply says what it is."""
    before = tree.edit({ROUTER: LOG, EVENTS: _sub(b"count(names):", b"count(names):  # mine")})
    whole = replacing.replace_files

    def killed(changes: Mapping[Path, bytes | None]) -> None:
        whole(dict(list(changes.items())[:after]))

    monkeypatch.setattr("litellm_patch.patching.apply.replace_files", killed)
    assert tree.merge().exit_code == 0
    monkeypatch.undo()
    status = tree.world.run("status")
    assert status.exit_code == 4
    words = ("a merge with edits was not finished", f"{EVENTS} is edited, and not patched")
    assert words[after - 1] in status.output
    half = snapshot(tree.world.root)
    assert "run apply --merge" in tree.world.expect(5, "apply")
    assert snapshot(tree.world.root) == half
    tree.world.expect(0, "revert")
    assert snapshot(tree.world.root) == before
    monkeypatch.setattr("litellm_patch.patching.apply.replace_files", killed)
    tree.merge()
    monkeypatch.undo()
    assert tree.merge().exit_code == 0
    assert tree.read(ROUTER) == LOG(AFTER[ROUTER])
    assert tree.world.run("status").exit_code == 0


def test_a_damaged_record_is_refused(tree: Vendored) -> None:
    tree.edit({ROUTER: LOG})
    assert tree.merge().exit_code == 0
    (marker,) = tree.world.site.rglob("litellm-patch.json")
    content = json.loads(marker.read_bytes())
    content["edited"][ROUTER]["before"] = "0" * 64
    marker.write_text(json.dumps(content))
    before = snapshot(tree.world.root)
    assert tree.world.run("revert").exit_code == 1
    content["edited"][ROUTER] = {"undo": 3}
    marker.write_text(json.dumps(content))
    assert tree.world.run("revert").exit_code == 5
    before.pop(str(marker.relative_to(tree.world.root)))
    assert before.items() <= snapshot(tree.world.root).items()


def test_a_dry_run_merges_nothing(tree: Vendored) -> None:
    before = tree.edit({ROUTER: LOG})
    result = tree.merge("--dry-run", "--json")
    assert (result.exit_code, snapshot(tree.world.root)) == (0, before)
    (note,) = json.loads(result.stdout)["merged"]
    assert note == f"merged {ROUTER}: 1 hunks, moved by +2 lines; kept edits in 2 place(s)"


def test_the_optional_patch_is_merged_too(tree: Vendored) -> None:
    folder = tree.world.patches / "matching"
    folder.mkdir()
    (folder / f"{VERSION}.patch").write_bytes(make_patch(AFTER, {EVENTS: MATCHED}))
    ledger = tree.world.patches / "releases.toml"
    name = f"matching/{VERSION}.patch"
    change = f'{{ post_image = "{digest(MATCHED)}", offsets = [0] }}'
    text = ledger.read_text().replace(f'["{VERSION}.patch"]', f'["{VERSION}.patch", "{name}"]')
    ledger.write_text(f'{text}\n[files."{name}"."{EVENTS}"]\n{digest(AFTER[EVENTS])} = {change}\n')
    mine = b"\n\ndef mine():\n    pass\n"
    before = tree.edit({EVENTS: _sub(b"\n\ndef count", mine + b"\n\ndef count")})
    assert tree.merge().exit_code == 0
    assert tree.world.run("apply", None, "--with", "matching").exit_code == 5
    assert tree.merge("--with", "matching").exit_code == 0
    assert tree.read(EVENTS) == MATCHED.replace(b"\n\ndef count", mine + b"\n\ndef count")
    assert "with matching" in tree.world.run("status").output
    assert "already applied" in tree.merge().output
    for marker in tree.world.site.rglob("litellm-patch.json"):
        marker.unlink()
    assert tree.merge().exit_code == 0  # it sees what was in
    assert tree.read(EVENTS) == MATCHED.replace(b"\n\ndef count", mine + b"\n\ndef count")
    tree.world.expect(0, "revert")
    assert snapshot(tree.world.root) == before


def test_crlf_is_no_edit(tree: Vendored) -> None:
    before = tree.edit({ROUTER: _crlf, EVENTS: _crlf})
    if tree.world.record.exists():
        assert tree.world.run("status").exit_code == 4, "RECORD has what the installer brought"
    else:
        tree.world.run("status").exit_code == 3  # noqa: B015
    tree.world.expect(0, "apply")
    assert (tree.read(ROUTER), tree.read(EVENTS)) == (_crlf(AFTER[ROUTER]), _crlf(AFTER[EVENTS]))
    assert tree.world.run("status").exit_code == 0
    tree.world.expect(0, "revert")
    assert (tree.read(ROUTER), tree.read(EVENTS)) == (_crlf(BEFORE[ROUTER]), _crlf(BEFORE[EVENTS]))
    if not tree.world.record.exists():
        assert snapshot(tree.world.root) == before


@pytest.mark.parametrize("tool", ["git apply", "git am", "patch -p1"])
def test_the_work_of_other_tools_is_recognised(tree: Vendored, tool: str) -> None:
    site = tree.world.site
    (patch,) = tree.world.patches.glob("*.patch")
    run = tool.split()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
    if tool == "git am":
        subprocess.run(["git", "init", "-q"], cwd=site, check=True)  # noqa: S607
        subprocess.run([*git, "add", "-f", "."], cwd=site, check=True)  # noqa: S603
        subprocess.run([*git, "commit", "-qm", "x"], cwd=site, check=True)  # noqa: S603
        run = [*git, "am", "-q"]
    subprocess.run([*run, *(["-i"] if tool == "patch -p1" else []), str(patch)], cwd=site, check=True)  # noqa: S603
    status = tree.world.run("status")
    assert status.exit_code == (4 if tree.world.record.exists() else 0)
    assert "RECORD does not match the files" in status.output or "is patched" in status.output
    tree.world.expect(0, "apply")
    tree.world.expect(0, "revert")
    assert tree.read(ROUTER) == BEFORE[ROUTER]


def _write(tree: Vendored, contents: Mapping[str, bytes]) -> None:
    for path, data in contents.items():
        (tree.world.site / path).write_bytes(data)


@pytest.mark.parametrize("kind", [bytes, _crlf], ids=["LF", "CRLF"])
def test_an_older_version_of_the_patch_is_upgraded(tree: Vendored, kind: Callable[[bytes], bytes]) -> None:
    tree.keep(OLDER)
    _write(tree, {path: kind(data) for path, data in OLDER.items()})
    status = tree.world.run("status")
    assert (status.exit_code, status.output.partition(":")[0]) == (10, "outdated")
    assert "next: run apply, which upgrades it" in status.output
    tree.world.expect(0, "apply")
    assert {path: tree.read(path) for path in AFTER} == {path: kind(data) for path, data in AFTER.items()}
    assert tree.world.run("status").exit_code == 0
    _write(tree, {path: kind(data) for path, data in OLDER.items()})
    tree.world.expect(0, "revert")
    assert {path: tree.read(path) for path in AFTER} == {path: kind(BEFORE[path]) for path in AFTER}


def test_half_of_an_upgrade(tree: Vendored) -> None:
    tree.keep(AFTER | {EVENTS: OLDER[EVENTS] + b"# x\n"}, OLDER)
    _write(tree, {ROUTER: OLDER[ROUTER], EVENTS: AFTER[EVENTS]})
    assert tree.world.run("status").exit_code == 10
    _write(tree, {ROUTER: OLDER[ROUTER], EVENTS: BEFORE[EVENTS]})
    status = tree.world.run("status")
    assert status.exit_code == 4
    assert f"{ROUTER} is patched by an older version" in status.output
    tree.world.expect(0, "apply")
    assert tree.read(ROUTER) == AFTER[ROUTER]
    _write(tree, {EVENTS: OLDER[EVENTS] + b"# x\n"})
    tree.world.expect(0, "apply")
    assert tree.read(EVENTS) == AFTER[EVENTS]


def test_an_older_version_in_an_edited_tree_is_upgraded(tree: Vendored) -> None:
    tree.keep(OLDER)
    _write(tree, {path: LOG(data) for path, data in OLDER.items()})
    assert tree.merge().exit_code == 0
    assert tree.read(ROUTER) == LOG(AFTER[ROUTER])
    tree.world.expect(0, "revert")
    assert tree.read(ROUTER) == LOG(BEFORE[ROUTER])


def test_a_merge_by_an_older_version_is_upgraded(tmp_path: Path) -> None:
    tree = Vendored(tmp_path, bare=True)
    new = snapshot(tree.world.patches)
    write_ledger(tree.world.patches, BEFORE, OLDER)
    ledger = tree.world.patches / "releases.toml"
    ledger.write_text(ledger.read_text().replace("a" * 64, digest(tree.wheel.read_bytes())))
    before = tree.edit({ROUTER: LOG})
    assert tree.merge().exit_code == 0
    for name, (_, data) in new.items():
        assert isinstance(data, bytes)
        (tree.world.patches / name).write_bytes(data)
    tree.keep(OLDER)
    status = tree.world.run("status")
    assert status.exit_code == 10
    assert "run apply --merge, which upgrades it" in status.output
    assert "run apply --merge" in tree.world.expect(5, "apply")
    assert tree.merge().exit_code == 0
    assert tree.read(ROUTER) == LOG(AFTER[ROUTER])
    tree.world.expect(0, "revert")
    assert tree.read(ROUTER) == LOG(BEFORE[ROUTER])
    assert before
