"""What the verbs that take a TARGET share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable  # noqa: TC003
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from litellm_patch.commands.given import GivenPath
from litellm_patch.errors import (
    DeniedReleaseError,
    DriftedError,
    FixedUpstreamError,
    LitellmPatchError,
    LockedError,
    RollbackError,
    UnsupportedReleaseError,
)
from litellm_patch.output import refusal_of, say, say_error, say_json
from litellm_patch.patching.finding import NotEntered, search

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.apply import Change

WORST_FIRST = (
    *(DeniedReleaseError.exit_code, RollbackError.exit_code, DriftedError.exit_code, 4, 10, 1, LockedError.exit_code),
    *(UnsupportedReleaseError.exit_code, 3, FixedUpstreamError.exit_code),
)
"""The exit codes of the verbs that take a TARGET: of several, the first in here is that of the whole run."""

_TO_PATCH = {3, 4}
_FAILED = {
    DeniedReleaseError: "denied",
    DriftedError: "drifted",
    FixedUpstreamError: "fixed-upstream",
    UnsupportedReleaseError: "unsupported",
}

_TARGET_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object per litellm, one per line."),
    click.option(
        "--all",
        "every",
        is_flag=True,
        help="Take every litellm in every TARGET; end with the worst exit code.",
    ),
    click.argument("targets", type=GivenPath(), nargs=-1, required=True, metavar="TARGET..."),
)
with_option = click.option(
    "--with",
    "option",
    metavar="NAME",
    help="Apply an optional patch too: `matching`, which keeps lookups fast however many chains there are.",
)


def target_options(command: Any) -> Any:  # noqa: ANN401 - what click's own decorators take
    """Give a verb TARGET, and how it is told: the keywords of `for_each`."""
    for option in _TARGET_OPTIONS:
        command = option(command)
    return command


def change_options(command: Any) -> Any:  # noqa: ANN401
    """The same for a verb that changes something."""
    dry = click.option("--dry-run", is_flag=True, help="Change nothing; show what would change, with its exit code.")
    return target_options(dry(command))


@dataclass(frozen=True)
class Finding:
    """What a verb has to tell of one litellm: `word` is what several are counted by, `data` lacks the exit code."""

    code: int
    word: str
    lines: tuple[str, ...]
    data: dict[str, Any]


def for_each(
    ctx: click.Context, targets: tuple[Path, ...], verb: Callable[[Path], Finding], *, every: bool, **how: bool
) -> None:
    """Do something to each target, whatever happens to the others, and end with the worst exit code."""
    if len(targets) > 1 and not every:
        raise click.UsageError("more than one TARGET needs --all")
    run = _Run(every, how["as_json"], how["quiet"])
    for place in run.search(targets) if every else targets:
        run.words[run.attempt(place, partial(verb, place))] += 1
    ctx.exit(run.end())


@dataclass
class _Run:
    every: bool
    as_json: bool
    quiet: bool
    codes: set[int] = field(default_factory=set)
    words: Counter[str] = field(default_factory=Counter)
    passed: dict[str, NotEntered] = field(default_factory=dict)

    def search(self, targets: tuple[Path, ...]) -> list[Path]:
        """Give every litellm in the targets, each once."""
        places: dict[str, Path] = {}

        def look(target: Path) -> Finding | None:
            found = search(target, every=True)
            self.passed |= {folder.path: folder for folder in found.not_entered}
            for place in found.packages:
                places.setdefault(os.path.realpath(place), place)
            if found.refusal:
                raise found.refusal
            return None

        for target in targets:
            self.attempt(target, partial(look, target))
        return list(places.values())

    def attempt(self, place: Path, step: Callable[[], Finding | None]) -> str:
        """Tell what a step finds, or why it failed, and give the word for it."""
        try:
            finding = step()
        except (LitellmPatchError, OSError) as error:
            refusal = refusal_of(error)
            if self.every and str(place) not in refusal.found:
                refusal = type(refusal)(f"{place}: {refusal.found}", refusal.next_step)
            word = _FAILED.get(type(refusal), "failed")
            data = {"state": word, "target": str(place), "found": refusal.found, "next": refusal.next_step}
            finding = Finding(say_error(refusal), word, (), data)
        if finding:
            self.tell(finding)
        return finding.word if finding else ""

    def tell(self, finding: Finding) -> None:
        self.codes.add(finding.code)
        if self.as_json and not self.quiet:
            say_json({**finding.data, "exit_code": finding.code})
        for line in () if self.as_json or self.quiet else finding.lines:
            style = "green" if finding.code == 0 else "yellow" if finding.code in _TO_PATCH else "red"
            say(line, style=style if finding.word and line.startswith(f"{finding.word}: ") else "")

    def end(self) -> int:
        """Say what was found in all, and what may have been missed; give the exit code."""
        self.codes |= {1 for folder in self.passed.values() if folder.failed}
        code = next((code for code in WORST_FIRST if code in self.codes), 0)
        many, passed = sum(self.words.values()), self.passed.values()
        states = "".join(f", {count} {word}" for word, count in sorted(self.words.items())).replace(",", ":", 1)
        last = f"{many} litellm found{states}; {len(passed)} folder(s) not entered"
        lines = (*(f"not entered: {folder.path} {folder.why}" for folder in passed), last)
        data = {"found": many, "states": dict(self.words), "not_entered": [asdict(folder) for folder in passed]}
        if self.every:
            self.tell(Finding(code, "", lines, data))
        return code


def describe_change(change: Change, words: tuple[str, str, str], state: str, *, dry: bool) -> Finding:
    """Tell what was changed, or would be."""
    done, planned, idle = words
    what = f"litellm {change.target.version} in {change.target.package}"
    word = (planned if dry else done) if change.paths else idle
    found = f"{word}: {what}" + (f", {len(change.paths)} file(s){'' if dry else ' changed'}" if change.paths else "")
    todo = "restart the proxy" if change.paths and not dry else "run it without --dry-run" if change.paths else ""
    lines = (*change.notes, *(f"{word} {path}" for path in change.paths), found, *([f"next: {todo}"] if todo else []))
    data = {
        "state": state,
        "version": str(change.target.version),
        "package": str(change.target.package),
        "changed": [str(path) for path in change.paths],
        **({"merged": list(change.notes)} if change.notes else {}),
        "dry_run": dry,
        "found": found,
        "next": todo or "nothing to do",
    }
    return Finding(0, word, lines, data)
