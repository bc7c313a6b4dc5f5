"""Test the real proxy of releases, stock beside patched: each in two environments that are made and verified first."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from rich.console import Console

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from matrix.__main__ import shard_of
from matrix.breakage import find_breakage
from matrix.each import conclude, run_each
from matrix.environment import ARMS, ROOT, UntrustedEnvironmentError, ready_arm
from matrix.selection import SELECTIONS, Shard, select
from proxy.process import HERE
from proxy.table import CASES, table_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release

# the oldest, one that can check the access to a fallback target and does not by default, and the newest
USUAL = ("1.83.0", "1.102.4", "1.109.1")
# the first release that a current fastapi serves
OLD_FASTAPI = Version("1.99")
DATABASE = HERE / "database"


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
    old = release.version < OLD_FASTAPI and tests == HERE
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
    if _is_whole(arguments):
        options += [tests, f"--ignore={DATABASE}"] if tests == HERE else [tests]
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


def _is_whole(arguments: Sequence[str]) -> bool:
    """Whether what goes on to pytest names no test: all of it are options, those with a value in one piece."""
    return all(argument.startswith("-") for argument in arguments)


def main(arguments: Sequence[str]) -> int:
    """Test a selection of releases.

    Args:
        arguments: see ``--help``. What is not known here goes on to pytest, as ``--faults`` and ``--failing=10000``.

    Returns:
        0 if every release is as it must be, 1 if one is not, 2 if nothing can be run.
    """
    parser = argparse.ArgumentParser(prog="proxy", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where environments are made, two a shard")
    parser.add_argument("--results", type=Path, required=True, help="for tables and logs, one folder a release")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--release", action="append", help=f"a release; may be repeated (default: {', '.join(USUAL)})")
    which.add_argument("--select", choices=SELECTIONS, help="a selection of releases")
    parser.add_argument("--database", action="store_true", help="with a database; needs PostgreSQL and npm")
    parser.add_argument("--shard", type=shard_of, default=Shard(1, 1), help="which part of them, such as 2/4")
    options, pytest_arguments = parser.parse_known_args(arguments)
    try:
        ledger = load_ledger(bundled_folder())
        named = [ledger.find(Version(version)) for version in options.release or USUAL]
        chosen = select(ledger.releases, options.select) if options.select else named
    except (LitellmPatchError, InvalidVersion) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    releases = [release for release in options.shard.of(chosen) if not find_breakage(release.version)]
    folder = options.folder.resolve() / f"shard-{options.shard.number}-of-{options.shard.count}"
    results = options.results.resolve()
    console = Console(soft_wrap=True, highlight=False, markup=False)
    tests = DATABASE if options.database else HERE
    failed = run_each(
        releases, lambda release: run_release(release, folder, results, tests, pytest_arguments), console, "releases"
    )
    if _is_whole(pytest_arguments) and not options.database:
        console.print(table_of([results / str(release.version) for release in releases]))
    return conclude(releases, failed, console, "releases")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
