"""What a change does to a source file, asked in one way whatever language the file is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from upkeep.proof import python, rust

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from litellm_patch.patching.syntax import Function


class Language(Protocol):
    """What must be known of a language; each is a module beside this one."""

    def changed_names(self, before: bytes, after: bytes) -> frozenset[str]:
        """Name all that an edit added, changed, moved or took away; raises ProofError if a file is not of it."""
        ...

    def edits(self, before: bytes, after: bytes) -> dict[str, Counter[tuple[object, ...]]]:
        """Tell what an edit does to each of these names; equal edits of two releases give the same."""
        ...

    def functions(self, source: bytes) -> list[Function]:
        """List the functions and methods in the order of lines, without those nested in others."""
        ...

    def defines(self, name: str, source: bytes) -> bool:
        """Tell whether a file defines a function of this name, without that of a class or type."""
        ...

    def lookups(
        self, source: bytes, matchers: AbstractSet[str], *, loops: bool
    ) -> Iterable[tuple[Function, list[str]]]:
        """Give each function that calls a matcher or, if `loops`, loops over chains, with how it was found."""
        ...


def language_of(path: str) -> Language:
    """Tell the language of a file.

    Args:
        path: Its path.

    Returns:
        Rust for `.rs`, else Python, which refuses what is neither.
    """
    return cast("Language", rust if path.endswith(".rs") else python)
