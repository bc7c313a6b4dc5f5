"""Bring one file from patch to patch, each applied or undone strictly, between contents of known hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellm_patch.patching.ledger import Step
    from litellm_patch.patching.patchfile import FilePatch


def read_series(series: Sequence[Step]) -> list[tuple[Step, Mapping[str, FilePatch]]]:
    """Read the patches of a series.

    Args:
        series: The patches of one release, in the order in which they are applied.

    Raises:
        PatchError: One is damaged, or the ledger speaks of other files or hunks.
        OSError: One cannot be read.
    """
    return [(step, step.read_patch()) for step in series]


def apply_series(
    path: str, data: bytes, series: Sequence[tuple[Step, Mapping[str, FilePatch]]], *, reverse: bool = False
) -> bytes:
    """Apply to a file what it lacks of a series, or undo what it has of it.

    Args:
        path: The file, from the root of the wheel.
        data: Its content; nothing, if it is not there.
        series: What `read_series` gives.
        reverse: Undo, in the opposite order.

    Returns:
        The new content. A patch is passed over where the content is not what it starts from.

    Raises:
        PatchError: A patch does not fit, or does something else than the ledger says.
    """
    for step, patches in reversed(series) if reverse else series:
        for image in step.files:
            before, after = (image.post_image, image.pre_image) if reverse else (image.pre_image, image.post_image)
            if image.path != path or not _is(data, before):
                continue
            data = patches[path].apply(data, image.offsets, reverse=reverse)
            if not _is(data, after):
                raise PatchError(
                    f"{step.name} and the ledger disagree on {path} of {step.version}: the result's sha256 is "
                    f"{sha256(data)}, expected {after}",
                    "reinstall litellm-patch",
                )
    return data


def _is(data: bytes, digest: str) -> bool:
    return sha256(data) == digest or (digest == ABSENT and not data)
