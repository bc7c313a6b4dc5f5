"""Make the pull request for upstream, and hold it to all that upstream asks for."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.environment import apply_patch, ready
from upkeep.releases.surroundings import surroundings
from upkeep.upstream.arms import FIX, PROVIDER, prove, run_tests
from upkeep.upstream.exporting import MATERIAL, export
from upkeep.upstream.linters import check_format, check_lint, check_types
from upkeep.upstream.tree import SubmissionError, git, make_trees

if TYPE_CHECKING:
    from upkeep.cells.environment import Environment

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


@click.command("upstream")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Export into this folder.")
@click.option("--write", is_flag=True, help="Write what was measured into patches/upstream/measured.")
def command(folder: Path, output: Path, *, write: bool) -> int:
    """Make the pull request for upstream, and check all that upstream asks for.

    Ends with 0 if upstream could take it, 1 if something is not as it must be, 2 if nothing can be checked.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    release = load_ledger(bundled_folder()).in_place[-1]
    console.print(f"litellm {release.version}: a verified environment")
    environment = ready(folder.resolve() / "environment", release, REQUIREMENTS)
    _export(output)
    (mailbox,) = output.glob("0001-*.patch")
    # not below the session's own folder, .nox, which type checkers pass over
    with tempfile.TemporaryDirectory(prefix="litellm-upstream-") as trees:
        stock, patched = make_trees(Path(trees), environment, mailbox)
        console.print(f"git am: one commit, {git(patched, 'show', '--shortstat', '--format=').strip()}")
        console.print(_check(stock, patched, environment))
        measured = _measure(environment, patched / "tests", console)
    _keep(measured, write=write)
    _export(output)
    console.print(f"ready for upstream: {output}")
    return 0


def _export(place: Path) -> None:
    """Export twice: the second time must change nothing."""
    seen = []
    for _ in range(2):
        with surroundings(bundled_folder(), None, None) as around:
            export(bundled_folder(), place, around)
        seen.append({path.name: path.read_bytes() for path in place.iterdir()})
    if seen[0] != seen[1]:
        raise SubmissionError("a second export gave other bytes than the first")


def _check(stock: Path, patched: Path, environment: Environment) -> str:
    """Hold the commit to the tools that upstream pins, and say what they found."""
    touched = git(patched, "show", "--format=", "--name-only").split()
    package = [path for path in touched if path.startswith("litellm/")]
    tests = [path for path in touched if path not in package]
    check_format(patched, touched)
    check_lint(stock, patched, package, tests)
    types = check_types(stock, patched, package, environment.python)
    return f"ruff format, ruff and the strict rules: nothing new; {types}"


def _measure(environment: Environment, tests: Path, console: Console) -> dict[str, str]:
    """Run tests and proof on both arms, and give the texts for the pull request."""
    material = bundled_folder() / MATERIAL
    version, measured, counts = environment.release.version, {"provider": PROVIDER}, {}
    for arm, heading in (("stock", "Before"), ("patched", "After")):
        if arm == "patched":
            apply_patch(environment)
        outcomes = run_tests(environment, tests, patched=arm == "patched")
        counts[arm] = Counter(outcomes.values())
        console.print(f"exported tests on {arm}: {_said(counts[arm])}")
        label = f"{heading} (litellm {version}, {'as in the wheel' if arm == 'stock' else 'with this commit'})"
        measured[heading.lower()] = prove(environment, material / "prove_fix.py", label)
        console.print(f"proof on {arm}: {_statuses(measured[heading.lower()], patched=arm == 'patched')}")
    fix = sum(FIX in name for name in outcomes)
    measured["tests"] = (
        f"Without the fix the {fix} tests in `{FIX}` fail, and the second file cannot be imported; with it all "
        f"{counts['patched']['passed']} pass."
    )
    return measured


def _statuses(proof: str, *, patched: bool) -> str:
    """Say what the six requests of a proof came to; they must all fail on stock, and all be answered on patched."""
    lines = [line.split(maxsplit=2) for line in proof.splitlines() if line.startswith(("   200 ", "   500 "))]
    expected = ["200", "answer:"] if patched else ["500", "error:"]
    if len(lines) != 6 or any(line[:2] != expected for line in lines):  # noqa: PLR2004 - two cases, three endpoints
        raise SubmissionError(f"the proof is not what it must be:\n{proof}")
    return f"{len(lines)} of {len(lines)} requests: {' '.join(expected).rstrip(':')}"


def _keep(measured: dict[str, str], *, write: bool) -> None:
    """Write what was measured, or see that it is what the export holds."""
    folder = bundled_folder() / MATERIAL / "measured"
    for name, text in measured.items():
        path, wanted = folder / f"{name}.md", text.strip() + "\n"
        if write:
            folder.mkdir(exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != wanted:
            raise SubmissionError(f"{path} is not what was measured now: run nox -s upstream -- --write, and look")


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
