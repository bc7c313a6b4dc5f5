"""The demo: fresh environment, the failing requests on stock, ``litellm-patch apply``, the same requests again."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.environment import ROOT, Environment, UntrustedEnvironmentError, apply_patch, create
from upkeep.command import VERSION

if TYPE_CHECKING:
    from packaging.version import Version

    from litellm_patch.patching.ledger import Release

# what upstream says when it finds no chain, in the generations of releases
SIGNATURES = ("No fallback model group found", "no fallback model group was found")


@dataclass(frozen=True)
class DemoOutcome:
    """What became of one request.

    Attributes:
        issue: number of the upstream issue.
        model: the name that the caller sent.
        caller: who sent it, or what the name is.
        fallbacks: the chains configured.
        called: the models that the upstream saw, in order.
        answer: the text of the answer, if there was one.
        error: the error's text, if there was none.
    """

    issue: str
    model: str
    caller: str
    fallbacks: list[dict[str, list[str]]]
    called: tuple[str, ...]
    answer: str = ""
    error: str = ""

    @property
    def shows_the_defect(self) -> bool:
        """Whether it failed in just the way of the upstream issues: one call, and upstream's own words."""
        return not self.answer and len(self.called) == 1 and any(text in self.error for text in SIGNATURES)

    @property
    def shows_the_fix(self) -> bool:
        """Whether the backup answered after the primary had failed."""
        return len(self.called) > 1 and self.answer == f"answer from {self.called[-1]}"


def send_requests(environment: Environment) -> list[DemoOutcome]:
    """Send the requests inside an environment.

    Args:
        environment: one with a litellm, stock or patched.

    Returns:
        What became of each.

    Raises:
        UntrustedEnvironmentError: the requests could not even be sent; shows the output.
    """
    script = Path(__file__).with_name("failing_requests.py")
    done = environment.run(script, path=(ROOT / "scripts",))
    last_line = done.stdout.rstrip().rpartition("\n")[2]
    if done.returncode or not last_line.startswith("{"):
        raise UntrustedEnvironmentError(f"the requests could not be sent:\n{done.stdout}")
    outcomes = json.loads(last_line)["outcomes"]
    return [DemoOutcome(**{**outcome, "called": tuple(outcome["called"])}) for outcome in outcomes]


def show(release: Release, console: Console) -> bool:
    """Run the demo.

    Args:
        release: The release to show.
        console: Where to show it.

    Returns:
        Whether every request failed on stock in just that way and was answered on patched.

    Raises:
        UntrustedEnvironmentError: It cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="litellm-patch-demo-") as folder:
        console.print(f"litellm {release.version}: a fresh environment with the real wheel, checked")
        environment = create(Path(folder) / "venv", release)
        before = send_requests(environment)
        console.print("litellm-patch apply" if release.delivery == "files" else "what litellm-patch wheel builds")
        apply_patch(environment)
        after = send_requests(environment)
    console.print(_table(str(release.version), before, after))
    for outcome in before:
        console.print(f"stock, issue {outcome.issue}: ... {_excerpt(outcome)} ...", markup=False, highlight=False)
    right = all(outcome.shows_the_defect for outcome in before) and all(outcome.shows_the_fix for outcome in after)
    if not right:
        console.print("not as expected: stock must fail with upstream's error, patched must be answered by the backup")
    return right


@click.command("demo")
@click.argument("version", type=VERSION, required=False, metavar="[RELEASE]")
def command(version: Version | None) -> int:
    """Show upstream's failing requests on a fresh release, before and after the patch.

    RELEASE is the newest of the ledger unless given. Ends with 0 if every request failed on stock and was answered on
    patched, 1 if not, 2 if the demo cannot be run.
    """
    ledger = load_ledger(bundled_folder())
    release = ledger.find(version) if version else ledger.in_place[-1]
    return 0 if show(release, Console(soft_wrap=not sys.stdout.isatty())) else 1


def _table(version: str, before: list[DemoOutcome], after: list[DemoOutcome]) -> Table:
    table = Table("issue", "request", "stock", "patched", title=f"litellm {version}", show_lines=True)
    for old, new in zip(before, after, strict=True):
        (entry,) = old.fallbacks
        chain = ", ".join(f"{key} -> {' '.join(targets)}" for key, targets in entry.items())
        table.add_row(f"#{old.issue}", f"{old.model} ({old.caller})\nchain: {chain}", _cell(old), _cell(new))
    return table


def _cell(outcome: DemoOutcome) -> str:
    called = "".join(f"calls {model}\n" for model in outcome.called)
    return called + (outcome.answer or outcome.error.partition(":")[0])


def _excerpt(outcome: DemoOutcome) -> str:
    """The part of the error that names the defect, or its beginning."""
    at = max(0, *(outcome.error.find(signature) for signature in SIGNATURES))
    return " ".join(outcome.error[at : at + 110].split())
