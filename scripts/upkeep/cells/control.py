"""The control arm: whether a stock release passes the tests that show the fix, and so needs no patch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from upkeep.cells.environment import HERE, ROOT, find_release, ready
from upkeep.command import VERSION

if TYPE_CHECKING:
    from packaging.version import Version

# the contract's examples and each reader of chains, as a release that has the fix must pass them; but for the test that
# looks into the patch
_TESTS = ("tests/names/test_examples.py", "tests/names/test_readers.py")
_OF_THE_PATCH = "tests/names/test_readers.py::test_each_lookup_group_is_routed_under_its_own_name"


CANNOT_RUN = 3


@click.command("control")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make the environment here.")
@click.option("--release", type=VERSION, required=True, help="The release.")
def command(folder: Path, release: Version) -> int:
    """Run the control arm of a stock release: does it need no patch?

    Ends with 0 if all of the tests that show the fix pass on stock, 1 if one fails, 2 or 3 if they cannot be run.
    """
    environment = ready(folder.resolve() / "control", find_release(str(release)), HERE / "requirements.txt")
    selected = ("-m", "fix", "--deselect", _OF_THE_PATCH, "--maxfail=1", "-q", "--tb=line", "--disable-warnings")
    done = environment.run(
        *("-m", "pytest", *_TESTS, "--arm=patched", *selected, "-p", "no:cacheprovider"),
        path=(ROOT / "scripts", ROOT),
    )
    sys.stdout.write(done.stdout)
    return done.returncode if done.returncode in {0, 1} else CANNOT_RUN
