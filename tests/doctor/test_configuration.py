"""Reading a configuration as LiteLLM does, and refusing what it would refuse: one line, own code, no secret."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litellm_patch.doctor import configuration as configuration_reader
from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.settings import read_settings
from litellm_patch.errors import ConfigurationError
from litellm_patch.model.names import Deployment, Kind
from tests.doctor.clinic import SECRETS, Clinic, configuration, model

SECRET = SECRETS[0]


def test_router_settings_count_before_litellm_settings() -> None:
    raw = {
        "router_settings": {"fallbacks": [{"a": ["b"]}], "content_policy_fallbacks": []},
        "litellm_settings": {
            "fallbacks": [{"c": ["d"]}],
            "content_policy_fallbacks": [{"e": ["f"]}],
            "default_fallbacks": ["g"],
            "model_group_alias": {"h": "i"},
        },
    }
    found = read_settings(raw, {})

    assert found.config.chains == {Kind.GENERAL: ({"a": ("b",)},), Kind.CONTENT_POLICY: ({"e": ("f",)},)}
    assert found.config.default_fallbacks == ("g",)
    assert found.config.aliases == {}
    assert found.remarks == (
        "model_list is empty: models that only the database knows are seen with --url",
        "litellm_settings.model_group_alias is not read by LiteLLM: it belongs in router_settings",
        "litellm_settings.fallbacks is not read by LiteLLM, as router_settings.fallbacks is there",
    )


def test_references_to_the_environment() -> None:
    raw = {
        "model_list": [
            model("os.environ/GROUP"),
            model("os.environ/ABSENT"),
            model("internal", "os.environ/TEAM", "p"),
        ],
        "router_settings": {
            "model_group_alias": {"al": "os.environ/GROUP"},
            "fallbacks": [{"a": ["os.environ/GROUP"]}],
        },
    }
    found = read_settings(raw, {"GROUP": "a", "TEAM": "t"})

    assert found.config.deployments == (
        Deployment("a"),
        Deployment("os.environ/ABSENT"),
        Deployment("internal", "t", "p"),
    )
    assert found.config.aliases == {"al": "a"}
    assert found.config.chains[Kind.GENERAL] == ({"a": ("os.environ/GROUP",)},), "LiteLLM leaves what is in a list"
    assert found.remarks == ("model_list[1] refers to an environment variable that is not set here: left as it is",)


@pytest.mark.parametrize("target", [["a", SECRET], None, 4, {"hidden": SECRET}, ""])
def test_an_alias_that_litellm_starts_with_and_cannot_route(target: object) -> None:
    raw = {"model_list": [model("a")], "router_settings": {"model_group_alias": {"al": target, "all": "a"}}}
    found = read_settings(raw, {})

    assert found.config.aliases == {"all": "a"}
    assert found.remarks == (
        "router_settings.model_group_alias: not one name each, so LiteLLM routes no request for al",
    )


def test_context_window_entries_that_litellm_does_not_check(clinic: Clinic) -> None:
    entries = [{"model": SECRET, "context_window": 9}, {"a": ["b"], "b": [SECRET]}]
    clinic.write({"model_list": [model("a"), model("b")], "litellm_settings": {"context_window_fallbacks": entries}})
    answer = clinic.json(9)

    assert [(chain["key"], chain["verdict"]) for chain in answer["chains"]] == [("model", "dead"), ("a", "alive")]
    (remark,) = answer["remarks"]
    assert remark.startswith("litellm_settings.context_window_fallbacks: several keys in [0], [1], and LiteLLM reads")


def test_settings_where_litellm_does_not_look() -> None:
    chains = [{"a": ["a"]}]
    raw = {
        "model_list": [model("a")],
        "fallbacks": chains,
        "general_settings": {"default_fallbacks": ["a"], "model_group_alias": {"b": "a"}},
    }
    found = read_settings(raw, {})

    assert found.config.chains == {}
    assert found.remarks == tuple(
        f"{place} is not read by LiteLLM: it belongs in router_settings"
        for place in ("fallbacks", "general_settings.default_fallbacks", "general_settings.model_group_alias")
    )


def test_the_same_said_twice_is_no_remark() -> None:
    both = {"fallbacks": [{"a": ["a"]}]}
    raw = {"model_list": [model("a")], "router_settings": both, "litellm_settings": both}
    assert read_settings(raw, {}).remarks == ()


def test_targets_with_parameters_of_their_own() -> None:
    raw = {"model_list": [], "router_settings": {"fallbacks": [{"a": [{"model": "b", "api_key": SECRET}, {"n": 1}]}]}}
    assert read_settings(raw, {}).config.chains[Kind.GENERAL] == ({"a": ("b", "a")},)


def test_included_files(clinic: Clinic) -> None:
    (clinic.folder / "sub").mkdir()
    (clinic.folder / "sub" / "models.yaml").write_text(
        yaml.safe_dump({"model_list": [model("b")], "include": ["more.yaml", "../config.yaml", "root.yaml"]})
    )
    (clinic.folder / "sub" / "more.yaml").write_text(yaml.safe_dump({"model_list": [model("c")]}))
    (clinic.folder / "root.yaml").write_text(yaml.safe_dump({"router_settings": {"fallbacks": [{"a": ["b"]}]}}))
    clinic.write({"model_list": [model("a")], "include": ["sub/models.yaml"], "router_settings": {"num_retries": 1}})
    raw, remarks = read_configuration(clinic.path)

    assert [entry["model_name"] for entry in raw["model_list"]] == ["a", "b", "c"]
    assert raw["router_settings"] == {"fallbacks": [{"a": ["b"]}]}
    assert "include" not in raw
    assert remarks == (f"{clinic.folder / 'root.yaml'} replaces the router_settings that were read before, as a whole",)


BAD: list[tuple[object, str]] = [
    (f"model_list: [\n  api_key: {SECRET}\n  x: ]: }}", "is not YAML, line "),
    (f"model_list: !{SECRET}", "is not YAML, line 1"),
    (f"{SECRET}: *{SECRET}", "is not YAML, line 1"),
    (f'key: "{SECRET}\n', "is not YAML, line "),
    ("a: !!timestamp x", "is not YAML that can be read"),
    ("a: " + "[" * 2000, "is not YAML"),
    (f"\0{SECRET}", "is not YAML that can be read"),
    (f"a: \xff{SECRET}".encode("latin-1"), "is not UTF-8 text"),
    (f"model_list: []\n---\nkey: {SECRET}\n", "holds several YAML documents, the second from line 2 on"),
    ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"config.yaml": SECRET}}, "is a Kubernetes manifest, not a"),
    ("", "is empty"),
    ([SECRET], "is a list, expected a mapping"),
    (SECRET, "is a single value, expected a mapping"),
    ({SECRET: SECRET}, "the configuration has none of model_list, router_settings and litellm_settings"),
    ({"include": SECRET, "model_list": []}, "include in "),
    ({"include": [7], "model_list": []}, "include in "),
    ({"include": ["a\0b"], "model_list": []}, "a path that no file can have"),
    ({"model_list": {"a": SECRET}}, "model_list is a mapping, expected a list"),
    ({"model_list": SECRET}, "model_list is text, expected a list"),
    ({"model_list": [SECRET]}, "model_list[0] is text, expected a mapping"),
    ({"model_list": [{"litellm_params": {"api_key": SECRET}}]}, "model_list[0].model_name is empty, expected a name"),
    ({"model_list": [{"model_name": 4}]}, "model_list[0].model_name is a number, expected a name"),
    ({"model_list": [{"model_name": "a", "model_info": [SECRET]}]}, "model_list[0].model_info is a list"),
    ({"model_list": [{"model_name": "a", "model_info": {"team_id": 7}}]}, "model_info.team_id is a number"),
    ({"router_settings": [SECRET]}, "router_settings is a list, expected a mapping"),
    ({"router_settings": {"fallbacks": {"a": [SECRET]}}}, "router_settings.fallbacks is a mapping, expected a list"),
    ({"router_settings": {"fallbacks": [SECRET]}}, "router_settings.fallbacks[0] is text, expected a mapping of one"),
    ({"litellm_settings": {"fallbacks": [{"a": ["b"], SECRET: []}]}}, "litellm_settings.fallbacks[0] has 2 keys"),
    ({"router_settings": {"fallbacks": [{}]}}, "router_settings.fallbacks[0] has no key, expected one"),
    ({"router_settings": {"context_window_fallbacks": [{}]}}, "context_window_fallbacks[0] has no key, expected one"),
    ({"router_settings": {"fallbacks": ["b"]}}, "a list for all models as default_fallbacks"),
    ({"router_settings": {"fallbacks": [{4: ["a"]}]}}, "the key of router_settings.fallbacks[0] is a number"),
    ({"router_settings": {"fallbacks": [{"a": SECRET}]}}, "the targets of router_settings.fallbacks[0] is text"),
    ({"router_settings": {"fallbacks": [{"a": ["b", 4]}]}}, "target 2 of router_settings.fallbacks[0] is a number"),
    ({"router_settings": {"fallbacks": [{"a": [{"model": 4, "k": SECRET}]}]}}, "target 1 of router_settings.fallbacks"),
    ({"router_settings": {"fallbacks": "os.environ/PLANTED"}}, "router_settings.fallbacks is text, expected a list"),
    ({"router_settings": {"default_fallbacks": SECRET}}, "router_settings.default_fallbacks is text, expected a list"),
    ({"router_settings": {"max_fallbacks": SECRET}}, "router_settings.max_fallbacks is text, expected a whole number"),
    ({"router_settings": {"model_group_alias": [SECRET]}}, "router_settings.model_group_alias is a list"),
    ({"router_settings": {"model_group_alias": {4: SECRET}}}, "the name of alias 1"),
]


@pytest.mark.parametrize(("content", "words"), BAD)
@pytest.mark.parametrize("mode", [(), ("--json",), ("--explain", "x")], ids=["table", "json", "explain"])
def test_what_is_no_configuration(clinic: Clinic, content: object, words: str, mode: tuple[str, ...]) -> None:
    path = clinic.write(content)
    assert words in clinic.refused(1, path, *mode)


def test_files_that_cannot_be_read(clinic: Clinic) -> None:
    assert f"there is no {clinic.folder / 'absent.yaml'}; name the config.yaml that" in clinic.refused(
        1, clinic.folder / "absent.yaml"
    )
    assert "Is a directory" in clinic.refused(1, clinic.folder)
    clinic.write({"include": ["absent.yaml"], "model_list": []})
    assert f"config.yaml includes {clinic.folder / 'absent.yaml'}, which does not exist" in clinic.refused(
        1, clinic.path
    )
    clinic.write({"include": ["."], "model_list": []})
    assert "Is a directory" in clinic.refused(1, clinic.path)


@pytest.mark.parametrize(("version", "code"), [("1.82.7", 7), ("1.50.0", 6), ("x", 2)])
def test_a_release_that_the_ledger_does_not_have(clinic: Clinic, version: str, code: int) -> None:
    assert clinic.run(clinic.path, "--release", version).exit_code == code


def test_a_wrong_command_line(clinic: Clinic) -> None:
    assert clinic.run().exit_code == 2
    assert clinic.run(clinic.path, "--release", "1.98.1", "--target", clinic.folder).exit_code == 2
    assert clinic.run(clinic.path, "--log", "-", "--explain", "x").exit_code == 2
    assert clinic.refused(1, clinic.path, "--target", clinic.folder)


def test_names_that_a_terminal_should_not_be_sent(clinic: Clinic) -> None:
    name = "a\x1b[31m\n[red]b"
    clinic.write({"model_list": [model(name)], "router_settings": {"fallbacks": [{name: ["c\x07"]}]}})
    result = clinic.run(clinic.path)
    assert result.exit_code == 9
    assert "\x1b" not in result.output
    assert "\x07" not in result.output
    assert "[red]b" in "".join(result.output.split())
    assert "\x1b" not in clinic.run(clinic.path, "--explain", name).output
    clinic.write('{model_list: [{model_name: "\\ud800x"}], router_settings: {fallbacks: [{"\\ud800x": ["\\ud801"]}]}}')
    assert "ud801" in clinic.run(clinic.path).output
    assert clinic.run(clinic.path, "--json").exit_code == 9


# what YAML can say, with more of what matters here than chance would bring
WORDS = st.sampled_from([*configuration(), *configuration()["router_settings"], "model_name", "model_info", "team_id"])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "model_list": ANYTHING
        | st.lists(st.fixed_dictionaries({"model_name": ANYTHING}, optional={"model_info": ANYTHING})),
        "router_settings": ANYTHING | st.dictionaries(WORDS, ANYTHING),
        "litellm_settings": ANYTHING
        | st.fixed_dictionaries({"fallbacks": st.lists(st.dictionaries(st.text(), ANYTHING))}),
    },
)


@pytest.mark.slow
@settings(max_examples=120, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(raw=ANYTHING | SHAPED)
def test_any_configuration_is_judged_or_refused(clinic: Clinic, raw: Any) -> None:
    result = clinic.run(clinic.write(raw))
    assert result.exit_code in {0, 1, 9}
    assert len(result.stderr.splitlines()) == (result.exit_code == 1)


@settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=40) | st.text(alphabet="ab:-[]{}!&*|>'\"%@`#?, \n\t0.", max_size=40).map(str.encode))
def test_any_file_is_judged_or_refused(clinic: Clinic, data: bytes) -> None:
    with suppress(ConfigurationError):
        read_settings(read_configuration(clinic.write(data))[0], {})


def test_a_key_that_is_given_twice_is_named(clinic: Clinic) -> None:
    clinic.write(
        "model_list: [{model_name: a}]\n"
        "router_settings:\n  fallbacks: [{a: [b]}]\n  num_retries: 1\n  fallbacks: []\n"
        f"litellm_settings: {{{SECRET}: 1, {SECRET}: 2}}\n"
    )
    answer = clinic.json(0)
    assert answer["chains"] == [], "LiteLLM takes the last"
    assert answer["remarks"] == [
        f"{clinic.path}: fallbacks is given in lines 3 and 5: LiteLLM takes the last",
        f"{clinic.path}: a key is given in lines 6 and 6: LiteLLM takes the last",
    ]


def test_merged_keys_are_not_given_twice(clinic: Clinic) -> None:
    clinic.write("x: &x {a: 1, b: 2}\nmodel_list: []\nrouter_settings: {<<: *x, a: 3}\nlitellm_settings: {<<: *x}\n")
    assert clinic.json(0)["remarks"] == ["model_list is empty: models that only the database knows are seen with --url"]


@pytest.mark.skipif(sys.platform == "win32", reason="devices and pipes that have a path")
def test_what_is_no_file_is_refused_at_once(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(clinic.folder / "pipe")
    for place in (clinic.folder / "pipe", Path("/dev/zero")):
        words = f"{place} is a device, a pipe or a socket, expected a file"
        assert words in clinic.refused(1, place)
        clinic.write({"include": [str(place)], "model_list": []})
        assert words in clinic.refused(1, clinic.path)
    monkeypatch.setattr(configuration_reader, "_LARGEST", 1 << 20)
    clinic.write(b"a" * ((1 << 20) + 1))
    assert "has more than 1 MiB" in clinic.refused(1, clinic.path)
