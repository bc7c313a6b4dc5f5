"""A wheel's installation with an extension that was built, and the patched Python files: nothing else differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.patching.replacing import remove_bytecode
from upkeep.compiled.workspace import EXTENSION, build
from upkeep.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


_NOTE = "extension.sha256"


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
    built = build(release, patched=patched)
    python = [file for file in release.files if file.path.startswith("litellm/")] if patched else []
    for file in python:
        found = sha256((site / file.path).read_bytes())
        if found != file.pre_image:
            raise BuildError(f"{site / file.path} has sha256 {found}, expected {file.pre_image}", "make the cell anew")
    extension = built.path.read_bytes()
    (environment / _NOTE).write_text(sha256(extension), encoding="ascii")
    for path, data in {EXTENSION: extension, **{file.path: built.sources[file.path] for file in python}}.items():
        write_whole(site / path, data)
    (site / EXTENSION).chmod(0o755)
    remove_bytecode(site / file.path for file in python)


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
