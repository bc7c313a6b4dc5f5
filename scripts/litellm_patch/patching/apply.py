"""The verbs apply, revert and status: plan in memory, then replace files, all or none."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from litellm_patch.errors import (
    DeniedReleaseError,
    DriftedError,
    FixedUpstreamError,
    UnsupportedReleaseError,
    WheelError,
)
from litellm_patch.patching.files import sha256
from litellm_patch.patching.finding import Target, find_target
from litellm_patch.patching.judging import State, read_tree
from litellm_patch.patching.ledger import ABSENT, is_patched_wheel
from litellm_patch.patching.locking import lock
from litellm_patch.patching.record import Marker
from litellm_patch.patching.replacing import remove_bytecode, replace_files, sweep
from litellm_patch.patching.series import apply_series, read_series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from litellm_patch.errors import LitellmPatchError
    from litellm_patch.patching.judging import Tree
    from litellm_patch.patching.ledger import Ledger, Release, Step

_REFUSED = {
    DeniedReleaseError: State.DENIED,
    FixedUpstreamError: State.FIXED_UPSTREAM,
    UnsupportedReleaseError: State.UNSUPPORTED,
}


@dataclass(frozen=True)
class Change:
    """What a verb did: the target, and the files that it changed (none if there was nothing to do)."""

    target: Target
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Status:
    """What `status` found.

    Attributes:
        target: The litellm that was found.
        state: Its state.
        release: Its entry of the ledger, if it has one.
        tree: What the patch touches, if the release is supported.
        refusal: Why the release is not supported, or None.
    """

    target: Target
    state: State
    release: Release | None = None
    tree: Tree | None = None
    refusal: LitellmPatchError | None = None


def apply(folder: Path, ledger: Ledger, option: str | None = None, *, dry: bool = False) -> Change:
    """Patch the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.
        option: An optional patch to apply as well; one that is in already stays, named or not.
        dry: Change nothing, and give what would be.

    Raises:
        LitellmPatchError: Why the patch was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _change_to(folder, ledger, State.APPLIED, option, dry=dry)


def revert(folder: Path, ledger: Ledger, *, dry: bool = False) -> Change:
    """Take the patch out of the litellm in a folder, and an optional one that is in as well.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.
        dry: Change nothing, and give what would be.

    Raises:
        LitellmPatchError: Why it was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _change_to(folder, ledger, State.CLEAN, dry=dry)


def status(folder: Path, ledger: Ledger) -> Status:
    """Tell the state of the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.

    Raises:
        LitellmPatchError: There is not exactly one litellm that says its release.
        OSError: A file cannot be read.
    """
    target = find_target(folder)
    try:
        release = ledger.find(target.version)
    except (DeniedReleaseError, FixedUpstreamError, UnsupportedReleaseError) as refusal:
        return Status(target, _REFUSED[type(refusal)], refusal=refusal)
    tree = read_tree(target, release)
    return Status(target, tree.state, release, tree)


def _change_to(folder: Path, ledger: Ledger, goal: State, option: str | None = None, *, dry: bool) -> Change:
    """Bring a target to a state, from the other one or from halfway."""
    target = find_target(folder)
    release = ledger.find(target.version)
    series = release.series(option)
    built_in = WheelError(
        f"litellm in {target.package} was installed from the patched wheel {target.version}",
        f"install the stock release instead: pip install 'litellm==={release.version}'",
    )
    if goal is State.CLEAN and is_patched_wheel(target.version):
        raise built_in
    with contextlib.nullcontext() if dry else lock(target.package):
        tree = read_tree(target, release)
        if option not in {None, tree.option} and is_patched_wheel(target.version):
            raise built_in
        if tree.state is State.DRIFTED:
            again = f"reinstall litellm {target.version}, or restore the files, and run this again"
            raise DriftedError("; ".join(tree.troubles), f"{again}; status --diff shows an edit")
        if tree.option:
            series = release.series(tree.option)
        changes = _plan(target, series, tree, goal)
        if dry:
            return Change(target, tuple(changes))
        folders = {path.parent for path in (*(file.path for file in tree.files), target.record) if path}
        swept = sweep(folders)
        if changes:
            replace_files(changes)
        elif swept:  # a run was killed, maybe before it had removed the bytecode
            remove_bytecode(file.path for file in tree.files)
    return Change(target, tuple(changes))


def _plan(target: Target, series: Sequence[Step], tree: Tree, goal: State) -> dict[Path, bytes | None]:
    """Work out the new content of each file that must change; whenever the marker is there, `RECORD` lists it."""
    reverse = goal is State.CLEAN
    if tree.state is goal and (reverse or tree.option == series[-1].option):
        return {}
    patches = read_series(series)
    wanted = {
        file.image.path: apply_series(file.image.path, file.data or b"", patches, reverse=reverse)
        for file in tree.files
    }
    changes: dict[Path, bytes | None] = {
        file.path: None if reverse and file.image.pre_image == ABSENT else wanted[file.image.path]
        for file in tree.files
        if wanted[file.image.path] != (file.data or b"")
    }
    marker = None if reverse or tree.record is None else _marker(series, tree)
    record = tree.with_record(wanted, marker)
    if reverse and target.marker and tree.marker is not None:
        changes[target.marker] = None
    if target.record and record is not None and record != tree.record:
        changes[target.record] = record
    if target.marker and marker is not None and marker != tree.marker:
        changes[target.marker] = marker
    return changes


def _marker(series: Sequence[Step], tree: Tree) -> bytes:
    """Give the marker that is there, if it speaks of these very patches, else a new one."""
    (name, digest), *optional = [(step.name, sha256(step.patch.read_bytes())) for step in series]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    marker = Marker(name, digest, now, dict(optional))
    if tree.marker is not None and tree.told and replace(tree.told, applied=now) == marker:
        return tree.marker
    return marker.dump()
