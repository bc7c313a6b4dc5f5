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
from litellm_patch.patching.built import is_installed_compiled, not_in_place
from litellm_patch.patching.edited import guess_option, merge_tree, without_patch
from litellm_patch.patching.files import sha256
from litellm_patch.patching.finding import Target, find_target
from litellm_patch.patching.judging import State, read_tree
from litellm_patch.patching.ledger import ABSENT, is_patched_wheel
from litellm_patch.patching.locking import lock
from litellm_patch.patching.record import EditRecord, Marker
from litellm_patch.patching.replacing import remove_bytecode, replace_files, sweep
from litellm_patch.patching.series import apply_series, read_series

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from litellm_patch.errors import LitellmPatchError
    from litellm_patch.patching.judging import SourceFile, Tree
    from litellm_patch.patching.ledger import Ledger, Release, Step
    from litellm_patch.patching.merging import MergedFile
    from litellm_patch.patching.patchfile import FilePatch

_REFUSED = {
    DeniedReleaseError: State.DENIED,
    FixedUpstreamError: State.FIXED_UPSTREAM,
    UnsupportedReleaseError: State.UNSUPPORTED,
}


@dataclass(frozen=True)
class Change:
    """What a verb did: the target, the files that it changed (none if there was nothing to do), and how it merged."""

    target: Target
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


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


def apply(
    folder: Path,
    ledger: Ledger,
    option: str | None = None,
    stock: Callable[[Release], Mapping[str, bytes]] | None = None,
    *,
    dry: bool = False,
) -> Change:
    """Patch the litellm in a folder.

    Args:
        folder: What `find_target` takes.
        ledger: The releases that are supported.
        option: An optional patch to apply as well; one that is in already stays, named or not.
        stock: Merge the patch into edited files, with the stock files that this gives; else they are refused.
        dry: Change nothing, and give what would be.

    Raises:
        LitellmPatchError: Why the patch was refused; nothing was changed, except after a `RollbackError`.
        OSError: A file cannot be read; nothing was changed.
    """
    return _change_to(folder, ledger, State.APPLIED, option, stock, dry=dry)


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
    tree = read_tree(target, release, ledger)
    return Status(target, tree.state, release, tree)


def _change_to(  # noqa: PLR0913 - what the verbs take
    folder: Path,
    ledger: Ledger,
    goal: State,
    option: str | None = None,
    stock: Callable[[Release], Mapping[str, bytes]] | None = None,
    *,
    dry: bool,
) -> Change:
    """Bring a target to a state, from the other one or from halfway."""
    target = find_target(folder)
    release = ledger.find(target.version)
    release.series(option)
    built_in = WheelError(
        f"litellm in {target.package} was installed from the patched wheel {target.version}",
        f"install the stock release instead: pip install 'litellm==={release.version}'",
    )
    if goal is State.CLEAN and is_patched_wheel(target.version):
        raise built_in
    with contextlib.nullcontext() if dry else lock(target.package):
        tree = read_tree(target, release, ledger)
        if is_installed_compiled(target, release) and tree.state is not goal:
            raise not_in_place(target, release)
        if is_patched_wheel(target.version) and (option not in {None, tree.option} or tree.state is State.OUTDATED):
            raise built_in
        option = option or tree.option
        merged: Mapping[str, MergedFile] = {}
        if edited := _to_merge(tree, option, goal):
            if goal is State.CLEAN or stock is None or any(not file.was_edited or file.stranger for file in edited):
                raise _drifted(target, release, tree, goal)
            if release.delivery == "wheel":
                raise not_in_place(target, release)
            files = stock(release)
            option = option or guess_option(edited, release, files)
            merged = merge_tree(target, release, option, edited, files)
        changes = _plan(target, release.series(option), tree, goal, merged)
        notes = tuple(file.note for file in merged.values())
        if dry:
            return Change(target, tuple(changes), notes)
        folders = {path.parent for path in (*(file.path for file in tree.files), target.record, target.marker) if path}
        swept = sweep(folders)
        if changes:
            replace_files(changes)
        elif swept:  # a run was killed, maybe before it had removed the bytecode
            remove_bytecode(file.path for file in tree.files)
    return Change(target, tuple(changes), notes)


def _to_merge(tree: Tree, option: str | None, goal: State) -> list[SourceFile]:
    """Give the edited files that are not yet what they should become."""
    drifted = [file for file in tree.files if file.state is State.DRIFTED]
    if goal is State.CLEAN or any(file.data is None for file in drifted):
        return drifted
    return [
        file
        for file in tree.files
        if file.state is State.DRIFTED
        or file.is_unmerged
        or (file.is_merged and (file.old_edits or (option in file.options and file.option != option)))
    ]


def _drifted(target: Target, release: Release, tree: Tree, goal: State) -> DriftedError:
    if tree.state is not State.DRIFTED:
        return DriftedError(
            "; ".join(tree.troubles) or f"litellm in {target.package} has edits, into which the patch was merged",
            "run apply --merge, which merges it anew, or revert, which takes it out",
        )
    again = f"reinstall litellm {target.version}, or restore the files, and run this again"
    can_merge = release.delivery == "files" and all(
        file.was_edited and not file.stranger for file in tree.files if file.state is State.DRIFTED
    )
    if can_merge and goal is State.CLEAN and tree.told and tree.told.edited:
        again = "run apply --merge, which takes the later edit into its record, then this again"
    elif can_merge:
        again += "; or keep the edits: apply --merge"
    return DriftedError("; ".join(tree.troubles), f"{again}; status --diff shows an edit")


def _plan(
    target: Target, series: Sequence[Step], tree: Tree, goal: State, merged: Mapping[str, MergedFile]
) -> dict[Path, bytes | None]:
    """Work out the new content of each file that must change; whenever the marker is there, `RECORD` lists it."""
    reverse = goal is State.CLEAN
    if tree.state is goal and not merged and (reverse or tree.option == series[-1].option):
        return {}
    patches = read_series(series)
    wanted = {
        file.image.path: file.in_kind(
            merged[file.image.path].after if file.image.path in merged else _text(file, patches, reverse=reverse)
        )
        for file in tree.files
    }
    changes: dict[Path, bytes | None] = {
        file.path: None if reverse and file.image.pre_image == ABSENT else wanted[file.image.path]
        for file in tree.files
        if wanted[file.image.path] != (file.data or b"")
    }
    edited = _records(tree, merged)
    marker = None if reverse or (tree.record is None and not edited) else _marker(series, tree, edited)
    by_merge = {*edited, *(file.image.path for file in tree.files if file.is_merged or file.is_unmerged)}
    record = tree.with_record({path: data for path, data in wanted.items() if path not in by_merge}, marker)
    if marker is not None and edited and marker != tree.marker:
        changes = {target.marker: marker, **changes}  # first: a run that is killed leaves what the next one can read
    if reverse and tree.marker is not None:
        changes[target.marker] = None
    if target.record and record is not None and record != tree.record:
        changes[target.record] = record
    if marker is not None and marker != tree.marker:
        changes.setdefault(target.marker, marker)
    return changes


def _text(file: SourceFile, patches: Sequence[tuple[Step, Mapping[str, FilePatch]]], *, reverse: bool) -> bytes:
    """Give what becomes of a file that is not merged now."""
    if file.is_merged or file.is_unmerged:
        return without_patch(file) if reverse and file.is_merged else file.text
    text = file.former.stock if file.former else file.text
    return apply_series(file.image.path, text, patches, reverse=reverse)


def _records(tree: Tree, merged: Mapping[str, MergedFile]) -> dict[str, EditRecord]:
    """Give what must be known of each merged file, so that `revert` keeps the edits."""
    records = {file.image.path: file.edits for file in tree.files if file.is_merged and file.edits}
    for file in tree.files:
        if file.image.path in merged:
            new = merged[file.image.path]
            digests = (sha256(file.in_kind(new.before)), sha256(file.in_kind(new.after)))
            records[file.image.path] = EditRecord(*digests, new.undo.decode())
    return records


def _marker(series: Sequence[Step], tree: Tree, edited: Mapping[str, EditRecord]) -> bytes:
    """Give the marker that is there, if it speaks of these very patches, else a new one."""
    (name, digest), *optional = [(step.name, sha256(step.patch.read_bytes())) for step in series]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    marker = Marker(name, digest, now, dict(optional), edited)
    if tree.marker is not None and tree.told and replace(tree.told, applied=now) == marker:
        return tree.marker
    return marker.dump()
