"""Bad input at the HTTP door: both arms say the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.proxy import clients
from tests.proxy.arms import ArmReplies

if TYPE_CHECKING:
    from tests.proxy.arms import Arm, Arms
    from tests.proxy.conftest import Table

CHAT = "/v1/chat/completions"


def body(model: object = "alone", **more: Any) -> bytes:
    """The body of a request."""
    return json.dumps({"model": model, "messages": clients.MESSAGES, **more}).encode()


BODIES = {
    "unknown model": body("nobody-has-this"),
    "another team's public name": body("down"),
    "another team's internal name": body("model_name_beta_twin"),
    "no JSON": b"{model: alone",
    "no object": b"[1, 2]",
    "no body": b"",
    "a model that is a number": body(7),
    "a model that is a list": body(["alone"]),
    "a list of a number": body(fallbacks=[7]),
    "a list of null": body(fallbacks=[None]),
    "a list that is a string": body(fallbacks="backup"),
    "a list that is an object": body(fallbacks={"model_name_alpha_alone": ["backup"]}),
    "a chain that is a string": body(fallbacks=[{"alone": "backup"}]),
    "a chain of a number": body(fallbacks=[{"alone": [7]}]),
    "a chain that is null": body(fallbacks=[{"alone": None}]),
    "an entry with two keys": body(fallbacks=[{"x": ["backup"], "y": ["backup"]}]),
    "an empty entry": body(fallbacks=[{}]),
    "a context window list that is a number": body("window", context_window_fallbacks=7),
    "a content policy list of null": body("policy", content_policy_fallbacks=[None]),
    "a metadata that is a string": body(metadata="alpha"),
    "another team in the metadata": body("twin", metadata={"user_api_key_team_id": "alpha"}),
}
# alpha has a chain for these
BY_BETA = ("another team's public name", "another team in the metadata")


@pytest.mark.parametrize("name", BODIES)
def test_the_answer_is_the_same(name: str, teams: Arms, table: Table) -> None:
    key = "sk-beta" if name in BY_BETA else "sk-alpha"

    stock, patched = teams.both(lambda arm: _send(arm, key, BODIES[name]))

    table.add(f"bad input: {name}", stock, patched)
    assert stock.reply.status >= 400
    assert patched.comparable == stock.comparable


@pytest.mark.parametrize("model", ["backup", "listed", "alone"])
def test_ten_megabytes_are_served_as_before(model: str, teams: Arms, table: Table) -> None:
    prompt = [{"role": "user", "content": "ten letters" * 1_000_000}]

    stock, patched = teams.both(lambda arm: _send(arm, "sk-alpha", body(model, messages=prompt)))

    table.add(f"ten megabytes for {model}", stock, patched)
    assert stock.models
    assert patched.reply.status == stock.reply.status
    assert patched.called == stock.called


def _send(arm: Arm, key: str, content: bytes) -> ArmReplies:
    arm.provider.reset(arm.provider.behaviours)
    reply = clients.send_raw(arm.proxy.url, key, CHAT, content)
    return ArmReplies(reply, arm.provider.models_called)
