"""Run the mutants of the oldest and the newest release of each patch, and list those that the suite does not notice."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version
from rich.console import Console
from rich.progress import Progress

from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from litellm_patch.target import find_target
from matrix.__main__ import shard_of
from matrix.breakage import find_breakage
from matrix.environment import HERE, ROOT, UntrustedEnvironmentError, apply_patch, ready
from matrix.selection import SELECTIONS, Shard, select
from mutants.equivalents import Equivalent, EquivalentsError, load_equivalents, stale, unexplained
from mutants.verdict import Verdict, VerdictsError, read_verdicts, write_verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litellm_patch.ledger import Release

EQUIVALENTS = Path(__file__).with_name("equivalent.toml")
# the slowest by far, and for each mutant; what it alone would kill survives and has to be explained
LEFT_OUT = ("--ignore", "tests/names/test_living_router.py")
LIVING = {"survived", "unreachable"}  # what the tests never ran says as little for them
FATES = ("killed", "timed out", "survived", "unreachable", "skipped")


class BrokenSuiteError(Exception):
    """The suite does not pass without a mutant, so what it says of one means nothing; or there is none to judge."""


def run_release(release: Release, folder: Path, known: Sequence[Equivalent] = ()) -> list[Verdict]:
    """Run the mutants of one release.

    Args:
        release: the ledger's entry.
        folder: where its environment is, or goes.
        known: the mutants to skip.

    Returns:
        A verdict for each mutant.

    Raises:
        UntrustedEnvironmentError: the environment cannot be made, or is not what it should be.
        BrokenSuiteError: the suite fails without a mutant, or no mutant was made; has its output.
    """
    environment = ready(folder, release, HERE / "requirements.txt")
    package = find_target(folder).package
    with tempfile.TemporaryDirectory(prefix="litellm-patch-mutants-") as temporary:
        scratch = Path(temporary)
        stock, results = scratch / "stock", scratch / "results.jsonl"
        (scratch / "known.json").write_text(json.dumps([entry.key for entry in known]), encoding="utf-8")
        files = [Path(file.path).relative_to(package.name) for file in release.files]
        for file in files:
            (stock / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / file, stock / file)
        apply_patch(environment)
        os.environ["HYPOTHESIS_PROFILE"] = "mutants"
        arguments: list[str | Path] = ["-W", "ignore", "-m", "mutants.inside", scratch, package, *files]
        tests = ("--", "tests/names", "--arm=patched", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", *LEFT_OUT)
        done = environment.run(*arguments, *tests, path=(ROOT / "scripts", ROOT / "tests"))
        if done.returncode:
            raise BrokenSuiteError(f"the suite fails without a mutant:\n{done.stdout}")
        if not results.is_file():
            raise BrokenSuiteError(f"no mutant was made of {', '.join(map(str, files))}")
        return [Verdict(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str]) -> int:
    """Run the mutants of a selection of releases.

    Args:
        arguments: see ``--help``.

    Returns:
        0 if every survivor is named as equivalent and every such name is a survivor's, 1 if not, 2 if nothing can be
        run.
    """
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where environments are made, one a shard")
    parser.add_argument(
        "--results", type=Path, required=True, help="a folder for the verdicts, one JSON file a release"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--release", help="one release")
    which.add_argument("--select", choices=SELECTIONS, default="ends", help="which releases (default: %(default)s)")
    parser.add_argument("--shard", type=shard_of, default=Shard(1, 1), help="which part of them, such as 2/4")
    parser.add_argument("--skip-known", action="store_true", help=f"leave out what {EQUIVALENTS.name} names")
    parser.add_argument("--judge", action="store_true", help="run nothing: judge what all shards left in --results")
    options = parser.parse_args(arguments)
    try:
        ledger = load_ledger(bundled_folder())
        equivalents = load_equivalents(EQUIVALENTS)
        chosen = [ledger.find(Version(options.release))] if options.release else select(ledger.releases, options.select)
    except (LitellmPatchError, EquivalentsError, InvalidVersion) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    releases = [release for release in options.shard.of(chosen) if not find_breakage(release.version)]
    folder = options.folder.resolve() / f"shard-{options.shard.number}-of-{options.shard.count}"
    verdicts: list[Verdict] = []
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        for release in progress.track(releases, description="releases"):
            results = options.results / f"{release.version}.json"
            try:
                if not options.judge:
                    write_verdicts(results, run_release(release, folder, equivalents if options.skip_known else ()))
                found = read_verdicts(results)
            except (UntrustedEnvironmentError, LitellmPatchError, BrokenSuiteError, VerdictsError) as error:
                sys.stderr.write(f"error: litellm {release.version}: {error}\n")
                return 2
            _tell(console, f"litellm {release.version}", found, equivalents)
            verdicts += found
    left = _tell(console, f"{len(releases)} releases", verdicts, equivalents, each=False)
    # an entry may be about one release only, and a mutant that was skipped may have died: who ran a part cannot tell
    whole = len(releases) == len(select(ledger.releases, "ends")) and all(v.fate != "skipped" for v in verdicts)
    rotten = stale(verdicts, equivalents) if whole else []
    for entry in rotten:
        console.print(f"  no survivor any more: {entry.function}, {entry.operator}: {entry.before} -> {entry.after}")
    return 1 if left or rotten else 0


def _tell(
    console: Console, whose: str, verdicts: Sequence[Verdict], equivalents: Sequence[Equivalent], *, each: bool = True
) -> int:
    """Say what became of the mutants, and how many of those that live nothing explains."""
    left = unexplained([verdict for verdict in verdicts if verdict.fate in LIVING], equivalents)
    for verdict in left if each else ():
        console.print(f"  {verdict.fate}: {verdict.function}, {verdict.operator}: {verdict.before} -> {verdict.after}")
    counts = Counter(verdict.fate for verdict in verdicts)
    fates = ", ".join(f"{counts[fate]} {fate}" for fate in FATES)
    console.print(f"{whose}: {len(verdicts)} mutants, {fates}; {len(left)} of the survivors unexplained")
    return len(left)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
