"""What an edit did to a module, as Python sees it."""

from __future__ import annotations

from litellm_patch.patching.syntax import changed_names, edits, functions, lookups

__all__ = ["changed_names", "defines", "edits", "functions", "lookups"]


def defines(name: str, source: bytes) -> bool:
    """Tell whether a module defines a function or method of a name.

    Args:
        name: Its name, without that of a class.
        source: The module.

    Returns:
        Whether the text of its definition is there.
    """
    return b"def %b(" % name.encode() in source
