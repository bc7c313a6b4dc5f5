"""Releases that upstream itself broke: they must fail in just the way that is written down, so that a fix shows."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from litellm_patch.patching.ledger import load_toml
from upkeep.cells.environment import HERE, UntrustedEnvironmentError

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

    from upkeep.cells.environment import Environment

LEDGER = HERE / "known_breakage.toml"
SCRIPT = "from litellm import Router; Router(model_list=[])"


@dataclass(frozen=True)
class Breakage:
    """Releases whose Router cannot be imported on some versions of Python.

    Attributes:
        releases: the releases, as a version specifier.
        python: the versions of Python, as a version specifier.
        error: a part of what the import says.
        link: where it was reported.
    """

    releases: str
    python: str
    error: str
    link: str

    def judge(self, environment: Environment) -> tuple[bool, str]:
        """See whether it still fails, and in that way.

        Args:
            environment: a stock one.

        Returns:
            Whether it does, and what to say.
        """
        done = environment.run("-c", SCRIPT)
        where = f"litellm {environment.release.version} on Python {platform.python_version()}"
        if done.returncode == 0:
            return False, f"{where} can be imported, expected {self.error!r}: take it out of {LEDGER.name}"
        if self.error not in done.stdout:
            return False, f"{where} fails in another way than {LEDGER.name} says ({self.error!r}):\n{done.stdout}"
        return True, f"{where}: broken upstream as known: {self.error} ({self.link})"


def find_breakage(version: Version, ledger: Path = LEDGER) -> Breakage | None:
    """What is known of a release on the Python that runs.

    Args:
        version: the release.
        ledger: the ledger of known breakage.

    Returns:
        The entry, if there is one.

    Raises:
        UntrustedEnvironmentError: the ledger of known breakage is damaged.
    """
    python = ".".join(map(str, sys.version_info[:3]))
    try:
        known = [Breakage(**entry) for entry in load_toml(ledger).get("broken", [])]
        fitting = [b for b in known if version in SpecifierSet(b.releases) and python in SpecifierSet(b.python)]
    except (ValueError, TypeError) as error:
        raise UntrustedEnvironmentError(f"{ledger.name} is damaged: {error}") from error
    return fitting[0] if fitting else None
