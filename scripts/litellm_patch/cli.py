"""`litellm-patch`: its verbs, each in a module of its own that is imported when it is used, and its exit codes."""

from __future__ import annotations

import importlib
import io
import sys
from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import GivenPath
from litellm_patch.errors import EXIT_CODES, LitellmPatchError
from litellm_patch.output import say, say_error, take_unwritten

if TYPE_CHECKING:
    from pathlib import Path

_VERBS = {
    "apply": "Patch the litellm in TARGET.",
    "revert": "Remove the patch from the litellm in TARGET.",
    "status": "Tell whether the litellm in TARGET is patched, and what to do next.",
    "wheel": "Make the patched wheel of RELEASE, or from the stock WHEEL.",
    "doctor": "Tell which fallback chains of a LiteLLM proxy fire, and which never do.",
}
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:>2}  {meaning}" for code, meaning in EXIT_CODES.items())


class _Verbs(click.Group):
    """Turns every expected failure into one line on stderr and its exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _VERBS:
            return None
        command = importlib.import_module(f"litellm_patch.commands.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker: our own modules
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))

    def invoke(self, ctx: click.Context) -> object:
        for stream in (sys.stdout, sys.stderr):  # a path need not be printable in the user's locale
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        code = 0
        try:
            super().invoke(ctx)
        except click.exceptions.Exit as end:
            code = end.exit_code
        except (LitellmPatchError, OSError) as error:
            code = say_error(error)
        return ctx.exit(_told(ctx, code))


def _told(ctx: click.Context, code: int) -> int:
    """Give the exit code that goes with what came out: it says what is true of TARGET, even if no words could."""
    lost = take_unwritten()
    if lost is None:
        return code
    say(
        f"error: standard output was cut short: {lost}; the exit code is still right",
        style="red",
        stderr=True,
    )
    return code or int(ctx.invoked_subcommand in {"status", "doctor"})  # they have no other result than their words


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's callback
    if not wanted or ctx.resilient_parsing:
        return
    from importlib import metadata  # noqa: PLC0415 - takes longer than all else

    try:
        version = metadata.version("litellm-patch")
    except metadata.PackageNotFoundError:
        version = "unknown (not installed)"
    click.echo(f"litellm-patch, version {version}")
    ctx.exit()


@click.group(
    cls=_Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version.",
)
@click.option(
    "--patches",
    type=GivenPath(),
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
    if ctx.get_parameter_source("patches") is click.core.ParameterSource.ENVIRONMENT:
        say(f"note: using the patches of LITELLM_PATCH_DIR, {patches}, not the bundled ones", stderr=True)
