"""Make the pull requests for upstream, and hold them to all that upstream asks for."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from litellm_patch.patching.ledger import bundled_folder
from upkeep.cells.environment import apply_patch, ready
from upkeep.releases.surroundings import surroundings
from upkeep.upstream.arms import FIX, PROVIDER, prove, run_tests
from upkeep.upstream.crates import check_crates
from upkeep.upstream.exporting import SPLIT, export
from upkeep.upstream.kits import MATERIAL, find_kits
from upkeep.upstream.linters import check_format, check_lint, check_types
from upkeep.upstream.tree import SubmissionError, git, make_trees

if TYPE_CHECKING:
    from upkeep.cells.environment import Environment
    from upkeep.releases.surroundings import Surroundings
    from upkeep.upstream.kits import Kit

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


@click.command("upstream")
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="Make environments here.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Export into this folder.")
@click.option("--write", is_flag=True, help="Write what was measured into patches/upstream/measured.")
@click.option("--no-arms", is_flag=True, help="Leave out the exported tests and the proof, which need both arms.")
def command(folder: Path, output: Path, *, write: bool, no_arms: bool) -> int:
    """Make the pull requests for upstream, and check all that upstream asks for.

    Ends with 0 if upstream could take them, 1 if something is not as it must be, 2 if nothing can be checked.
    """
    console = Console(soft_wrap=True, highlight=False, markup=False)
    with surroundings(bundled_folder(), None, None) as around:
        _export(output, around)
        for kit in find_kits(bundled_folder()):
            version = kit.release.version
            environment = ready(folder.resolve() / str(version), kit.release, REQUIREMENTS)
            console.print(f"litellm {version}: a verified environment")
            _check(kit, output / str(version), kit.stock(around), environment, console)
            if not no_arms:
                measured = _measure(kit, environment, console)
                if kit.newest:
                    _keep(measured, write=write)
        _export(output, around)
    console.print(f"{'checked, without the arms' if no_arms else 'ready for upstream'}: {output}")
    return 0


def _export(place: Path, around: Surroundings) -> None:
    """Export twice: the second time must change nothing."""
    seen = [{path: path.read_bytes() for path in export(bundled_folder(), place, around)} for _ in range(2)]
    if seen[0] != seen[1]:
        raise SubmissionError("a second export gave other bytes than the first")


def _check(kit: Kit, folder: Path, stock: dict[str, bytes], environment: Environment, console: Console) -> None:
    """Take the commits with git, and hold them to the tools that upstream pins."""
    commits: dict[str, dict[str, bytes]] = {}
    # not below the session's own folder, .nox, which type checkers pass over
    with tempfile.TemporaryDirectory(prefix="litellm-upstream-") as scratch:
        for place in (folder, folder / SPLIT):
            mails = sorted(place.glob("000*.patch"))
            if not mails:
                continue
            before, after = make_trees(Path(scratch, place.name), stock, mails)
            for mail, revision in zip(mails, git(after, "rev-list", "--reverse", "HEAD").split()[1:], strict=True):
                git(after, "checkout", "--quiet", "--detach", revision)
                touched = git(after, "diff", "--name-only", f"HEAD~{mails.index(mail) + 1}").split()
                files = {path: (after / path).read_bytes() for path in touched}
                console.print(f"git am: {mail.name}: {git(after, 'show', '--shortstat', '--format=').strip()}")
                if files not in commits.values():
                    console.print(_python(before, after, touched, environment))
                    commits[mail.name] = files
    if kit.compiled and len(commits) > 2:  # noqa: PLR2004 - the whole, and the first of two parts
        raise SubmissionError("the two commits together are not the one")
    for line in check_crates(stock, commits) if kit.compiled else ():
        console.print(line)


def _python(before: Path, after: Path, touched: list[str], environment: Environment) -> str:
    """Hold the Python files of a commit to upstream's formatter, linter and type checkers, and say what they found."""
    typed = [path for path in touched if path.startswith("litellm/")]
    package = [path for path in typed if path.endswith(".py")]
    tests = [path for path in touched if path.startswith("tests/")]
    check_format(after, [*package, *tests])  # upstream's stubs are not formatted
    check_lint(before, after, package, tests)
    return f"ruff: nothing new; {check_types(before, after, typed, environment.python)}"


def _measure(kit: Kit, environment: Environment, console: Console) -> dict[str, str]:
    """Run tests and proof on both arms, and give the texts for the pull request."""
    version, measured, counts = kit.release.version, {"provider": PROVIDER}, {}
    with tempfile.TemporaryDirectory(prefix="litellm-upstream-tests-") as scratch:
        tests = Path(scratch, "tests")
        for path, data in kit.tests.items():
            (tests.parent / path).parent.mkdir(parents=True, exist_ok=True)
            (tests.parent / path).write_bytes(data)
        for arm, heading in (("stock", "Before"), ("patched", "After")):
            if arm == "patched":
                apply_patch(environment)
            outcomes = run_tests(environment, tests, patched=arm == "patched")
            counts[arm] = Counter(outcomes.values())
            console.print(f"exported tests on {arm}: {_said(counts[arm])}")
            label = f"{heading} (litellm {version}, {'as released' if arm == 'stock' else 'with this change'})"
            measured[heading.lower()] = prove(environment, kit.material / "prove_fix.py", label)
            console.print(f"proof on {arm}: {_statuses(measured[heading.lower()], patched=arm == 'patched')}")
    fix = sum(FIX in name for name in outcomes)
    measured["tests"] = (
        f"Without the fix the {fix} tests in `{FIX}` fail; with it all {counts['patched']['passed']} pass."
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
