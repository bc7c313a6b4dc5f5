"""Who looks a fallback chain up: the table in `readers.toml`, and the search of a litellm for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.patching.ledger import load_toml
from litellm_patch.patching.syntax import lookups

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

TABLE = Path(__file__).with_name("readers.toml")
_OF_THE_ROUTER = "litellm/router"


@dataclass(frozen=True)
class Reader:
    """A function that looks a chain up.

    Attributes:
        function: Its name, without that of a class.
        files: The files that it stands in, by release.
        since: The first release that has it.
        what: What it looks the chain up for.
        until: The first release in which the patch need not change it.
        left: Why the patch leaves it alone; None if the patch must change it.
    """

    function: str
    files: tuple[str, ...]
    since: str
    what: str
    left: str | None = None
    until: str | None = None

    def is_left(self, version: Version) -> bool:
        """Whether the patch of a release need not change it."""
        return self.left is not None or (self.until is not None and version >= Version(self.until))


@dataclass(frozen=True)
class Found:
    """A function of a release that looks a chain up: its file, qualified name, line, and by what it was found."""

    path: str
    name: str
    line: int
    by: str

    def __str__(self) -> str:
        """Where it is, for a person."""
        return f"{self.path}:{self.line} {self.name} ({self.by})"


@lru_cache(maxsize=1)
def known_readers() -> tuple[frozenset[str], tuple[Reader, ...]]:
    """Read the table.

    Returns:
        The names of the matchers, and all readers.
    """
    content = load_toml(TABLE)
    readers = (Reader(**{**entry, "files": tuple(entry["files"])}) for entry in content["readers"])
    return frozenset(content["matchers"]), tuple(readers)


def find_readers(sources: Mapping[str, bytes]) -> list[Found]:
    """Search Python files for functions that look a chain up.

    Args:
        sources: The files, by path.

    Returns:
        The functions, in the order of files and lines.

    Raises:
        SyntaxError: A file that may have one is not Python.
    """
    matchers, _ = known_readers()
    names = [name.encode() for name in matchers]
    return [
        Found(path, function.name, function.line, ", ".join(by))
        for path, data in sorted(sources.items())
        if path.startswith(_OF_THE_ROUTER) or any(name in data for name in names)
        for function, by in lookups(data, matchers, loops=path.startswith(_OF_THE_ROUTER))
    ]


def uncovered(found: list[Found], changed: Mapping[str, AbstractSet[str]], version: Version) -> list[str]:
    """Tell which readers neither the patch nor the table covers.

    Args:
        found: The readers of a release.
        changed: For each file, the qualified names that the patch changes in it.
        version: The release.

    Returns:
        One line for each that is new, and for each that the patch should change and does not.
    """
    _, readers = known_readers()
    table = {(reader.function, path): reader for reader in readers for path in reader.files}
    lines = []
    for reader in found:
        known = table.get((reader.name.rpartition(".")[2], reader.path))
        if known is None and reader.name not in changed.get(reader.path, ()):
            lines.append(f"new reader of chains: {reader}")
        elif known and not known.is_left(version) and reader.name not in changed.get(reader.path, ()):
            lines.append(f"reader that the patch does not reach: {reader}: {known.what}")
    return lines
