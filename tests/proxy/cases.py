"""What is sent to a proxy that runs ``teams.yaml``, and what must come of it, stock beside patched.

A case is ``mended`` (stock fails although a chain is there, patched goes on to the chain's target), ``unchanged``
(both answer alike) or ``in vain`` (patched goes on as well, but its target is not served: it ends as stock does where
the chain stands under the name as sent). The words are those of the contract: the public name, the internal name, an
alias.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from tests.proxy import clients

if TYPE_CHECKING:
    from collections.abc import Mapping

KEYS: Mapping[str, Mapping[str, Any]] = {
    "sk-alpha": {"team_id": "alpha"},
    "sk-beta": {"team_id": "beta"},
    "sk-nobody": {},
    "sk-master": {"user_role": "proxy_admin"},
    # what 1.82 and earlier wrote into their databases, and upstream's published workaround
    "sk-legacy": {
        "team_id": "alpha",
        "team_model_aliases": {
            "down": "model_name_alpha_down",
            "listed": "model_name_alpha_listed",
            "alone": "model_name_alpha_alone",
        },
    },
    "sk-with-chains": {
        "team_id": "alpha",
        "router_settings": {"fallbacks": [{"model_name_alpha_alone": ["backup"]}, {"down": ["backup"]}]},
    },
}
FIRST = Version("0")
# from here on a proxy admin without a team is routed to a name that one team alone has
ADMINS = Version("1.94")
# from here on such an admin's hop is held to the name that was sent first, and reaches no other name of that team
ADMINS_BY_FIRST_NAME = Version("1.110.0")


@dataclass(frozen=True)
class Case:
    """One request.

    Attributes:
        name: what a test's id and the table show.
        call: how it is sent.
        model: the name that the caller sends.
        key: the caller's key.
        body: what else goes into the body.
        target: for a mended case and one in vain, the name that the chain goes to.
        place: for a mended case, the place at the provider that it stands for.
        unchanged: for an unchanged one, the status and the places called.
        in_vain: for one in vain, the status on stock and on patched.
        twin: a name of team alpha whose chain stock finds, for what the headers of such an answer say.
        twin_target: the name that this chain goes to.
        since: the first release that it holds for.
        until: the first release that it does not hold for any more.
    """

    name: str
    call: clients.ClientCall
    model: str
    key: str = "sk-alpha"
    body: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    place: str | None = None
    unchanged: tuple[int, tuple[str, ...]] | None = None
    in_vain: tuple[int, int] | None = None
    twin: str = "listed"
    twin_target: str = "backup"
    since: Version = FIRST
    until: Version | None = None

    def holds_for(self, release: Version) -> bool:
        """Whether it says something of a release."""
        return self.since <= release and (self.until is None or release < self.until)


def mended(name: str, call: clients.ClientCall, model: str, target: str = "backup", **more: Any) -> Case:
    """A case that fails on stock and goes to a target on patched."""
    place = target.removeprefix("model_name_").replace("_", "-")
    more.setdefault("place", place if place.startswith("alpha") or place == "global-backup" else f"alpha-{place}")
    return Case(name, call, model, target=target, **more)


def unchanged(name: str, call: clients.ClientCall, model: str, status: int, *places: str, **more: Any) -> Case:
    """A case that has the same status and calls the same places on both arms."""
    return Case(name, call, model, unchanged=(status, places), **more)


BY_PUBLIC = ("alpha-listed", "alpha-backup")


def _endpoints() -> list[Case]:
    """Each endpoint with a public name: the chain keyed by the internal name, by the public name, and none."""
    cases = []
    for call in (
        *(clients.CHAT, clients.CHAT_STREAM, clients.COMPLETIONS, clients.EMBEDDINGS),
        *(clients.RESPONSES, clients.RESPONSES_STREAM, clients.MESSAGES_CALL, clients.MESSAGES_STREAM),
    ):
        cases += [
            unchanged(f"{call.name}: no failure", call, "backup", 200, "alpha-backup"),
            mended(f"{call.name}: public name, chain by internal", call, "down", "model_name_alpha_backup"),
            unchanged(f"{call.name}: public name, chain by public", call, "listed", 200, *BY_PUBLIC),
            unchanged(f"{call.name}: public name, no chain", call, "alone", 500, "alpha-alone"),
            mended(f"{call.name}: alias of a public name", call, "to-down", "model_name_alpha_backup"),
            mended(f"{call.name}: internal name, chain by public", call, "model_name_alpha_listed"),
        ]
    for call in (clients.MESSAGES_CALL, clients.MESSAGES_STREAM):
        target, places = "model_name_alpha_claude_backup", ("alpha-listed-claude", "alpha-claude-backup")
        name, twin = f"{call.name}, Anthropic: public name, chain by", "listed-claude"
        cases += [
            mended(f"{name} internal", call, "claude", target, twin=twin, twin_target="claude-backup"),
            unchanged(f"{name} public", call, twin, 200, *places),
        ]
    return cases


CHAT = clients.CHAT
CASES = (
    *_endpoints(),
    # the ways to fail, and the three lists
    mended("429", CHAT, "busy"),
    mended("no answer in time", CHAT, "slow", "model_name_alpha_backup"),
    mended("connection reset", CHAT, "reset"),
    mended("context window, chain by internal", CHAT, "window"),
    unchanged("context window, chain by public", CHAT, "listed-window", 200, "alpha-listed-window", "alpha-backup"),
    mended("content policy, chain by internal", CHAT, "policy"),
    unchanged("content policy, chain by public", CHAT, "listed-policy", 200, "alpha-listed-policy", "alpha-backup"),
    # names
    unchanged("internal name, chain by internal", CHAT, "model_name_alpha_down", 200, "alpha-down", "alpha-backup"),
    mended("wildcard, chain by internal", CHAT, "acme/zeta"),
    mended("order levels, then the chain", CHAT, "levels"),
    mended("alias of a model group", CHAT, "to-global", "global-backup", key="sk-nobody"),
    unchanged("model group", CHAT, "global", 200, "global", "global-backup", key="sk-nobody"),
    unchanged("alias with a chain of its own", CHAT, "own-chain", 200, "global", "global-backup", key="sk-nobody"),
    unchanged("alias of an alias", CHAT, "twice", 400, key="sk-nobody"),
    # two teams with one public name
    mended("shared name, alpha", CHAT, "shared"),
    mended("shared name, beta", CHAT, "shared", key="sk-beta", place="beta-backup"),
    mended("shared name, only alpha has a chain: alpha", CHAT, "twin"),
    unchanged("shared name, only alpha has a chain: beta", CHAT, "twin", 500, "beta-twin", key="sk-beta"),
    unchanged("a stranger team", CHAT, "down", 400, key="sk-beta"),
    unchanged("no team", CHAT, "down", 400, key="sk-nobody"),
    # a proxy admin without a team
    unchanged("admin, one team's name", CHAT, "down", 400, key="sk-master", until=ADMINS),
    mended(
        "admin, one team's name",
        *(CHAT, "down", "model_name_alpha_backup"),
        key="sk-master",
        since=ADMINS,
        until=ADMINS_BY_FIRST_NAME,
    ),
    Case(
        "admin, one team's name, target not served",
        CHAT,
        "down",
        "sk-master",
        target="model_name_alpha_backup",
        in_vain=(500, 429),
        since=ADMINS_BY_FIRST_NAME,
    ),
    unchanged("admin, two teams' name", CHAT, "shared", 400, key="sk-master"),
    # settings of the request and of the key
    unchanged("client-side list", CHAT, "alone", 200, "alpha-alone", "alpha-backup", body={"fallbacks": ["backup"]}),
    unchanged(
        "chains of the request, by public",
        *(CHAT, "alone", 200, "alpha-alone", "alpha-backup"),
        body={"fallbacks": [{"alone": ["backup"]}]},
    ),
    mended(
        "chains of the request, by internal",
        *(CHAT, "alone", "backup"),
        body={"fallbacks": [{"model_name_alpha_alone": ["backup"]}]},
    ),
    mended("chains of the key, by internal", CHAT, "alone", key="sk-with-chains"),
    unchanged("chains of the key, by public", CHAT, "down", 200, "alpha-down", "alpha-backup", key="sk-with-chains"),
    unchanged("disable_fallbacks", CHAT, "down", 500, "alpha-down", body={"disable_fallbacks": True}),
    unchanged("disable_fallbacks, by public", CHAT, "listed", 500, "alpha-listed", body={"disable_fallbacks": True}),
    # a team whose model_aliases rewrite the public name to the internal one
    unchanged("legacy, chain by internal", CHAT, "down", 200, "alpha-down", "alpha-backup", key="sk-legacy"),
    mended("legacy, chain by public", CHAT, "listed", key="sk-legacy"),
    unchanged("legacy, no chain", CHAT, "alone", 500, "alpha-alone", key="sk-legacy"),
)
