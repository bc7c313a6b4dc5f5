"""Try a wheel that `litellm-patch wheel` built as an operator has it: installed, asked, and uninstalled again."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litellm_patch.output import say
from litellm_patch.patching.apply import status
from litellm_patch.patching.finding import find_target
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.wheel import stated_version
from upkeep.cells.environment import Environment
from upkeep.demo.command import send_requests
from upkeep.errors import UpkeepError
from upkeep.release.running import run, uv

if TYPE_CHECKING:
    from litellm_patch.patching.ledger import Release

INSTALLERS = ("pip", "uv")


def try_wheel(wheel: Path, release: Release, installer: str, folder: Path) -> int:
    """Install a wheel with all that it asks for, send the demo's requests by it, and uninstall it.

    Args:
        wheel: What was built.
        release: The release that it was built of.
        installer: One of `INSTALLERS`.
        folder: Where a new environment of this Python goes.

    Returns:
        How many requests were answered by their backup; all of them.

    Raises:
        UpkeepError: It cannot be installed, is not what the ledger says, a request failed, or a file was left.
    """
    environment = Environment(folder, release)
    install: list[str | Path]
    uninstall: list[str | Path]
    if installer == "pip":
        run(sys.executable, "-m", "venv", folder)
        install = [environment.python, "-m", "pip", "install", "--quiet", wheel]
        uninstall = [environment.python, "-m", "pip", "uninstall", "--quiet", "--yes", "litellm"]
    else:
        uv("venv", "--python", sys.executable, folder)
        manager = (sys.executable, "-m", "uv", "--quiet", "pip")
        install = [*manager, "install", "--python", folder, wheel]
        uninstall = [*manager, "uninstall", "--python", folder, "litellm"]
    run(*install)
    report = status(folder, load_ledger(bundled_folder()))
    if report.state is not State.APPLIED:
        raise UpkeepError(f"{folder} is {report.state.value}, expected {State.APPLIED.value}")
    outcomes = send_requests(environment)
    failed = [f"{outcome.model}: {outcome.error}" for outcome in outcomes if not outcome.shows_the_fix]
    if failed:
        raise UpkeepError(f"installed by {installer}, these requests were not answered by their backup: {failed}")
    target = find_target(folder)
    assert target.dist_info  # noqa: S101 - for the type checker: `status` found an installation
    listed = [Path(os.path.normpath(file.locate())) for file in PathDistribution(target.dist_info).files or ()]
    run(*uninstall)
    left = [str(path) for path in [*listed, target.package, target.dist_info] if os.path.lexists(path)]
    if left or not listed:
        raise UpkeepError(f"{installer} uninstalled litellm and left {', '.join(left) or 'no list of files'}")
    return len(outcomes)


@click.command("try-wheel")
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(wheel: Path) -> None:
    """Try a wheel that `litellm-patch wheel` built of a release whose Router is compiled, on this Python.

    It is installed by pip and by uv with all that it asks for, answers the demo's requests, and is uninstalled. Ends
    with 2 if something of that fails.
    """
    release = load_ledger(bundled_folder()).find(stated_version(wheel))
    with tempfile.TemporaryDirectory(prefix="litellm-patch-wheel-") as folder:
        for installer in INSTALLERS:
            answered = try_wheel(wheel.resolve(), release, installer, Path(folder, installer))
            say(
                f"Python {platform.python_version()}, {installer}: installed, applied, {answered} requests answered, "
                "uninstalled, nothing left"
            )
