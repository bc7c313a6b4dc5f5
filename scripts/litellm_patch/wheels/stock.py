"""The cache of stock files: of each release only what patches touch, taken once from an archive of known hash."""

from __future__ import annotations

import json
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from packaging.version import Version

NOTE = "wheel.json"  # where the files came from, and their hashes; null for a file that the archive lacks

REPORT = "if the index serves another file than before, do not use it, and report that"


def default_cache(patches: Path) -> Path:
    """Tell where the stock files are kept unless a folder is named."""
    return patches.absolute().parent / ".cache" / "stock"


@dataclass(frozen=True)
class Stock:
    """A cache folder, and the files that are wanted of each release."""

    folder: Path
    paths: frozenset[str]

    def read(self, version: Version, archives: Mapping[str, str]) -> dict[str, bytes] | None:
        """Read the files of a release, which may come from these archives: sha256 by file name.

        Returns:
            The content of each wanted file that the release has; None if the cache lacks anything of it, or holds
            something else than it took from one of these.
        """
        place = self.folder / str(version)
        try:
            note = json.loads((place / NOTE).read_bytes())
            hashes = {path: note["files"][path] for path in self.paths}
            if archives.get(note["wheel"]) != note["sha256"]:
                return None
            files = {path: (place / path).read_bytes() for path, digest in hashes.items() if digest is not None}
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return files if all(sha256(data) == hashes[path] for path, data in files.items()) else None


def read_wheel(archive: Path | BinaryIO, name: str, paths: Collection[str] | None = None) -> dict[str, bytes]:
    """Read files of a wheel: those of these paths, or all.

    Raises:
        WheelError: It is no wheel.
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            names = content.namelist()
            return {path: content.read(path) for path in sorted(names if paths is None else set(paths) & set(names))}
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise WheelError(f"{name} is not a wheel: {error}", "ask the index's owner") from error


def read_sdist(archive: Path, name: str, paths: Collection[str] | None = None) -> dict[str, bytes]:
    """Read files of a source archive, by their paths below its top folder, which its name on the index gives.

    Raises:
        WheelError: It is no source archive, or has something else than plain files below one folder.
        OSError: It cannot be read.
    """
    top = f"{name.removesuffix('.tar.gz')}/"
    files = {}
    try:
        with tarfile.open(archive) as content:
            for member in content:
                path = member.name.removeprefix(top)
                if not member.isfile() or path == member.name or ".." in path.split("/"):
                    raise WheelError(f"{name} holds {member.name}, expected plain files below {top}", REPORT)
                if (paths is None or path in paths) and (data := content.extractfile(member)):
                    files[path] = data.read()
    except (tarfile.TarError, EOFError) as error:
        raise WheelError(f"{name} cannot be read: {error}", "delete it, and run this again") from error
    return files
