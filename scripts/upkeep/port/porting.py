"""The verb port: try the newest patch strictly, merge it if it does not fit, prove the result, and only then write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.errors import PatchError
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import Since, load_ledger
from litellm_patch.patching.patchfile import parse_patch
from litellm_patch.patching.readers import uncovered
from upkeep.errors import ArmsError, PortConflictError, UnfinishedPortError
from upkeep.port.arms import passes_on_stock, run_arms
from upkeep.port.git import refuse_local_changes
from upkeep.port.merging import Merged, homes_of, merge_file
from upkeep.port.readers import check_list, find_readers
from upkeep.port.task import Task, changes, prepare
from upkeep.port.work import Note, Work
from upkeep.releases.ranges import RangePatch
from upkeep.releases.writing import save_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Ledger, Release
    from upkeep.releases.surroundings import Surroundings


def port(folder: Path, version: Version, around: Surroundings, *, arms: bool) -> list[str]:
    """Carry the newest patch over to a release that the ledger lacks.

    Args:
        folder: The patches folder, in a clone of this project.
        version: The release.
        around: Index, cache, clock.
        arms: Whether to run the behaviour tests in both arms.

    Returns:
        What was done, and what a person must still look at, one line each.

    Raises:
        PortConflictError: A person must decide; what was merged so far waits in the folder of the port.
        UnfinishedPortError: Another port is under way.
        LitellmPatchError: Why it cannot be ported; nothing was written.
        OSError: A file cannot be read or written.
    """
    work = _work_of(folder)
    if note := work.note():
        raise UnfinishedPortError(
            f"a port of litellm {note.version} is half finished in {work.folder}",
            "finish it with port --continue, or drop it with port --abort",
        )
    refuse_local_changes(folder)
    ledger = load_ledger(folder)
    if any(release.version == version for release in ledger.releases):
        return [f"litellm {version} is in the ledger: nothing to port"]
    task = prepare(folder, version, around, ledger, arms=arms)
    try:
        entry = task.try_strictly()
    except PatchError as error:
        around.tell(error.found)
        return _port_by_merge(task)
    around.tell(f"{task.patch.path.name} fits litellm {version}")
    changed, expected = changes(task.applied(task.patch, entry)), changes(task.images_of_base())
    if changed != expected:
        raise PortConflictError(
            f"{task.patch.path.name} fits litellm {version}, but changes other things there than in "
            f"{task.base.version}: {_difference(expected, changed)}",
            "look where its hunks land, and make a patch for this release by hand",
        )
    return _finish(task, entry, None)


def resume(folder: Path, around: Surroundings, *, arms: bool) -> list[str]:
    """Finish a port after a person has resolved what it left open.

    Args:
        folder: The patches folder.
        around: Index, cache, clock.
        arms: Whether to run the behaviour tests in both arms.

    Returns:
        What was done, and what a person must still look at, one line each.

    Raises:
        UnfinishedPortError: There is no port to go on with.
        PortConflictError: Something is still open.
        LitellmPatchError: Why it cannot be finished; nothing was written.
        OSError: A file cannot be read or written.
    """
    work = _work_of(folder)
    note = work.note()
    if note is None:
        raise UnfinishedPortError("no port is under way", "begin one with port VERSION")
    refuse_local_changes(folder)
    task = prepare(folder, Version(note.version), around, load_ledger(folder), arms=arms)
    edited = work.edited()
    for path, (before, _) in edited.items():
        if before != task.sources.get(path, b""):
            raise PortConflictError(f"{path} in {work.tree} is not the release's", "drop the port with port --abort")
    changed, expected = changes(edited), changes(task.images_of_base())
    lines = []
    if changed != expected:
        lines.append(f"look: other things are changed than in {task.base.version}: {_difference(expected, changed)}")
    return lines + _finish_edited(task, edited)


def abort(folder: Path) -> list[str]:
    """Drop a port under way.

    Args:
        folder: The patches folder.

    Returns:
        What was done.

    Raises:
        UnfinishedPortError: There is none.
        OSError: It cannot be removed.
    """
    work = _work_of(folder)
    if not work.folder.exists():
        raise UnfinishedPortError("no port is under way", "begin one with port VERSION")
    work.drop()
    return [f"dropped: {work.folder}; the patches folder is as it was"]


def _work_of(folder: Path) -> Work:
    return Work(folder.absolute().parent / ".cache" / "port")


def _port_by_merge(task: Task) -> list[str]:
    """Merge, and go on if nothing is open; else leave the work to a person."""
    if any(release.version > task.version and release.patch == task.patch.path for release in task.ledger.releases):
        raise PortConflictError(
            f"{task.patch.path.name} does not fit litellm {task.version}, and later releases use it",
            "look what is special about this release; deny it, or make a patch for it by hand",
        )
    task.around.step("running the control arm", 0, 1)
    if task.arms and passes_on_stock(task.folder, task.ledger_with_stock(), task.version):
        return _close_the_range(task)
    base = task.images_of_base()
    merged = [merge_file(path, *images, task.sources.get(path)) for path, images in base.items()]
    conflicts = tuple(conflict for file in merged for conflict in file.conflicts)
    work = _begin(task, conflicts, {file.path: file.content for file in merged})
    if conflicts:
        _tell_conflicts(task, merged, changes(base))
        raise PortConflictError(
            f"{len(conflicts)} thing(s) that only a person can decide about litellm {task.version}, listed above",
            f"edit the files in {work.tree}, then port --continue; or port --abort",
        )
    task.around.tell(f"merged without a conflict, each function changed as in {task.base.version}")
    return _finish_edited(task, work.edited())


def _finish_edited(task: Task, edited: Mapping[str, tuple[bytes, bytes]]) -> list[str]:
    """Make a patch of the work folder, unless the old one does the same, and finish with it."""
    try:
        entry = task.try_strictly()
        if task.applied(task.patch, entry) == dict(edited):
            return _finish(task, entry, None)
    except PatchError:
        pass  # which is why there is a work folder
    data = _work_of(task.folder).write_patch(task.patch.path.read_bytes(), task.around.now)
    path = task.folder / f"{task.version}.patch"
    patch = RangePatch(task.version, path, parse_patch(data, path.name))
    return _finish(replace(task, patch=patch), task.entry_of(patch), data)


def _finish(task: Task, entry: Release, data: bytes | None) -> list[str]:
    """Prove, run the arms, write; and say what a person must look at."""
    applied = task.applied(task.patch, entry)
    changed = changes(applied)
    missed = uncovered(find_readers(task.sources), changed, task.version)
    if missed:
        for line in missed:
            task.around.tell(f"open: {line}")
        work = _keep(task, missed, applied)
        raise PortConflictError(
            f"{len(missed)} reader(s) of chains in litellm {task.version} are not covered, listed above",
            f"let the patch reach them in {work.tree}, or say in patching/readers.toml why not; then port --continue",
        )
    lines = [f"proved: the patch is in, compiles, and changes {sum(map(len, changed.values()))} names; no new reader"]
    ledger = task.ledger_with(entry)
    if task.arms:
        task.around.step("running both arms", 0, 1)
        passed, said = run_arms(task.folder, ledger, (entry.patch.name, data) if data else None, task.version)
        if not passed and passes_on_stock(task.folder, task.ledger_with_stock(), task.version):
            return _close_the_range(task)
        if not passed:
            work = _keep(task, ["an arm is not as it must be"], applied)
            raise ArmsError(
                f"litellm {task.version} is not as it must be: {said}",
                f"fix the files in {work.tree}, then port --continue; or port --abort",
            )
        lines += said.splitlines()
    else:
        lines.append(f"look: the arms were not run; run nox -s \"names(litellm='{task.version}')\" before you commit")
    _write(task.folder, ledger, entry.patch, data)
    _work_of(task.folder).drop()
    lines.append(f"written: {entry.patch.name if data else 'no new patch'}, and the entry of litellm {task.version}")
    if data:
        lines.append(
            f"look: read {entry.patch.name} as upstream's reviewer would, and give it a row in docs/compatibility.md"
        )
    return lines


def _write(folder: Path, ledger: Ledger, path: Path, data: bytes | None) -> None:
    """Write the patch, if there is a new one, and the ledger: both or none."""
    if data:
        write_whole(path, data)
    try:
        save_ledger(folder, ledger)
    except OSError:
        if data:
            path.unlink()
        raise


def _close_the_range(task: Task) -> list[str]:
    """Write that upstream has the fix from this release on."""
    reason = "the tests that show the fix pass on the stock release; name upstream's change here"
    save_ledger(task.folder, replace(task.ledger, fixed=Since(task.version, reason)))
    _work_of(task.folder).drop()
    return [
        f"litellm {task.version} has the fix: the tests that show it pass on the stock release, no patch is needed",
        f"written: fixed, from {task.version} on, in the ledger",
        "look: name upstream's change in the reason",
    ]


def _begin(task: Task, conflicts: tuple[str, ...], files: Mapping[str, bytes]) -> Work:
    """Lay the work out for a person, in place of what a killed run may have left."""
    work = _work_of(task.folder)
    work.drop()
    work.begin(Note(str(task.version), str(task.base.version), conflicts), task.sources, files)
    return work


def _keep(task: Task, why: Iterable[str], applied: Mapping[str, tuple[bytes, bytes]]) -> Work:
    """Lay out what was applied for a person, unless it is there already."""
    work = _work_of(task.folder)
    if work.folder.exists():
        return work
    return _begin(task, tuple(why), {path: after for path, (_, after) in applied.items()})


def _tell_conflicts(task: Task, merged: Iterable[Merged], expected: Mapping[str, frozenset[str]]) -> None:
    """Show what is open, where functions of a file that is gone are now, and which readers must agree."""
    for file in merged:
        for conflict in file.conflicts:
            task.around.tell(f"open: {conflict}")
        if file.conflicts:
            for name, places in sorted(homes_of(expected[file.path], file.path, task.sources).items()):
                task.around.tell(f"open: {name} of {file.path} is now in {', '.join(places)}")
    for line in check_list():
        task.around.tell(f"check: {line}")


def _difference(expected: Mapping[str, frozenset[str]], changed: Mapping[str, frozenset[str]]) -> str:
    before, after = (
        {f"{path}:{name}" for path, names in some.items() for name in names} for some in (expected, changed)
    )
    return f"only here {_listed(after - before)}, only there {_listed(before - after)}"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
