"""The extension of a release, stock and patched, built in the profile that compiles fast, and kept."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from litellm_patch.building.sources import fetch, read_sources
from litellm_patch.building.workspace import CRATE, EXTENSION, library_of, workspace
from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.wheels.index import Index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellm_patch.building.toolchain import Toolchain
    from litellm_patch.patching.ledger import Release, Step

# upstream's own profile, fat LTO in one unit, takes half an hour; what is tested is what the code says, not its speed
PROFILE = {"CARGO_PROFILE_DEV_DEBUG": "0", "PYO3_NO_PYTHON": "1"}
# a registry that mirrors the public one need not have the version that upstream locked; it is a list of certificate
# authorities, and the tests speak plain HTTP on loopback
REPLACED = {"webpki-roots": "1.0.10#1c1c8e20c8a38fc7d65abfe74eb7280e4aa667e8eec8bc84996d2874810748d9"}
_OPTIONS = ("--locked", "--package", CRATE, "--features", f"{CRATE}/extension-module")


@dataclass(frozen=True)
class Built:
    """An extension that was built.

    Attributes:
        path: where it is.
        sources: what its sources were, by path: the patch's files only.
        seconds: how long cargo took; 0 if it was kept from an earlier run.
    """

    path: Path
    sources: Mapping[str, bytes]
    seconds: float


def build(release: Release, *, patched: bool, cache: Path | None = None) -> Built:
    """The extension of a release, out of the cache or built now.

    Args:
        release: which.
        patched: from the patched sources, else from stock ones.
        cache: a folder to keep everything in; the user's cache folder if not given.

    Returns:
        The extension, which has the hash that it was built with.

    Raises:
        BuildError: it cannot be built; says why, in one line.
    """
    cache = cache or default_cache()
    contents = sources_of(release, (release,) if patched else (), cache)
    sources = {file.path: contents[file.path] for file in release.files if file.path in contents}
    with workspace(cache, REPLACED, PROFILE) as place:
        key = _key(release, place.toolchain, patched=patched)
        folder = place.folder / "built" / f"{release.version}-{'patched' if patched else 'stock'}-{key}"
        if (kept := _kept(folder)) is not None:
            return Built(kept, sources, 0)
        started = time.monotonic()
        place.prepare(contents)
        command = (place.toolchain.cargo, "build", *_OPTIONS, "--message-format=json-render-diagnostics")
        data = Path(library_of(place.run(*command))).read_bytes()
        seconds = time.monotonic() - started
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / Path(EXTENSION).name, data)
        # last, so that what has no note is not taken
        write_whole(folder / "sha256", sha256(data).encode())
    return Built(folder / Path(EXTENSION).name, sources, seconds)


def compiles(release: Release, cache: Path | None = None) -> bool:
    """See that the patched sources of a release compile: ``cargo check``, or the note of one that ended well.

    Args:
        release: which.
        cache: as for `build`.

    Returns:
        Whether cargo was run.

    Raises:
        BuildError: they do not; says why, in one line.
    """
    cache = cache or default_cache()
    with workspace(cache, REPLACED, PROFILE) as place:
        note = place.folder / "checked" / _key(release, place.toolchain, patched=True)
        if note.is_file():
            return False
        place.prepare(sources_of(release, (release,), cache))
        place.run(place.toolchain.cargo, "check", *_OPTIONS)
        note.parent.mkdir(exist_ok=True)
        write_whole(note, b"")
    return True


def default_cache() -> Path:
    """Where everything is kept unless a folder is named."""
    return user_cache_path("litellm-patch") / "compiled"


def with_python() -> dict[str, str]:
    """The profile, with this Python: tests of the glue run one, so its library is linked, and found as they start."""
    profile = {name: value for name, value in PROFILE.items() if name != "PYO3_NO_PYTHON"}
    found = os.pathsep.join(filter(None, (sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH"))))
    return {**profile, "PYO3_PYTHON": sys.executable, "LD_LIBRARY_PATH": found}


def sources_of(release: Release, series: Sequence[Step], cache: Path | None = None) -> dict[str, bytes]:
    """The content of each file of a release's source archive, with patches applied.

    Args:
        release: which.
        series: the patches, in order; none for the stock sources.
        cache: as for `build`.

    Returns:
        The contents by path.

    Raises:
        BuildError: the archive cannot be had, or a patch does not fit.
    """
    (name,) = release.sdist
    return read_sources(fetch(release, name, (cache or default_cache()) / "sdists", Index()), series)


def _key(release: Release, toolchain: Toolchain, *, patched: bool) -> str:
    """All that decides what comes out."""
    patch = sha256(release.patch.read_bytes()) if patched else None
    what = [*release.sdist.values(), patch, *map(str, (toolchain.release, toolchain.host, toolchain.commit))]
    return hashlib.sha256(json.dumps([what, sorted(PROFILE), sorted(REPLACED.items())]).encode()).hexdigest()[:16]


def _kept(place: Path) -> Path | None:
    path = place / Path(EXTENSION).name
    try:
        whole = (place / "sha256").read_text(encoding="ascii") == sha256(path.read_bytes())
    except OSError:
        return None
    return path if whole else None
