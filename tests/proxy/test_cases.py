"""Each case on both arms: what stock loses, patched answers, and all else is as it was."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from tests.proxy.arms import ABOUT
from tests.proxy.cases import CASES, Case
from upkeep.provider.payloads import text_of

if TYPE_CHECKING:
    from packaging.version import Version

    from tests.proxy.arms import ArmReplies, Arms
    from tests.proxy.conftest import Table


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case(case: Case, teams: Arms, release: Version, table: Table) -> None:
    if not case.holds_for(release):
        pytest.skip("says nothing of this release")

    stock, patched = teams.both(lambda arm: arm.send(case))

    table.add(case.name, stock, patched)
    if case.unchanged:
        assert (stock.reply.status, stock.called) == case.unchanged
        assert patched.comparable == stock.comparable
    elif case.in_vain:
        written = {"fallbacks": [{case.model: [case.target]}]}
        twin = teams.stock.send(dataclasses.replace(case, body=written))
        assert (stock.reply.status, patched.reply.status) == case.in_vain
        assert patched.called == stock.called != ()
        assert (patched.reply.status, patched.called) == (twin.reply.status, twin.called)
    else:
        assert stock.reply.status >= 400
        assert stock.called
        assert patched.called == (*stock.called, case.place)
        assert patched.reply.status == 200
        # what an embedding says of its model is the name that was asked for, in some releases
        assert case.call.name == "embeddings" or patched.reply.text == text_of(patched.models[-1])
        # not each release sends all headers from all endpoints, and 1.102.4 a wrong one: as from a chain that works
        twin = teams.stock.send(dataclasses.replace(case, model=case.twin, key="sk-alpha", body={}))
        assert _told(patched, case.target) == _told(twin, case.twin_target)
    if case.call.name == "chat" and patched.reply.status == 200:
        assert set(patched.about) == ABOUT
        assert patched.about["x-litellm-model-id"] == patched.called[-1]
        assert patched.about["x-litellm-attempted-fallbacks"] == str(int(len(patched.called) > 1))


def _told(seen: ArmReplies, target: str | None) -> dict[str, str]:
    """The headers, with the names that differ from case to case taken out."""
    told = dict(seen.about)
    places = {seen.called[0]: "the first", seen.called[-1]: "the last"}
    told["x-litellm-model-id"] = places.get(told["x-litellm-model-id"], "another")
    if told.get("x-litellm-model-group") == target:
        told["x-litellm-model-group"] = "the target"
    return told
