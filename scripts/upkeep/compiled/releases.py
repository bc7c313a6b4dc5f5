"""The releases that are built: a ledger of their own, until they go into the one of all releases."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import Ledger, Release, load_ledger

if TYPE_CHECKING:
    from packaging.version import Version

FOLDER = Path(__file__).resolve().parents[3] / "patches" / "upstream" / "rust"


@functools.cache
def compiled_ledger() -> Ledger:
    """The ledger of the releases whose Router is compiled.

    Returns:
        It; each release names its source archive, and is delivered as a wheel.

    Raises:
        LedgerError: It is damaged.
        OSError: It cannot be read.
    """
    return load_ledger(FOLDER)


def is_compiled(version: Version) -> bool:
    """Tell whether a release is one of these.

    Args:
        version: The release.

    Returns:
        Whether it is.
    """
    return any(release.version == version for release in compiled_ledger().releases)


def find_compiled(version: Version) -> Release:
    """Look a release up.

    Args:
        version: The release.

    Returns:
        Its entry.

    Raises:
        UnsupportedReleaseError: It is none of these; names the nearest that are.
    """
    return compiled_ledger().find(version)
