"""The command line: words and exit codes only."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from packaging.version import InvalidVersion, Version
from rich.console import Console
from rich.progress import Progress

from litellm_patch import apply as verbs
from litellm_patch import releases
from litellm_patch.errors import (
    EXIT_CODES,
    CheckError,
    LitellmPatchError,
    ModifiedError,
    ProofError,
    SystemFailureError,
)
from litellm_patch.index import Index
from litellm_patch.ledger import LEDGER_NAME, Ledger, bundled_folder, is_patched_wheel, load_ledger
from litellm_patch.target import State
from litellm_patch.wheel import make_wheels, put_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>2}  {meaning}" for code, meaning in EXIT_CODES.items())

# state -> exit code, what it is, what to do next
_STATES = {
    State.CLEAN: (3, "is stock and can be patched", "run apply"),
    State.APPLIED: (0, "is patched", "nothing to do; revert takes the patch out"),
    State.PARTIAL: (4, "is partly patched, or its RECORD does not match", "run apply to patch it, revert to undo it"),
    State.MODIFIED: (ModifiedError.exit_code, "was modified", "reinstall this release of litellm, then run apply"),
}


class _Group(click.Group):
    """Turns every expected failure into one line on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):  # a path need not be printable in the user's locale
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except LitellmPatchError as error:
            _fail(ctx, error)
        except BrokenPipeError:
            raise
        except OSError as error:
            found = f"cannot read or write {error.filename or 'a file'}: {error.strerror or error}"
            _fail(ctx, SystemFailureError(found, "see that the path exists and is yours to read and write"))


def _version() -> str:
    try:
        return metadata.version("litellm-patch")
    except metadata.PackageNotFoundError:
        return "unknown (not installed)"


@click.group(
    cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(_version(), prog_name="litellm-patch")
@click.option(
    "--patches",
    type=click.Path(path_type=Path),
    envvar="LITELLM_PATCH_DIR",
    show_envvar=True,
    metavar="FOLDER",
    help="Take releases.toml and the patches from this folder instead of the ones that come with the tool.",
)
@click.pass_context
def main(ctx: click.Context, patches: Path | None) -> None:
    """Apply, revert and check the maintained patch of LiteLLM's Router.

    TARGET is a virtual or conda environment, a site-packages or --target folder, a litellm package folder, or a source
    tree that contains exactly one. litellm is never imported. A refusal changes nothing.
    """
    ctx.obj = patches


_target = click.argument("target", type=click.Path(path_type=Path))


@main.command("apply")
@_target
@click.pass_obj
def apply_command(patches: Path | None, target: Path) -> None:
    """Patch the litellm in TARGET."""
    _tell(verbs.apply(target, _ledger(patches)), "patched", "already applied")


@main.command("revert")
@_target
@click.pass_obj
def revert_command(patches: Path | None, target: Path) -> None:
    """Take the patch out of the litellm in TARGET."""
    _tell(verbs.revert(target, _ledger(patches)), "reverted", "nothing to revert")


@main.command("status")
@_target
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for scripts.")
@click.pass_context
def status_command(ctx: click.Context, target: Path, *, as_json: bool) -> None:
    """Tell whether the litellm in TARGET is patched, and what to do next."""
    report = verbs.status(target, _ledger(ctx.obj))
    if report.refusal:
        code, found, next_step = report.refusal.exit_code, report.refusal.found, report.refusal.next_step
    else:
        code, words, next_step = _STATES[report.state]
        if report.state is State.APPLIED and is_patched_wheel(report.target.version):
            next_step = "nothing to do; the patch is part of this wheel"
        found = "; ".join((f"litellm {report.target.version} in {report.target.package} {words}", *report.troubles))
    if as_json:
        answer = {
            "state": report.state.value,
            "version": str(report.target.version),
            "package": str(report.target.package),
            "files": dict(report.files),
            "found": found,
            "next": next_step,
            "exit_code": code,
        }
        click.echo(json.dumps(answer))
    else:
        _say(f"{report.state.value}: {found}")
        _say(f"next: {next_step}")
    ctx.exit(code)


@main.group("releases")
def releases_group() -> None:
    """Keep releases.toml; for maintainers, with the extra `maintain` installed."""


_cache = click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep stock files here; .cache/stock beside the patches folder unless given.",
)
_index_url = click.option(
    "--index-url",
    envvar=["PIP_INDEX_URL", "UV_DEFAULT_INDEX"],
    show_envvar=True,
    metavar="URL",
    help="Ask this index, which must speak the simple API; PyPI unless given.",
)


@releases_group.command("update")
@click.argument("versions", nargs=-1, metavar="[VERSION]...")
@_cache
@_index_url
@click.pass_obj
def update_command(patches: Path | None, versions: tuple[str, ...], cache: Path | None, index_url: str | None) -> None:
    """Write releases.toml from the index.

    With VERSION, add or refresh only these entries. Without, write all anew, but for the denied releases.
    """
    folder = patches or bundled_folder()
    try:
        wanted = [Version(version) for version in versions]
    except InvalidVersion as error:
        raise click.BadParameter(str(error)) from error
    with _surroundings(folder, cache, index_url) as around:
        ledger, changed = releases.update(folder, around, wanted)
    _say(f"{folder / LEDGER_NAME}: {_count(ledger)}, {'written' if changed else 'unchanged'}")


@releases_group.command("check")
@click.option("--offline", is_flag=True, help="Check only what needs no index.")
@_index_url
@click.pass_obj
def check_command(patches: Path | None, index_url: str | None, *, offline: bool) -> None:
    """Fail if releases.toml is untrue or incomplete.

    Each finding is one line. Releases that the index has and the ledger need not have are named.
    """
    folder = patches or bundled_folder()
    with _surroundings(folder, None, index_url) as around:
        findings = releases.check(folder, None if offline else around)
    _say_findings(findings)
    if findings:
        raise CheckError(f"{len(findings)} finding(s)", "mend what they name, then run releases update")
    _say(f"{folder / LEDGER_NAME} is right{'' if offline else ' and complete'}")


@releases_group.command("prove")
@_cache
@_index_url
@click.pass_obj
def prove_command(patches: Path | None, cache: Path | None, index_url: str | None) -> None:
    """Prove what the patches do to each release.

    In memory: the patch applies at the recorded lines, changes the same names as in its first release and nothing else,
    and comes out again byte for byte.
    """
    folder = patches or bundled_folder()
    with _surroundings(folder, cache, index_url) as around:
        ledger, findings = releases.prove(folder, around)
    _say_findings(findings)
    if findings:
        raise ProofError(f"{len(findings)} of {_count(ledger)} do not hold", "see the lines above")
    _say(f"proved: {_count(ledger)}; each applies at its recorded lines, changes the same names, and reverts")


@main.command("wheel")
@click.argument("what", metavar="RELEASE|WHEEL")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    metavar="FOLDER",
    help="Write into this folder instead of the current one.",
)
@click.option(
    "--platform",
    metavar="PATTERN",
    help="Make every wheel of RELEASE for such a platform, as '*linux*'; the one that fits this Python unless given.",
)
@click.option("--force", is_flag=True, help="Replace a file that is in the way.")
@_index_url
@click.pass_obj
def wheel_command(  # noqa: PLR0913 - one argument an option
    patches: Path | None, what: str, output: Path, platform: str | None, index_url: str | None, *, force: bool
) -> None:
    """Make the patched wheel of RELEASE, or from the stock WHEEL.

    RELEASE, such as 1.102.4, is fetched from the index, which needs the extra `maintain`; WHEEL is a file and needs no
    network. Each must have the sha256 of releases.toml. The result has a version of its own, the same bytes each time.
    """
    folder = patches or bundled_folder()
    with _surroundings(folder, None, index_url) as around:
        try:
            for name, wheel in make_wheels(what, load_ledger(folder), around.index, platform):
                written = put_wheel(output / name, wheel, force=force)
                _say(f"{'written' if written else 'there already, byte for byte'}: {output / name}")
        except InvalidVersion as error:
            raise click.BadParameter(f"{what!r} is neither a release nor the path of a .whl file") from error


@contextlib.contextmanager
def _surroundings(folder: Path, cache: Path | None, index_url: str | None) -> Iterator[releases.Surroundings]:
    """Give the verbs of `releases` their world, with a progress bar if someone is there to look."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the index", total=None)
        yield releases.Surroundings(
            index=Index(index_url),
            cache=cache or folder.absolute().parent / ".cache" / "stock",
            now=datetime.now(timezone.utc),
            tell=lambda line: _say(line, stderr=True),
            step=lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )


def _say_findings(findings: Iterable[str]) -> None:
    for finding in findings:
        _say(finding, stderr=True)


def _count(ledger: Ledger) -> str:
    return f"{len(ledger.releases)} release(s) by {len({release.patch for release in ledger.releases})} patch(es)"


def _ledger(patches: Path | None) -> Ledger:
    return load_ledger(patches or bundled_folder())


def _tell(outcome: verbs.Outcome, done: str, idle: str) -> None:
    what = f"litellm {outcome.target.version} in {outcome.target.package}"
    for path in outcome.changed:
        _say(f"{done} {path}")
    if outcome.changed:
        _say(f"{done}: {what}, {len(outcome.changed)} file(s) changed", style="green")
    else:
        _say(f"{idle}: {what}")


def _say(line: str, *, style: str = "", stderr: bool = False) -> None:
    """Print exactly one line, whatever a path holds; colour on a terminal only."""
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    console.print(printable, style=style)


def _fail(ctx: click.Context, error: LitellmPatchError) -> NoReturn:
    _say(f"error: {error}", style="red", stderr=True)
    ctx.exit(error.exit_code)
