"""The Rust that builds: which one is there, and whether it is new enough."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from packaging.version import Version

from upkeep.errors import BuildError, NoCargoError

INSTALL = "install Rust from https://rustup.rs"


@dataclass(frozen=True)
class Toolchain:
    """A Rust toolchain, by what ``rustc`` says of itself.

    Attributes:
        cargo: the path of its cargo.
        release: such as ``1.95.0``.
        host: the triple that it builds for.
        commit: what the release was built from; another one of the same number would have to build all anew.
    """

    cargo: str
    release: str
    host: str
    commit: str

    @property
    def name(self) -> str:
        """What its folder in the cache is called."""
        return f"rustc-{self.release}-{self.host}"

    def check(self, asked: str) -> None:
        """See that it is not older than a workspace asks for.

        Args:
            asked: the ``rust-version`` of the workspace.

        Raises:
            BuildError: it is.
        """
        # a nightly calls itself 1.97.0-nightly
        if Version(self.release.partition("-")[0]) < Version(asked):
            raise BuildError(f"found Rust {self.release}, expected {asked} or later", "run rustup update")


def find_toolchain() -> Toolchain:
    """The toolchain of this machine.

    Returns:
        It.

    Raises:
        NoCargoError: there is no cargo.
        BuildError: there is one, but it does not work.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        raise NoCargoError("cargo was not found, and the compiled Router is built with it", INSTALL)
    command = [os.environ.get("RUSTC") or shutil.which("rustc") or "rustc", "--version", "--verbose"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - the user's rustc
        facts = dict(line.split(": ", 1) for line in said.splitlines()[1:])
        return Toolchain(cargo, facts["release"], facts["host"], facts["commit-hash"])
    except (OSError, subprocess.CalledProcessError, ValueError, KeyError) as error:
        raise BuildError(f"found cargo, but `rustc --version --verbose` failed: {error!r}", INSTALL) from error
