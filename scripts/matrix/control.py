"""The control arm: whether a stock release passes the tests that show the fix, and so needs no patch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion

from litellm_patch.errors import LitellmPatchError
from matrix.environment import HERE, ROOT, UntrustedEnvironmentError, find_release, ready

if TYPE_CHECKING:
    from collections.abc import Sequence

# the contract's examples and each reader of chains, as a release that has the fix must pass them; but for the test that
# looks into the patch
_TESTS = ("tests/names/test_examples.py", "tests/names/test_readers.py")
_OF_THE_PATCH = "tests/names/test_readers.py::test_each_lookup_group_is_routed_under_its_own_name"


def main(arguments: Sequence[str]) -> int:
    """Run the control arm of one release.

    Args:
        arguments: see ``--help``.

    Returns:
        0 if all of these tests pass on stock, 1 if one fails, 3 if they cannot be run.
    """
    parser = argparse.ArgumentParser(prog="matrix.control", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the environment is made")
    parser.add_argument("--release", required=True, help="the release")
    options = parser.parse_args(arguments)
    try:
        environment = ready(
            options.folder.resolve() / "control", find_release(options.release), HERE / "requirements.txt"
        )
    except (LitellmPatchError, UntrustedEnvironmentError, InvalidVersion) as error:
        sys.stdout.write(f"error: {error}\n")
        return 3
    selected = ("-m", "fix", "--deselect", _OF_THE_PATCH, "--maxfail=1", "-q", "--tb=line", "--disable-warnings")
    done = environment.run(
        *("-m", "pytest", *_TESTS, "--arm=patched", *selected, "-p", "no:cacheprovider"),
        path=(ROOT / "scripts", ROOT / "tests"),
    )
    sys.stdout.write(done.stdout)
    return done.returncode if done.returncode in {0, 1} else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
