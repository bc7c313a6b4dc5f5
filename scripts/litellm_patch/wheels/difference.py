"""How edited files differ from what they should be, where the stock files can be had."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.series import apply_series, read_series
from litellm_patch.wheels.stock import Stock, read_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.judging import SourceFile, Tree
    from litellm_patch.patching.ledger import Release


def stock_files(release: Release, wheel: Path | None, cache: Path) -> Mapping[str, bytes] | None:
    """Get the stock files of a release, without asking any index.

    Args:
        release: The release.
        wheel: A wheel of it; without one, the cache is looked into.
        cache: The folder of stock files that the verbs of `releases` keep.

    Returns:
        The content of each file that the patch touches; None if the cache lacks it.

    Raises:
        WheelError: The wheel is not one of the ledger's.
        OSError: The wheel cannot be read.
    """
    paths = frozenset(file.path for file in release.files)
    if wheel is None:
        return Stock(cache, paths).read(release.version, release.wheels)
    if sha256(wheel.read_bytes()) not in release.wheels.values():
        raise WheelError(f"{wheel} is not a wheel of litellm {release.version} that the ledger knows", advice(release))
    return read_wheel(wheel, wheel.name, paths)


def advice(release: Release) -> str:
    """Tell how to get what a difference is shown against."""
    return f"run pip download --no-deps litellm=={release.version}, then status --diff --stock WHEEL"


def differences(tree: Tree, release: Release, stock: Mapping[str, bytes]) -> list[str]:
    """Show the edits of a drifted tree.

    Returns:
        The lines of a unified diff, without line ends: from the stock file or a patched one, whichever is nearest.

    Raises:
        PatchError: The patch does not fit the stock file.
        OSError: The patch cannot be read.
    """
    kinds = {"patched": read_series([release])}
    kinds |= {f"patched with {option}": read_series(release.series(option)) for option in release.options}
    lines: list[str] = []
    for file in tree.files:
        if file.was_edited and file.image.path in stock:
            before = stock[file.image.path]
            candidates = [_diff("stock", before, file)]
            candidates += [
                _diff(kind, apply_series(file.image.path, before, patches), file) for kind, patches in kinds.items()
            ]
            nearest = min(candidates, key=len)
            lines += nearest
    return lines


def _diff(kind: str, origin: bytes, file: SourceFile) -> list[str]:
    """Compare as text, split at LF only, as the patch is."""
    before, after = (data.decode(errors="backslashreplace").split("\n") for data in (origin, file.data or b""))
    names = (f"{kind}/{file.image.path}", f"found/{file.image.path}")
    return list(difflib.unified_diff(before, after, *names, lineterm=""))
