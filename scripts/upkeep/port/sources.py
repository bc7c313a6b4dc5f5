"""The sources of a release that speak of fallbacks, taken once from its wheel or source archive and kept."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.wheels.stock import read_sdist, read_wheel

if TYPE_CHECKING:
    from collections.abc import Collection

    from litellm_patch.wheels.index import Index
    from upkeep.releases.offers import Offer

_WORD = b"fallback"
_LANGUAGES = {"litellm/": ".py", "litellm-rust/": ".rs"}


def fallback_sources(offer: Offer, archive: str, also: Collection[str], index: Index, cache: Path) -> dict[str, bytes]:
    """Read every source file of a release that has the word fallback in it.

    Args:
        offer: What the index has of the release.
        archive: Which of its files to read: a wheel, or the source archive.
        also: Paths of files that are wanted whatever is in them.
        index: Where to fetch it, unless the cache has what is wanted.
        cache: A folder for it.

    Returns:
        The content of each file, by its path in the wheel or below the archive's top folder.

    Raises:
        WheelError: The archive cannot be fetched whole, has another hash than the index says, or is none.
        OSError: The cache cannot be written.
    """
    digest = {**offer.wheels, **offer.sdist}[archive]
    wanted = sha256("\n".join(sorted(also)).encode())
    kept = cache / f"{offer.version}-{digest[:16]}-{wanted[:8]}.zip"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=cache) as scratch:
            fetched, packed = Path(scratch, "fetched"), Path(scratch, "packed")
            index.download(offer.version, archive, fetched)
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as result:
                read = read_wheel if archive.endswith(".whl") else read_sdist
                for path, data in sorted(read(fetched, archive).items()):
                    if path in also or (_is_source(path) and _WORD in data):
                        result.writestr(path, data)
            write_whole(kept, packed.read_bytes())
    with zipfile.ZipFile(kept) as content:
        return {name: content.read(name) for name in content.namelist()}


def _is_source(path: str) -> bool:
    return any(path.startswith(folder) and path.endswith(ending) for folder, ending in _LANGUAGES.items())
