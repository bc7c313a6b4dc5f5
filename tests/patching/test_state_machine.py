"""Anything in any order: what status says is what a dictionary of hashes says, and no verb does more than it should."""

from __future__ import annotations

import csv
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from packaging.version import Version

from litellm_patch.patching.ledger import load_ledger
from tests.patching.crash import KILLED, CrashingForks, forking
from tests.patching.factory import (
    HANDLER,
    PATCHED,
    ROUTER,
    STOCK,
    digest,
    make_world,
    record_row,
    snapshot,
    write_install,
    write_ledger,
)
from upkeep.releases.writing import save_ledger

pytestmark = pytest.mark.slow

NEXT_STOCK = STOCK | {ROUTER: b"import next\n" + STOCK[ROUTER]}
NEXT_PATCHED = {ROUTER: b"import next\n" + PATCHED[ROUTER], HANDLER: PATCHED[HANDLER]}
RELEASES = {"1.83.0": (STOCK, PATCHED), "1.84.0": (NEXT_STOCK, NEXT_PATCHED)}
VERSIONS = [*RELEASES, "1.85.0"]  # the last has no entry
PATHS = st.sampled_from([ROUTER, HANDLER])
VERBS = st.sampled_from(["apply", "revert"])
MARKER = "litellm-patch.json"
CRLF = ", CRLF"


class Life(RuleBasedStateMachine):
    """The life of an installation.

    The model is `files` and `recorded`, the hash of each file that a patch touches as it is and as RECORD has it
    (None if it is missing), and whether there is a marker, on disk and in RECORD.
    """

    forks: CrashingForks

    def __init__(self) -> None:
        """Start with a stock installation, and a ledger of two releases."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="litellm-patch-life-")
        self.world = make_world(Path(self.folder.name))
        first = load_ledger(self.world.patches)
        write_ledger(self.world.root / "next", NEXT_STOCK, NEXT_PATCHED)
        (second,) = load_ledger(self.world.root / "next").releases
        patch = shutil.copy(second.patch, self.world.patches / "1.84.0.patch")
        second = replace(second, version=Version("1.84.0"), patch=Path(patch))
        save_ledger(self.world.patches, replace(first, releases=(*first.releases, second)))
        self.version = "1.83.0"
        self.has_leftovers = False
        self.observe()

    def teardown(self) -> None:
        """Remove the installation."""
        self.folder.cleanup()

    def observe(self) -> None:
        """Take the model from the disk, as Python's own reader of RECORD sees it."""
        self.files = {path: self.hash_of(path) for path in PATCHED}
        info = self.world.site / f"litellm-{self.version}.dist-info"
        rows = {row[0]: row[1:] for row in csv.reader((info / "RECORD").read_text().splitlines())}
        contents = [*STOCK.values(), *NEXT_STOCK.values(), *PATCHED.values(), *NEXT_PATCHED.values()]
        known = {record_hash(kind): in_kind(kind) for data in contents for kind in (data, with_crlf(data))}
        self.recorded: dict[str, str | None] = {path: known[rows[path][0]] for path in PATCHED}
        self.marker = (info / MARKER).exists()
        self.listed = f"{info.name}/{MARKER}" in rows

    def hash_of(self, path: str) -> str | None:
        """Give the hash of a file with LF line ends, and which it has; None if it is missing."""
        file = self.world.site / path
        return in_kind(file.read_bytes()) if file.exists() else None

    def wanted(self, verb: str) -> dict[str, str | None]:
        """Give the hashes that a verb leads to: line ends stay."""
        contents = RELEASES[self.version][verb == "apply"]
        has_crlf = {path for path in PATCHED if (self.files[path] or "").endswith(CRLF)}
        return {path: in_kind(with_crlf(contents[path]) if path in has_crlf else contents[path]) for path in PATCHED}

    @property
    def code(self) -> int:
        """What status must end with."""
        if self.version not in RELEASES:
            return 6
        stock, patched = self.wanted("revert"), self.wanted("apply")
        if any(self.files[path] not in {stock[path], patched[path]} for path in PATCHED):
            return 5
        if self.files == stock and self.recorded == stock and not self.marker and not self.listed:
            return 3
        if self.files == patched and self.recorded == patched and self.marker == self.listed:
            return 0
        return 4

    @rule(verb=VERBS)
    def run(self, verb: str) -> None:
        """Apply or revert: it is done, or it was so already, or it is refused and nothing changes."""
        goal, code = (0 if verb == "apply" else 3), self.code
        before = snapshot(self.world.root)
        result = self.world.run(verb)
        event(f"{verb} from {code}")
        if code in {5, 6}:
            assert (result.exit_code, snapshot(self.world.root)) == (code, before), result.output
            return
        assert result.exit_code == 0, result.output
        self.has_leftovers = False
        if code != goal:
            self.files = self.wanted(verb)
            self.recorded = self.wanted(verb)
            self.marker = self.listed = verb == "apply"

    # of some 360 lines the files change between lines 240 and 260, and there are leftovers from line 150 on
    @rule(verb=VERBS, line=st.integers(1, 400) | st.integers(150, 350) | st.integers(240, 260), then=st.none() | VERBS)
    def crash(self, verb: str, line: int, then: str | None) -> None:
        """Kill a verb: each file is as before, or as it should be; maybe the next verb comes at once."""
        code, before = self.code, self.files
        bytes_before = snapshot(self.world.root)
        end = self.forks.run(self.world, verb, before_line=line)
        if code in {5, 6}:
            assert end in {KILLED, code}
            assert snapshot(self.world.root) == bytes_before
            return
        assert end in {KILLED, 0}
        self.observe()
        event(f"killed, then {self.code}" if end == KILLED else "ended before it could be killed")
        assert all(self.files[path] in {before[path], self.wanted(verb)[path]} for path in PATCHED)
        assert self.code in {0, 3, 4}
        self.has_leftovers = end == KILLED
        if then:
            self.run(then)

    @rule(version=st.sampled_from(VERSIONS), keeps=st.booleans())
    def install(self, version: str, *, keeps: bool) -> None:
        """Install the same release again or another one, over what is there, or after taking all of it away."""
        info = self.world.site / f"litellm-{self.version}.dist-info"
        marker = info / MARKER
        kept = marker.read_bytes() if keeps and self.marker and version == self.version else None
        leftovers = list((self.world.site / "litellm").rglob(".*.litellm-patch.*")) if keeps else []
        shutil.rmtree(info)
        for path in (self.world.site / "litellm").rglob("*"):
            if path.is_file() and path not in leftovers:
                path.unlink()
        self.version = version
        write_install(self.world.site, version, RELEASES.get(version, (NEXT_STOCK,))[0])
        if kept is not None:
            marker.write_bytes(kept)
        self.has_leftovers = bool(leftovers)
        self.files = {path: self.hash_of(path) for path in PATCHED}
        if version in RELEASES:
            self.recorded = self.wanted("revert")
        self.marker, self.listed = kept is not None, False

    @rule(path=PATHS, how=st.sampled_from(["edit", "convert", "empty", "delete"]))
    def damage(self, path: str, how: str) -> None:
        """Change a file by hand, check it out with other line ends, or lose it."""
        file = self.world.site / path
        if how == "delete":
            file.unlink(missing_ok=True)
        elif file.exists():
            data = file.read_bytes()
            changed = {"edit": data + b"# mine\n", "convert": with_crlf(data), "empty": b""}
            file.write_bytes(changed[how])
        self.files[path] = self.hash_of(path)

    @rule(path=PATHS, patched=st.booleans())
    def restore(self, path: str, *, patched: bool) -> None:
        """Bring one file back by hand, stock or patched, and nothing of the bookkeeping."""
        if self.version in RELEASES:
            data = RELEASES[self.version][patched][path]
            (self.world.site / path).write_bytes(data)
            self.files[path] = in_kind(data)

    @invariant()
    def status_tells_the_model(self) -> None:
        """Status says what the hashes say, and changes nothing."""
        before = snapshot(self.world.root)
        result = self.world.run("status")
        assert result.exit_code == self.code, result.output
        assert snapshot(self.world.root) == before

    @invariant()
    def nothing_is_left_behind(self) -> None:
        """Only a kill leaves temporary files, and only until the next apply or revert."""
        assert self.has_leftovers or not list(self.world.site.rglob(".*"))


def with_crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def in_kind(data: bytes) -> str:
    """The hash of a content with LF line ends, and whether it has others."""
    plain = data.replace(b"\r\n", b"\n")
    return digest(plain) + CRLF if plain != data and with_crlf(plain) == data else digest(data)


def record_hash(data: bytes) -> str:
    return record_row("x", data).split(",")[1]


def test_a_life_of_apply_revert_installs_edits_and_crashes() -> None:
    with forking() as forks:
        Life.forks = forks
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
