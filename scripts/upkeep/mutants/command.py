"""Run the mutants of the oldest and the newest release of each patch, and list those that the suite does not notice."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from litellm_patch.patching.finding import find_target
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.breakage import find_breakage
from upkeep.cells.environment import ARMS, HERE, ROOT, ready_arm
from upkeep.cells.selection import Shard, release_options, select
from upkeep.command import shard_option
from upkeep.errors import UpkeepError
from upkeep.mutants.equivalents import Equivalent, load_equivalents, stale, unexplained
from upkeep.mutants.rust import run_rust_mutants
from upkeep.mutants.verdict import MutantVerdict, read_verdicts, write_verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.version import Version

    from litellm_patch.patching.ledger import Release

EQUIVALENTS = Path(__file__).with_name("equivalent.toml")
# the slowest by far, and for each mutant; what it alone would kill survives and has to be explained
LEFT_OUT = ("--ignore", "tests/names/test_living_router.py")
LIVING = {"survived", "unreachable"}  # what the tests never ran says as little for them
FATES = ("killed", "timed out", "survived", "unreachable", "skipped")


class BrokenSuiteError(UpkeepError):
    """The suite does not pass without a mutant, so what it says of one means nothing; or there is none to judge."""


def run_release(
    release: Release, folder: Path, known: Sequence[Equivalent] = (), earlier: Sequence[MutantVerdict] = ()
) -> list[MutantVerdict]:
    """Run the mutants of one release.

    Args:
        release: the ledger's entry.
        folder: where its environments are, or go.
        known: the mutants to skip.
        earlier: what is known of other releases: what killed there is tried first.

    Returns:
        A verdict for each mutant.

    Raises:
        UntrustedEnvironmentError: the environment cannot be made, or is not what it should be.
        BrokenSuiteError: the suite fails without a mutant, or no mutant was made; has its output.
    """
    stock, patched = (ready_arm(folder, release, HERE / "requirements.txt", arm) for arm in ARMS)
    package = find_target(patched.folder).package
    with tempfile.TemporaryDirectory(prefix="litellm-patch-mutants-") as temporary:
        scratch = Path(temporary)
        results = scratch / "results.jsonl"
        (scratch / "known.json").write_text(json.dumps([entry.key for entry in known]), encoding="utf-8")
        kills = [
            (verdict.function, verdict.operator, verdict.before, verdict.after, verdict.by)
            for verdict in earlier
            if verdict.by
        ]
        (scratch / "kills.json").write_text(json.dumps(kills), encoding="utf-8")
        files = [Path(file.path).relative_to(package.name) for file in release.files]
        # litellm is imported before the tests say so: nothing is fetched at start
        os.environ.update(HYPOTHESIS_PROFILE="mutants", LITELLM_LOCAL_MODEL_COST_MAP="True")
        arguments = [scratch, package, find_target(stock.folder).package, stock.python, *files]
        tests = ("--", "tests/names", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", *LEFT_OUT)
        inside = ("-W", "ignore", "-m", "upkeep.mutants.inside")
        done = patched.run(*inside, *arguments, *tests, path=(ROOT / "scripts", ROOT))
        if done.returncode:
            raise BrokenSuiteError(f"litellm {release.version}: the suite fails without a mutant:\n{done.stdout}")
        if not results.is_file():
            raise BrokenSuiteError(f"litellm {release.version}: no mutant was made of {', '.join(map(str, files))}")
        return [MutantVerdict(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]


@click.command("mutants")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option(
    "--results", type=click.Path(path_type=Path), required=True, help="Leave a file of verdicts a release here."
)
@release_options("ends")
@shard_option
@click.option("--skip-known", is_flag=True, help=f"Leave out what {EQUIVALENTS.name} names.")
@click.option("--judge", is_flag=True, help="Run nothing: judge what all shards left in --results.")
def command(  # noqa: PLR0913 - one argument an option
    folder: Path,
    results: Path,
    release: Version | None,
    selection: str,
    shard: tuple[int, int],
    *,
    skip_known: bool,
    judge: bool,
) -> int:
    """Run the mutants of releases, and list those that the tests do not notice.

    With a release whose Router is compiled, those of what the patch adds in Rust, by cargo-mutants.

    Ends with 0 if every survivor is named as equivalent and every such name is a survivor's, 1 if not, 2 if nothing can
    be run.
    """
    ledger = load_ledger(bundled_folder())
    if release and (compiled := ledger.find(release)).delivery == "wheel":
        return _run_rust(compiled, results)
    equivalents = load_equivalents(EQUIVALENTS)
    part = Shard(*shard)
    chosen = [ledger.find(release)] if release else select(ledger.in_place, selection)
    releases = [entry for entry in part.of(chosen) if not find_breakage(entry.version)]
    place = part.folder(folder)
    verdicts: list[MutantVerdict] = []
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        for entry in progress.track(releases, description="releases"):
            kept = results / f"{entry.version}.json"
            if not judge:
                earlier = [verdict for path in results.glob("*.json") for verdict in read_verdicts(path)]
                write_verdicts(kept, run_release(entry, place, equivalents if skip_known else (), earlier))
            found = read_verdicts(kept)
            _tell(console, f"litellm {entry.version}", found, equivalents)
            verdicts += found
    left = _tell(console, f"{len(releases)} releases", verdicts, equivalents, each=False)
    # an entry may be about one release only, and a mutant that was skipped may have died: who ran a part cannot tell
    whole = len(releases) == len(select(ledger.in_place, "ends")) and all(v.fate != "skipped" for v in verdicts)
    rotten = stale(verdicts, equivalents) if whole else []
    for gone in rotten:
        console.print(f"  no survivor any more: {gone.function}, {gone.operator}: {gone.before} -> {gone.after}")
    return 1 if left or rotten else 0


def _run_rust(release: Release, results: Path) -> int:
    """Run the mutants of what a patch adds in Rust, and list those that its tests do not notice."""
    fates = run_rust_mutants(release, results.resolve() / f"{release.version}-rust")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    missed = fates.get("MissedMutant", [])
    for name in missed:
        console.print(f"  survived: {name}")
    counts = ", ".join(f"{len(names)} {fate}" for fate, names in sorted(fates.items()))
    console.print(f"litellm {release.version}: {sum(map(len, fates.values()))} mutants, {counts}")
    return 1 if missed else 0


def _tell(
    console: Console,
    whose: str,
    verdicts: Sequence[MutantVerdict],
    equivalents: Sequence[Equivalent],
    *,
    each: bool = True,
) -> int:
    """Say what became of the mutants, and how many of those that live nothing explains."""
    left = unexplained([verdict for verdict in verdicts if verdict.fate in LIVING], equivalents)
    for verdict in left if each else ():
        console.print(f"  {verdict.fate}: {verdict.function}, {verdict.operator}: {verdict.before} -> {verdict.after}")
    counts = Counter(verdict.fate for verdict in verdicts)
    fates = ", ".join(f"{counts[fate]} {fate}" for fate in FATES)
    console.print(f"{whose}: {len(verdicts)} mutants, {fates}; {len(left)} of the survivors unexplained")
    return len(left)
