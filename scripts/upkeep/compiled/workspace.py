"""One source tree and one target folder a toolchain, in which every release is built, stock and patched.

Cargo knows a crate by its path and by the times of its files. So the tree stays where it is and only files that differ
are written: what follows a first build compiles the crates that differ, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.patching.ledger import load_toml
from upkeep.compiled.lockfile import PINS, check_lock, pins_for
from upkeep.compiled.sources import fetch, read_sources
from upkeep.compiled.toolchain import find_toolchain
from upkeep.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litellm_patch.patching.ledger import Release
    from upkeep.compiled.toolchain import Toolchain

WORKSPACE = "litellm-rust"
LOCK = f"{WORKSPACE}/Cargo.lock"
CRATE = "litellm-python-bridge"
EXTENSION = "litellm/rust_bridge/_native.abi3.so"
"""Where a wheel has what is built; Windows calls it otherwise, and is not built here."""
# upstream's own profile, fat LTO in one unit, takes half an hour; what is tested is what the code says, not its speed
PROFILE = {"CARGO_PROFILE_DEV_DEBUG": "0", "PYO3_NO_PYTHON": "1"}
PATIENCE_IN_SECONDS = 3600


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
    toolchain = find_toolchain()
    cache = cache or user_cache_path("litellm-patch") / "compiled"
    folder = cache / toolchain.name
    key = hashlib.sha256(json.dumps(_what(release, toolchain, patched=patched)).encode()).hexdigest()[:16]
    place = folder / "built" / f"{release.version}-{'patched' if patched else 'stock'}-{key}"
    contents = read_sources(release, fetch(release, cache / "sdists"), patched=patched)
    sources = {file.path: contents[file.path] for file in release.files if file.path in contents}
    with _alone(folder):
        if (kept := _kept(place)) is not None:
            return Built(kept, sources, 0)
        started = time.monotonic()
        data = _Workspace(folder, toolchain).compile(contents)
        seconds = time.monotonic() - started
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / Path(EXTENSION).name, data)
        # last, so that what has no note is not taken
        write_whole(place / "sha256", sha256(data).encode())
    return Built(place / Path(EXTENSION).name, sources, seconds)


def _what(release: Release, toolchain: Toolchain, *, patched: bool) -> list[object]:
    """All that decides what comes out."""
    patch = sha256(release.patch.read_bytes()) if patched else None
    pins = [[pin.name, pin.version] for pin in PINS]
    return [*release.sdist.values(), patch, toolchain.release, toolchain.host, toolchain.commit, sorted(PROFILE), pins]


def _kept(place: Path) -> Path | None:
    path = place / Path(EXTENSION).name
    try:
        whole = (place / "sha256").read_text(encoding="ascii") == sha256(path.read_bytes())
    except OSError:
        return None
    return path if whole else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=PATIENCE_IN_SECONDS):
            yield
    except Timeout as error:
        raise BuildError(
            f"another build in {folder} has not ended in {PATIENCE_IN_SECONDS // 60} minutes", "wait for it or end it"
        ) from error


@dataclass(frozen=True)
class _Workspace:
    folder: Path
    toolchain: Toolchain

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def compile(self, contents: Mapping[str, bytes]) -> bytes:
        """Bring the tree to these contents, and build the extension."""
        if sys.platform == "win32":
            raise BuildError("an extension cannot be built on Windows here", "use Linux or macOS")
        self._bring(contents)
        try:
            asked = load_toml(self.tree / WORKSPACE / "Cargo.toml")["workspace"]["package"]["rust-version"]
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(
                f"{WORKSPACE}/Cargo.toml says no rust-version: {error!r}", "see what upstream changed"
            ) from error
        self.toolchain.check(asked)
        self._lock(contents[LOCK])
        options = ("--locked", "--package", CRATE, "--features", f"{CRATE}/extension-module")
        said = self._cargo("build", *options, "--message-format=json-render-diagnostics")
        return _product(said).read_bytes()

    def _bring(self, contents: Mapping[str, bytes]) -> None:
        """Write what differs and remove what is too much; the lock file goes by itself."""
        wanted = {self.tree / path: data for path, data in contents.items() if path != LOCK}
        for path in [path for path in self.tree.rglob("*") if path.is_file()]:
            if path not in wanted and path != self.tree / LOCK:
                path.unlink()
        for path, data in wanted.items():
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, data)

    def _lock(self, stock: bytes) -> None:
        """Derive the lock file, or take the one that was derived from the same; checked either way."""
        place = self.tree / LOCK
        pins = pins_for(stock)
        kept = self.folder / "locks" / f"{sha256(stock + repr(pins).encode())[:16]}.lock"
        if kept.is_file():
            derived = kept.read_bytes()
        else:
            write_whole(place, stock)
            for pin in pins:
                self._cargo("update", "--package", f"{pin.name}@{pin.instead_of}", "--precise", pin.version)
            self._cargo("metadata", "--format-version=1")  # drops the crates that are not in the archive
            derived = place.read_bytes()
            kept.parent.mkdir(exist_ok=True)
        check_lock(stock, derived)
        write_whole(kept, derived)
        if not place.is_file() or place.read_bytes() != derived:
            write_whole(place, derived)

    def _cargo(self, command: str, *arguments: str) -> str:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_PROFILE_")}
        places = {"CARGO_TARGET_DIR": str(self.folder / "target"), "CARGO_TERM_COLOR": "never"}
        done = subprocess.run(  # noqa: S603 - the user's cargo, our own arguments
            [self.toolchain.cargo, command, *arguments],
            cwd=self.tree / WORKSPACE,
            env=inherited | PROFILE | places,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            log = self.folder / "failed.log"
            log.write_text(done.stderr, encoding="utf-8")
            first = next((line for line in done.stderr.splitlines() if line.startswith("error")), "it says nothing")
            raise BuildError(f"cargo {command} ended with {done.returncode}: {first}", f"read {log}")
        return done.stdout


def _product(said: str) -> Path:
    """The extension among what cargo says it has made."""
    for line in said.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and "cdylib" in message["target"]["crate_types"]:
            return Path(message["filenames"][0])
    raise BuildError(f"cargo made no shared library of {CRATE}", "see what upstream changed in its Cargo.toml")
