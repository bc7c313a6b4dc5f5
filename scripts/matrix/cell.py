"""One cell of the matrix: a release in two arms, one stock, one patched by the command that an operator uses.

On the stock arm the tests that show the fix must fail and all others pass; on the patched arm all pass.
"""

from __future__ import annotations

import json
import platform
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matrix.breakage import find_breakage
from matrix.environment import HERE, ROOT, UntrustedEnvironmentError, apply_patch, ready
from matrix.result import CellResult, write_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release

ARMS = ("stock", "patched")


def run_cell(
    release: Release, folder: Path, results: Path | None = None, pytest_arguments: Sequence[str] = ()
) -> tuple[bool, str]:
    """Run the behaviour tests on both arms at once, each in an environment of its own that is verified before.

    Args:
        release: the ledger's entry of the release.
        folder: where the environments are, or go.
        results: a folder for what came out, written only if both arms are as they must be.
        pytest_arguments: passed on to pytest.

    Returns:
        Whether the cell is as it must be, and one line an arm, or the output of one that is not.
    """
    try:
        breakage = find_breakage(release.version)
        if breakage:
            return breakage.judge(ready(folder / "stock", release, HERE / "requirements.txt"))
        with ThreadPoolExecutor(len(ARMS)) as pool:
            ran = list(pool.map(partial(_run_arm, release, folder, pytest_arguments), ARMS))
    except UntrustedEnvironmentError as refusal:
        return False, f"litellm {release.version}: {refusal}"
    passed = all(arm.passed for arm in ran)
    if results and passed:
        write_result(results, CellResult.of(release, platform.python_version(), {arm.name: arm.counts for arm in ran}))
    return passed, "\n".join(f"litellm {release.version}, {arm.name} arm: {arm.said}" for arm in ran)


@dataclass(frozen=True)
class _Arm:
    """What came out of an arm: how many tests with each outcome, and the last line, or all if it is not as it must."""

    name: str
    passed: bool
    counts: dict[str, int]
    said: str


def _run_arm(release: Release, folder: Path, pytest_arguments: Sequence[str], arm: str) -> _Arm:
    environment = ready(folder / arm, release, HERE / "requirements.txt")
    if arm == "patched":
        apply_patch(environment)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as scratch:
        outcomes = Path(scratch) / "outcomes.json"
        # litellm warns of its own types by the page
        looks = ("--tb=short", "-q", "--disable-warnings", "-p", "no:cacheprovider")
        options = (f"--arm={arm}", f"--outcomes={outcomes}", *looks)
        done = environment.run(
            *("-m", "pytest", "tests/names", *options, *pytest_arguments), path=(ROOT / "scripts", ROOT / "tests")
        )
        counts = json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.is_file() else {}
    passed = done.returncode == 0
    return _Arm(arm, passed, counts, done.stdout.rstrip().rpartition("\n")[2] if passed else done.stdout)
