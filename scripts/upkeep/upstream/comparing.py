"""Upstream's own tests on both arms, offline, case by case: the patch may change no outcome."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from packaging.version import Version
from rich.console import Console

from litellm_patch.patching.ledger import bundled_folder, load_ledger, load_toml
from upkeep.cells.environment import ARMS, ready_arm
from upkeep.command import PASS_ON, VERSION
from upkeep.errors import UpkeepError
from upkeep.upstream.arms import collect_outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upkeep.cells.environment import Environment

REQUIREMENTS = Path(__file__).resolve().parent / "requirements-upstream.txt"
# the parts that speak of what the patch touches: the Router, its helpers, fallbacks, teams, and who may use what
_WANTED = re.compile(
    r"(^|/)(test_[^/]*(router|fallback|team)[^/]*\.py|(router_utils|router_unit_tests|auth)/.*test_[^/]*\.py)$"
)
# load, and other people's services, browsers and paid providers
_LEFT = re.compile(
    r"(^|/)([^/]*e2e[^/]*|load_tests|llm_translation|ui|otel_tests|test_[^/]*(load|profiling)[^/]*)(/|\.py$)"
)
_SECONDS_A_TEST = 60


@click.command("upstream-tests", context_settings=PASS_ON)
@click.argument("checkout", type=click.Path(path_type=Path))
@click.option(
    "--release", "version", type=VERSION, help="The release; that of the checkout's pyproject.toml unless given."
)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.argument("pytest_options", nargs=-1, type=click.UNPROCESSED)
def command(checkout: Path, version: Version | None, folder: Path, pytest_options: tuple[str, ...]) -> int:
    """Compare both arms of a release by upstream's own tests, offline.

    CHECKOUT is a checkout of upstream, or a folder with its tests/. What is not known here goes to pytest. Ends with 0
    if no outcome differs, 1 if one does, 2 if nothing can be compared.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    release = load_ledger(bundled_folder()).find(version or _version_of(checkout))
    places = wanted_tests(checkout)
    console.print(f"litellm {release.version}: {len(places)} files of upstream's tests, on stock and on patched")
    environments = {arm: ready_arm(folder.resolve(), release, REQUIREMENTS, arm) for arm in ARMS}
    with tempfile.TemporaryDirectory(prefix="litellm-patch-upstream-") as scratch:
        # without the checkout's own litellm, which would be imported in place of the release
        shutil.copytree(checkout / "tests", Path(scratch, "tests"), ignore=shutil.ignore_patterns("*.pyc"))
        arms = {
            arm: collect_outcomes(
                environment,
                Path(scratch),
                tuple(map(Path, places)),
                f"--timeout={_SECONDS_A_TEST}",
                *pytest_options,
            )
            for arm, environment in environments.items()
        }
        different = differences(arms["stock"], arms["patched"])
        again = _again(environments["stock"], Path(scratch), different)
    for arm, outcomes in arms.items():
        counts = Counter(outcomes.values())
        console.print(f"{arm}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    real = []
    for name, (stock, patched) in different.items():
        unstable = again.get(name) != stock
        console.print(f"{'unstable on stock' if unstable else 'DIFFERENT'}: {name}: {stock}, patched {patched}")
        real += [] if unstable else [name]
    console.print(f"{len(arms['stock'])} cases compared, {len(real)} differ, {len(different) - len(real)} are unstable")
    return 1 if real else 0


def wanted_tests(checkout: Path) -> list[str]:
    """Choose among upstream's tests.

    Args:
        checkout: a folder with its `tests/`.

    Returns:
        The paths of the files to run, from the checkout.

    Raises:
        UpkeepError: there are none.
    """
    tests = checkout / "tests"
    if not tests.is_dir():
        raise UpkeepError(f"{checkout} has no folder tests: name a checkout of upstream")
    paths = sorted(path.relative_to(checkout).as_posix() for path in tests.rglob("test_*.py"))
    chosen = [path for path in paths if _WANTED.search(path) and not _LEFT.search(path)]
    if not chosen:
        raise UpkeepError(f"{tests} has no tests of the Router, of fallbacks, teams or access")
    return chosen


def differences(stock: Mapping[str, str], patched: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Find the cases that came out differently.

    Args:
        stock: the outcome of each case on stock.
        patched: the same on patched.

    Returns:
        Both outcomes of each such case; one that an arm does not have is missing there.
    """
    names = sorted(stock.keys() | patched.keys())
    pairs = {name: (stock.get(name, "missing"), patched.get(name, "missing")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _again(environment: Environment, root: Path, different: Mapping[str, object]) -> dict[str, str]:
    """Run what differs once more on stock: a case that differs from itself says nothing of the patch."""
    if not different:
        return {}
    return collect_outcomes(environment, root, tuple(map(Path, different)), f"--timeout={_SECONDS_A_TEST}")


def _version_of(checkout: Path) -> Version:
    """The release that the checkout is of."""
    try:
        project = load_toml(checkout / "pyproject.toml")
        return Version(project.get("project", project.get("tool", {}).get("poetry", {}))["version"])
    except (OSError, ValueError, KeyError) as error:
        raise UpkeepError(f"{checkout} does not say its release", "give --release") from error
