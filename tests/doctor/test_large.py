"""Large configurations: what is asked of each model and chain does not grow with their number."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from packaging.version import Version

from litellm_patch.doctor.callers import servable
from litellm_patch.doctor.judging import judge
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.targets import Names
from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import Request
from tests.doctor.clinic import Clinic, model

VERSION = Version("1.109.1")


def large(size: int) -> dict[str, Any]:
    """Make a configuration of many groups, teams, wildcards, aliases and chains, some of which are dead."""
    teams = [model(f"model_name_t{number}_x", f"t{number}", "gpt-4.1") for number in range(size // 4)]
    groups = [model(f"group-{number}") for number in range(size)]
    chains = [{f"group-{number}": [f"group-{number // 2}", "gpt-4.1"]} for number in range(0, size, 4)]
    chains += [{f"gruop-{number}": [f"nowhere-{number}"]} for number in range(0, size, 8)]
    aliases = {f"alias-{number}": f"group-{number}" for number in range(0, size, 10)}
    wild = [model(f"provider{number}/*") for number in range(size // 20)]
    return {
        "model_list": [*groups, *teams, *wild],
        "router_settings": {"model_group_alias": aliases, "fallbacks": [*chains, {"*": ["group-1"]}]},
    }


def calls(size: int) -> int:
    """Count the calls of Python's functions that the judging of such a configuration takes."""
    settings, release, count = read_settings(large(size), {}), release_at(VERSION, []), 0

    def see(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        judge(settings, release)
    finally:
        sys.setprofile(before)
    return count


def test_twice_as_much_takes_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("litellm_patch.doctor.targets._MOST_COMPARED", -1, raising=False)
    monkeypatch.setattr("difflib.get_close_matches", lambda *_, **__: [])
    assert calls(800) < 2.5 * calls(400)


def test_names_are_compared_by_spelling_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(name: str, *_: object, **__: object) -> list[str]:
        asked.append(name)
        return []

    monkeypatch.setattr("difflib.get_close_matches", note)
    monkeypatch.setattr("litellm_patch.doctor.targets._MOST_COMPARED", 1000, raising=False)
    judge(read_settings(large(400), {}), release_at(VERSION, []))
    assert 0 < len(asked) < 5


@pytest.mark.parametrize("version", ["1.83.0", "1.102.4", "1.109.1"])
def test_who_can_be_served_is_found_without_asking_each_team(version: str) -> None:
    entries = [
        model("a"),
        model("x-*-y", "t1", "public-*"),
        model("model_name_t2_b", "t2", "b"),
        {**model("c", "t3"), "model_info": {"id": "id-1", "team_id": "t3"}},
    ]
    raw = {"model_list": entries, "router_settings": {"model_group_alias": {"al": "b", "al2": "x-2-y", "al3": "no"}}}
    settings, release = read_settings(raw, {}), release_at(Version(version), [])
    names = Names(settings, release, ())
    for name in ("a", "b", "c", "al", "al2", "al3", "id-1", "x-1-y", "public-1", "model_name_t2_b", "nothing"):
        teams = (None, "t1", "t2", "t3")
        assert names._serves_anybody(name) == any(servable(settings, release, Request(name, team)) for team in teams)


def test_a_catch_all_without_targets(clinic: Clinic) -> None:
    """The Router takes the first one that has any."""
    chains = [{"*": []}, {"a": ["nowhere"]}, {"*": ["a"]}]
    clinic.write({"model_list": [model("a")], "router_settings": {"fallbacks": chains}})
    assert [chain["key"] for chain in clinic.json(9)["chains"]] == ["*", "a", "*"]


def test_piped_output_is_one_line_a_fact(clinic: Clinic) -> None:
    result = clinic.run(clinic.path, columns=40)
    head, heading, *rows, last = result.stdout.splitlines()
    assert head.startswith("judged as LiteLLM")
    assert heading.split("\t") == ["stock", "patched", "chain", "requests", "what to do"]
    assert [len(row.split("\t")) for row in rows] == [5] * 5
    assert last.startswith("5 chain(s), ")
