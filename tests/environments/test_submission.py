"""What the submission's own checks find, and what a comparison of arms calls different."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.ledger import bundled_folder
from upkeep.command import run
from upkeep.upstream.comparing import differences, wanted_tests
from upkeep.upstream.discipline import called_names, findings_of_package, findings_of_tests, new_functions
from upkeep.upstream.tree import SubmissionError

if TYPE_CHECKING:
    from pathlib import Path

EXPORTED = bundled_folder() / "upstream" / "tests"


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("x = 1", "x is assigned without Final"),
        ("x: int = 1", "x is assigned without Final"),
        ("x: Final = 1", None),
        ("x: int", None),
        ("x += 1", "x is assigned without Final"),
        ("x = 1  # rebind-ok: counts what comes", None),
        ("x = 1  # rebind-ok:", "x is assigned without Final"),
        ("for i in y:\n    x = 1", None),
        ("def f(a):\n    a = 1", "parameter a is bound anew"),
        ("def f(a: list[int]): ...", "mutable list in an annotation"),
        ("def f() -> dict: ...", "mutable dict in an annotation"),
        ("def f(a: Sequence[int]): ...", None),
        ("def f(**kwargs): ...", "**kwargs"),
        ("def f(\n    **kwargs,  # kwargs-ok: passed on\n): ...", None),
        ("print(cast(int, y))", "cast"),
        ("print([i for a in b for i in a])", "more than one for or if in a comprehension"),
        ("print(y)  # type: ignore", "type: ignore"),
    ],
)
def test_the_discipline_of_types(source: str, finding: str | None) -> None:
    found = findings_of_package(source, set(range(1, 9)))

    assert [line.partition(": ")[2] for line in found] == ([finding] if finding else [])
    assert findings_of_package(source, set()) == []


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("def test_a():\n    f()", "test_a asserts nothing"),
        ("def test_a():\n    with pytest.raises(E):\n        f()", None),
        ("async def test_a():\n    assert f()", None),
        ("sys.path.insert(0, '.')", "sys.path.insert"),
        ("os.environ['A'] = '1'", "os.environ['A'] is assigned"),
        ("litellm.drop_params = True", "litellm.drop_params is assigned"),
    ],
)
def test_the_discipline_of_tests(source: str, finding: str | None) -> None:
    assert [line.partition(": ")[2] for line in findings_of_tests(source)] == ([finding] if finding else [])


def test_the_exported_tests_keep_it() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in EXPORTED.rglob("test_*.py")}

    assert sources
    assert {path.name: findings_of_tests(source) for path, source in sources.items()} == {
        path.name: [] for path in sources
    }


def test_the_words_for_upstream_are_whole() -> None:
    material = EXPORTED.parent
    subject, blank, *body = (material / "message.txt").read_text(encoding="utf-8").splitlines()
    proofs = [(material / "measured" / f"{name}.md").read_text(encoding="utf-8") for name in ("before", "after")]

    assert re.fullmatch(r"fix\(router\): [a-z][^.]{10,50}", subject)
    assert not blank
    assert {line for line in body if line.startswith("Fixes #")} == {
        f"Fixes #{issue}" for issue in (28019, 10317, 34027)
    }
    assert [[proof.count(f"   {status} ") for status in (200, 500)] for proof in proofs] == [[0, 6], [6, 0]]
    for endpoint in ("/v1/chat/completions", "/v1/responses", "/v1/messages"):
        assert all(f"#### {endpoint}\n" in proof for proof in proofs)
    text = (material / "PULL_REQUEST.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\{(\w+)\}", text)) == {path.stem for path in (material / "measured").iterdir()}
    assert all(f"#{number}" in text for number in (29378, 36058, 40977))


def test_new_functions_are_those_that_upstream_s_script_would_miss() -> None:
    gained = new_functions("def a(): ...", "def a():\n    def inner(): ...\nclass B:\n    async def c(self): ...")

    assert gained == {"c"}
    assert gained <= called_names("router.c(1)")


def test_the_tests_of_a_checkout_are_chosen_by_what_they_are_about(tmp_path: Path) -> None:
    wanted = ["tests/local_testing/test_router_fallbacks.py", "tests/test_litellm/proxy/auth/test_auth_checks.py"]
    others = ["tests/test_litellm/test_utils.py", "tests/e2e/test_router.py", "tests/x/test_router_load_test.py"]
    for path in (*wanted, *others):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    assert wanted_tests(tmp_path) == wanted


def test_a_case_differs_if_it_has_another_outcome_or_none() -> None:
    stock, patched = {"a": "passed", "b": "failed", "c": "passed"}, {"a": "passed", "b": "passed", "d": "error"}

    assert differences(stock, patched) == {
        "b": ("failed", "passed"),
        "c": ("passed", "missing"),
        "d": ("missing", "error"),
    }


@pytest.mark.parametrize("made", [[], ["tests"]], ids=["no tests", "none of ours"])
def test_a_folder_that_is_no_checkout_is_refused(
    tmp_path: Path, made: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in made:
        (tmp_path / name).mkdir()
    with pytest.raises(SubmissionError):
        wanted_tests(tmp_path)

    code = run("upstream-tests", *[str(tmp_path), "--folder", str(tmp_path / "cells")])

    assert (code, (tmp_path / "cells").exists()) == (2, False)
    assert "does not say its release: give --release" in capsys.readouterr().out
