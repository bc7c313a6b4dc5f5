"""One cell of the matrix: a release in two arms, stock and patched, side by side.

On the stock arm the tests that show the fix must fail and all others pass; on the patched arm all pass.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion

from litellm_patch.errors import LitellmPatchError
from litellm_patch.target import State
from matrix.environment import HERE, ROOT, UntrustedEnvironmentError, find_release, ready

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release

ARMS = {"stock": State.CLEAN, "patched": State.APPLIED}


def run_arm(
    arm: str, state: State, release: Release, folder: Path, pytest_arguments: Sequence[str]
) -> tuple[bool, str]:
    """Run the behaviour tests in the arm's environment, made anew unless the last one passes every check.

    Args:
        arm: ``stock`` or ``patched``.
        state: what its environment must be.
        release: the ledger's entry of the release.
        folder: where the environment goes.
        pytest_arguments: passed on to pytest.

    Returns:
        Whether the arm is as it must be, and the output.
    """
    try:
        environment = ready(folder / arm, release, HERE / "requirements.txt", state)
    except UntrustedEnvironmentError as refusal:
        return False, str(refusal)
    pytest = ("-m", "pytest", "tests/names", f"--arm={arm}", "--tb=short", "-q", "-p", "no:cacheprovider")
    done = environment.run(*pytest, *pytest_arguments, path=(ROOT / "scripts", ROOT / "tests"))
    return done.returncode == 0, done.stdout


def main(arguments: Sequence[str]) -> int:
    """Run the cell; 0 if both arms are as they must be.

    Args:
        arguments: the release, the folder for its environments, and what goes on to pytest.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="matrix.cell", description=__doc__)
    parser.add_argument("version", help="the release of litellm")
    parser.add_argument("--folder", type=Path, required=True, help="where the two environments are made")
    options, pytest_arguments = parser.parse_known_args(arguments)
    try:
        release = find_release(options.version)
    except (LitellmPatchError, InvalidVersion) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    folder = options.folder.resolve() / str(release.version)
    with ThreadPoolExecutor() as pool:
        arms = [pool.submit(run_arm, arm, state, release, folder, pytest_arguments) for arm, state in ARMS.items()]
        results = [arm.result() for arm in arms]
    for arm, (passed, output) in zip(ARMS, results, strict=True):
        summary = output.rstrip().rpartition("\n")[2]
        sys.stdout.write(f"litellm {release.version}, {arm} arm: {summary if passed else output}\n")
    return 0 if all(passed for passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
