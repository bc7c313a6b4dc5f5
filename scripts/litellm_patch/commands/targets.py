"""What the verbs that take a TARGET share."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litellm_patch.errors import LitellmPatchError
from litellm_patch.output import say, say_error
from litellm_patch.patching.finding import find_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litellm_patch.patching.apply import Change

targets_argument = click.argument(
    "targets", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="TARGET..."
)
all_option = click.option(
    "--all", "every", is_flag=True, help="Take every litellm in every TARGET; the exit code is the first that is not 0."
)
with_option = click.option(
    "--with",
    "option",
    metavar="NAME",
    help="Put an optional patch in as well: `matching`, which keeps the cost of a lookup flat.",
)


def for_each(ctx: click.Context, targets: tuple[Path, ...], verb: Callable[[Path], int], *, every: bool) -> None:
    """Do something to each target, whatever happens to the others; end with the first exit code that is not 0.

    Args:
        ctx: The command's context, which ends here.
        targets: What the user named.
        verb: What to do to one litellm; gives its exit code.
        every: Whether a target may hold several.

    Raises:
        UsageError: There are several targets without ``--all``.
    """
    if len(targets) > 1 and not every:
        raise click.UsageError("more than one TARGET needs --all")
    codes: list[int] = []
    places: dict[str, Path] = {}
    for target in targets:
        with _collecting(codes):
            for place in find_packages(target) if every else [target]:
                places.setdefault(os.path.realpath(place), place)
    for place in places.values():
        with _collecting(codes):
            codes.append(verb(place))
    ctx.exit(next(filter(None, codes), 0))


@contextlib.contextmanager
def _collecting(codes: list[int]) -> Iterator[None]:
    """Print a failure instead of passing it on, and add its exit code."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (LitellmPatchError, OSError) as error:
        codes.append(say_error(error))


def say_change(change: Change, done: str, idle: str) -> int:
    """Print what was changed.

    Args:
        change: What `apply` or `revert` did.
        done: The verb for a file that was changed.
        idle: What to say if there was nothing to do.
    """
    what = f"litellm {change.target.version} in {change.target.package}"
    for path in change.paths:
        say(f"{done} {path}")
    if change.paths:
        say(f"{done}: {what}, {len(change.paths)} file(s) changed", style="green")
    else:
        say(f"{idle}: {what}")
    return 0
