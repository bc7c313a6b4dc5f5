"""One cell of the matrix: a release in two arms, first stock, then patched by the command that an operator uses.

On the stock arm the tests that show the fix must fail and all others pass; on the patched arm all pass. Then the
optional patch goes in, and its matcher is held against stock's.
"""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError
from litellm_patch.series import bring, read_series
from litellm_patch.target import find_target
from matrix.breakage import find_breakage
from matrix.environment import HERE, ROOT, UntrustedEnvironmentError, apply_patch, ready
from matrix.result import CellResult, write_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release
    from matrix.environment import Environment

ARMS = ("stock", "patched")
MATCHING = "matching"
# litellm warns of its own types by the page
LOOKS = ("--tb=short", "-q", "--disable-warnings", "-p", "no:cacheprovider")


def run_cell(
    release: Release, folder: Path, results: Path | None = None, pytest_arguments: Sequence[str] = ()
) -> tuple[bool, str]:
    """Run the behaviour tests on both arms, in one environment that is verified before each.

    Args:
        release: the ledger's entry of the release.
        folder: where the environment is, or goes.
        results: a folder for what came out, written only if both arms are as they must be.
        pytest_arguments: passed on to pytest.

    Returns:
        Whether the cell is as it must be, and one line an arm, or the output of one that is not.
    """
    try:
        environment = ready(folder, release, HERE / "requirements.txt")
        breakage = find_breakage(release.version)
        if breakage:
            return breakage.judge(environment)
        said, counts = [], {}
        for arm in ARMS:
            if arm == "patched":
                apply_patch(environment)
            passed, output, counts[arm] = _run_arm(arm, environment, pytest_arguments)
            summary = output.rstrip().rpartition("\n")[2]
            said.append(f"litellm {release.version}, {arm} arm: {summary if passed else output}")
            if not passed:
                return False, "\n".join(said)
        if MATCHING in release.options and not pytest_arguments:
            passed, output = _run_matching(environment)
            summary = output.rstrip().rpartition("\n")[2]
            said.append(f"litellm {release.version}, with {MATCHING}: {summary if passed else output}")
            if not passed:
                return False, "\n".join(said)
    except (PatchError, UntrustedEnvironmentError) as refusal:
        return False, f"litellm {release.version}: {refusal}"
    if results:
        write_result(results, CellResult.of(release, platform.python_version(), counts))
    return True, "\n".join(said)


def _run_arm(arm: str, environment: Environment, pytest_arguments: Sequence[str]) -> tuple[bool, str, dict[str, int]]:
    with tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as scratch:
        outcomes = Path(scratch) / "outcomes.json"
        options = (f"--arm={arm}", f"--outcomes={outcomes}", *LOOKS)
        done = environment.run(
            *("-m", "pytest", "tests/names", *options, *pytest_arguments), path=(ROOT / "scripts", ROOT / "tests")
        )
        counts = json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.is_file() else {}
    return done.returncode == 0, done.stdout, counts


def _run_matching(environment: Environment) -> tuple[bool, str]:
    """Apply the optional patch, and hold its matcher against stock's: as installed, and as it is upstream's to take."""
    apply_patch(environment, MATCHING)
    step = environment.release.options[MATCHING]
    ((path, patch),) = step.read_patch().items()
    installed = (find_target(environment.folder).package.parent / path).read_bytes()
    stock = bring(path, installed, read_series(environment.release.series(MATCHING)), reverse=True)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as scratch:
        files = {"stock": stock, "alone": patch.apply(stock, patch.locate(stock))}
        for name, data in files.items():
            Path(scratch, name).write_bytes(data)
        options = (*(f"--{name}={Path(scratch, name)}" for name in files), *LOOKS)
        done = environment.run("-m", "pytest", "tests/matching", *options, path=(ROOT / "scripts", ROOT / "tests"))
    return done.returncode == 0, done.stdout
