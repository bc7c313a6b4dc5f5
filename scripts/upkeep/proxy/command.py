"""Test the real proxy of releases, stock beside patched: each in two environments that are made and verified first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import Version
from rich.console import Console

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.wheel import stated_version
from upkeep.cells.breakage import find_breakage
from upkeep.cells.each import conclude, run_each
from upkeep.cells.environment import ARMS, ROOT, UntrustedEnvironmentError, find_release, ready_arm
from upkeep.cells.selection import SELECTIONS, Shard, select
from upkeep.command import PASS_ON, VERSION, shard_option
from upkeep.compiled.installing import WHEEL
from upkeep.proxy.table import CASES, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.patching.ledger import Release

# the oldest, one that can check the access to a fallback target and does not by default, and the newest
USUAL = ("1.83.0", "1.102.4", "1.109.1")
# the first release that a current fastapi serves
OLD_FASTAPI = Version("1.99")
TESTS = ROOT / "tests" / "proxy"
DATABASE = TESTS / "database"


def run_release(
    release: Release, folder: Path, results: Path, tests: Path, arguments: Sequence[str]
) -> tuple[bool, str]:
    """Test one release.

    Args:
        release: the ledger's entry.
        folder: where its environments are, or go.
        results: a folder for the table of cases and the logs, one folder a release.
        tests: the folder of the tests, with the requirements of their environments.
        arguments: passed on to pytest.

    Returns:
        Whether it is as it must be, and one line, or the output if it is not.
    """
    old = release.version < OLD_FASTAPI and tests == TESTS
    requirements = "requirements-before-1.99.txt" if old else "requirements.txt"
    try:
        for arm in ARMS:
            ready_arm(folder, release, tests / requirements, arm)
    except UntrustedEnvironmentError as refusal:
        return False, f"litellm {release.version}: {refusal}"
    here = results / str(release.version)
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    options: list[str | Path] = ["--release", str(release.version), "--folder", here, "--table", here / CASES]
    options += ["--stock", folder / "stock", "--patched", folder / "patched"]
    if _names_no_test(arguments):
        options += [tests, f"--ignore={DATABASE}"] if tests == TESTS else [tests]
    start = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *options, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    summary = done.stdout.rstrip().rpartition("\n")[2]
    seconds = f"{time.monotonic() - start:.0f} s with both proxies' starts"
    if done.returncode:
        return False, f"litellm {release.version}: {done.stdout}\nthe proxies' logs are in {here}"
    return True, f"litellm {release.version}: {summary}; {seconds}"


def _names_no_test(arguments: Sequence[str]) -> bool:
    """Whether what goes to pytest names no test: all of it are options, those with a value in one piece."""
    return all(argument.startswith("-") for argument in arguments)


@click.command("proxy", context_settings=PASS_ON)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option(
    "--results", type=click.Path(path_type=Path), required=True, help="Leave tables and logs here, a folder a release."
)
@click.option(
    "--release", "named", type=VERSION, multiple=True, help=f"Take this release; {', '.join(USUAL)} unless given."
)
@click.option("--select", "selection", type=click.Choice(SELECTIONS), help="Take these releases.")
@click.option(
    "--wheel", type=click.Path(path_type=Path), help="Take the release of this wheel, and the wheel as what is patched."
)
@click.option("--database", is_flag=True, help="With a database; needs PostgreSQL and npm.")
@shard_option
@click.argument("pytest_arguments", nargs=-1, type=click.UNPROCESSED)
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    folder: Path,
    results: Path,
    named: tuple[Version, ...],
    selection: str | None,
    wheel: Path | None,
    shard: tuple[int, int],
    pytest_arguments: tuple[str, ...],
    *,
    database: bool,
) -> int:
    """Test the real proxy of releases, stock beside patched.

    What is not known here goes to pytest, as --faults and --failing=10000. Ends with 0 if all releases passed, 1 if one
    did not, 2 if nothing can be run.
    """
    ledger = load_ledger(bundled_folder())
    part = Shard(*shard)
    wanted = named or tuple(map(Version, USUAL))
    if wheel:
        os.environ[WHEEL] = str(wheel.resolve())
        wanted = (stated_version(wheel),)
    chosen = select(ledger.in_place, selection) if selection else [find_release(str(version)) for version in wanted]
    releases = [release for release in part.of(chosen) if not find_breakage(release.version)]
    place = part.folder(folder)
    kept = results.resolve()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    tests = DATABASE if database else TESTS
    failed = run_each(
        releases, lambda release: run_release(release, place, kept, tests, pytest_arguments), console, "releases"
    )
    if _names_no_test(pytest_arguments) and not database:
        console.print(table_of([kept / str(release.version) for release in releases]))
    return conclude(releases, failed, console, "releases")
