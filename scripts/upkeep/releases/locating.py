"""Find where a patch fits in the files of a release that the ledger lacks."""

from __future__ import annotations

from operator import eq
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError
from litellm_patch.patching.patchfile import split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.patching.patchfile import FilePatch, Hunk


def locate(patch: FilePatch, data: bytes) -> tuple[int, ...]:
    """Find where each hunk fits in a file, for a new entry of the ledger.

    Args:
        patch: The hunks.
        data: The whole stock file, with LF line ends.

    Returns:
        The offset of each hunk, as `FilePatch.apply` takes them.

    Raises:
        PatchError: A hunk fits nowhere, or in more than one place.
    """
    lines = split_lines(data, patch.path)
    offsets: list[int] = []
    done = 0
    for number, hunk in enumerate(patch.hunks, 1):
        size = len(hunk.before)
        fits = [
            at
            for at in range(len(lines) - size + 1)
            if (not size or lines[at] == hunk.before[0]) and tuple(lines[at : at + size]) == hunk.before
        ]
        if len(fits) != 1 or fits[0] < done:
            places = ", ".join(str(at + 1) for at in fits) or f"none; {_nearest_miss(hunk, lines)}"
            raise PatchError(
                f"{patch.path}: hunk {number} must fit in exactly one place, in order; lines that fit: {places}",
                "give the hunk more context, or make a patch for this release",
            )
        offsets.append(fits[0] - hunk.before_start)
        done = fits[0] + size
    return tuple(offsets)


def _nearest_miss(hunk: Hunk, lines: Sequence[bytes]) -> str:
    """Tell the first line that keeps a hunk from where most of its lines are."""
    size = len(hunk.before)
    padded = [*lines, *[b"(end of file)"] * size]

    def likeness(at: int) -> tuple[int, int]:
        return sum(map(eq, padded[at : at + size], hunk.before)), -abs(at - hunk.before_start)

    at = max(range(len(lines) + 1), key=likeness)
    line = next(index for index in range(size) if padded[at + index] != hunk.before[index])
    found, wanted = (text.decode(errors="replace").rstrip("\n") for text in (padded[at + line], hunk.before[line]))
    return f"nearest at line {at + 1}, but line {at + line + 1} is {found!r}, expected {wanted!r}"
