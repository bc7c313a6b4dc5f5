"""The command line of the rooms: `python -m upkeep ROOM`, each behind a nox session."""

from __future__ import annotations

import importlib
import re

import click
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import LitellmPatchError
from litellm_patch.output import say, say_error
from upkeep.errors import UpkeepError

_ROOMS = {
    "releases": "upkeep.releases.command",
    "port": "upkeep.port.command",
    "export": "upkeep.upstream.exporting",
    "upstream": "upkeep.upstream.command",
    "upstream-tests": "upkeep.upstream.comparing",
    "cells": "upkeep.cells.command",
    "compiled": "upkeep.compiled.command",
    "control": "upkeep.cells.control",
    "table": "upkeep.cells.table",
    "mutants": "upkeep.mutants.command",
    "proxy": "upkeep.proxy.command",
    "bench": "upkeep.bench.command",
    "demo": "upkeep.demo.command",
    "release": "upkeep.release.command",
    "try-wheel": "upkeep.release.trying",
    "lock": "upkeep.release.locking",
    "pictures": "upkeep.pictures.command",
}
_SHARD = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")
PASS_ON = {"ignore_unknown_options": True}
"""The settings of a command whose last argument goes to pytest as it is."""


class _VersionType(click.ParamType):  # type: ignore[type-arg]  # generic only in the newest click
    """The number of a release."""

    name = "version"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Version:
        try:
            return value if isinstance(value, Version) else Version(str(value))
        except InvalidVersion:
            self.fail(f"{value!r} is not a version", param, ctx)


class _ShardType(click.ParamType):  # type: ignore[type-arg]
    """One of several parts of a run, as number and count."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = _SHARD.fullmatch(str(value))
        if not match or int(match[1]) > int(match[2]):
            self.fail(f"{value!r} is not a shard: expected something like 2/4", param, ctx)
        return int(match[1]), int(match[2])


VERSION = _VersionType()
shard_option = click.option("--shard", type=_ShardType(), default="1/1", help="Take one part of them, such as 2/4.")


class _Rooms(click.Group):
    """Imports a room when it is used, and turns every expected failure into one line on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _ROOMS:
            return None
        command = importlib.import_module(_ROOMS[cmd_name]).command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker: our own modules
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            code = super().invoke(ctx)
        except UpkeepError as error:
            say(f"error: {error}", style="red", stderr=True)
            ctx.exit(error.exit_code)
        except (LitellmPatchError, OSError) as error:
            say_error(error)
            ctx.exit(2)
        ctx.exit(code if isinstance(code, int) else 0)


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Keep the patches alive: the work of maintainers, in a clone."""


def run(room: str, *arguments: str | object) -> int:
    """Run a room's command in this process.

    Args:
        room: Its name, as in `python -m upkeep ROOM`.
        arguments: What follows on the command line.

    Returns:
        The exit code.
    """
    try:
        return int(main.main([room, *map(str, arguments)], standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
