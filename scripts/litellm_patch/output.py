"""Lines on the terminal: one fact each, whatever a path holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_patch.errors import LitellmPatchError, SystemFailureError

if TYPE_CHECKING:
    from collections.abc import Iterable


def say(line: str, *, style: str = "", stderr: bool = False) -> None:
    """Print exactly one line, in colour on a terminal only.

    Args:
        line: What to print; what a terminal cannot show is escaped.
        style: A style of rich.
        stderr: Whether it goes to standard error.
    """
    from rich.console import Console  # noqa: PLC0415 - the import takes longer than most commands run

    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    console.print(printable, style=style)


def say_all(lines: Iterable[str]) -> None:
    """Print findings to standard error, each on a line."""
    for line in lines:
        say(line, stderr=True)


def say_error(error: LitellmPatchError | OSError) -> int:
    """Print one line about a failure.

    Args:
        error: A refusal, or what the system said.
    """
    if isinstance(error, OSError):
        found = f"cannot read or write {error.filename or 'a file'}: {error.strerror or error}"
        error = SystemFailureError(found, "see that the path exists and is yours to read and write")
    say(f"error: {error}", style="red", stderr=True)
    return error.exit_code
