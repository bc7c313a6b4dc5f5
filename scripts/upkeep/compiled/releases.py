"""The releases that are built: kept in a file of their own until the ledger can name a source archive."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from litellm_patch.patching.ledger import FileImage, Release, load_toml
from upkeep.errors import BuildError

HERE = Path(__file__).resolve().parent
PATCHES = HERE.parents[2] / "patches" / "upstream" / "rust"


@dataclass(frozen=True, kw_only=True)
class CompiledRelease(Release):
    """A release whose patch is made for its source archive; the hash of a file before it is added is empty.

    Attributes:
        sdist: the archive's file name.
        sdist_sha256: its hash.
    """

    sdist: str
    sdist_sha256: str


@functools.cache
def compiled_releases() -> tuple[CompiledRelease, ...]:
    """All of them, oldest first.

    Returns:
        The entries of ``releases.toml`` beside this module.

    Raises:
        KeyError: an entry lacks something.
        ValueError: that is no TOML.
    """
    return tuple(
        CompiledRelease(
            version=Version(entry["version"]),
            patch=PATCHES / entry["patch"],
            files=tuple(FileImage(**{**file, "offsets": tuple(file["offsets"])}) for file in entry["files"]),
            uploaded=entry["uploaded"],
            wheels=entry["wheels"],
            sdist=entry["sdist"]["name"],
            sdist_sha256=entry["sdist"]["sha256"],
        )
        for entry in load_toml(HERE / "releases.toml")["releases"]
    )


def is_compiled(version: Version) -> bool:
    """Whether a release is one of these.

    Args:
        version: the release.

    Returns:
        Whether it is.
    """
    return any(release.version == version for release in compiled_releases())


def find_compiled(version: Version) -> CompiledRelease:
    """The entry of a release.

    Args:
        version: the release.

    Returns:
        Its entry.

    Raises:
        BuildError: it is none of these.
    """
    for release in compiled_releases():
        if release.version == version:
            return release
    known = ", ".join(str(release.version) for release in compiled_releases())
    raise BuildError(f"found {version}, expected one of: {known}; name one of those")
