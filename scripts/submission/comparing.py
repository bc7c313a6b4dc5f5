"""Upstream's own tests on both arms, offline, case by case: the patch may change no outcome."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from rich.console import Console

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger, load_toml
from matrix.environment import ARMS, UntrustedEnvironmentError, ready_arm
from submission.arms import collect_outcomes
from submission.tree import SubmissionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litellm_patch.ledger import Release
    from matrix.environment import Environment

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


def main(arguments: Sequence[str]) -> int:
    """Compare both arms of a release by upstream's own tests.

    Args:
        arguments: see ``--help``; what is not known goes to pytest.

    Returns:
        0 if no outcome differs, 1 if one does, 2 if nothing can be compared.
    """
    parser = argparse.ArgumentParser(prog="submission.comparing", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a checkout of upstream, or a folder with its tests/")
    parser.add_argument("--release", help="the release; the one of the checkout's pyproject.toml unless given")
    parser.add_argument("--folder", type=Path, required=True, help="where environments are made")
    options, pytest_options = parser.parse_known_args(arguments)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    try:
        release = _release_of(options.checkout, options.release)
        places = wanted_tests(options.checkout)
        console.print(f"litellm {release.version}: {len(places)} files of upstream's tests, on stock and on patched")
        folder = options.folder.resolve()
        environments = {arm: ready_arm(folder, release, REQUIREMENTS, arm) for arm in ARMS}
        with tempfile.TemporaryDirectory(prefix="litellm-patch-upstream-") as scratch:
            # without the checkout's own litellm, which would be imported in place of the release
            shutil.copytree(options.checkout / "tests", Path(scratch, "tests"), ignore=shutil.ignore_patterns("*.pyc"))
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
    except SubmissionError as failure:
        console.print(f"error: {failure}")
        return 2
    except (LitellmPatchError, UntrustedEnvironmentError, InvalidVersion) as refusal:
        console.print(f"error: {refusal}")
        return 2
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
        SubmissionError: there are none.
    """
    tests = checkout / "tests"
    if not tests.is_dir():
        raise SubmissionError(f"{checkout} has no folder tests: name a checkout of upstream")
    paths = sorted(path.relative_to(checkout).as_posix() for path in tests.rglob("test_*.py"))
    chosen = [path for path in paths if _WANTED.search(path) and not _LEFT.search(path)]
    if not chosen:
        raise SubmissionError(f"{tests} has no tests of the Router, of fallbacks, teams or access")
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


def _release_of(checkout: Path, named: str | None) -> Release:
    """The release that the checkout is of."""
    version = named
    if version is None:
        try:
            project = load_toml(checkout / "pyproject.toml")
            version = project.get("project", project.get("tool", {}).get("poetry", {}))["version"]
        except (OSError, ValueError, KeyError) as error:
            raise SubmissionError(f"{checkout} does not say its release: give --release") from error
    return load_ledger(bundled_folder()).find(Version(str(version)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
