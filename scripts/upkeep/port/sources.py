"""The sources of a release that speak of fallbacks, taken once from its wheel and kept."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import write_whole

if TYPE_CHECKING:
    from litellm_patch.wheels.index import Index, Offer

_WORD = b"fallback"


def fallback_sources(offer: Offer, index: Index, cache: Path) -> dict[str, bytes]:
    """Read every Python file of a release that has the word fallback in it.

    Args:
        offer: What the index has of the release.
        index: Where to fetch a wheel of it, unless the cache has what is wanted.
        cache: A folder for it.

    Returns:
        The content of each file, by its path in the wheel.

    Raises:
        WheelError: The wheel cannot be fetched whole, has another hash than the index says, or is none.
        OSError: The cache cannot be written.
    """
    digest = offer.wheels[offer.best]
    kept = cache / f"{offer.version}-{digest[:16]}.zip"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as scratch:
            wheel, packed = Path(scratch, "wheel"), Path(scratch, "packed")
            index.download(offer.version, offer.best, wheel)
            _pack(wheel, packed, offer.best)
            write_whole(kept, packed.read_bytes())
    with zipfile.ZipFile(kept) as content:
        return {name: content.read(name) for name in content.namelist()}


def _pack(wheel: Path, packed: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as content, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as result:
            for path in sorted(content.namelist()):
                if path.startswith("litellm/") and path.endswith(".py") and _WORD in (data := content.read(path)):
                    result.writestr(path, data)
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise WheelError(f"{name} is not a wheel: {error}", "ask the index's owner") from error
