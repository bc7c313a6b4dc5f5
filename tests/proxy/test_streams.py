"""Streams that break: a chain keyed by the internal name does what one keyed by the public name does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.proxy import clients
from tests.proxy.cases import Case

if TYPE_CHECKING:
    from tests.proxy.arms import ArmReplies, Arms
    from tests.proxy.conftest import Table

CALLS = (clients.CHAT_STREAM, clients.RESPONSES_STREAM, clients.MESSAGES_STREAM)
BREAKS = {"early": "before the first text", "cut": "after the first text"}


@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_stream_that_breaks(call: clients.ClientCall, kind: str, teams: Arms, table: Table) -> None:
    listed, twin = teams.both(lambda arm: arm.send(Case("by public", call, f"listed-{kind}")))
    stock, patched = teams.both(lambda arm: arm.send(Case("by internal", call, kind)))

    table.add(f"{call.name}, broken {BREAKS[kind]}: chain by internal", stock, patched)
    table.add(f"{call.name}, broken {BREAKS[kind]}: chain by public", listed, twin)
    assert twin.comparable == listed.comparable
    assert _without_name(patched) == _without_name(listed)
    assert stock.called == listed_first(listed)
    if call is clients.CHAT_STREAM and kind == "early":
        assert patched.called == ("alpha-early", "alpha-backup")
        assert patched.reply.text.startswith("answer from ANSWER.alpha-backup")


def listed_first(listed: ArmReplies) -> tuple[str, ...]:
    """What stock calls when it does not find the chain: the first place of what it calls when it does."""
    return tuple(place.replace("listed-", "") for place in listed.called[:1])


def _without_name(seen: ArmReplies) -> str:
    return repr(seen.comparable).replace("listed-", "")
