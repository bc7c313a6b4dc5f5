"""Each example of the contract is what the model says, and the model is what the tests hold each release to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import Failure, Rules, predict
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from tests.names.examples import EXAMPLES, Example
from upkeep.cells.selection import select

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from packaging.version import Version

    from litellm_patch.model.names import Deployment

ENDS = [release.version for release in select(load_ledger(bundled_folder()).releases, "ends")]


def _predicted(example: Example, rules: Rules, version: Version) -> set[str]:
    failing = dict.fromkeys(example.down, Failure.ERROR)
    routing = release_at(version, ("gpt-4.1",))
    return set(
        predict(
            example.config(), example.request, routing, rules, failing, pick=lambda served: _worst(served, failing)
        ).answered_by
    )


def _worst(served: Sequence[Deployment], failing: Container[str]) -> Deployment:
    return next((deployment for deployment in served if deployment.id in failing), served[0])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.shows)
def test_an_example_is_as_written_in_each_range(example: Example) -> None:
    for version in ENDS:
        assert _predicted(example, Rules.UPSTREAM, version) == ({example.stock} if example.stock else set())
        assert _predicted(example, Rules.CONTRACT, version) == ({example.answer} if example.answer else set())


def test_the_examples_show_the_defect_and_what_stays() -> None:
    changed = [example for example in EXAMPLES if example.fix]
    assert len(changed) >= 10
    assert len(EXAMPLES) - len(changed) >= 5
