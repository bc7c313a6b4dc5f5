"""One cell of the matrix: a release in two arms, one stock, one patched by the command that an operator uses.

On the stock arm the tests that show the fix must fail and all others pass; on the patched arm all pass. Then the
optional patch goes in, and its matcher is held against stock's.
"""

from __future__ import annotations

import json
import platform
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.errors import PatchError
from litellm_patch.series import bring, read_series
from litellm_patch.target import find_target
from matrix.breakage import find_breakage
from matrix.environment import ARMS, HERE, ROOT, UntrustedEnvironmentError, apply_patch, ready, ready_arm
from matrix.result import CellResult, write_result

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from litellm_patch.ledger import Release
    from matrix.environment import Environment

MATCHING = "matching"


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
            ran = list(chain(*pool.map(partial(_run_arm, release, folder, pytest_arguments), ARMS)))
    except (PatchError, UntrustedEnvironmentError) as refusal:
        return False, f"litellm {release.version}: {refusal}"
    passed = all(part.passed for part in ran)
    if results and passed:
        counts = {part.name: part.counts for part in ran if part.counts is not None}
        write_result(results, CellResult.of(release, platform.python_version(), counts))
    return passed, "\n".join(f"litellm {release.version}, {part.name}: {part.said}" for part in ran)


@dataclass(frozen=True)
class _Part:
    """What came out of an arm, or of the optional patch: its last line, or all of it if it is not as it must."""

    name: str
    done: subprocess.CompletedProcess[str]
    counts: dict[str, int] | None = None

    @property
    def passed(self) -> bool:
        return self.done.returncode == 0

    @property
    def said(self) -> str:
        return self.done.stdout.rstrip().rpartition("\n")[2] if self.passed else self.done.stdout


def _run_arm(release: Release, folder: Path, pytest_arguments: Sequence[str], arm: str) -> list[_Part]:
    environment = ready_arm(folder, release, HERE / "requirements.txt", arm)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as scratch:
        outcomes = Path(scratch) / "outcomes.json"
        done = _pytest(environment, "names", f"--arm={arm}", f"--outcomes={outcomes}", *pytest_arguments)
        counts = json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.is_file() else {}
    parts = [_Part(arm, done, counts)]
    if arm == "patched" and MATCHING in release.options and not pytest_arguments:
        parts.append(_run_matching(environment))
    return parts


def _run_matching(environment: Environment) -> _Part:
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
        done = _pytest(environment, "matching", *(f"--{name}={Path(scratch, name)}" for name in files))
    return _Part(f"with {MATCHING}", done)


def _pytest(environment: Environment, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    # litellm warns of its own types by the page
    looks = ("--tb=short", "-q", "--disable-warnings", "-p", "no:cacheprovider")
    return environment.run("-m", "pytest", f"tests/{tests}", *looks, *options, path=(ROOT / "scripts", ROOT / "tests"))
