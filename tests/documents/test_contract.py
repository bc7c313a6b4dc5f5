"""Each example of the contract is what the model says, and the model is what the tests hold each release to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import Config, Deployment, Failure, Kind, Request, Rules, predict
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from tests.documents.pages import ROOT, rows
from upkeep.cells.selection import select

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from packaging.version import Version

PAGE = (ROOT / "patches" / "README.md").read_text(encoding="utf-8")
EXAMPLES = list(rows(PAGE, "Examples"))
ENDS = [release.version for release in select(load_ledger(bundled_folder()).releases, "ends")]
DEPLOYMENTS = (
    *(Deployment(f"{team.upper()}{n}", team, public) for team in "ab" for n, public in ((1, "gpt-4.1"), (2, "backup"))),
    *map(Deployment, ("global", "backup-group", "other", "p", "y", "z")),
)
ALIASES = {"al": "gpt-4.1", "al-global": "global", "x": "y", "y": "z"}


def _predicted(row: Sequence[str], rules: Rules, version: Version) -> str:
    asked, team, down, chains, *_ = row
    failing = dict.fromkeys(down.split(", "), Failure.ERROR)
    model = asked.partition("`, ")[0].strip("`")
    third = re.search(r"A3 is public `(.+?)`", asked)
    deployments = (*DEPLOYMENTS, *((Deployment("A3", "a", third[1]),) if third else ()))
    config = Config(deployments, ALIASES, {Kind.GENERAL: yaml.safe_load(f"[{chains.strip('`')}]")})
    request = Request(model, None if team == "none" else team)
    release = release_at(version, ("gpt-4.1",))
    answered = predict(
        config, request, release, rules, failing, pick=lambda served: _worst(served, failing)
    ).answered_by
    return ", ".join(sorted(answered)) or "error"


def _worst(served: Sequence[Deployment], failing: Container[str]) -> Deployment:
    return next((deployment for deployment in served if deployment.id in failing), served[0])


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row[0]} of {row[1]}, {row[3]}")
def test_an_example_is_as_written_in_each_range(row: list[str]) -> None:
    for version in ENDS:
        assert _predicted(row, Rules.UPSTREAM, version) == row[4]
        assert _predicted(row, Rules.CONTRACT, version) == row[5]


def test_the_examples_show_the_defect_and_what_stays() -> None:
    changed = [row for row in EXAMPLES if row[4] != row[5]]
    assert len(changed) >= 10
    assert len(EXAMPLES) - len(changed) >= 5
