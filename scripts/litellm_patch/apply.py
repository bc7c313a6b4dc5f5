"""The verbs apply, revert and status: plan in memory, then replace files, all or none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from litellm_patch.errors import (
    DeniedReleaseError,
    DriftedError,
    FixedUpstreamError,
    PatchedWheelError,
    UnsupportedReleaseError,
)
from litellm_patch.ledger import is_patched_wheel
from litellm_patch.locking import alone
from litellm_patch.record import Marker
from litellm_patch.replacing import remove_bytecode, replace_files, sweep
from litellm_patch.series import bring, read_series
from litellm_patch.target import State, Target, find_target, read_tree, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from litellm_patch.errors import LitellmPatchError
    from litellm_patch.ledger import Ledger, Release, Step
    from litellm_patch.target import Tree

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


def apply(folder: Path, ledger: Ledger, option: str | None = None) -> Outcome:
    """Patch the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.
        option: An optional patch to apply as well; one that is in already stays, named or not.

    Returns:
        What was changed; nothing, if the patch was applied already.

    Raises:
        LitellmPatchError: Why the patch was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _bring(folder, ledger, State.APPLIED, option)


def revert(folder: Path, ledger: Ledger) -> Outcome:
    """Take the patch out of the litellm in a folder, and an optional one that is in as well.

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


def _bring(folder: Path, ledger: Ledger, goal: State, option: str | None = None) -> Outcome:
    """Bring a target to a state, from the other one or from halfway."""
    target = find_target(folder)
    release = ledger.find(target.version)
    series = release.series(option)
    built_in = PatchedWheelError(
        f"litellm in {target.package} was installed from the patched wheel {target.version}",
        f"install the stock release instead: pip install 'litellm==={release.version}'",
    )
    if goal is State.CLEAN and is_patched_wheel(target.version):
        raise built_in
    with alone(target.package):
        tree = read_tree(target, release)
        if option not in {None, tree.option} and is_patched_wheel(target.version):
            raise built_in
        if tree.state is State.DRIFTED:
            again = f"reinstall litellm {target.version}, or restore the files, and run this again"
            raise DriftedError("; ".join(tree.troubles), f"{again}; status --diff shows an edit")
        if tree.option:
            series = release.series(tree.option)
        changes = _plan(target, series, tree, goal)
        folders = {path.parent for path in (*(file.path for file in tree.files), target.record) if path}
        swept = sweep(folders)
        if changes:
            replace_files(changes)
        elif swept:  # a run was killed, maybe before it had removed the bytecode
            remove_bytecode(file.path for file in tree.files)
    return Outcome(target, tuple(changes))


def _plan(target: Target, series: Sequence[Step], tree: Tree, goal: State) -> dict[Path, bytes | None]:
    """Work out the new content of each file that must change; whenever the marker is there, `RECORD` lists it."""
    reverse = goal is State.CLEAN
    if tree.state is goal and (reverse or tree.option == series[-1].option):
        return {}
    patches = read_series(series)
    wanted = {
        file.image.path: bring(file.image.path, file.data or b"", patches, reverse=reverse) for file in tree.files
    }
    changes: dict[Path, bytes | None] = {
        file.path: wanted[file.image.path] for file in tree.files if wanted[file.image.path] != file.data
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
