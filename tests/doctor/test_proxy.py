"""Running proxies: what they show, and what they refuse."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from tests.doctor.clinic import SECRETS, Clinic
from tests.doctor.stand_in import FALLBACKS, KEY, MISSING, SHARED, Answers, StandIn, entry, proxy_1_83, proxy_1_109

NAMES = (
    *("model_name", "model_info", "id", "team_id", "team_public_model_name", "data", "litellm_version"),
    *("fallbacks", "context_window_fallbacks", "model_group_alias", "max_fallbacks", "fallback_models"),
)
NEWEST = load_ledger(bundled_folder()).newest.version
STOCK = "a proxy does not say whether it is patched: assumed stock; if it is, pass --patched"
FORBIDDEN = (403, {"error": {"message": "Only proxy admin", "type": "auth_error", "code": "403"}})


def look(clinic: Clinic, answers: Answers, *arguments: str, code: int = 9) -> Any:
    """Ask about a stand-in, read only."""
    with StandIn(answers) as proxy:
        result = clinic.run("--url", f"{proxy.url}/", "--key", KEY, "--json", *arguments)
        assert proxy.methods == {"GET"}
    assert result.exit_code == code, result.output
    assert KEY not in result.output
    return json.loads(result.stdout)


def refusal(clinic: Clinic, answers: Answers, code: int, key: str = KEY) -> str:
    """Ask about a stand-in that refuses."""
    with StandIn(answers) as proxy:
        said = clinic.refused(code, "--url", proxy.url, "--key", key)
    assert key not in said
    return said


def worth(answer: Any) -> list[tuple[str, str, str]]:
    return [(chain["list"], chain["key"], chain["verdict"]) for chain in answer["chains"]]


EXPECTED = [
    ("fallbacks", "model_name_acme_1", "dormant"),
    ("fallbacks", "gpt-4o", "partly"),
    ("fallbacks", "gpt-40", "dead"),
    ("fallbacks", "*", "questionable"),
    ("content_policy_fallbacks", "claude", "alive"),
]


def test_a_proxy_that_shows_everything(clinic: Clinic) -> None:
    answer = look(clinic, proxy_1_83())
    assert answer["release"] == "1.83.0"
    assert worth(answer)[:3] == EXPECTED[:3]
    assert worth(answer)[4:] == EXPECTED[4:]
    assert answer["remarks"] == [
        STOCK,
        "content_policy_fallbacks was read by GET /fallback/NAME: a key that is no name is not seen",
    ]


def test_teams_models_that_are_not_seen_are_not_called_typing_errors(clinic: Clinic) -> None:
    answer = look(clinic, proxy_1_83(database=False))
    assert [verdict for _, _, verdict in worth(answer)][:3] == ["unseen", "partly", "unseen"]
    assert answer["remarks"][1].startswith("GET /v2/model/info ended with 500: without it, teams' models")
    assert answer["chains"][2]["notes"] == ["it may be a model that could not be seen, or did you mean gpt-4o?"]


def test_a_proxy_that_hides_internal_names(clinic: Clinic) -> None:
    answer = look(clinic, proxy_1_109())
    assert worth(answer)[0] == EXPECTED[0]
    assert answer["chains"][0]["owners"] == ["acme"]
    assert answer["chains"][0]["notes"] == ["the proxy does not show which of the team's models has this name"]
    assert answer["release"] == str(NEWEST)
    assert (
        f"its release is not shown by the proxy: assumed {NEWEST}; pass --release to change that" in answer["remarks"]
    )


def test_where_a_team_has_one_such_model_it_is_known_by_its_chain(clinic: Clinic) -> None:
    answers = proxy_1_109()
    answers["/v1/model/info"] = (200, {"data": [entry("gpt-4.1", 1, "acme", "gpt-4.1"), *SHARED]})
    chain = look(clinic, answers)["chains"][0]
    assert (chain["key_kind"], chain["verdict"]) == ("internal name", "dormant")
    asked = {"model": "gpt-4.1", "team": "acme", "admin": False, "internal": False, "after": None}
    assert asked in chain["reached_with_the_patch"]


def test_pages(clinic: Clinic) -> None:
    answers = proxy_1_83()
    both = answers.pop("/v2/model/info")[1]["data"]
    for page, data in enumerate((both[:2], both[2:]), 1):
        answers[f"/v2/model/info?page={page}&size=100"] = (200, {"data": data, "total_pages": 2})
    assert worth(look(clinic, answers))[:3] == EXPECTED[:3]


def test_settings_that_are_forbidden_are_asked_for_name_by_name(clinic: Clinic) -> None:
    answers = proxy_1_83() | {"/get/config/callbacks": FORBIDDEN, "/router/settings": MISSING}
    shown = {"%2A": ["gpt-4o"], "gpt-4o": ["claude"], "claude": ["gpt-4o"]}  # the last is the catch-all's
    for name, targets in shown.items():
        answers[f"/fallback/{name}?fallback_type=general"] = (200, {"fallback_models": targets})
    answer = look(clinic, answers, code=0)
    assert [key for kind, key, _ in worth(answer) if kind == "fallbacks"] == ["*", "gpt-4o"]
    assert answer["remarks"][1:3] == ["GET /get/config/callbacks ended with 403", "GET /router/settings is not there"]


@pytest.mark.parametrize("arguments", [("--explain", "gpt-4.1", "--team", "acme"), ("--log", "-")])
def test_the_other_questions(clinic: Clinic, arguments: tuple[str, ...]) -> None:
    answers = proxy_1_83()
    answers["/get/config/callbacks"][1]["router_settings"]["fallbacks"] = FALLBACKS[:3]
    with StandIn(answers) as proxy:
        log = b"No fallback model group found for original model_group=gpt-4.1. Fallbacks=[]\n"
        result = clinic.run("--url", proxy.url, "--key", KEY, *arguments, stdin=log)
    assert result.exit_code == 9, result.output
    assert "model_name_acme_1" in result.stdout


def test_a_wrong_key(clinic: Clinic) -> None:
    assert "does not let this key see its models" in refusal(clinic, proxy_1_83(), 1, "sk-wrong")
    unauthorized = proxy_1_83() | {"wrong key": (401, {"error": {"message": f"bad {SECRETS[0]}"}})}
    assert "refused the key" in refusal(clinic, unauthorized, 1, "sk-wrong")
    assert "cannot be sent in a header" in refusal(clinic, proxy_1_83(), 1, "sk-two\nlines")
    assert "cannot be sent in a header" in refusal(clinic, proxy_1_83(), 1, "sk-\N{SNOWMAN}")
    forbidden = dict.fromkeys(("/v2/model/info", "/v1/model/info", "/model/info"), FORBIDDEN)
    assert "does not let this key see its models" in refusal(clinic, proxy_1_83() | forbidden, 1)
    hidden = dict.fromkeys(("/get/config/callbacks", "/router/settings", "/fallback/%2A"), FORBIDDEN)
    assert "does not let this key see its chains" in refusal(clinic, proxy_1_83() | hidden, 1)


STRANGE: list[tuple[Answers, str]] = [
    ({"/get/config/callbacks": (200, b"<html>hello</html>")}, "the answer is not JSON"),
    ({"/v2/model/info": (200, b"\xff")}, "the answer is not JSON"),
    ({"/get/config/callbacks": (200, [1])}, "the answer is JSON, and not an object"),
    ({"/get/config/callbacks": (200, {"router_settings": [SECRETS[0]]})}, "has no settings in its answer"),
    ({"/v2/model/info": (200, {"data": SECRETS[0]})}, "has no list of models in its answer"),
    (
        {"/v2/model/info": (200, {"data": [{"model_name": 4}], "total_pages": 1})},
        "a model has no name, or one that is no text",
    ),
    ({"/v2/model/info": MISSING, "/v1/model/info": MISSING}, "GET /v1/model/info is not there"),
    ({"/get/config/callbacks": (302, b"")}, "is redirected"),
    ({"/get/config/callbacks": (200, {"router_settings": {"fallbacks": [SECRETS[0]]}})}, "fallbacks[0] is text"),
]


@pytest.mark.parametrize(("change", "words"), STRANGE)
def test_what_is_no_proxy(clinic: Clinic, change: Answers, words: str) -> None:
    assert words in refusal(clinic, proxy_1_83() | change, 1)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["gpt-4o", "claude", "*", "prod"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "gpt-4o", "*", "x"]), inner, max_size=4)
    ),
    max_leaves=15,
)


SHAPED = st.dictionaries(st.sampled_from(NAMES[-5:]), st.lists(st.dictionaries(st.sampled_from(["x", "*"]), JSON)))


@pytest.mark.slow
@settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=JSON, models=JSON, router=JSON | SHAPED, name=st.just("gpt-4o") | JSON)
def test_any_answers_are_judged_or_refused(clinic: Clinic, body: Any, models: Any, router: Any, name: Any) -> None:
    answers: Answers = {
        "/health/readiness": (200, body),
        "/v2/model/info": (200, {"data": [{"model_name": name, "model_info": models}]}),
        "/get/config/callbacks": (200, {"router_settings": router}),
        "/router/settings": (200, {"current_values": {"fallbacks": body}}),
        "/fallback/gpt-4o": (200, body),
    }
    if isinstance(models, list):
        answers["/v2/model/info"] = (200, {"data": models})
    with StandIn(answers) as proxy:
        result = clinic.run("--url", proxy.url, "--key", KEY)
    assert result.exit_code in {0, 1, 9}
    assert len(result.stderr.splitlines()) == (result.exit_code == 1)


def test_nobody_there(clinic: Clinic) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://user:{SECRETS[0]}@127.0.0.1:{free.getsockname()[1]}/"
        assert "cannot be asked: no connection" in clinic.refused(1, "--url", url)
    for url in ("127.0.0.1:4000", "ftp://127.0.0.1", "http://", "http://[", "http://127.0.0.1:x", SECRETS[0]):
        assert "not an http or https URL" in clinic.refused(1, "--url", url)


def test_one_proxy_at_a_time(clinic: Clinic) -> None:
    assert clinic.run(clinic.path, "--url", "http://127.0.0.1").exit_code == 2


def test_without_the_extra_it_says_what_to_install(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    assert "pip install 'requests>=2.32'" in clinic.refused(1, "--url", "http://127.0.0.1:1")


def test_what_is_assumed_is_said_and_can_be_told(clinic: Clinic) -> None:
    answer = look(clinic, proxy_1_109(), "--release", "1.109.1")
    assert (answer["release"], answer["patched"]) == ("1.109.1", False)
    assert not [remark for remark in answer["remarks"] if "release" in remark]
    answer = look(clinic, proxy_1_83(), "--patched")
    assert (answer["release"], answer["patched"]) == ("1.83.0", True)
    assert STOCK not in answer["remarks"]
    other = {"/health/readiness": (200, {"litellm_version": "1.999.0"})}
    answer = look(clinic, proxy_1_83() | other)
    assert (
        f"its release is 1.999.0, which is not in the ledger: assumed {NEWEST}; pass --release to change that"
        in (answer["remarks"])
    )
    assert clinic.json(9, "--patched")["patched"] is True
    assert clinic.run(clinic.path, "--patched", "--target", clinic.folder).exit_code == 2


def test_a_wrong_root_is_no_green(clinic: Clinic) -> None:
    """Its models are there, as an older path of theirs begins with the version; its settings and chains are not."""
    answers = {f"/v1{path}": answer for path, answer in proxy_1_83().items() if "model/info" in path}
    answers["/v1/fallback/%2A?fallback_type=general"] = MISSING
    with StandIn(answers) as proxy:
        said = clinic.refused(1, "--url", f"{proxy.url}/v1", "--key", KEY)
    assert "neither GET /get/config/callbacks nor GET /fallback shows its chains; see that the URL is the root" in said


def test_a_failure_without_a_key_is_no_lost_connection(clinic: Clinic) -> None:
    failing = {"wrong key": (500, {"error": {"message": "Authentication Error, No api key passed in."}})}
    with StandIn(proxy_1_83() | failing) as proxy:
        said = clinic.refused(1, "--url", proxy.url)
    assert "answers 500 to a request without a key; give a key of it with --key" in said
    with StandIn({"wrong key": (0, b"")}) as proxy:
        assert "the connection was closed before an answer" in clinic.refused(1, "--url", proxy.url)
