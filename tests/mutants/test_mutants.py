"""The mutator itself: only what a patch adds is changed, each change is another program, and nobody is let off."""

from __future__ import annotations

import marshal
from dataclasses import replace
from types import CodeType
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.cells.selection import select
from upkeep.command import run
from upkeep.mutants import command
from upkeep.mutants.equivalents import Equivalent, EquivalentsError, load_equivalents, stale, unexplained
from upkeep.mutants.generate import FORGET_A_HUNK, Mutant, added_lines, mutants
from upkeep.mutants.inside import _in_file
from upkeep.mutants.verdict import MutantVerdict

if TYPE_CHECKING:
    from pathlib import Path

STOCK = """\
def lookup(chains, name):
    return chains.get(name)


def untouched(names):
    return names or ["untouched"]
"""
PATCHED = '''\
def names_of(router, kwargs, name, chains=()):
    """The names of a request."""
    target = router.alias(name)
    verbose_logger.debug("%s is %s", name, target)
    team = get_request_team_id(kwargs)
    yield name
    if target and team != "nobody":
        yield target
    for group, shown in router.pairs(name):
        yield group


def lookup(chains, name):
    return next((chains[n] for n in names_of(chains, {}, name) if n in chains), None)


def untouched(names):
    return names or ["untouched"]
'''


def _mutants() -> list[Mutant]:
    return list(mutants("sample.py", STOCK, PATCHED))


def _changes(operator: str) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in _mutants() if mutant.operator == operator}


def test_only_what_the_patch_adds_is_changed() -> None:
    assert added_lines(STOCK, PATCHED) == {*range(1, 13), 14}
    assert {mutant.function for mutant in _mutants()} == {"names_of", "lookup"}


def test_what_is_only_logged_is_left_alone() -> None:
    assert not [mutant for mutant in _mutants() if "verbose_logger" in mutant.before + mutant.after]


def test_each_mutant_is_another_program() -> None:
    images = [marshal.dumps(mutant.code) for mutant in _mutants()]

    assert len(images) == len(set(images))
    assert marshal.dumps(compile(PATCHED, "sample.py", "exec")) not in images


@pytest.mark.parametrize(
    ("operator", "change"),
    [
        ("drop_a_statement", ("yield name", "pass")),
        ("swap_steps", ("yield name", "yield name")),
        ("skip_a_check", ("if target and team != 'nobody':", "if True:")),
        ("turn_a_comparison", ("team != 'nobody'", "team == 'nobody'")),
        ("forget_an_operand", ("target and team != 'nobody'", "target")),
        ("change_a_constant", ("'nobody'", "'nobody-mutated'")),
        ("skip_a_call", ("router.alias(name)", "name")),
        ("follow_a_second_alias", ("router.alias(name)", "router.alias(router.alias(name) or name)")),
        (
            "read_one_bucket",
            ("get_request_team_id(kwargs)", "(kwargs.get('metadata') or {}).get('user_api_key_team_id')"),
        ),
        ("mistake_a_name", ("yield group", "yield shown")),
        ("change_the_list", ("", "isinstance(chains, list) and chains and chains.pop()")),
        ("look_up_once_more", ("", "isinstance(chains, list) and get_fallback_model_group(chains, 'nobody')")),
        (
            FORGET_A_HUNK,
            (
                "return next((chains[n] for n in names_of(chains, {}, name) if n in chains), None)",
                "return chains.get(name)",
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_contract_warns_of_is_among_them(operator: str, change: tuple[str, str]) -> None:
    assert change in _changes(operator)


SETS = """\
def chain_of(names, found):
    if found in ("a", "b") and isinstance(found, (str, dict)):
        return frozenset((found, "c"))
    try:
        return {found, "d"}
    except (LookupError, TypeError):
        return dict.fromkeys(("e", *names))
"""


def test_neither_the_order_nor_the_repeats_of_a_set_are_changed() -> None:
    """Nothing could notice, so nobody should have to say so."""
    made = list(mutants("sample.py", "", SETS))
    sequences = [m for m in made if m.operator in {"swap_steps", "repeat_an_element"}]

    assert [(m.before, m.after) for m in sequences] == [("('e', *names)", "(*names, 'e')")]


def test_what_is_left_out_of_a_set_is_missed() -> None:
    left = {(m.before, m.after) for m in mutants("sample.py", "", SETS) if m.operator == "forget_an_element"}

    assert left >= {
        ("('a', 'b')", "('b',)"),
        ("(str, dict)", "(str,)"),
        ("(found, 'c')", "(found,)"),
        ("{found, 'd'}", "{found}"),
        ("(LookupError, TypeError)", "(LookupError,)"),
        ("('e', *names)", "('e',)"),
    }


def test_a_mutant_runs_as_it_reads() -> None:
    code = next(m.code for m in _mutants() if m.operator == FORGET_A_HUNK)
    space: dict[str, object] = {}
    exec(code, space)  # noqa: S102 - our own sample

    lookup = space["lookup"]
    assert callable(lookup)
    assert lookup({"a": 1}, "a") == 1


def test_a_mutant_is_of_the_file_that_it_changes() -> None:
    """Tests that count litellm's lines or calls tell them by that, within what a function holds too."""
    code = next(m.code for m in _mutants() if m.function == "lookup")

    def files(found: CodeType) -> set[str]:
        inner = [files(constant) for constant in found.co_consts if isinstance(constant, CodeType)]
        return {found.co_filename}.union(*inner)

    assert files(code) == {"sample.py"}
    assert files(_in_file(code, "litellm/sample.py")) == {"litellm/sample.py"}


SURVIVOR = MutantVerdict("f.py", "names_of", "drop_a_statement", "yield name", "pass", "survived")
ENTRY = Equivalent("names_of", "drop_a_statement", "yield name", "pass", "it is yielded twice")


def test_a_survivor_is_unexplained_unless_it_is_named() -> None:
    other = Equivalent("names_of", "drop_a_statement", "yield target", "pass", "a reason")

    assert unexplained([SURVIVOR], [other]) == [SURVIVOR]
    assert unexplained([SURVIVOR], [ENTRY]) == []


def test_an_entry_without_a_survivor_is_stale() -> None:
    killed = MutantVerdict("f.py", "names_of", "drop_a_statement", "yield name", "pass", "killed", "test_x")

    assert stale([killed], [ENTRY]) == [ENTRY]
    assert stale([killed, SURVIVOR], [ENTRY]) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[equivalent]]\nfunction = "f"\n', "must have"),
        ('[[equivalent]]\nfunction = "f"\noperator = "o"\nbefore = "b"\nafter = "a"\nreason = " "\n', "empty"),
        ('[[equivalent]]\nfunction = "f"\noperator = "o"\nbefore = "b"\nafter = "a"\nreason = "r"\n' * 2, "twice"),
    ],
)
def test_a_wrong_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "equivalent.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(EquivalentsError, match=said):
        load_equivalents(path)


def test_one_reason_may_be_that_of_several(tmp_path: Path) -> None:
    path = tmp_path / "equivalent.toml"
    text = '[[equivalent]]\nfunction = "f"\noperator = "o"\nbefore = "b"\nafter = ["a", "c"]\nreason = "r"\n'
    path.write_text(text, encoding="utf-8")

    assert load_equivalents(path) == [Equivalent("f", "o", "b", after, "r") for after in ("a", "c")]


def _main(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, verdicts: list[MutantVerdict]) -> int:
    monkeypatch.setattr(command, "run_release", lambda *_: verdicts)
    monkeypatch.setattr(command, "load_equivalents", lambda _: [ENTRY])
    folders = ["--folder", str(tmp_path / "cells"), "--results", str(tmp_path / "results")]
    return run("mutants", *folders, "--release", "1.109.1")


def test_an_unexplained_survivor_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unnamed = MutantVerdict("f.py", "lookup", "skip_a_check", "if a:", "if True:", "survived")

    assert _main(monkeypatch, tmp_path, [SURVIVOR]) == 0
    assert _main(monkeypatch, tmp_path, [SURVIVOR, unnamed]) == 1
    assert "survived: lookup, skip_a_check: if a: -> if True:" in capsys.readouterr().out


def test_a_mutant_that_nothing_runs_fails_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unreachable = MutantVerdict("f.py", "lookup", "skip_a_check", "if a:", "if True:", "unreachable")

    assert _main(monkeypatch, tmp_path, [SURVIVOR, unreachable]) == 1


def test_a_suite_that_fails_by_itself_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> list[MutantVerdict]:
        raise command.BrokenSuiteError("the suite fails without a mutant")

    monkeypatch.setattr(command, "run_release", broken)

    code = run("mutants", "--folder", tmp_path, "--results", tmp_path, "--release", "1.109.1")

    assert code == 2
    assert "without a mutant" in capsys.readouterr().err


def test_an_unknown_release_is_an_error(tmp_path: Path) -> None:
    assert run("mutants", "--folder", tmp_path, "--results", tmp_path, "--release", "0.0.1") == 2


def _judge(monkeypatch: pytest.MonkeyPatch, folder: Path, verdict: MutantVerdict) -> int:
    """Run each release in a shard of its own, where one of them has a survivor or not, and judge them together."""
    ends = select(load_ledger(bundled_folder()).releases, "ends")
    folders = ["--folder", str(folder / "cells"), "--results", str(folder)]
    monkeypatch.setattr(command, "load_equivalents", lambda _: [ENTRY])
    monkeypatch.setattr(command, "run_release", lambda release, *_: [verdict] if release == ends[-1] else [])
    codes = {run("mutants", *folders, "--shard", f"{number}/{len(ends)}") for number in range(1, len(ends) + 1)}
    assert codes == {0}
    monkeypatch.setattr(command, "run_release", lambda *_: pytest.fail("nothing is run"))
    return run("mutants", *folders, "--judge")


def test_shards_are_judged_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = replace(SURVIVOR, fate="killed")

    assert _judge(monkeypatch, tmp_path, SURVIVOR) == 0
    assert _judge(monkeypatch, tmp_path, replace(SURVIVOR, fate="skipped")) == 0
    assert "no survivor any more" not in capsys.readouterr().out
    assert _judge(monkeypatch, tmp_path, killed) == 1
    assert "no survivor any more: names_of" in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "", "{}x", "[1]", '[{"file": "f.py"}]'])
def test_a_shard_that_left_nothing_cannot_be_judged(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "1.109.1.json").write_text(text)

    code = run("mutants", "--folder", tmp_path, "--results", tmp_path, "--judge", "--release", "1.109.1")

    assert code == 2
    assert "1.109.1.json" in capsys.readouterr().err
