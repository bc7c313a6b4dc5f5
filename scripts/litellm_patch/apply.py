"""The verbs apply, revert and status: plan in memory, then replace files, all or none."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.errors import (
    DeniedReleaseError,
    ModifiedError,
    PatchedWheelError,
    PatchError,
    RollbackError,
    SystemFailureError,
    UnsupportedReleaseError,
)
from litellm_patch.ledger import is_patched_wheel
from litellm_patch.target import State, Target, find_target, read_tree, record_with, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from litellm_patch.errors import LitellmPatchError
    from litellm_patch.ledger import Ledger, Release
    from litellm_patch.target import SourceFile, Tree


@dataclass(frozen=True)
class Outcome:
    """What a verb did: the target, and the files that it changed (none if there was nothing to do)."""

    target: Target
    changed: tuple[Path, ...]


@dataclass(frozen=True)
class Report:
    """What `status` found.

    Attributes:
        target: The litellm that was found.
        state: Its state.
        files: The state of each file, by path; empty if the release is not supported.
        troubles: What is wrong with each modified file.
        refusal: Why the release is not supported, or None.
    """

    target: Target
    state: State
    files: Mapping[str, str]
    troubles: tuple[str, ...]
    refusal: LitellmPatchError | None = None


def apply(folder: Path, ledger: Ledger) -> Outcome:
    """Patch the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.

    Returns:
        What was changed; nothing, if the patch was applied already.

    Raises:
        LitellmPatchError: Why the patch was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _bring(folder, ledger, State.APPLIED)


def revert(folder: Path, ledger: Ledger) -> Outcome:
    """Take the patch out of the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.

    Returns:
        What was changed; nothing, if the patch was not applied.

    Raises:
        LitellmPatchError: Why it was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _bring(folder, ledger, State.CLEAN)


def status(folder: Path, ledger: Ledger) -> Report:
    """Tell the state of the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.

    Returns:
        The state, by hashes alone.

    Raises:
        LitellmPatchError: There is not exactly one litellm that says its release.
        OSError: A file cannot be read.
    """
    target = find_target(folder)
    try:
        tree = read_tree(target, ledger.find(target.version))
    except DeniedReleaseError as refusal:
        return Report(target, State.DENIED, {}, (), refusal)
    except UnsupportedReleaseError as refusal:
        return Report(target, State.UNSUPPORTED, {}, (), refusal)
    files = {file.image.path: file.state.value for file in tree.files}
    return Report(target, tree.state, files, tree.troubles)


def replace_files(changes: Mapping[Path, bytes]) -> None:
    """Replace files, all or none, without ever writing into one: they may be hard links to a package cache.

    Mode and, where allowed, owner of each file are kept. Bytecode of the replaced modules is removed.

    Args:
        changes: The new content of each file; every file must exist.

    Raises:
        SystemFailureError: Something failed; all files are as before.
        RollbackError: Something failed, and putting a file back failed too.
    """
    tag = f"litellm-patch-{os.getpid()}"
    steps = [
        (path, path.with_name(f".{path.name}.{tag}.new"), path.with_name(f".{path.name}.{tag}.old")) for path in changes
    ]
    touched: list[tuple[Path, Path]] = []
    try:
        for path, new, old in steps:
            _write_like(path, new, changes[path])
            _keep(path, old)
        # before, so that a crash leaves no old code to run; after, in case a process compiled in between
        _remove_bytecode(changes)
        for path, new, old in steps:
            touched.append((path, old))
            new.replace(path)
        for parent in {path.parent for path in changes}:
            _sync_folder(parent)
        _remove_bytecode(changes)
    except BaseException as error:
        _put_back(touched, error)
        if isinstance(error, OSError):
            raise SystemFailureError(
                f"cannot write {error.filename or 'a file'}: {error.strerror or error}, and nothing was changed",
                "see that the folder is writable and has space, then run it again",
            ) from error
        raise
    finally:
        for _, new, old in steps:
            new.unlink(missing_ok=True)
            old.unlink(missing_ok=True)


def _bring(folder: Path, ledger: Ledger, goal: State) -> Outcome:
    """Bring a target to a state, from the other one or from halfway."""
    target = find_target(folder)
    release = ledger.find(target.version)
    if goal is State.CLEAN and is_patched_wheel(target.version):
        raise PatchedWheelError(
            f"litellm in {target.package} was installed from the patched wheel {target.version}",
            f"install the stock release instead: pip install 'litellm==={release.version}'",
        )
    tree = read_tree(target, release)
    if tree.state is State.MODIFIED:
        raise ModifiedError(
            "; ".join(tree.troubles), f"reinstall litellm {target.version} (or restore the files) and run this again"
        )
    changes = _plan(target, release, tree, goal)
    if changes:
        replace_files(changes)
    return Outcome(target, tuple(changes))


def _plan(target: Target, release: Release, tree: Tree, goal: State) -> dict[Path, bytes]:
    """Work out the new content of each file that must change; `RECORD` comes last."""
    if tree.state is goal:
        return {}
    patches = release.read_patch()
    wanted: dict[str, bytes] = {}
    changes: dict[Path, bytes] = {}
    for file in tree.files:
        data = file.data or b""
        if file.state is not goal:
            reverse = goal is State.CLEAN
            data = patches[file.image.path].apply(data, file.image.offsets, reverse=reverse)
            _check_image(file, data, file.image.pre_image if reverse else file.image.post_image, release)
            changes[file.path] = data
        wanted[file.image.path] = data
    if target.record and tree.record is not None:
        record = record_with(tree.record, wanted)
        if record != tree.record:
            changes[target.record.parent.resolve() / target.record.name] = record
    return changes


def _check_image(file: SourceFile, data: bytes, expected: str, release: Release) -> None:
    if sha256(data) != expected:
        raise PatchError(
            f"{release.patch.name} and the ledger disagree on {file.image.path} of {release.version}: the result's "
            f"sha256 is {sha256(data)}, expected {expected}",
            "reinstall litellm-patch",
        )


def _write_like(path: Path, new: Path, data: bytes) -> None:
    """Write a new file to disk with the mode and, where allowed, the owner of another."""
    like = path.stat()
    with new.open("xb") as stream:
        stream.write(data)
        if hasattr(os, "chown"):
            with contextlib.suppress(PermissionError):
                os.chown(new, like.st_uid, like.st_gid)
        new.chmod(stat.S_IMODE(like.st_mode))
        stream.flush()
        os.fsync(stream.fileno())


def _keep(path: Path, old: Path) -> None:
    """Keep the very file under a second name, or a copy where the file system has no hard links."""
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(path, old, follow_symlinks=False)


def _put_back(touched: Iterable[tuple[Path, Path]], cause: BaseException) -> None:
    failed = [str(path) for path, old in touched if not _was_put_back(path, old)]
    if failed:
        raise RollbackError(
            f"a write failed ({cause}), and these files could not be put back: {', '.join(failed)}",
            "run status, then apply or revert again",
        ) from cause


def _was_put_back(path: Path, old: Path) -> bool:
    try:
        old.replace(path)
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder last; Windows cannot open a folder, and needs no such thing."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_bytecode(paths: Iterable[Path]) -> None:
    """Remove cached bytecode of modules: one with the same size and time, or unchecked, would still run."""
    for path in paths:
        if path.suffix == ".py":
            for cached in (path.parent / "__pycache__").glob(f"{glob.escape(path.stem)}.*.pyc"):
                cached.unlink(missing_ok=True)
