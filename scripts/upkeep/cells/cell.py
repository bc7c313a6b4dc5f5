"""One cell of the matrix: a release in two arms, one stock, one patched by the command that an operator uses.

On the stock arm the tests that show the fix must fail and all others pass, and the optional patch's matcher is held
against stock's; on the patched arm all pass, and then the optional patch goes in.
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

from litellm_patch.errors import BuildError, PatchError
from litellm_patch.patching.finding import find_target
from litellm_patch.patching.series import apply_series, read_series
from upkeep.cells.breakage import find_breakage
from upkeep.cells.environment import ARMS, HERE, REBUILT, ROOT, UntrustedEnvironmentError, apply_patch, ready, ready_arm
from upkeep.cells.result import CellResult, write_result
from upkeep.compiled.matchers import MATCHING
from upkeep.releases.locating import locate

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from litellm_patch.patching.finding import Target
    from litellm_patch.patching.ledger import Release
    from upkeep.cells.environment import Environment


def run_cell(  # noqa: PLR0913, PLR0917 - what the command takes
    release: Release,
    folder: Path,
    results: Path | None = None,
    pytest_arguments: Sequence[str] = (),
    arms: Sequence[str] = ARMS,
    tree: Target | None = None,
) -> tuple[bool, str]:
    """Run the behaviour tests on both arms at once, each in an environment of its own that is verified before.

    Args:
        release: the ledger's entry of the release.
        folder: where the environments are, or go.
        results: a folder for what came out, written only if both arms passed.
        pytest_arguments: passed on to pytest.
        arms: `ARMS`, and `REBUILT` too where the Router is compiled: each test must come out there as on stock.
        tree: a litellm of one's own, which is imported on the patched arm in place of the installed one.

    Returns:
        Whether the cell is as it must be, and one line an arm, or the output of one that is not.
    """
    try:
        breakage = find_breakage(release.version)
        if breakage:
            return breakage.judge(ready(folder / "stock", release, HERE / "requirements.txt"))
        with (
            ThreadPoolExecutor(len(arms)) as pool,
            tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as exchange,
        ):
            ran = list(pool.map(partial(_run_arm, release, folder, Path(exchange), pytest_arguments, tree), arms))
    except (PatchError, UntrustedEnvironmentError, BuildError) as refusal:
        return False, f"litellm {release.version}: {refusal}"
    counts = {part.arm: part.counts for part in ran}
    # with strict xfails, equal numbers in arms that passed are the same outcome of each test
    passed = all(part.passed for part in ran) and counts.pop(REBUILT, counts["stock"]) == counts["stock"]
    if results and passed:
        write_result(results, CellResult.of(release, platform.python_version(), counts))
    return passed, "\n".join(f"litellm {release.version}, {part.arm}: {part.said}" for part in ran)


@dataclass(frozen=True)
class _Ran:
    """What came out of an arm: its last line, or all of it if it is not as it must."""

    arm: str
    done: subprocess.CompletedProcess[str]
    counts: dict[str, int]

    @property
    def passed(self) -> bool:
        return self.done.returncode == 0

    @property
    def said(self) -> str:
        return self.done.stdout.rstrip().rpartition("\n")[2] if self.passed else self.done.stdout


def _run_arm(  # noqa: PLR0913, PLR0917 - what `run_cell` takes
    release: Release, folder: Path, exchange: Path, pytest_arguments: Sequence[str], tree: Target | None, arm: str
) -> _Ran:
    try:
        return _run_tests(release, folder, exchange, pytest_arguments, tree if arm == "patched" else None, arm)
    finally:
        (exchange / f"{arm}.ended").touch()


def _run_tests(  # noqa: PLR0913, PLR0917
    release: Release, folder: Path, exchange: Path, pytest_arguments: Sequence[str], tree: Target | None, arm: str
) -> _Ran:
    if tree:
        environment = ready(folder / arm, release, HERE / "requirements.txt")
        _see_that_it_is_imported(environment, tree)
    else:
        environment = ready_arm(folder, release, HERE / "requirements.txt", arm)
    # of a compiled release, tests/compiled holds the matchers against each other
    matching = MATCHING in release.options and release.delivery == "files" and not pytest_arguments and not tree
    path = (*((tree.package.parent,) if tree else ()), ROOT / "scripts", ROOT)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-cell-") as scratch:
        outcomes = Path(scratch) / "outcomes.json"
        arguments = [
            "tests/names",
            f"--arm={'stock' if arm == REBUILT else arm}",
            f"--exchange={exchange}",
            f"--outcomes={outcomes}",
            *pytest_arguments,
        ]
        if matching and arm == "stock":
            _write_matchers(environment, Path(scratch))
            arguments += ["tests/matching", f"--matchers={scratch}"]
        # litellm warns of its own types by the page, and the tests that must fail on stock are as many
        looks = ("--tb=short", "-q", "-rfE", "--disable-warnings", "-p", "no:cacheprovider")
        done = environment.run("-m", "pytest", *arguments, *looks, path=path)
        counts = json.loads(outcomes.read_text(encoding="utf-8")) if outcomes.is_file() else {}
    if matching and arm == "patched":
        apply_patch(environment, MATCHING)
    return _Ran(arm, done, counts)


def _see_that_it_is_imported(environment: Environment, tree: Target) -> None:
    done = environment.run("-c", "import litellm; print(litellm.__file__)", path=(tree.package.parent,))
    found = done.stdout.rstrip().rpartition("\n")[2]
    if done.returncode or Path(found).parent.resolve() != tree.package.resolve():
        raise UntrustedEnvironmentError(f"import litellm does not give {tree.package}: {done.stdout.strip()[-300:]}")


def _write_matchers(environment: Environment, folder: Path) -> None:
    """Leave the matcher's file as it is on stock, behind both patches, and behind the optional one alone."""
    release = environment.release
    step = release.options[MATCHING]
    ((path, patch),) = step.read_patch().items()
    stock = (find_target(environment.folder).package.parent / path).read_bytes()
    series = apply_series(path, stock, read_series(release.series(MATCHING)))
    for name, data in (("stock", stock), ("series", series), ("alone", patch.apply(stock, locate(patch, stock)))):
        (folder / f"{name}.py").write_bytes(data)
