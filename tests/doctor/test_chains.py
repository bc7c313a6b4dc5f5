"""What each chain is worth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, given, settings
from packaging.version import Version

from litellm_patch.cli import main
from litellm_patch.doctor.callers import EXAMPLE, requests_of
from litellm_patch.doctor.judging import KeyKind, Verdict, judge
from litellm_patch.doctor.settings import Settings, read_settings
from litellm_patch.errors import DEAD
from litellm_patch.model.abilities import release_at
from litellm_patch.model.names import CATCH_ALL, Kind, Routing, Rules, find_chain, find_request_chain
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from tests.doctor.clinic import ACME_1, ACME_2, Clinic, configuration, model
from tests.model.releases import releases
from tests.names.examples import EXAMPLES, Example
from tests.names.worlds import World, worlds
from tests.patching.factory import make_world

if TYPE_CHECKING:
    from pathlib import Path

NEWEST = load_ledger(bundled_folder()).releases[-1].version


def verdicts(raw: dict[str, Any], version: Version = NEWEST) -> dict[str, tuple[KeyKind, Verdict, str]]:
    """Each chain's key, what it is and what it is worth."""
    found = judge(read_settings(raw, {}), release_at(version, ["gpt-4.1", "gpt-4o"]))
    return {f"{j.key}" if j.kind is Kind.GENERAL else f"{j.kind.value}: {j.key}": _of(j) for j in found}


def _of(judgement: Any) -> tuple[KeyKind, Verdict, str]:
    return judgement.key_kind, judgement.verdict, "; ".join(judgement.notes)


def with_chains(*chains: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    """The configuration with other chains."""
    raw = configuration()
    raw["router_settings"] = {"model_group_alias": {"prod": "gpt-4o"}, "fallbacks": list(chains), **more}
    return raw


def test_the_main_job(clinic: Clinic) -> None:
    answer = clinic.json(9)

    assert [(c["list"], c["key"], c["key_kind"], c["verdict"]) for c in answer["chains"]] == [
        ("fallbacks", ACME_1, "internal name", "dormant"),
        ("fallbacks", "gpt-4o", "model group", "partly"),
        ("fallbacks", "gpt-40", "unknown", "dead"),
        ("fallbacks", "claude", "model group", "questionable"),
        # from 1.110 on a request that exceeds its window asks the general list, too, and so comes to claude by gpt-4o
        ("context_window_fallbacks", "claude", "model group", "partly"),
    ]
    dormant, partly, dead, questionable, _ = answer["chains"]
    assert dormant["owners"] == ["acme"]
    asked = {"model": "gpt-4.1", "team": "acme", "admin": False, "internal": False, "after": None}
    assert asked in dormant["reached_with_the_patch"]
    assert [reach["internal"] for reach in dormant["reached_on_stock"]] == [True]
    assert "prod" not in {reach["model"] for reach in partly["reached_on_stock"]}
    assert "prod" in {reach["model"] for reach in partly["reached_with_the_patch"]}
    assert dead["notes"] == ["no request has this name; did you mean gpt-4o?"]
    assert questionable["targets"][1]["nearest"] == "gpt-4o"
    assert (answer["release"], answer["patched"], answer["remarks"]) == (str(NEWEST), False, [])


def test_a_person_reads_a_table(clinic: Clinic) -> None:
    result = clinic.run(clinic.path, "--release", "1.98.1")

    assert result.exit_code == 9
    for words in ("judged as LiteLLM 1.98.1, stock", f"dead\talive\t{ACME_1} -> backup", "did you mean gpt-4o?"):
        assert words in result.stdout
    assert result.stdout.splitlines()[-1] == (
        "5 chain(s), 3 of them dead or dead for some requests; the patch revives 2"
    )


@pytest.mark.parametrize("columns", [60, 80, 112])
def test_a_narrow_terminal_loses_nothing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("litellm_patch.commands.doctor.is_terminal", lambda: True)
    headings = "(requests|what to do): |requests +what to do"
    narrow, wide = (re.sub(headings, "", clinic.run(clinic.path, columns=width).stdout) for width in (columns, 500))
    assert sorted(set(narrow) - set(" \n─")) == sorted(set(wide) - set(" \n─"))
    assert all(narrow.count(character) == wide.count(character) for character in set(wide) - set(" \n─"))


def test_nothing_dead_is_0(clinic: Clinic) -> None:
    clinic.write(with_chains({"gpt-4.1": ["backup"]}, {"gpt-4o": ["claude"]}, {"prod": ["claude"]}))
    answer = clinic.json(0)
    assert {chain["verdict"] for chain in answer["chains"]} == {"alive"}

    clinic.write(with_chains())
    assert clinic.json(0)["chains"] == []
    assert "no fallback chains are configured" in clinic.run(clinic.path).stdout


def test_a_patched_target_wakes_what_was_dormant(clinic: Clinic, tmp_path: Path) -> None:
    world = make_world(tmp_path)
    clinic.write(with_chains({ACME_1: ["backup"]}))
    place = ("--patches", str(world.patches))
    assert world.run("status").exit_code == 3
    for expected, verb in ((9, None), (0, "apply")):
        if verb:
            world.expect(0, verb)
        done = CliRunner().invoke(main, [*place, "doctor", str(clinic.path), "--target", str(world.env)])
        assert done.exit_code == expected, done.output


KEYS = [
    ({ACME_1: ["backup"]}, KeyKind.INTERNAL, Verdict.DORMANT, ""),
    ({"gpt-4.1": [ACME_2]}, KeyKind.PUBLIC, Verdict.ALIVE, ""),
    ({"prod": ["claude"]}, KeyKind.ALIAS, Verdict.ALIVE, ""),
    ({"claude": ["gpt-4o"]}, KeyKind.GROUP, Verdict.ALIVE, ""),
    ({"gpt-4o": ["claude"]}, KeyKind.GROUP, Verdict.PARTLY, ""),
    ({"*": ["claude"]}, KeyKind.CATCH_ALL, Verdict.ALIVE, ""),
    ({"openai/gpt-4o": ["claude"]}, KeyKind.PREFIXED, Verdict.PARTLY, ""),
    ({"hosted_vllm/gpt-4o": ["claude"]}, KeyKind.PREFIXED, Verdict.DEAD, "did you mean gpt-4o?"),
    ({"nobody": ["claude"]}, KeyKind.UNKNOWN, Verdict.DEAD, "no request has this name"),
    ({"claude": []}, KeyKind.GROUP, Verdict.QUESTIONABLE, "it has no targets: its requests get the error"),
    ({"claude": ["claude"]}, KeyKind.GROUP, Verdict.DEAD, "target claude is the key itself"),
    ({"claude": ["claude", "gpt-4o"]}, KeyKind.GROUP, Verdict.QUESTIONABLE, "target claude is the key itself"),
    ({"gpt-4o": ["gpt-4o"]}, KeyKind.GROUP, Verdict.DEAD, "target gpt-4o is the key itself"),
    ({"claude": ["backup"]}, KeyKind.GROUP, Verdict.QUESTIONABLE, "target backup cannot be served for callers without"),
    ({"claude": ["bckup"]}, KeyKind.GROUP, Verdict.DEAD, "served for anybody; did you mean backup?"),
    ({"claude": ["bckup", "claude"]}, KeyKind.GROUP, Verdict.DEAD, "requests reach it, and none of its targets can"),
    ({"claude": ["bckup", "gpt-4o"]}, KeyKind.GROUP, Verdict.QUESTIONABLE, "for anybody; did you mean backup?"),
]


@pytest.mark.parametrize(("chain", "key_kind", "verdict", "note"), KEYS)
def test_each_kind_of_key(chain: dict[str, list[str]], key_kind: KeyKind, verdict: Verdict, note: str) -> None:
    ((key, found),) = verdicts(with_chains(chain)).items()
    assert (key, *found[:2]) == (next(iter(chain)), key_kind, verdict)
    assert note in found[2]


def test_wildcards() -> None:
    raw = with_chains({"acme/*": ["claude"]}, {"eu/*": ["backup"]}, {"eu/x": ["backup"]}, {"acme/x": ["claude"]})
    raw["model_list"] += [model("acme/*"), model("model_name_acme_3", "acme", "eu/*")]
    found = verdicts(raw)

    assert found["acme/*"][:2] == (KeyKind.WILDCARD, Verdict.DEAD)
    assert "a wildcard group is not looked up for the names that it serves" in found["acme/*"][2]
    assert found["eu/*"][:2] == (KeyKind.TEAM_WILDCARD, Verdict.DORMANT)
    assert found["eu/x"][:2] == found["acme/x"][:2] == (KeyKind.CONCRETE, Verdict.ALIVE)


def test_why_a_chain_is_dead() -> None:
    settings = read_settings(with_chains({"gpt-4.1": ["backup"]}, {ACME_1: ["claude"]}, {"gpt-4.1": ["claude"]}), {})
    found = judge(settings, release_at(Version("1.98.1"), []))
    assert [j.verdict for j in found] == [Verdict.ALIVE, Verdict.DEAD, Verdict.DEAD]
    assert found[1].notes == ("its requests find another chain first: gpt-4.1",)
    assert found[2].notes == ("entry 1 has the same key and comes first",)

    # from 1.104 a hop goes on in the original request's chains, and this is the next of them
    assert judge(settings, release_at(NEWEST, []))[1].verdict is Verdict.DORMANT

    found = judge(read_settings(with_chains({"*": ["claude"]}, {"*": ["gpt-4o"]}), {}), release_at(NEWEST, []))
    assert [j.verdict for j in found] == [Verdict.DEAD, Verdict.ALIVE]
    assert found[0].notes == ("a later catch-all takes precedence: entry 2",)

    raw = with_chains(context_window_fallbacks=[{"*": ["claude"]}])
    assert verdicts(raw)["context_window_fallbacks: *"][1] is Verdict.ALIVE
    old = verdicts(raw, Version("1.98.1"))["context_window_fallbacks: *"]
    assert old[1:] == (Verdict.DEAD, "this release supports no catch-all in this list")


def test_without_models_nothing_is_called_a_typing_error() -> None:
    """They may all be in the database."""
    found = verdicts(with_chains({"x": ["y"]}) | {"model_list": []})
    assert found["x"] == (KeyKind.UNKNOWN, Verdict.UNSEEN, "it may be a model that could not be seen")


def test_a_name_that_is_both_internal_and_public_is_one_that_callers_use() -> None:
    """As where a proxy shows the public name alone, in place of the internal one."""
    raw = with_chains({"gpt-4.1": ["claude"]})
    raw["model_list"] = [model("gpt-4.1", "acme", "gpt-4.1"), model("claude")]
    assert verdicts(raw)["gpt-4.1"][1] is Verdict.ALIVE


def test_default_fallbacks_are_a_catch_all_behind_the_others() -> None:
    found = verdicts(with_chains({"claude": ["gpt-4o"]}, default_fallbacks=["claude"]))
    assert found["*"][:2] == (KeyKind.CATCH_ALL, Verdict.ALIVE)


def test_circles_are_told_and_no_crime() -> None:
    raw = with_chains({"claude": ["gpt-4.1"]}, {"gpt-4.1": ["backup"]}, {ACME_2: ["gpt-4.1"]}, max_fallbacks=3)
    found = verdicts(raw)
    circle = "leads in a circle: gpt-4.1 -> model_name_acme_2 -> gpt-4.1; "
    assert f"{circle}names already tried are skipped" in found["gpt-4.1"][2]
    assert "leads in a circle" not in found["claude"][2]
    old = verdicts(raw, Version("1.83.0"))
    assert f"{circle}this release calls them again until max_fallbacks, 3, ends it" in old["gpt-4.1"][2]


def test_a_chain_without_targets_keeps_the_catch_all_away() -> None:
    found = verdicts(with_chains({"claude": []}, default_fallbacks=["gpt-4o"]))
    assert found["claude"][1:] == (
        Verdict.QUESTIONABLE,
        "it has no targets: its requests get the error, not the catch-all's targets",
    )


@pytest.mark.parametrize("provider", ["hosted_vllm", "ollama_chat", "lm_studio", "openrouter"])
def test_a_key_without_the_provider_of_its_group(provider: str) -> None:
    raw = with_chains({"llama": ["claude"]})
    raw["model_list"].append(model(f"{provider}/llama"))
    assert verdicts(raw)["llama"][:2] == (KeyKind.PREFIXED, Verdict.ALIVE)


def test_a_chain_that_only_another_one_leads_to_is_alive() -> None:
    found = verdicts(with_chains({"gpt-4.1": [ACME_2]}, {ACME_2: ["claude"]}))
    assert found[ACME_2][1] is Verdict.PARTLY  # "backup", which the team calls it by, does not find it yet
    judgement = judge(
        read_settings(with_chains({"gpt-4.1": [ACME_2]}, {ACME_2: ["claude"]}), {}), release_at(NEWEST, [])
    )[1]
    assert {reach.via for reach in judgement.today} == {"", ACME_2}


def test_a_deployment_id_is_a_key_and_a_target() -> None:
    raw = with_chains({"claude": ["the-id"]}, {"the-id": ["claude"]})
    raw["model_list"][2]["model_info"]["id"] = "the-id"
    found = verdicts(raw)
    assert found["claude"][1] is Verdict.ALIVE
    assert found["the-id"][:2] == (KeyKind.DEPLOYMENT_ID, Verdict.ALIVE)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if len(e.chains) == 1], ids=lambda example: example.shows)
def test_the_contract_s_examples(example: Example) -> None:
    """A chain that the patch alone brings to an example's request is never called alive without a word."""
    found = judge(Settings(example.config(), {}), release_at(NEWEST, []))[0]
    model = {"acme/zeta": f"acme/{EXAMPLE}"}.get(example.model, example.model)
    asked = [r for r in found.patched if (r.model, r.team_id or None, r.via) == (model, example.team_id, "")]
    direct = all(reach.direct for reach in asked)
    if example.fix and not direct:
        assert asked
        assert found.verdict in {Verdict.DORMANT, Verdict.PARTLY}
    assert bool(asked) == (example.answer is not None)


@pytest.mark.slow
@settings(max_examples=150, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds(), release=releases())
def test_in_any_world_the_requests_of_a_chain_are_those_whose_lookup_finds_it(world: World, release: Routing) -> None:
    """Its word is the model's: nothing is reached that is not found, nothing is found that is not reached."""
    # a release of the compiled Router, which the doctor is never asked to judge by: the ledger has none
    assume(not release.context_window_falls_through)
    found = Settings(world.config, {})
    judgements = judge(found, release)
    for kind in Kind:
        chains = [judgement for judgement in judgements if judgement.kind is kind]
        for rules, reached in ((Rules.UPSTREAM, "today"), (Rules.CONTRACT, "patched")):
            for reach in requests_of(found, release):
                key, _ = find_request_chain(world.config, reach.request, kind, release, rules)
                _, targets = find_chain(world.config, kind, (key,) if key not in {None, CATCH_ALL} else (), release)
                its = [judgement for judgement in chains if reach in getattr(judgement, reached)]
                if key is None or not world.config.entries(kind):
                    assert its == []
                else:
                    assert [tuple(target.name for target in chain.targets) for chain in its] == [targets]
                    assert (its[0].key == CATCH_ALL) == (key == CATCH_ALL)


def test_a_quiet_doctor_tells_by_its_code(clinic: Clinic) -> None:
    for options in ((), ("--json",)):
        result = clinic.run(clinic.path, "--quiet", *options)
        assert (result.exit_code, result.output) == (DEAD, "")
