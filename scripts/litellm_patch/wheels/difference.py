"""How edited files differ from what they should be, where the stock files can be had."""

from __future__ import annotations

import difflib
import io
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.series import apply_series, read_series
from litellm_patch.wheels.stock import Stock, read_wheel
from litellm_patch.wheels.wheel import fetch_wheel, stated_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.judging import SourceFile, Tree
    from litellm_patch.patching.ledger import Ledger, Release
    from litellm_patch.wheels.index import Index


def stock_files(
    release: Release, wheel: Path | None, cache: Path, index: Index | None = None
) -> Mapping[str, bytes] | None:
    """Get the stock files that the patch touches: from a wheel, a maintainer's cache, or an index if one is given.

    Returns:
        The content of each file; None if they are not at hand.

    Raises:
        WheelError: The wheel is not one of the ledger's, or cannot be fetched.
        OSError: The wheel cannot be read.
    """
    paths = frozenset(file.path for file in release.files)
    if wheel is None:
        kept = Stock(cache, paths).read(release.version, release.wheels)
        if kept or index is None:
            return kept
        name = min(release.wheels, key=lambda name: (not name.endswith("-any.whl"), "win" in name, name))
        return read_wheel(io.BytesIO(fetch_wheel(release, name, index)), name, paths)
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


def compare_wheels(patched: Path, stock: Path, ledger: Ledger) -> list[str]:
    """Tell in what a patched wheel differs from the stock wheel that it was made from.

    Returns:
        A line for each file that differs, by its path in the patched wheel, and the count of those that do not.

    Raises:
        WheelError: One of them is no wheel of litellm, or the stock one is not the ledger's.
        LitellmPatchError: The release is not supported.
        OSError: One of them cannot be read.
    """
    version = stated_version(patched)
    release = ledger.find(version)
    if sha256(stock.read_bytes()) not in release.wheels.values():
        raise WheelError(f"{stock} is not a wheel of litellm {release.version} that the ledger knows", advice(release))
    before, after = (read_wheel(path, path.name) for path in (stock, patched))
    before = {path.replace(f"-{release.version}.", f"-{version}.", 1): data for path, data in before.items()}
    lines = [f"only in {stock.name}: {path}" for path in sorted(before.keys() - after.keys())]
    lines += [f"added: {path}" for path in sorted(after.keys() - before.keys())]
    common = sorted(before.keys() & after.keys())
    lines += [f"changed: {path}" for path in common if before[path] != after[path]]
    same = sum(before[path] == after[path] for path in common)
    return [*lines, f"the same bytes: {same} of {len(after)} files"]
