"""Large configurations: what is asked of each model and chain does not grow with their number."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from litellm_patch.doctor.callers import servable
from litellm_patch.doctor.judging import judge
from litellm_patch.doctor.logs import rescues
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.targets import Names
from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import Request
from tests.doctor.clinic import Clinic, model

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

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


def shared(size: int) -> dict[str, Any]:
    """One internal name for all deployments of a team, and one for those of many teams."""
    mine = [model("model_name_t_x", "t", "gpt-4.1") for _ in range(size)]
    theirs = [model("model_name_all", f"t{number}", "gpt-4.1") for number in range(size)]
    groups = [model(f"group-{number}") for number in range(size)]
    chains = [{f"group-{number}": ["gpt-4.1", "group-0"]} for number in range(size)]
    return {
        "model_list": [*mine, *theirs, *groups],
        "router_settings": {"fallbacks": [{"model_name_all": ["group-1"]}, {"model_name_t_x": ["group-2"]}, *chains]},
    }


def ring(size: int) -> dict[str, Any]:
    """Chains that name each other, so that each leads in a circle of all."""
    chains = [{f"group-{number}": [f"group-{(number + 1) % size}"]} for number in range(size)]
    return {"model_list": [model(f"group-{n}") for n in range(size)], "router_settings": {"fallbacks": chains}}


def long(size: int) -> dict[str, Any]:
    """A few long lists of targets."""
    targets = [f"group-{number}" for number in range(size)]
    chains = [{f"group-{number}": targets[number:]} for number in range(8)]
    return {"model_list": [model(name) for name in targets], "router_settings": {"fallbacks": chains}}


def steps(ask: Callable[[], object]) -> int:
    """Count the lines of the tool's own code, and of comprehensions each round, that a question takes."""
    count = 0

    def see(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if "litellm_patch" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return see

    before = sys.gettrace()
    sys.settrace(see)
    try:
        ask()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("make", [large, shared, ring, long])
def test_twice_as_much_takes_twice_as_long(
    make: Callable[[int], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("difflib.get_close_matches", lambda *_, **__: [])
    monkeypatch.setattr("litellm_patch.doctor.circles._FARTHEST", 10, raising=False)
    release = release_at(Version("1.101.0"), [])  # from 1.104 on each hop looks at all targets of the first chain
    small, twice = (steps(partial(judge, read_settings(make(size), {}), release)) for size in (60, 120))
    assert twice < 2.5 * small


def test_a_log_s_name_is_not_asked_of_each_team() -> None:
    release = release_at(VERSION, [])
    many, more = (read_settings(large(size), {}) for size in (80, 800))
    asked = []
    for settings in (many, more):
        rescues(settings, release, "group-1")  # what is made once a configuration
        asked.append(steps(partial(rescues, settings, release, "group-2")))
    assert asked[1] < 2 * asked[0]


def test_a_circle_is_looked_for_near_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, release = read_settings(ring(8), {}), release_at(VERSION, [])
    assert all("leads in a circle" in "".join(found.notes) for found in judge(settings, release))
    monkeypatch.setattr("litellm_patch.doctor.circles._FARTHEST", 5)
    assert not any("leads in a circle" in "".join(found.notes) for found in judge(settings, release))


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
