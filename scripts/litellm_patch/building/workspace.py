"""One source tree and one target folder a toolchain, in which every release is built, stock and patched.

Cargo knows a crate by its path and by the times of its files. So the tree stays where it is and only files that differ
are written: what follows a first build compiles the crates that differ, and nothing else; a build that was interrupted
goes on where it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litellm_patch.building.lockfile import check_lock, locked_versions
from litellm_patch.building.toolchain import Toolchain, find_toolchain
from litellm_patch.errors import BuildError
from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.patching.ledger import load_toml
from litellm_patch.patching.locking import lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

RUST = "litellm-rust"
LOCK = f"{RUST}/Cargo.lock"
CRATE = "litellm-python-bridge"
EXTENSION = "litellm/rust_bridge/_native.abi3.so"
"""Where a wheel has what is built; Windows calls it otherwise, and is not built for here."""


@dataclass(frozen=True)
class Workspace:
    """A folder that holds the tree, what was compiled of it, and the lock files that were derived.

    Attributes:
        folder: Where.
        toolchain: What builds in it.
        replaced: The version to take of a crate in place of the one that upstream locked, as `check_lock` takes it.
        settings: More environment variables for cargo.
        loud: Whether cargo may show its progress.
    """

    folder: Path
    toolchain: Toolchain
    replaced: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    loud: bool = False

    @property
    def tree(self) -> Path:
        """The sources."""
        return self.folder / "tree"

    def prepare(self, contents: Mapping[str, bytes]) -> bytes:
        """Bring the tree to these contents, with a lock file that they can be built with.

        Args:
            contents: The content of each file of the archive, by path.

        Returns:
            The lock file.

        Raises:
            BuildError: The toolchain is too old, or cargo moves a crate.
            OSError: A file cannot be written.
        """
        self._bring(contents)
        try:
            asked = load_toml(self.tree / RUST / "Cargo.toml")["workspace"]["package"]["rust-version"]
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(
                f"{RUST}/Cargo.toml says no rust-version: {error!r}", "see what upstream changed"
            ) from error
        self.toolchain.check(asked)
        return self._lock(contents[LOCK])

    def run(self, *command: str | Path, cwd: Path | None = None, allowed: Collection[int] = (0,)) -> str:
        """Run cargo, or what runs it.

        Args:
            command: The program and its arguments.
            cwd: Where; in the Rust workspace if not given.
            allowed: The exit codes that are no error.

        Returns:
            Its standard output.

        Raises:
            BuildError: It ended with an error; has the first line of that, and where the rest is.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARGO_PROFILE_")}
        places = {"CARGO_TARGET_DIR": str(self.folder / "target"), "CARGO_TERM_COLOR": "never"}
        loud = self.loud and sys.stderr.isatty()
        done = subprocess.run(  # noqa: S603 - the user's toolchain, our own arguments
            command,
            cwd=cwd or self.tree / RUST,
            env={**inherited, **self.settings, **places},
            stdout=subprocess.PIPE,
            stderr=None if loud else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in allowed:
            errors = done.stderr or ""
            log = self.folder / "failed.log"
            log.write_text(errors, encoding="utf-8")
            lines = errors.strip().splitlines()
            first = next((line for line in lines if line.startswith("error")), lines[-1] if lines else "see above")
            name = " ".join(map(str, command[:2])).rpartition("/")[2]
            raise BuildError(f"{name} ended with {done.returncode}: {first}", "fix that" if loud else f"read {log}")
        return done.stdout

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

    def _lock(self, stock: bytes) -> bytes:
        """Derive the lock file, or take the one that was derived from the same; checked either way."""
        place = self.tree / LOCK
        replaced = {
            name: wanted
            for name, wanted in self.replaced.items()
            if locked_versions(stock, name) - {wanted.partition("#")[0]}
        }
        kept = self.folder / "locks" / f"{sha256(stock + repr(sorted(replaced.items())).encode())[:16]}.lock"
        if kept.is_file():
            derived = kept.read_bytes()
        else:
            write_whole(place, stock)
            for name, wanted in replaced.items():
                for old in locked_versions(stock, name):
                    taken = ("--precise", wanted.partition("#")[0])
                    self.run(self.toolchain.cargo, "update", "--package", f"{name}@{old}", *taken)
            # drops the crates that are not in the archive
            self.run(self.toolchain.cargo, "metadata", "--format-version=1")
            derived = place.read_bytes()
            kept.parent.mkdir(exist_ok=True)
        check_lock(stock, derived, replaced)
        write_whole(kept, derived)
        if not place.is_file() or place.read_bytes() != derived:
            write_whole(place, derived)
        return derived


@contextmanager
def workspace(
    cache: Path,
    replaced: Mapping[str, str],
    settings: Mapping[str, str],
    *,
    loud: bool = False,
    patience: float = 3600,
) -> Iterator[Workspace]:
    """Give the workspace of this machine's toolchain, for this process alone.

    Args:
        cache: A folder to keep everything in.
        replaced: See `Workspace`.
        settings: See `Workspace`.
        loud: See `Workspace`.
        patience: How many seconds to wait for another build to end.

    Yields:
        The workspace.

    Raises:
        NoCargoError: There is no Rust.
        BuildError: There is one that does not work.
        LockedError: Another build does not end.
    """
    toolchain = find_toolchain()
    folder = cache / toolchain.name
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder, patience):
        yield Workspace(folder, toolchain, replaced, settings, loud)


def library_of(said: str) -> str:
    """The path of the shared library among what cargo says, in JSON a line, that it has made.

    Raises:
        BuildError: It made none.
    """
    for line in said.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and "cdylib" in message["target"]["crate_types"]:
            names: Sequence[str] = message["filenames"]
            return names[0]
    raise BuildError(f"cargo made no shared library of {CRATE}", "see what upstream changed in its Cargo.toml")
