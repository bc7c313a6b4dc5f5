"""Installations whose Router is compiled: the note of how a patched wheel was built, and what of it is judged."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from litellm_patch.errors import WheelError
from litellm_patch.patching.ledger import FileImage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litellm_patch.patching.finding import Target
    from litellm_patch.patching.ledger import Release

NOTE_NAME = "litellm-patch-build.json"
_NATIVE = "litellm/rust_bridge/_native."
_UNKNOWN = "recorded nowhere"


@dataclass(frozen=True)
class BuildNote:
    """How the extension of a patched wheel was made, for whoever wants to make it again.

    Attributes:
        wheel: The name and sha256 of upstream's wheel, which has everything else.
        sdist: The name and sha256 of the source archive.
        patch: The name and sha256 of each patch.
        lock: The sha256 of the lock file that it was built with.
        toolchain: The Rust that built it, and `maturin`'s version.
        extension: The path of the extension, and its sha256.
        replaced: The crates that were taken in another version than upstream locked.
    """

    wheel: Mapping[str, str]
    sdist: Mapping[str, str]
    patch: Mapping[str, str]
    lock: str
    toolchain: Mapping[str, str]
    extension: Mapping[str, str]
    replaced: Mapping[str, str] = field(default_factory=dict)

    def dump(self) -> bytes:
        """Give the content of the note's file."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()


def is_installed_compiled(target: Target, release: Release) -> bool:
    """Whether it is an installation of a release whose Router is compiled, and not its source tree."""
    return release.delivery == "wheel" and target.dist_info is not None


def installed_images(target: Target, release: Release) -> tuple[FileImage, ...]:
    """What of an installation is judged: the Python files of the patch, and the extension.

    The extension's stock hash is the one that `RECORD` has, its patched one that of the note in a patched wheel.

    Raises:
        OSError: `RECORD` or the note cannot be read.
    """
    recorded = dict[str, str]()
    if target.record and target.record.is_file():
        rows = csv.reader(target.record.read_text(encoding="utf-8").splitlines())
        recorded = {row[0]: row[1] for row in rows if len(row) > 1 and row[0].startswith(_NATIVE)}
    path = next((path for path in sorted(recorded) if path.endswith((".so", ".pyd"))), f"{_NATIVE}abi3.so")
    noted = _noted(target).get(path)
    stock = _UNKNOWN if noted else _hex(recorded.get(path, ""))
    python = (image for image in release.files if image.path.startswith("litellm/"))
    return *python, FileImage(path, stock, noted or _UNKNOWN, (0,))


def not_in_place(target: Target, release: Release) -> WheelError:
    """Say that an installation whose Router is compiled is replaced, not patched, and by what commands."""
    return WheelError(
        f"litellm {target.version} in {target.package} has a compiled Router, which is not patched in place",
        how_to_replace(release),
    )


def how_to_replace(release: Release) -> str:
    """Name the two commands that bring the patch to an installation whose Router is compiled."""
    return f"run litellm-patch wheel {release.version}, then pip install the wheel that it makes"


def _noted(target: Target) -> Mapping[str, str]:
    note = target.dist_info / NOTE_NAME if target.dist_info else None
    if note is None or not note.is_file():
        return {}
    try:
        extension = json.loads(note.read_bytes())["extension"]
        return {str(path): str(digest) for path, digest in extension.items()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {}


def _hex(entry: str) -> str:
    """Turn a hash of `RECORD` into the ledger's form."""
    name, _, text = entry.partition("=")
    try:
        digest = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return _UNKNOWN
    return digest.hex() if name == "sha256" and digest else _UNKNOWN
