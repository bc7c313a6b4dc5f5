"""The lock file of upstream's workspace, brought to what a source archive can be built with.

Upstream's names crates of its own that are not in the archive, so ``--locked`` is refused as it stands. Cargo drops
those; that it moves nothing else is checked here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from upkeep.errors import BuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Pin:
    """A crate that is taken in another version than upstream's lock file says.

    Attributes:
        name: the crate.
        version: the version that is taken.
        checksum: its sha256, as the registry states it.
        instead_of: the version in the lock file.
    """

    name: str
    version: str
    checksum: str
    instead_of: str


# a registry that mirrors the public one need not have 1.0.11; it is a list of certificate authorities, and the tests
# speak plain HTTP on loopback
PINS = (Pin("webpki-roots", "1.0.10", "1c1c8e20c8a38fc7d65abfe74eb7280e4aa667e8eec8bc84996d2874810748d9", "1.0.11"),)


def pins_for(stock: bytes) -> tuple[Pin, ...]:
    """The pins that a lock file needs.

    Args:
        stock: upstream's lock file.

    Returns:
        Those of `PINS` whose crate it has in the version that need not be there.
    """
    locked = {(name, version) for name, version, _ in _packages(stock)}
    return tuple(pin for pin in PINS if (pin.name, pin.instead_of) in locked)


def check_lock(stock: bytes, derived: bytes) -> None:
    """See that a lock file has nothing but what upstream's has, and what is pinned.

    Args:
        stock: upstream's lock file.
        derived: what cargo made of it.

    Raises:
        BuildError: a crate is another one; names which.
    """
    pins = pins_for(stock)
    known = _packages(stock) | {(pin.name, pin.version, pin.checksum) for pin in pins}
    strange = sorted(f"{name} {version}" for name, version, _ in _packages(derived) - known)
    strange += [f"{pin.name} {pin.instead_of}" for pin in pins if (pin.name, pin.instead_of) in _names(derived)]
    if strange:
        raise BuildError(
            f"cargo took other crates than upstream's lock file holds: {', '.join(strange)}",
            "pin them in scripts/upkeep/compiled/lockfile.py, with the reason",
        )


def _packages(lock: bytes) -> set[tuple[str, str, str | None]]:
    """Name, version and checksum of each crate; a crate of the workspace has no checksum."""
    try:
        packages = tomllib.loads(lock.decode())["package"]
        return {(package["name"], package["version"], package.get("checksum")) for package in packages}
    except (ValueError, KeyError, TypeError) as error:
        raise BuildError(f"Cargo.lock is damaged: {error!r}", "fetch the source archive again") from error


def _names(lock: bytes) -> set[tuple[str, str]]:
    return {(name, version) for name, version, _ in _packages(lock)}
