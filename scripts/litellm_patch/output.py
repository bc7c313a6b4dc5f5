"""Lines on the terminal: one fact each, whatever a path holds."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING, TypeVar

import click

from litellm_patch.errors import LitellmPatchError, SystemFailureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MANY = 2000  # items that take a while
_unwritten: list[OSError] = []
T = TypeVar("T")


def printable(text: str) -> str:
    """A text on one line, with escapes for what no terminal should be sent."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(line: str, *, style: str = "", stderr: bool = False) -> None:
    """Print exactly one line, in colour on a terminal only."""
    put(click.style(printable(line), fg=style or None), stderr=stderr)


def say_json(data: Mapping[str, object]) -> None:
    """Print one JSON object on a line of its own."""
    put(json.dumps(data))


def put(text: str, *, stderr: bool = False) -> None:
    """Print a text. What a stream does not take is lost, and never stops what is being done: see `take_unwritten`."""
    try:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        click.echo(text, err=stderr, color=False if plain else None)
    except OSError as error:
        if not stderr:
            _unwritten.append(error)
        stream = sys.stderr if stderr else sys.stdout
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # what is still in the buffer would fail once more at the end
        os.close(nowhere)


def track(items: Sequence[T], what: str) -> Iterable[T]:
    """Go through many items with a bar on standard error, if that is a terminal."""
    if len(items) < _MANY or not (sys.stderr and sys.stderr.isatty()):
        return items
    from rich.console import Console  # noqa: PLC0415 - takes longer than all else
    from rich.progress import track  # noqa: PLC0415

    return track(items, what, console=Console(stderr=True), transient=True)


def take_unwritten() -> str | None:
    """Tell why standard output did not take all, and forget it; a reader who has gone wanted no more."""
    lost = [error.strerror or str(error) for error in _unwritten if error.errno != errno.EPIPE]
    _unwritten.clear()
    return lost[0] if lost else None


def say_all(lines: Iterable[str]) -> None:
    """Print findings to standard error, each on a line."""
    for line in lines:
        say(line, stderr=True)


def refusal_of(error: LitellmPatchError | OSError) -> LitellmPatchError:
    """Put what the system said into a refusal."""
    if not isinstance(error, OSError):
        return error
    found = f"cannot read or write {error.filename2 or error.filename or 'a file'}: {error.strerror or error}"
    return SystemFailureError(found, "see that the path exists and that you may read and write it")


def say_error(error: LitellmPatchError | OSError) -> int:
    """Print one line about a failure."""
    refusal = refusal_of(error)
    say(f"error: {refusal}", style="red", stderr=True)
    return refusal.exit_code
