"""One release after the other, with progress on a terminal, and the count at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from litellm_patch.patching.ledger import Release


def run_each(
    releases: Sequence[Release], run: Callable[[Release], tuple[bool, str]], console: Console, what: str
) -> list[str]:
    """Run something for each release, and print what it said.

    Args:
        releases: the ledger's entries.
        run: tells whether the release is as it must be, and what to print.
        console: where to print.
        what: what the releases are called here, in the plural.

    Returns:
        The releases that failed.
    """
    failed = []
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        for release in progress.track(releases, description=what):
            passed, said = run(release)
            console.print(said)
            if not passed:
                failed.append(str(release.version))
    return failed


def conclude(releases: Sequence[Release], failed: Sequence[str], console: Console, what: str) -> int:
    """Print the count.

    Args:
        releases: all that were run.
        failed: what `run_each` returned.
        console: where to print.
        what: what the releases are called here, in the plural.

    Returns:
        The exit code: 0 if every one is as it must be, else 1.
    """
    console.print(f"{len(releases) - len(failed)} of {len(releases)} {what} passed")
    if failed:
        console.print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0
