"""Trees that someone has edited: the patch goes in by a merge, and comes out again so that the edits stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.errors import DriftedError, MergeConflictError, PatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.former import former_images
from litellm_patch.patching.merging import distance, merge_edited, take_out
from litellm_patch.patching.readers import find_readers, uncovered
from litellm_patch.patching.series import apply_series, read_series
from litellm_patch.patching.syntax import changed_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellm_patch.patching.finding import Target
    from litellm_patch.patching.judging import SourceFile
    from litellm_patch.patching.ledger import Release
    from litellm_patch.patching.merging import MergedFile


def without_patch(file: SourceFile) -> bytes:
    """Give the text of a merged file as it was before the merge.

    Raises:
        PatchError: The record does not lead back.
    """
    assert file.edits  # noqa: S101 - for the type checker: the file is merged
    text = take_out(file.image.path, file.text, file.edits.undo.encode())
    if sha256(file.in_kind(text)) != file.edits.before:
        raise PatchError(f"the record of {file.image.path} is damaged", "restore the file from your own repository")
    return text


def guess_option(files: Sequence[SourceFile], release: Release, stock: Mapping[str, bytes]) -> str | None:
    """Tell which optional patch was in edited files, by what they are nearest to."""
    for file in files:
        path, base = file.image.path, stock[file.image.path]
        kinds: list[tuple[str | None, bytes]] = [(None, base)]
        kinds += [(name, apply_series(path, base, read_series(release.series(name)))) for name in _options(release)]
        option = min(kinds, key=lambda kind: distance(kind[1], file.text))[0]
        if option:
            return option
    return None


def merge_tree(
    target: Target,
    release: Release,
    option: str | None,
    files: Sequence[SourceFile],
    stock: Mapping[str, bytes],
) -> dict[str, MergedFile]:
    """Merge the patch into edited files of a tree, and see that no reader of chains goes without it.

    Args:
        target: The litellm.
        release: Its release, with the option that is wanted.
        option: The optional patch to merge as well.
        files: The edited files.
        stock: The content of each file that the patch touches, as the ledger knows it.

    Returns:
        What became of each edited file, by path.

    Raises:
        DriftedError: The edits and the patch do not go together; changed nothing.
        GitError: Git is not there, or failed.
        PatchError: A patch does not fit the stock file.
        OSError: A file cannot be read.
    """
    merged, changed, contents = {}, {}, {}
    series = read_series(release.series(option))
    edited = {file.image.path: file for file in files}
    for image in release.files:
        path, base = image.path, stock.get(image.path, b"")
        patched = apply_series(path, base, series)
        if path in edited:
            file = edited[path]
            origins, found = [base], without_patch(file) if file.is_merged else file.text
            if not file.edits or not (file.is_merged or file.is_unmerged):
                posts = (apply_series(path, base, read_series(release.series(name))) for name in _options(release))
                origins += [*posts, *former_images(path, base, release)]
            merged[path] = merge_edited(path, found, origins, patched, str(release.version))
            contents[path], base, patched = merged[path].after, merged[path].before, merged[path].after
        changed[path] = changed_names(base, patched)
    for place in sorted(target.package.rglob("*.py")):
        path = place.relative_to(target.package.parent).as_posix()
        contents.setdefault(path, place.read_bytes())
    try:
        lines = uncovered(find_readers(contents), changed, release.version)
    except SyntaxError as error:
        found = f"a file of {target.package} is not Python: {error}"
        raise DriftedError(found, "mend it, and run this again") from error
    if lines:
        raise MergeConflictError(
            f"{len(lines)} function(s) of {target.package} look a fallback chain up that the patch does not reach, "
            "named above",
            "take them out, or let them call what the patch changes",
            lines,
        )
    return merged


def _options(release: Release) -> tuple[str | None, ...]:
    return None, *release.options
