"""One request, walked through the steps."""

from __future__ import annotations

import pytest

from tests.doctor.clinic import ACME_1, Clinic, model


def test_a_team_s_public_name(clinic: Clinic) -> None:
    answer = clinic.json(9, "--explain", "gpt-4.1", "--team", "acme")

    assert answer["served_by"] == [ACME_1]
    assert answer["stock"]["lookup_names"] == ["gpt-4.1"]
    assert answer["patched"]["lookup_names"] == ["gpt-4.1", ACME_1]
    assert answer["stock"]["chains"]["fallbacks"] == {"key": None, "targets": []}
    assert answer["patched"]["chains"]["fallbacks"] == {"key": ACME_1, "targets": ["backup"]}

    said = clinic.run(clinic.path, "--explain", "gpt-4.1", "--team", "acme").stdout
    assert "gpt-4.1 from team acme" in said
    assert f"if that fails, a chain is looked up by: gpt-4.1, then {ACME_1}" in said
    assert "stock does not find the chain of this request" in said


def test_a_stranger_gets_none_of_it(clinic: Clinic) -> None:
    answer = clinic.json(0, "--explain", "gpt-4.1", "--team", "other")
    assert answer["stock"] == answer["patched"]
    assert answer["routing"] == ["no deployment serves gpt-4.1 for this caller: the proxy refuses such a request"]


def test_an_admin_is_routed_to_the_only_team_that_has_it_from_1_94(clinic: Clinic) -> None:
    assert clinic.json(9, "--explain", "gpt-4.1", "--admin", "--release", "1.94.0")["served_by"] == [ACME_1]
    assert clinic.json(0, "--explain", "gpt-4.1", "--admin", "--release", "1.93.2")["served_by"] == []


def test_an_alias(clinic: Clinic) -> None:
    answer = clinic.json(9, "--explain", "prod")
    assert answer["routing"][0] == "prod is an alias of gpt-4o, which is routed in its place (one step only)"
    assert answer["patched"]["steps"][1] == "fallbacks: gpt-4o has a chain, which answers: claude"


def test_a_target_that_cannot_be_served(clinic: Clinic) -> None:
    answer = clinic.json(0, "--explain", "claude")
    assert "fallbacks: gtp-4o cannot be served for this caller" in answer["stock"]["steps"]


def test_a_name_with_a_typing_error(clinic: Clinic) -> None:
    (line,) = clinic.json(0, "--explain", "cluade")["routing"]
    assert line.endswith("the proxy refuses such a request; did you mean claude?")


def test_a_key_that_is_spelled_otherwise_and_a_target_that_has_failed(clinic: Clinic) -> None:
    group = "openrouter/llama"
    chains = [{"llama": [group, "claude"]}]
    clinic.write({"model_list": [model(group), model("claude")], "router_settings": {"fallbacks": chains}})
    assert clinic.json(0, "--explain", group)["stock"]["steps"][1:] == [
        f"fallbacks: {group} finds the chain of llama, which answers: {group}, claude",
        f"fallbacks: {group} is what failed, so it is skipped",
    ]


@pytest.mark.parametrize(
    "arguments", [("--team", "acme"), ("--admin",), ("--explain", "x", "--admin", "--team", "a")], ids=" ".join
)
def test_half_a_question_is_a_wrong_command_line(clinic: Clinic, arguments: tuple[str, ...]) -> None:
    assert clinic.run(clinic.path, *arguments).exit_code == 2
