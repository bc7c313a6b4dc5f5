"""A release's archives: fetched once, checked each time, and the sources patched in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.errors import BuildError, PatchError, WheelError
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT
from litellm_patch.wheels.stock import REPORT, read_sdist

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from litellm_patch.patching.ledger import Release, Step
    from litellm_patch.wheels.index import Index


def fetch(release: Release, name: str, folder: Path, index: Index | None) -> Path:
    """A wheel or the source archive of a release, out of a folder or from the index.

    Args:
        release: Which.
        name: The file's name, one of the release's entry in the ledger.
        folder: Where archives are kept.
        index: Where to fetch it; None to take only what is there.

    Returns:
        Its path; the content has the hash of the release's entry.

    Raises:
        BuildError: It cannot be had, or has another hash.
        OSError: The folder cannot be written.
    """
    expected = {**release.wheels, **release.sdist}[name]
    path = folder / name
    if not path.is_file():
        if index is None:
            raise BuildError(f"{path} is missing", "fetch it where there is a network, or leave out --offline")
        folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        try:
            if name not in index.files.get(release.version, {}):
                raise BuildError(f"the index has no {name}", "name another with --index-url")
            index.download(release.version, name, new)
            new.replace(path)
        except WheelError as error:
            raise BuildError(error.found, error.next_step) from error
        finally:
            new.unlink(missing_ok=True)
    found = sha256(path.read_bytes())
    if found != expected:
        path.unlink()
        raise BuildError(f"{name} has sha256 {found}, expected {expected}", REPORT)
    return path


def read_sources(archive: Path, series: Sequence[Step]) -> dict[str, bytes]:
    """The content of each file of a source archive, with patches of its release applied.

    Args:
        archive: A path that `fetch` gave.
        series: The patches, in order; none for the stock sources.

    Returns:
        The contents by path, without the archive's own top folder.

    Raises:
        BuildError: The archive has something else than plain files in one folder, or a patch leaves other files than
            the ledger says.
    """
    try:
        contents = read_sdist(archive, archive.name)
        for step in series:
            contents.update(_patched(step, contents))
    except (PatchError, WheelError) as error:
        raise BuildError(error.found, error.next_step) from error
    return contents


def _patched(step: Step, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each file that a patch changes or adds, after it; held to the hashes of the ledger, before and after."""
    patches = step.read_patch()
    after = {}
    for file in step.files:
        before = contents.get(file.path, b"")
        after[file.path] = patches[file.path].apply(before, file.offsets)
        pair = (sha256(before) if file.path in contents else ABSENT, sha256(after[file.path]))
        if pair != (file.pre_image, file.post_image):
            raise BuildError(
                f"{file.path} of {step.version} has sha256 {pair[0]} before the patch and {pair[1]} after it, "
                f"expected {file.pre_image} and {file.post_image}",
                f"restore {step.name} and the ledger",
            )
    return after
