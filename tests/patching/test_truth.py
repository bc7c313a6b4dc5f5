"""What is said of a target is what is true of it: who else is at work, who may read it, and whether it was changed."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching import locking
from tests.patching.crash import KILLED, PACKAGE, CrashingForks, forking
from tests.patching.factory import HANDLER, PATCHED, ROUTER, Installation, make_world, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

ACL = "system.posix_acl_access"
linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """Give a POSIX access list as the kernel takes it: tag, permission and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY_ELSE = 0xFFFFFFFF
# the owner, a service's user by its id, the group, the mask, the others
SERVICE_READS = access_list(
    (1, 6, NOBODY_ELSE), (2, 4, 12345), (4, 0, NOBODY_ELSE), (16, 4, NOBODY_ELSE), (32, 0, NOBODY_ELSE)
)
GROUP_READS = access_list(
    (1, 6, NOBODY_ELSE), (4, 4, NOBODY_ELSE), (8, 4, 54321), (16, 4, NOBODY_ELSE), (32, 0, NOBODY_ELSE)
)


@pytest.fixture(scope="module")
def forks() -> Iterator[CrashingForks]:
    with forking() as forks:
        yield forks


@pytest.fixture
def shared() -> Iterator[Installation]:
    """A world that other users can reach, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield make_world(Path(folder))


def run(world: Installation, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    command = [sys.executable, "-m", "litellm_patch", "--patches", world.patches, *arguments]
    return subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]  # noqa: S603


def test_the_lock_does_not_depend_on_the_environment(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE", 0.0)
    with locking.lock(world.site / "litellm"):
        for name in ("one", "two"):
            (world.root / name).mkdir()
            monkeypatch.setenv("TMPDIR", str(world.root / name))
            monkeypatch.setattr(tempfile, "tempdir", None)
            assert "another litellm-patch is at work on" in world.expect(32, "apply")
    assert list((world.root / "one").iterdir()) == []


def test_the_lock_leaves_nothing_behind(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(world.root))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = snapshot(world.root)
    with locking.lock(world.site / "litellm"):
        assert snapshot(world.root) == before
    assert snapshot(world.root) == before


@linux
def test_another_user_s_crash_does_not_block_root(shared: Installation, forks: CrashingForks) -> None:
    for path in (shared.env, *shared.env.rglob("*")):
        os.chown(path, 65534, 65534)
    for line in range(20, 120, 20):
        assert forks.run(shared, "apply", before_line=line, nobody=True) == KILLED
    assert shared.run("apply").exit_code == 0
    assert shared.router.stat().st_uid == 65534


@linux
def test_a_package_that_is_replaced_meanwhile_is_locked_anew(world: Installation) -> None:
    package = world.site / "litellm"
    with locking.lock(package):
        package.rename(world.site / "old")
        shutil.copytree(world.site / "old", package)
        with locking.lock(package):
            pass


@linux
def test_a_file_system_that_locks_files_alone(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS, which takes a lock for a write."""
    fcntl = pytest.importorskip("fcntl")
    real = fcntl.flock

    def flock(held: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{held}"):  # noqa: PTH112
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(held, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(locking, "PATIENCE", 0.0)
    before = snapshot(world.root)
    with locking.lock(world.site / "litellm"):
        assert snapshot(world.root) == before
        world.expect(32, "apply")
    world.expect(0, "apply")


@linux
@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_access_lists_and_attributes_are_kept(world: Installation, verb: str) -> None:
    if verb == "revert":
        world.expect(0, "apply")
    world.router.chmod(0o640)
    os.setxattr(world.router, "user.origin", b"here")
    os.setxattr(world.router, ACL, SERVICE_READS)
    mode = world.router.stat().st_mode
    assert world.run(verb).exit_code == 0
    assert os.getxattr(world.router, "user.origin") == b"here"
    assert os.getxattr(world.router, ACL) == SERVICE_READS
    assert world.router.stat().st_mode == mode


@linux
def test_no_group_gains_access_by_its_folder_s_default(world: Installation) -> None:
    os.setxattr(world.router.parent, "system.posix_acl_default", GROUP_READS)
    world.router.chmod(0o600)
    assert world.run("apply").exit_code == 0
    assert ACL not in os.listxattr(world.router)
    assert world.router.stat().st_mode & 0o777 == 0o600


@linux
def test_what_cannot_be_kept_is_refused(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    os.setxattr(world.handler, "user.label", b"secret")
    monkeypatch.setattr(os, "setxattr", refuse)
    said = world.expect(1, "apply")
    assert f"{world.handler}: its owner, mode, access list and attributes cannot all be kept (Operation" in said
    assert "nothing was changed" in said


@linux
def test_a_file_does_not_change_hands(shared: Installation, forks: CrashingForks) -> None:
    """Who may write the folder, and is not the owner of the file, would take it away from its group."""
    for path in (shared.router.parent, shared.handler.parent, shared.record.parent):
        path.chmod(0o777)
    before = snapshot(shared.root)
    owner = shared.router.stat().st_uid
    assert forks.run(shared, "apply", nobody=True) == 1
    assert (snapshot(shared.root), shared.router.stat().st_uid) == (before, owner)


@linux
def test_a_full_output_does_not_change_what_was_done(world: Installation) -> None:
    lost = "standard output was cut short: No space left on device; the exit code is still right"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        for verb, code in (("status", 3), ("apply", 0), ("apply", 0), ("status", 1), ("revert", 0)):
            done = run(world, verb, world.env, stdout=full)
            assert (done.returncode, done.stderr.splitlines()) == (code, [f"error: {lost}"])
            assert (world.router.read_bytes() == PATCHED[ROUTER]) == (verb == "apply" or code == 1)
        done = run(world, "apply", world.root / "absent", stdout=full)
        assert (done.returncode, "is not a folder" in done.stderr) == (1, True)


@linux
def test_a_reader_who_has_gone_is_no_failure(world: Installation) -> None:
    for verb, code in (("apply", 0), ("status", 0), ("revert", 0), ("status", 3)):
        reader, writer = os.pipe()
        os.close(reader)
        done = run(world, verb, world.env, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (code, "")


@linux
@pytest.mark.parametrize("closed", ["1", "2", "1 2"])
def test_a_closed_output(world: Installation, closed: str) -> None:
    command = f'exec {" ".join(f"{number}>&-" for number in closed.split())}; exec "$@"'
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "LITELLM_PATCH_DIR": str(world.patches)}
    for verb, code in (("apply", 0), ("status", 0), ("revert", 0), ("status", 3)):
        tool = [sys.executable, "-m", "litellm_patch", verb, str(world.env)]
        done = subprocess.run(["/bin/sh", "-c", command, "sh", *tool], env=env, capture_output=True, check=False)  # noqa: S603
        assert done.returncode == code
    assert world.run("status").exit_code == 3


def test_an_immutable_file_leaves_the_tree_clean_and_says_so(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target == world.handler:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path), None, str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    said = world.expect(1, "apply")
    assert f"cannot write {world.handler}: Operation not permitted, and nothing was changed" in said


@linux
def test_a_file_that_is_really_immutable(world: Installation) -> None:
    chattr = shutil.which("chattr")
    if not chattr or subprocess.run([chattr, "+i", world.site / HANDLER], check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("this user or file system has no immutable files")
    try:
        assert "nothing was changed" in world.expect(1, "apply")
        world.expect(3, "status")
    finally:
        subprocess.run([chattr, "-i", world.site / HANDLER], check=True)  # noqa: S603
