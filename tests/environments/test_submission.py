"""What the submission's own checks find, and what a comparison of arms calls different."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.ledger import bundled_folder
from upkeep.command import run
from upkeep.errors import UpkeepError
from upkeep.upstream.comparing import differences, wanted_tests

if TYPE_CHECKING:
    from pathlib import Path

EXPORTED = bundled_folder() / "upstream" / "tests"


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
    with pytest.raises(UpkeepError):
        wanted_tests(tmp_path)

    code = run("upstream-tests", tmp_path, "--folder", str(tmp_path / "cells"))

    assert (code, (tmp_path / "cells").exists()) == (2, False)
    assert "does not say its release; give --release" in capsys.readouterr().err
