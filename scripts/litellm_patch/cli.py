"""The command line: words and exit codes only."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import InvalidVersion, Version
from rich.console import Console
from rich.progress import Progress

from litellm_patch import apply as verbs
from litellm_patch import releases
from litellm_patch.difference import advice, differences, stock_files
from litellm_patch.doctor import visiting
from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.logs import read_log
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.verifying import python_of
from litellm_patch.errors import (
    DEAD,
    EXIT_CODES,
    CheckError,
    DeniedReleaseError,
    DisagreementError,
    DriftedError,
    FixedUpstreamError,
    LitellmPatchError,
    LogError,
    ProofError,
    SystemFailureError,
    UnsupportedReleaseError,
)
from litellm_patch.export import export
from litellm_patch.index import Index
from litellm_patch.ledger import LEDGER_NAME, Ledger, bundled_folder, is_patched_wheel, load_ledger
from litellm_patch.names import Request, Rules
from litellm_patch.port import abort, go_on, port
from litellm_patch.target import State, find_packages
from litellm_patch.wheel import make_wheels, put_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from litellm_patch.doctor.logs import Tally

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>2}  {meaning}" for code, meaning in EXIT_CODES.items())

# state -> exit code, what it is, what to do next; for the last three the refusal has better words
_STATES = {
    State.CLEAN: (3, "is stock and can be patched", "run apply"),
    State.APPLIED: (0, "is patched", "nothing to do; revert takes the patch out"),
    State.PARTIAL: (4, "is partly patched", "run apply to patch it, revert to undo it"),
    State.DRIFTED: (
        *(DriftedError.exit_code, "has drifted"),
        "reinstall this release of litellm, then run apply; --diff shows an edit",
    ),
    State.FIXED_UPSTREAM: (FixedUpstreamError.exit_code, "needs no patch", "nothing to do"),
    State.UNSUPPORTED: (UnsupportedReleaseError.exit_code, "is not supported", "install a supported release"),
    State.DENIED: (DeniedReleaseError.exit_code, "is denied", "install another release"),
}
_STATUS_EPILOG = "\b\nStates, exit codes, and what to do next:\n" + "\n".join(
    f"  {state.value:<14}  {code}  {words}: {next_step}" for state, (code, words, next_step) in _STATES.items()
)


class _Group(click.Group):
    """Turns every expected failure into one line on stderr and its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):  # a path need not be printable in the user's locale
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        codes: list[int] = []
        result: object = None
        with _told(codes):
            result = super().invoke(ctx)
        return ctx.exit(codes[0]) if codes else result


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

    TARGET is a virtual or conda environment, an interpreter, a site-packages or --target folder, a litellm package
    folder, or a source tree that contains exactly one. litellm is never imported. A refusal changes nothing.
    """
    ctx.obj = patches


_with = click.option(
    "--with",
    "option",
    metavar="NAME",
    help="Put an optional patch in as well: `matching`, which keeps the cost of a lookup flat.",
)
_targets = click.argument("targets", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="TARGET...")
_every = click.option(
    "--all", "every", is_flag=True, help="Take every litellm in every TARGET; the exit code is the first that is not 0."
)


@main.command("apply")
@_targets
@_every
@_with
@click.pass_context
def apply_command(ctx: click.Context, targets: tuple[Path, ...], *, every: bool, option: str | None) -> None:
    """Patch the litellm in TARGET."""
    ledger = _ledger(ctx.obj)
    _for_each(
        ctx,
        targets,
        lambda place: _tell(verbs.apply(place, ledger, option), "patched", "already applied"),
        every=every,
    )


@main.command("revert")
@_targets
@_every
@click.pass_context
def revert_command(ctx: click.Context, targets: tuple[Path, ...], *, every: bool) -> None:
    """Take the patch out of the litellm in TARGET."""
    ledger = _ledger(ctx.obj)
    _for_each(
        ctx, targets, lambda place: _tell(verbs.revert(place, ledger), "reverted", "nothing to revert"), every=every
    )


@main.command("status", epilog=_STATUS_EPILOG)
@_targets
@_every
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a litellm, on a line of its own.")
@click.option("--diff", is_flag=True, help="Show how edited files differ from the stock or the patched ones.")
@click.option(
    "--stock",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="WHEEL",
    help="Take the stock files for --diff from this wheel, which the ledger must know.",
)
@click.pass_context
def status_command(  # noqa: PLR0913 - one argument an option
    ctx: click.Context, targets: tuple[Path, ...], *, every: bool, as_json: bool, diff: bool, stock: Path | None
) -> None:
    """Tell whether the litellm in TARGET is patched, and what to do next."""
    folder = ctx.obj or bundled_folder()
    ledger = load_ledger(folder)

    def show(place: Path) -> int:
        report = verbs.status(place, ledger)
        lines = _differences(report, stock, _stock_cache(folder)) if diff or stock else None
        return _show(report, lines, as_json=as_json)

    _for_each(ctx, targets, show, every=every)


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

    With VERSION, add or refresh only these entries. Without, write all anew, but for what is denied or fixed.
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
@_with
@_index_url
@click.pass_obj
def wheel_command(  # noqa: PLR0913, PLR0917 - one argument an option
    patches: Path | None,
    what: str,
    output: Path,
    platform: str | None,
    option: str | None,
    index_url: str | None,
    *,
    force: bool,
) -> None:
    """Make the patched wheel of RELEASE, or from the stock WHEEL.

    RELEASE, such as 1.102.4, is fetched from the index, which needs the extra `maintain`; WHEEL is a file and needs no
    network. Each must have the sha256 of releases.toml. The result has a version of its own, the same bytes each time.
    """
    folder = patches or bundled_folder()
    with _surroundings(folder, None, index_url) as around:
        try:
            for name, wheel in make_wheels(what, load_ledger(folder), around.index, platform, option):
                written = put_wheel(output / name, wheel, force=force)
                _say(f"{'written' if written else 'there already, byte for byte'}: {output / name}")
        except InvalidVersion as error:
            raise click.BadParameter(f"{what!r} is neither a release nor the path of a .whl file") from error


@main.command("export")
@click.argument("place", type=click.Path(path_type=Path), metavar="FOLDER")
@_cache
@_index_url
@click.pass_obj
def export_command(patches: Path | None, place: Path, cache: Path | None, index_url: str | None) -> None:
    """Write the patch as upstream takes it, into FOLDER.

    A mailbox for `git am` with one commit, the change and its tests; the text of the pull request; and the script that
    proves the fix with a key of your own. The same patch gives the same bytes.
    """
    folder = patches or bundled_folder()
    with _surroundings(folder, cache, index_url) as around:
        for path in export(folder, place, around):
            _say(f"written: {path}")


@main.command("port")
@click.argument("version", required=False)
@click.option("--continue", "going_on", is_flag=True, help="Finish the port that a person has resolved.")
@click.option("--abort", "aborting", is_flag=True, help="Drop the port that is under way.")
@click.option("--without-arms", is_flag=True, help="Do not run the behaviour tests of the release.")
@_cache
@_index_url
@click.pass_obj
def port_command(  # noqa: PLR0913 - one argument an option
    patches: Path | None,
    version: str | None,
    cache: Path | None,
    index_url: str | None,
    *,
    going_on: bool,
    aborting: bool,
    without_arms: bool,
) -> None:
    """Carry the newest patch over to VERSION, a release that the ledger lacks; for maintainers, in a clone.

    The patch is tried strictly, else merged. What fits is proved, run on both arms and written to the ledger; what
    does not is left to a person, in a folder of its own. A release that has the fix is found out and written down.
    """
    _check_usage(((version is not None) + going_on + aborting != 1, "give a VERSION, or --continue, or --abort"))
    folder = patches or bundled_folder()
    with _surroundings(folder, cache, index_url) as around:
        try:
            if version is not None:
                lines = port(folder, Version(version), around, arms=not without_arms)
            else:
                lines = go_on(folder, around, arms=not without_arms) if going_on else abort(folder)
        except InvalidVersion as error:
            raise click.BadParameter(str(error)) from error
    for line in lines:
        _say(line)


@main.command("doctor")
@click.argument("config", type=click.Path(path_type=Path), required=False, metavar="[CONFIG.yaml]")
@click.option("--url", metavar="URL", help="Ask a running proxy instead, read only; needs the extra `proxy`.")
@click.option(
    "--key",
    envvar="LITELLM_PROXY_API_KEY",
    show_envvar=True,
    metavar="KEY",
    help="With --url: the master key, or an admin's.",
)
@click.option("--release", metavar="VERSION", help="Judge by this release; the newest of the ledger unless given.")
@click.option("--target", type=click.Path(path_type=Path), metavar="TARGET", help="Judge by the litellm in TARGET.")
@click.option("--explain", "model", metavar="NAME", help="Walk one request for NAME through the steps, in words.")
@click.option("--team", metavar="ID", help="With --explain: the caller's team.")
@click.option("--admin", is_flag=True, help="With --explain: the caller is a proxy admin without a team.")
@click.option(
    "--log",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="Count the failed lookups in a log, - for standard input, and say which chain would have served them.",
)
@click.option(
    "--verify",
    "verified",
    is_flag=True,
    help="Start a real Router of the litellm in TARGET, with mock providers, and compare.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor_command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    config: Path | None,
    url: str | None,
    key: str | None,
    release: str | None,
    target: Path | None,
    model: str | None,
    team: str | None,
    log: Path | None,
    *,
    admin: bool,
    verified: bool,
    as_json: bool,
) -> None:
    """Tell which fallback chains of a LiteLLM proxy fire, and which never do.

    CONFIG.yaml is what the proxy is started with. For each chain: what its key is, which requests reach it on stock and
    with the patch, whether its targets can be served for them, and what it is worth. Nothing is changed, and nothing of
    the configuration but names is shown.
    """
    source = config or url
    _check_usage(
        (source is None and log is None, "name a CONFIG.yaml, a proxy with --url, or a log with --log"),
        (config is not None and url is not None, "CONFIG.yaml and --url are two proxies: ask about one at a time"),
        (release is not None and target is not None, "--release and --target both say the release: give one"),
        ((model is not None) + (log is not None) + verified > 1, "--explain, --log and --verify: ask one at a time"),
        (model is None and (team is not None or admin), "--team and --admin belong to --explain"),
        (admin and team is not None, "--admin is a caller without --team"),
        (verified and (target is None or source is None), "--verify needs a configuration and --target"),
    )
    patient = _patient(_ledger(ctx.obj), source, key, release, target) if source is not None else None
    disagreements = 0
    if log is not None:
        report = visiting.report_log(patient, _read_log(log))
    elif patient is not None and model is not None:
        report = visiting.report_request(patient, Request(model, team, admin))
    elif patient is not None and verified and target is not None:
        report, disagreements = visiting.report_verification(patient, python_of(target))
    elif patient is not None:
        report = visiting.report_chains(patient)
    code = DisagreementError.exit_code if disagreements else DEAD if report.dead else 0
    if as_json:
        click.echo(json.dumps(report.data | {"exit_code": code}))
    else:
        _print(report)
    if disagreements:
        raise DisagreementError(
            f"the Router does something else for {disagreements} request(s)", "trust the Router, and report it"
        )
    ctx.exit(code)


def _check_usage(*wrong: tuple[bool, str]) -> None:
    """Refuse the first that is so."""
    for so, words in wrong:
        if so:
            raise click.UsageError(words)


def _patient(
    ledger: Ledger, source: Path | str, key: str | None, release: str | None, target: Path | None
) -> visiting.Patient:
    """Read a proxy's configuration, from a file or from itself, and find out which LiteLLM it is about."""
    version, rules = None, Rules.UPSTREAM
    if release is not None:
        try:
            version = ledger.find(Version(release)).version
        except InvalidVersion as error:
            raise click.BadParameter(str(error)) from error
    if target is not None:
        report = verbs.status(target, ledger)
        version = ledger.find(report.target.version).version
        rules = Rules.CONTRACT if report.state is State.APPLIED else Rules.UPSTREAM
    if isinstance(source, Path):
        raw, remarks = read_configuration(source)
        settings = read_settings(raw, os.environ).also(remarks)
    else:
        settings, told = visiting.ask(source, key)
        version = version or next((known.version for known in ledger.releases if str(known.version) == told), None)
    return visiting.Patient(settings, version or ledger.newest.version, rules)


def _read_log(place: Path) -> Tally:
    try:
        if str(place) == "-":
            return read_log(sys.stdin.buffer)
        with place.open("rb") as stream:
            return read_log(stream)
    except OSError as error:
        what = error.strerror or str(error)
        raise LogError(f"the log {place} cannot be read: {what}", "name a file that is yours to read") from error


def _print(report: visiting.Report) -> None:
    console = Console(markup=False, highlight=False, emoji=False)
    for part in report.shown:
        if isinstance(part, str):
            _say(part)
        else:
            console.print(part)


@contextlib.contextmanager
def _surroundings(folder: Path, cache: Path | None, index_url: str | None) -> Iterator[releases.Surroundings]:
    """Give the verbs of `releases` their world, with a progress bar if someone is there to look."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading the index", total=None)
        yield releases.Surroundings(
            index=Index(index_url),
            cache=cache or _stock_cache(folder),
            now=datetime.now(timezone.utc),
            tell=lambda line: _say(line, stderr=True),
            step=lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
        )


def _say_findings(findings: Iterable[str]) -> None:
    for finding in findings:
        _say(finding, stderr=True)


def _count(ledger: Ledger) -> str:
    own = {release.patch for release in ledger.releases}
    optional = {step.patch for release in ledger.releases for step in release.options.values()}
    more = f" and {len(optional)} optional" if optional else ""
    return f"{len(ledger.releases)} release(s) by {len(own)} patch(es){more}"


def _ledger(patches: Path | None) -> Ledger:
    return load_ledger(patches or bundled_folder())


def _stock_cache(folder: Path) -> Path:
    return folder.absolute().parent / ".cache" / "stock"


def _for_each(ctx: click.Context, targets: tuple[Path, ...], verb: Callable[[Path], int], *, every: bool) -> None:
    """Do something to each target, come what may of the others; end with the first exit code that is not 0."""
    if len(targets) > 1 and not every:
        raise click.UsageError("more than one TARGET needs --all")
    codes: list[int] = []
    places: dict[str, Path] = {}
    for target in targets:
        with _told(codes):
            for place in find_packages(target) if every else [target]:
                places.setdefault(os.path.realpath(place), place)
    for place in places.values():
        with _told(codes):
            codes.append(verb(place))
    ctx.exit(next(filter(None, codes), 0))


@contextlib.contextmanager
def _told(codes: list[int]) -> Iterator[None]:
    """Print a failure instead of passing it on, and add its exit code."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (LitellmPatchError, OSError) as error:
        codes.append(_refuse(error))


def _tell(outcome: verbs.Outcome, done: str, idle: str) -> int:
    what = f"litellm {outcome.target.version} in {outcome.target.package}"
    for path in outcome.changed:
        _say(f"{done} {path}")
    if outcome.changed:
        _say(f"{done}: {what}, {len(outcome.changed)} file(s) changed", style="green")
    else:
        _say(f"{idle}: {what}")
    return 0


def _show(report: verbs.Report, lines: list[str] | None, *, as_json: bool) -> int:
    """Print a report, and give its exit code."""
    code, words, next_step = _STATES[report.state]
    found = f"litellm {report.target.version} in {report.target.package} {words}"
    tree = report.tree
    if report.refusal:
        found, next_step = report.refusal.found, report.refusal.next_step
    elif tree:
        found += f", with {tree.option}" if tree.option and report.state is State.APPLIED else ""
        found = "; ".join((found, *tree.troubles))
        if report.state is State.APPLIED and is_patched_wheel(report.target.version):
            next_step = "nothing to do; the patch is part of this wheel"
    if as_json:
        answer = {
            "state": report.state.value,
            "version": str(report.target.version),
            "package": str(report.target.package),
            "files": {file.image.path: file.state.value for file in tree.files} if tree else {},
            "marker": tree.told.content if tree and tree.told else None,
            "found": found,
            "next": next_step,
            "exit_code": code,
        }
        if tree and tree.option:
            answer["with"] = tree.option
        click.echo(json.dumps(answer if lines is None else answer | {"diff": lines}))
    else:
        _say(f"{report.state.value}: {found}")
        _say(f"next: {next_step}")
        for line in lines or ():
            _say(line.expandtabs())
    return code


def _differences(report: verbs.Report, wheel: Path | None, cache: Path) -> list[str]:
    """Give the lines that show the edits of a drifted litellm, or say what they need."""
    if report.state is not State.DRIFTED or not report.tree or not report.release:
        return []
    stock = stock_files(report.release, wheel, cache)
    if stock is None:
        return [f"no diff: the stock files are not at hand; {advice(report.release)}"]
    return differences(report.tree, report.release, stock)


def _say(line: str, *, style: str = "", stderr: bool = False) -> None:
    """Print exactly one line, whatever a path holds; colour on a terminal only."""
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    console.print(printable, style=style)


def _refuse(error: LitellmPatchError | OSError) -> int:
    """Print one line about what failed, and give its exit code."""
    if isinstance(error, OSError):
        found = f"cannot read or write {error.filename or 'a file'}: {error.strerror or error}"
        error = SystemFailureError(found, "see that the path exists and is yours to read and write")
    _say(f"error: {error}", style="red", stderr=True)
    return error.exit_code
