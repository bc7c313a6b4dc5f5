"""The lock file of upstream's workspace, brought to what a source archive can be built with.

Upstream's names crates of its own that are not in the archive, so ``--locked`` is refused as it stands. Cargo drops
those; that it moves nothing else is checked here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from litellm_patch.errors import BuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping


def locked_versions(lock: bytes, crate: str) -> frozenset[str]:
    """The versions of a crate that a lock file has.

    Raises:
        BuildError: It is no lock file.
    """
    return frozenset(version for name, version, _ in _packages(lock) if name == crate)


def check_lock(stock: bytes, derived: bytes, replaced: Mapping[str, str]) -> None:
    """See that a lock file has nothing but what upstream's has, and what is to be replaced.

    Args:
        stock: Upstream's lock file.
        derived: What cargo made of it.
        replaced: The version to take of a crate in place of upstream's, by the crate's name; its sha256 may follow,
            behind a `#`.

    Raises:
        BuildError: A crate is another one; names which.
    """
    before, after = _packages(stock), _packages(derived)
    strange = sorted(
        f"{name} {version} ({checksum})"
        for name, version, checksum in after - before
        if replaced.get(name) not in {version, f"{version}#{checksum}"}
    )
    strange += sorted(f"{name} {version}" for name, version, _ in after & before if name in replaced)
    if strange:
        raise BuildError(
            f"cargo chose other crates than upstream's lock file has: {', '.join(strange)}",
            "see why; a crate that the registry lacks is replaced with --replace-crate NAME=VERSION#SHA256",
        )


def _packages(lock: bytes) -> set[tuple[str, str, str | None]]:
    """Name, version and checksum of each crate; a crate of the workspace has no checksum."""
    try:
        packages = tomllib.loads(lock.decode())["package"]
        return {(package["name"], package["version"], package.get("checksum")) for package in packages}
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"Cargo.lock is damaged: {error!r}", "fetch the source archive again") from error
