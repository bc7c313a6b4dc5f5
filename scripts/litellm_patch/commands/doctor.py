"""`litellm-patch doctor`."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import click
from packaging.version import InvalidVersion, Version
from rich.console import Console

from litellm_patch.commands.given import GivenPath
from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.logs import read_log
from litellm_patch.doctor.page import chain_page
from litellm_patch.doctor.reporting import (
    ProxyConfig,
    read_running,
    report_chains,
    report_log,
    report_request,
    report_verification,
)
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.showing import fit
from litellm_patch.doctor.verifying import python_of
from litellm_patch.errors import DEAD, ConfigurationError, SystemFailureError, VerificationError
from litellm_patch.model.names import Request, Rules
from litellm_patch.output import put, say, say_json
from litellm_patch.patching.apply import status
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger

if TYPE_CHECKING:
    from rich.console import RenderableType

    from litellm_patch.doctor.logs import Tally
    from litellm_patch.doctor.reporting import Answer
    from litellm_patch.patching.ledger import Ledger


@click.command("doctor")
@click.argument("config", type=GivenPath(), required=False, metavar="[CONFIG.yaml]")
@click.option("--url", metavar="URL", help="Read the settings of a running proxy instead; needs the extra `proxy`.")
@click.option(
    "--key",
    envvar="LITELLM_PROXY_API_KEY",
    show_envvar=True,
    metavar="KEY",
    help="With --url: the master key, or an admin's.",
)
@click.option("--release", metavar="VERSION", help="Judge as this release; default: the newest supported one.")
@click.option("--target", type=GivenPath(), metavar="TARGET", help="Judge as the litellm in TARGET, patched or not.")
@click.option("--patched", is_flag=True, help="Judge as patched; a running proxy does not say.")
@click.option("--explain", "model", metavar="NAME", help="Explain step by step what happens to a request for NAME.")
@click.option("--team", metavar="ID", help="With --explain: the caller's team.")
@click.option("--admin", is_flag=True, help="With --explain: the caller is a proxy admin without a team.")
@click.option(
    "--log",
    type=GivenPath(allow_dash=True),
    metavar="FILE",
    help="Count the failed lookups in a log, - for standard input, and say which chain would have served them.",
)
@click.option(
    "--verify",
    "verified",
    is_flag=True,
    help="Start a real Router of the litellm in TARGET, with mock providers, and compare.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors: the exit code tells.")
@click.option(
    "--html",
    "page",
    type=GivenPath(dir_okay=False),
    metavar="FILE",
    help="Write the chains as a page for a browser too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    ctx: click.Context,
    config: Path | None,
    url: str | None,
    key: str | None,
    release: str | None,
    target: Path | None,
    model: str | None,
    team: str | None,
    log: Path | None,
    page: Path | None,
    *,
    patched: bool,
    admin: bool,
    verified: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Tell which fallback chains of a LiteLLM proxy fire, and which never do.

    CONFIG.yaml is what the proxy is started with. For each chain: which requests it is for, whether they reach it on
    stock and with the patch, whether its targets can be served for them, and what to do. Nothing is changed, and only
    names are shown, never keys.
    """
    source = config or url
    _check_usage(
        (source is None and log is None, "name a CONFIG.yaml, a proxy with --url, or a log with --log"),
        (config is not None and url is not None, "CONFIG.yaml and --url cannot be used together"),
        (release is not None and target is not None, "--release and --target cannot be used together"),
        (patched and target is not None, "--patched cannot be used with --target, which shows whether it is patched"),
        ((model is not None) + (log is not None) + verified > 1, "use only one of --explain, --log and --verify"),
        (model is None and (team is not None or admin), "--team and --admin need --explain"),
        (admin and team is not None, "--admin and --team cannot be used together"),
        (
            page is not None and (model or log) is not None,
            "--html cannot be used with --explain or --log",
        ),
        (page is not None and page == config, "--html would replace CONFIG.yaml: name another FILE"),
        (verified and (target is None or source is None), "--verify needs a configuration and --target"),
    )
    gc.disable()  # nothing here is a circle of objects, and looking for them takes a third of the time
    ctx.call_on_close(gc.enable)
    ledger = load_ledger(ctx.obj or bundled_folder())
    proxy = _read_proxy(ledger, source, key, release, target, patched=patched) if source is not None else None
    disagreements = 0
    if log is not None:
        answer = report_log(proxy, _read_log(log))
    elif proxy is not None and model is not None:
        answer = report_request(proxy, Request(model, team, admin))
    elif proxy is not None and verified and target is not None:
        answer, disagreements = report_verification(proxy, python_of(target))
    elif proxy is not None:
        answer = report_chains(proxy)
    code = VerificationError.exit_code if disagreements else DEAD if answer.dead else 0
    if page is not None:
        _write_page(page, chain_page(answer.make_data(), config.name if config else "a running proxy"))
    if as_json and not quiet:
        say_json(answer.make_data() | {"exit_code": code})
    elif not quiet:
        _print(answer)
    if disagreements:
        raise VerificationError(
            f"the real Router behaves differently for {disagreements} request(s)", "trust the Router, and report this"
        )
    ctx.exit(code)


def _check_usage(*wrong: tuple[bool, str]) -> None:
    """Refuse the first combination that holds."""
    for holds, words in wrong:
        if holds:
            raise click.UsageError(words)


def _read_proxy(  # noqa: PLR0913 - one argument an option
    ledger: Ledger, source: Path | str, key: str | None, release: str | None, target: Path | None, *, patched: bool
) -> ProxyConfig:
    """Read a proxy's configuration, from a file or from itself, and find out which LiteLLM it is about."""
    version, rules = None, Rules.CONTRACT if patched else Rules.UPSTREAM
    if release is not None:
        try:
            version = ledger.find(Version(release)).version
        except InvalidVersion as error:
            raise click.BadParameter(str(error)) from error
    if target is not None:
        found = status(target, ledger)
        version = ledger.find(found.target.version).version
        rules = Rules.CONTRACT if found.state is State.APPLIED else Rules.UPSTREAM
    if isinstance(source, Path):
        raw, remarks = read_configuration(source)
        settings = read_settings(raw, os.environ).also(remarks)
    else:
        settings, told = read_running(source, key)
        remarks = (
            ()
            if patched or target
            else ("a proxy does not say whether it is patched: assumed stock; if it is, pass --patched",)
        )
        if version is None:
            version = next((known.version for known in ledger.releases if str(known.version) == told), None)
        if version is None:
            what = f"is {told}, which is not in the ledger" if told else "is not shown by the proxy"
            remarks += (f"its release {what}: assumed {ledger.newest.version}; pass --release to change that",)
        settings = settings.also(remarks)
    return ProxyConfig(settings, version or ledger.newest.version, rules)


def _read_log(place: Path) -> Tally:
    try:
        with click.open_file(str(place), "rb") as stream:
            tally = read_log(cast("BinaryIO", stream))
    except OSError as error:
        what = error.strerror or str(error)
        raise ConfigurationError(f"the log {place} cannot be read: {what}", "name a file that you can read") from error
    if tally.lines == tally.broken:
        what = f"no line of {tally.lines} can be read: not UTF-8, or too long" if tally.lines else "it is empty"
        raise ConfigurationError(f"the log {place} has nothing to count: {what}", "name a log of the proxy")
    return tally


def _write_page(place: Path, page: str) -> None:
    next_step = "name a file in a folder that you may write to"
    if place.exists() and not place.is_file():
        raise SystemFailureError(f"cannot write {place}: it is not a regular file", next_step)
    try:
        write_whole(place.resolve(), page.encode())
    except OSError as error:
        raise SystemFailureError(f"cannot write {place}: {error.strerror or error}", next_step) from error
    say(f"wrote {place}", stderr=True)


def _print(answer: Answer) -> None:
    """Print tables on a terminal; to a file or a pipe, a line for each row, with tabs between the columns."""
    for part in answer.shown:
        if isinstance(part, str):
            say(part)
        elif is_terminal():
            console = Console(markup=False, highlight=False, emoji=False)
            with console.capture() as shown:
                console.print(fit(part, console.width))
            put(shown.get().removesuffix("\n"))
        else:
            rows = zip(*(map(_plain, (column.header, *column.cells)) for column in part.columns), strict=True)
            put("\n".join("\t".join(row) for row in rows if any(row)))


def is_terminal() -> bool:
    """Whether a person reads the output."""
    return bool(sys.stdout and sys.stdout.isatty())


def _plain(cell: RenderableType) -> str:
    return str(cell).replace("\n", "; ")
