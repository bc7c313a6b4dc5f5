"""The verbs apply, revert and status: plan in memory, then replace files, all or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from litellm_patch.errors import (
    DeniedReleaseError,
    DriftedError,
    FixedUpstreamError,
    PatchedWheelError,
    PatchError,
    UnsupportedReleaseError,
)
from litellm_patch.ledger import is_patched_wheel
from litellm_patch.locking import alone
from litellm_patch.record import Marker
from litellm_patch.replacing import remove_bytecode, replace_files, sweep
from litellm_patch.target import State, Target, find_target, read_tree, sha256

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.errors import LitellmPatchError
    from litellm_patch.ledger import Ledger, Release
    from litellm_patch.target import SourceFile, Tree

_REFUSED = {
    DeniedReleaseError: State.DENIED,
    FixedUpstreamError: State.FIXED_UPSTREAM,
    UnsupportedReleaseError: State.UNSUPPORTED,
}


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
        release: Its entry of the ledger, if it has one.
        tree: What the patch touches, if the release is supported.
        refusal: Why the release is not supported, or None.
    """

    target: Target
    state: State
    release: Release | None = None
    tree: Tree | None = None
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
        release = ledger.find(target.version)
    except (DeniedReleaseError, FixedUpstreamError, UnsupportedReleaseError) as refusal:
        return Report(target, _REFUSED[type(refusal)], refusal=refusal)
    tree = read_tree(target, release)
    return Report(target, tree.state, release, tree)


def _bring(folder: Path, ledger: Ledger, goal: State) -> Outcome:
    """Bring a target to a state, from the other one or from halfway."""
    target = find_target(folder)
    release = ledger.find(target.version)
    if goal is State.CLEAN and is_patched_wheel(target.version):
        raise PatchedWheelError(
            f"litellm in {target.package} was installed from the patched wheel {target.version}",
            f"install the stock release instead: pip install 'litellm==={release.version}'",
        )
    with alone(target.package):
        tree = read_tree(target, release)
        if tree.state is State.DRIFTED:
            again = f"reinstall litellm {target.version}, or restore the files, and run this again"
            raise DriftedError("; ".join(tree.troubles), f"{again}; status --diff shows an edit")
        changes = _plan(target, release, tree, goal)
        folders = {path.parent for path in (*(file.path for file in tree.files), target.record) if path}
        swept = sweep(folders)
        if changes:
            replace_files(changes)
        elif swept:  # a run was killed, maybe before it had removed the bytecode
            remove_bytecode(file.path for file in tree.files)
    return Outcome(target, tuple(changes))


def _plan(target: Target, release: Release, tree: Tree, goal: State) -> dict[Path, bytes | None]:
    """Work out the new content of each file that must change; whenever the marker is there, `RECORD` lists it."""
    if tree.state is goal:
        return {}
    patches = release.read_patch()
    reverse = goal is State.CLEAN
    wanted: dict[str, bytes] = {}
    changes: dict[Path, bytes | None] = {}
    for file in tree.files:
        data = file.data or b""
        if file.state is not goal:
            data = patches[file.image.path].apply(data, file.image.offsets, reverse=reverse)
            _check_image(file, data, file.image.pre_image if reverse else file.image.post_image, release)
            changes[file.path] = data
        wanted[file.image.path] = data
    marker = None if reverse or tree.record is None else _marker(release, tree)
    record = tree.with_record(wanted, marker)
    if reverse and target.marker and tree.marker is not None:
        changes[target.marker] = None
    if target.record and record is not None and record != tree.record:
        changes[target.record] = record
    if target.marker and marker is not None and marker != tree.marker:
        changes[target.marker] = marker
    return changes


def _marker(release: Release, tree: Tree) -> bytes:
    """Give the marker that is there, if it speaks of this very patch, else a new one."""
    digest = sha256(release.patch.read_bytes())
    if tree.marker is not None and tree.told and (tree.told.patch, tree.told.sha256) == (release.patch.name, digest):
        return tree.marker
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Marker(release.patch.name, digest, now).dump()


def _check_image(file: SourceFile, data: bytes, expected: str, release: Release) -> None:
    if sha256(data) != expected:
        raise PatchError(
            f"{release.patch.name} and the ledger disagree on {file.image.path} of {release.version}: the result's "
            f"sha256 is {sha256(data)}, expected {expected}",
            "reinstall litellm-patch",
        )
