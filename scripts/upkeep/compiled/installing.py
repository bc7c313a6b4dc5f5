"""A wheel's installation with an extension that was built, and the patched Python files: nothing else differs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.building.workspace import EXTENSION
from litellm_patch.errors import BuildError
from litellm_patch.patching.built import NOTE_NAME
from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.patching.replacing import remove_bytecode
from litellm_patch.wheels.stock import read_wheel
from upkeep.compiled.workspace import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_patch.patching.ledger import Release


_NOTE = "extension.sha256"
WHEEL = "LITELLM_PATCH_WHEEL"
"""The environment variable that names a wheel which `litellm-patch wheel` built: what is patched is taken out of it."""


def install_built(environment: Path, site: Path, release: Release, *, patched: bool) -> None:
    """Put a built extension, and the Python files that belong to it, in place of the wheel's.

    Args:
        environment: the virtual environment, where a note of the extension's hash is left.
        site: its folder of packages, which holds the wheel as it was published.
        release: the release in it.
        patched: whether it is to become patched; else the extension is built from the stock sources.

    Raises:
        BuildError: the extension cannot be built, or a file is not the release's stock one; nothing was replaced.
        OSError: a file cannot be read or written.
    """
    extension, sources = _built(release, patched=patched)
    python = [file for file in release.files if file.path.startswith("litellm/")] if patched else []
    for file in python:
        found = sha256((site / file.path).read_bytes())
        if found != file.pre_image:
            raise BuildError(f"{site / file.path} has sha256 {found}, expected {file.pre_image}", "make the cell anew")
    (environment / _NOTE).write_text(sha256(extension), encoding="ascii")
    for path, data in {EXTENSION: extension, **{file.path: sources[file.path] for file in python}}.items():
        write_whole(site / path, data)
    (site / EXTENSION).chmod(0o755)
    remove_bytecode(site / file.path for file in python)


def _built(release: Release, *, patched: bool) -> tuple[bytes, Mapping[str, bytes]]:
    """The extension, and what else is patched: built here, or out of the wheel that is named."""
    path = os.environ.get(WHEEL) if patched else None
    if not path:
        built = build(release, patched=patched)
        return built.path.read_bytes(), built.sources
    contents = read_wheel(Path(path), path)
    note = json.loads(next((data for name, data in contents.items() if name.endswith(f"/{NOTE_NAME}")), b"{}"))
    expected = {
        "sdist": dict(release.sdist),
        "patch": {release.patch.name: sha256(release.patch.read_bytes())},
        "extension": {EXTENSION: sha256(contents[EXTENSION])},
    }
    if {key: note.get(key) for key in expected} != expected:
        raise BuildError(
            f"{path} was not built of litellm {release.version} and {release.patch.name} as they are",
            f"run litellm-patch wheel {release.version}, or unset {WHEEL}",
        )
    return contents[EXTENSION], contents


def replaced_files(environment: Path, release: Release, *, patched: bool) -> Mapping[str, str]:
    """What an installation must have in place of the wheel's files.

    Args:
        environment: the virtual environment.
        release: the release in it.
        patched: what `install_built` was told.

    Returns:
        The sha256 of each replaced file, by path.

    Raises:
        BuildError: nothing was replaced there.
    """
    try:
        extension = (environment / _NOTE).read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise BuildError(
            f"{environment} has the wheel's own extension, expected a built one", "make it anew"
        ) from error
    python = {file.path: file.post_image for file in release.files if file.path.startswith("litellm/")}
    return {EXTENSION: extension, **(python if patched else {})}
