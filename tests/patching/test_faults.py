"""Whatever fails, and whenever the process is killed: wholly stock, wholly patched, or partial and brought home."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from litellm_patch.patching import locking
from tests.patching.crash import KILLED, PACKAGE, CrashingForks, forking
from tests.patching.factory import PATCHED, Installation, make_world, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODE = "cpython-311.pyc"


@pytest.fixture(scope="module")
def forks() -> Iterator[CrashingForks]:
    with forking() as forks:
        yield forks


@pytest.fixture
def world(tmp_path: Path) -> Installation:
    """The usual one, with bytecode that must go; what is made of it must leave no lock behind."""
    world = make_world(tmp_path)
    for path in (world.router, world.handler):
        (path.parent / "__pycache__").mkdir()
    compile_all(world)
    return world


def compile_all(world: Installation) -> None:
    for path in (world.router, world.handler):
        (path.parent / "__pycache__" / f"{path.stem}.{CODE}").write_bytes(b"stale")


def contents(world: Installation) -> dict[str, tuple[int, bytes | str]]:
    """Give all but bytecode."""
    return {path: entry for path, entry in snapshot(world.root).items() if not path.endswith(CODE)}


def check_home(world: Installation, verb: str, stock: dict[str, tuple[int, bytes | str]]) -> None:
    """See that a world is wholly what a verb makes of it, with nothing left over."""
    now = contents(world)
    if verb == "apply":
        assert {path: (world.site / path).read_bytes() for path in PATCHED} == PATCHED
        assert now.keys() == stock.keys() | {str(world.marker.relative_to(world.root))}
        assert world.run("status").exit_code == 0
    else:
        assert now == stock
    assert not list(world.site.rglob(f"*{CODE}")), "old code may still run"


@dataclass
class Faults:
    """Counts every call that changes something on disk, and makes one of them fail."""

    at: int
    error: int
    seen: int = 0

    def step(self) -> None:
        """Count, and fail if it is time."""
        self.seen += 1
        if self.seen == self.at:
            raise OSError(self.error, os.strerror(self.error))

    def inject(self, patch: pytest.MonkeyPatch) -> None:
        """Stand in for each such call."""
        for owner, name in (
            *((Path, name) for name in ("chmod", "replace", "unlink", "open")),
            *((os, name) for name in ("chown", "fsync", "link", "open")),
            (shutil, "copy2"),
        ):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            self.step()
            result = function(*args, **kwargs)
            if isinstance(result, io.BufferedWriter):
                result = FullDisk(result.detach())
                result.faults = self
            return result

        return call


class FullDisk(io.BufferedWriter):
    """A file whose writes may stop in the middle."""

    faults: Faults

    def write(self, data: Any) -> int:
        """Write all, or half of it and fail."""
        try:
            self.faults.step()
        except OSError:
            super().write(data[: len(data) // 2])
            raise
        return super().write(data)

    def flush(self) -> None:
        """Write what is buffered, or fail."""
        self.faults.step()
        super().flush()


@pytest.mark.parametrize("verb", ["apply", "revert"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_fault_at_any_call_changes_nothing_or_does_not_matter(
    world: Installation, monkeypatch: pytest.MonkeyPatch, verb: str, error: int
) -> None:
    stock = contents(world)
    back = "revert" if verb == "apply" else "apply"
    faults = Faults(0, error)
    failed = 0
    while faults.at <= faults.seen:  # the last round has no fault any more
        if verb == "revert":
            world.expect(0, "apply")
        compile_all(world)
        before = contents(world)
        faults = Faults(faults.at + 1, error)
        with monkeypatch.context() as patch:
            faults.inject(patch)
            result = world.run(verb)
        failed += bool(result.exit_code)
        if result.exit_code:
            assert (result.exit_code, contents(world)) == (1, before), result.output
            assert len(result.stderr.splitlines()) == 1
            assert os.strerror(error) in result.stderr
        # a copy instead of a link, an owner that cannot be set, a leftover that could not be removed
        world.expect(0, verb)
        check_home(world, verb, stock)
        world.expect(0, back)
        check_home(world, back, stock)
        world.expect(0, "revert")
    assert failed > 25


@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_kill_9_before_any_line_leaves_what_both_verbs_bring_home(
    world: Installation, forks: CrashingForks, verb: str
) -> None:
    stock = contents(world)
    codes: list[int] = []
    before: object = None
    now = stock
    while True:
        if now != before:
            world.expect(0, "revert")
            if verb == "revert":
                world.expect(0, "apply")
            compile_all(world)
            before = snapshot(world.root)
        last = now
        if forks.run(world, verb, before_line=len(codes) + 1) != KILLED:
            break
        now = snapshot(world.root)
        codes.append(codes[-1] if codes and now == last else world.run("status").exit_code)
        if codes[-1] != codes[0]:
            assert not list(world.site.rglob(f"*{CODE}")), "a changed file has old code beside it"
        if now in (before, last):  # what is on disk was never touched, or is what the line before left
            continue
        for way in ("apply", "revert"):
            with copied(world) as copy:
                copy.expect(0, way)
                check_home(copy, way, stock)
    assert len(codes) > 250
    assert set(codes) == {0, 3, 4}
    assert codes == sorted(codes, key=[0, 4, 3].index if verb == "revert" else [3, 4, 0].index), "no way back"
    world.expect(0, "revert")


@contextmanager
def copied(world: Installation) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "copy")
        shutil.copytree(world.root, root, symlinks=True)
        env, site, patches = (root / path.relative_to(world.root) for path in (world.env, world.site, world.patches))
        yield Installation(root, env, site, patches)


def test_a_real_limit_stops_a_write_in_the_middle(world: Installation) -> None:
    before = contents(world)
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); "
        "from litellm_patch.cli import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "LITELLM_PATCH_DIR": str(world.patches)}
    command = [sys.executable, "-c", code, "apply", str(world.env)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1, done.stderr
    assert "File too large, and nothing was changed" in done.stderr
    assert contents(world) == before


@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_a_read_only_tree_is_refused(forks: CrashingForks, verb: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders let nobody in
        Path(folder).chmod(0o755)
        world = make_world(Path(folder))
        if verb == "revert":
            world.expect(0, "apply")
        for path in (world.router.parent, world.handler.parent, world.record.parent):
            path.chmod(0o555)
        before = contents(world)
        assert forks.run(world, verb, nobody=True) == 1
        assert forks.run(world, "status", nobody=True) == (3 if verb == "apply" else 0)
        assert contents(world) == before
        for path in (world.router.parent, world.handler.parent, world.record.parent):
            path.chmod(0o755)


def test_an_interrupt_is_undone_too(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    before = contents(world)
    monkeypatch.setattr("litellm_patch.patching.replacing._sync_folder", interrupt)
    assert world.run("apply").exit_code == 1
    assert contents(world) == before


def test_a_fault_keeps_hard_links_and_times(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.router.stat()
    monkeypatch.setattr("litellm_patch.patching.replacing._sync_folder", lambda _: Faults(1, errno.EIO).step())
    assert world.run("apply").exit_code == 1
    after = world.router.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, before.st_nlink)


def test_what_cannot_be_put_back_is_said_and_can_be_brought_home(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = contents(world)
    rename, calls = Path.replace, 0

    def fault(path: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls in {2, 3}:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fault)
        result = world.run("apply")
    assert result.exit_code == 31
    assert f"could not be put back: {world.router}; run status" in result.stderr
    assert contents(world).keys() == stock.keys()
    assert "litellm/router.py is patched; litellm/router_utils/handler.py is stock" in world.expect(4, "status")
    world.expect(0, "revert")
    check_home(world, "revert", stock)


def test_leftovers_of_a_killed_run_go_even_if_there_is_nothing_else_to_do(world: Installation) -> None:
    left = world.router.with_name(".router.py.litellm-patch.old")
    for verb in ("apply", "apply", "revert", "revert"):
        left.write_bytes(b"")
        compile_all(world)
        assert world.run(verb).exit_code == 0
        assert not left.exists()
        assert not list(world.site.rglob(f"*{CODE}"))


def start(world: Installation, verb: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "LITELLM_PATCH_DIR": str(world.patches)}
    command = [sys.executable, "-m", "litellm_patch", verb, str(world.env)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603


def test_of_several_at_once_one_wins_and_the_others_wait(world: Installation) -> None:
    with locking.lock(world.site / "litellm"):
        running = [start(world, "apply") for _ in range(4)]
        assert world.run("status").exit_code == 3
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    said = sorted(output.partition(": litellm")[0].splitlines()[-1] for output in outputs)
    assert said == [*["already applied"] * 3, "patched"]


def test_who_waits_too_long_is_told(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0.0)
    link = world.root / "link"
    link.symlink_to(world.env)
    with locking.lock(world.site / "litellm"):
        for verb in ("apply", "revert"):
            for target in (world.env, link):
                assert "another litellm-patch is at work on" in world.expect(32, verb, target)
        world.expect(3, "status")
    world.expect(0, "apply")


def test_a_file_that_cannot_be_read_is_one_clear_line(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    result = world.run("apply")
    assert result.exit_code == 1
    assert "Permission denied" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert stat.S_ISREG(world.router.stat().st_mode)
