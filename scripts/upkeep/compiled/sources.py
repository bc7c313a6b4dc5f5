"""A release's source archive: fetched once, checked each time, patched in memory."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from litellm_patch.errors import LitellmPatchError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT
from litellm_patch.wheels.index import Index
from upkeep.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


_REPORT = "if the index serves another file than before, do not build it, and report that"


def fetch(release: Release, folder: Path) -> Path:
    """A release's source archive, out of a folder or from the index.

    Args:
        release: which.
        folder: where archives are kept.

    Returns:
        Its path; the content has the hash of the release's entry.

    Raises:
        BuildError: it cannot be had, or has another hash.
    """
    ((name, expected),) = release.sdist.items()
    path = folder / name
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        try:
            Index().download(release.version, name, new)
            new.replace(path)
        except LitellmPatchError as error:
            raise BuildError(error.found, error.next_step) from error
        finally:
            new.unlink(missing_ok=True)
    found = sha256(path.read_bytes())
    if found != expected:
        path.unlink()
        raise BuildError(f"{name} has sha256 {found}, expected {expected}", _REPORT)
    return path


def read_sources(release: Release, archive: Path, *, patched: bool) -> dict[str, bytes]:
    """The content of each file of the archive, with the release's patch applied if that is asked for.

    Args:
        release: which.
        archive: a path that `fetch` gave.
        patched: whether to apply the patch.

    Returns:
        The contents by path, without the archive's own top folder.

    Raises:
        BuildError: the archive has something else than plain files in one folder, or the patch leaves other files than
            the release's entry says.
    """
    top = f"litellm-{release.version}/"
    contents = {}
    try:
        with tarfile.open(archive) as content:
            for member in content:
                path = member.name.removeprefix(top)
                data = content.extractfile(member) if member.isfile() else None
                if data is None or path == member.name or ".." in path.split("/"):
                    raise BuildError(f"{archive.name} holds {member.name}, expected files below {top}", _REPORT)
                contents[path] = data.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BuildError(f"{archive} cannot be read: {error}", "delete it, and run this again") from error
    if patched:
        contents.update(_patched(release, contents))
    return contents


def _patched(release: Release, stock: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each file that the patch changes or adds, after it; held to the hashes of the entry, before and after."""
    try:
        patches = release.read_patch()
        after = {}
        for file in release.files:
            before = stock.get(file.path, b"")
            after[file.path] = patches[file.path].apply(before, file.offsets)
            pair = (sha256(before) if file.path in stock else ABSENT, sha256(after[file.path]))
            if pair != (file.pre_image, file.post_image):
                raise BuildError(
                    f"{file.path} of {release.version} has sha256 {pair[0]} before the patch and {pair[1]} after it, "
                    f"expected {file.pre_image} and {file.post_image}",
                    f"restore {release.patch.name} and the ledger",
                )
    except LitellmPatchError as error:
        raise BuildError(error.found, error.next_step) from error
    return after
