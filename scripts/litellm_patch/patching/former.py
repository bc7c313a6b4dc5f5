"""Older versions of the patches: each is kept in `former/REVISION`, so that what it made can be taken back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.errors import PatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.patchfile import parse_patch, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import FileImage, Release, Step
    from litellm_patch.patching.patchfile import FilePatch

_FOLDER = "former"
_Series = list["Mapping[str, FilePatch]"]


@dataclass(frozen=True)
class Former:
    """What a file is that an older version of the patch has changed: the stock one, and the optional patch in it."""

    stock: bytes
    option: str | None


def find_former(data: bytes, image: FileImage, release: Release) -> Former | None:
    """Tell whether a file is what an older version of the patch leaves; the ledger's hash of the stock file decides.

    Raises:
        PatchError: An old patch is damaged.
        OSError: An old patch cannot be read.
    """
    for option, series in _former_series(release) if b"\r\n" not in data else ():
        stock = data
        for patches in reversed(series):
            stock = _carry(stock, patches.get(image.path), reverse=True) or b""
        if sha256(stock) == image.pre_image:
            return Former(stock, option)
    return None


def former_images(path: str, stock: bytes, release: Release) -> Iterator[bytes]:
    """Give what older versions of the patch make of a stock file."""
    for _, series in _former_series(release):
        data = stock
        for patches in series:
            data = _carry(data, patches.get(path), reverse=False) or b""
        if data:
            yield data


def _former_series(release: Release) -> Iterator[tuple[str | None, _Series]]:
    """Give each series of patches that was once for a release, and is no more."""
    folder = release.patch.parent / _FOLDER
    for revision in sorted(folder.iterdir(), key=lambda path: int(path.name)) if folder.is_dir() else ():
        for option in (None, *release.options):
            steps = release.series(option)
            old = [_of_then(revision, step) for step in steps]
            if any(old):
                paths = [then or step.patch for then, step in zip(old, steps, strict=True)]
                yield option, [parse_patch(path.read_bytes(), path.name) for path in paths]


def _of_then(revision: Path, step: Step) -> Path | None:
    """The patch of a revision that was for this release, if it is another one than today's."""
    folder = revision / step.option if step.option else revision
    fits = [path for path in folder.glob("*.patch") if Version(path.stem) <= step.version]
    return max(fits, key=lambda path: Version(path.stem), default=None)


def _carry(data: bytes, patch: FilePatch | None, *, reverse: bool) -> bytes | None:
    """Apply a patch, or take it out, each hunk where it fits nearest to the place that it tells."""
    if patch is None:
        return data
    lines, offsets, done = split_lines(data, patch.path), list[int](), 0
    for hunk in patch.hunks:
        start, old = (hunk.after_start, hunk.after) if reverse else (hunk.before_start, hunk.before)
        wanted = start + (offsets[-1] if offsets else 0)
        behind, ahead = range(min(wanted, len(lines)), done - 1, -1), range(max(wanted, done), len(lines) + 1)
        near = (at for pair in itertools.zip_longest(behind, ahead) for at in pair if at is not None)
        found = next((at for at in near if tuple(lines[at : at + len(old)]) == old), None)
        if found is None:
            return None
        offsets.append(found - start)
        done = found + len(old)
    try:
        return patch.apply(data, offsets, reverse=reverse)
    except PatchError:
        return None
