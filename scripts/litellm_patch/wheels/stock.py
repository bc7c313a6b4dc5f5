"""The cache of stock files: of each release only what patches touch, taken once from a wheel of known hash."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from packaging.version import Version

    from litellm_patch.wheels.index import Index

_NOTE = "wheel.json"  # where the files came from, and their hashes; null for a file that the wheel lacks


def default_cache(patches: Path) -> Path:
    """Tell where the stock files are kept unless a folder is named."""
    return patches.absolute().parent / ".cache" / "stock"


@dataclass(frozen=True)
class Stock:
    """A cache folder, and the files that are wanted of each release."""

    folder: Path
    paths: frozenset[str]

    def read(self, version: Version, wheels: Mapping[str, str]) -> dict[str, bytes] | None:
        """Read the files of a release.

        Args:
            version: The release.
            wheels: The sha256 of each wheel that the files may come from.

        Returns:
            The content of each wanted file that the release has; None if the cache lacks anything of it, or holds
            something else than it took from one of these wheels.
        """
        place = self.folder / str(version)
        try:
            note = json.loads((place / _NOTE).read_bytes())
            hashes = {path: note["files"][path] for path in self.paths}
            if wheels.get(note["wheel"]) != note["sha256"]:
                return None
            files = {path: (place / path).read_bytes() for path, digest in hashes.items() if digest is not None}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return files if all(sha256(data) == hashes[path] for path, data in files.items()) else None

    def fill(self, version: Version, wheel: str, index: Index) -> None:
        """Fetch a wheel, keep the wanted files and drop the rest.

        Raises:
            WheelError: The wheel could not be fetched whole, has another hash, or is no wheel.
            OSError: The cache cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as scratch:
            archive, place = Path(scratch, "wheel"), Path(scratch, str(version))
            place.mkdir()
            index.download(version, wheel, archive)
            hashes: dict[str, str | None] = dict.fromkeys(sorted(self.paths))
            for path, data in read_wheel(archive, wheel, self.paths).items():
                hashes[path] = sha256(data)
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(data)
            note = {"wheel": wheel, "sha256": index.offers[version].wheels[wheel], "files": hashes}
            (place / _NOTE).write_text(json.dumps(note, indent=1) + "\n")
            final = self.folder / str(version)
            shutil.rmtree(final, ignore_errors=True)
            place.rename(final)


def read_wheel(archive: Path, name: str, paths: Collection[str]) -> dict[str, bytes]:
    """Read files of a wheel.

    Raises:
        WheelError: It is no wheel.
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            return {path: content.read(path) for path in sorted(set(paths) & set(content.namelist()))}
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise WheelError(f"{name} is not a wheel: {error}", "ask the index's owner") from error
