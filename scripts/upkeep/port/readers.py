"""Who looks a fallback chain up, in Rust as well, and what a person must check."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import load_toml
from litellm_patch.patching.readers import TABLE, Found, known_readers
from litellm_patch.patching.readers import find_readers as find_python_readers
from upkeep.proof import rust

if TYPE_CHECKING:
    from collections.abc import Mapping


@lru_cache(maxsize=1)
def rust_matchers() -> frozenset[str]:
    """Read the names of the functions of the compiled Router that match a name with a chain.

    Returns:
        The names, without those of their types.
    """
    return frozenset(load_toml(TABLE)["rust_matchers"])


def find_readers(sources: Mapping[str, bytes]) -> list[Found]:
    """Search a release for functions that look a chain up.

    Args:
        sources: Its files that speak of fallbacks, by path.

    Returns:
        The functions, in the order of files and lines.
    """
    compiled = sorted((path, data) for path, data in sources.items() if path.endswith(".rs"))
    found = [
        Found(path, function.name, function.line, ", ".join(by))
        for path, data in compiled
        for function, by in rust.lookups(data, rust_matchers(), loops=False)
    ]
    return found + find_python_readers({path: data for path, data in sources.items() if not path.endswith(".rs")})


def check_list() -> list[str]:
    """Give the readers that a patch must reach, a line each, for whoever resolves a conflict.

    Returns:
        The lines.
    """
    _, readers = known_readers()
    return [f"{reader.function} (from {reader.since}): {reader.what}" for reader in readers if reader.left is None]
