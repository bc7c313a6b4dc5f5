"""What the submission's own checks find, and what a comparison of arms calls different."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.ledger import bundled_folder
from upkeep.command import run
from upkeep.errors import UpkeepError
from upkeep.upstream.comparing import differences, wanted_tests
from upkeep.upstream.kits import find_kits

if TYPE_CHECKING:
    from pathlib import Path

MATERIAL = bundled_folder() / "upstream"


ISSUES = {"message.txt": {28019, 10317, 34027}, "rust/teams.txt": {28019, 34027}, "rust/aliases.txt": {10317}}


@pytest.mark.parametrize(("name", "issues"), ISSUES.items())
def test_a_commit_says_what_it_fixes(name: str, issues: set[int]) -> None:
    subject, blank, *body = (MATERIAL / name).read_text(encoding="utf-8").splitlines()

    assert re.fullmatch(r"fix\(router\): [a-z][^.]{10,57}", subject)
    assert not blank
    assert {line for line in body if line.startswith("Fixes #")} == {f"Fixes #{issue}" for issue in issues}


def test_the_pull_request_is_whole() -> None:
    measured = {path.stem: path.read_text(encoding="utf-8") for path in (MATERIAL / "measured").iterdir()}
    text = (MATERIAL / "PULL_REQUEST.md").read_text(encoding="utf-8")

    assert set(re.findall(r"\{(\w+)\}", text)) == set(measured)
    assert set(re.findall(r"\{(\w+)\}", (MATERIAL / "BACKPORT.md").read_text(encoding="utf-8"))) == {"release"}
    assert all(f"#{number}" in text for number in (29378, 36058, 40977))
    for name, status in (("before", 500), ("after", 200)):
        if measured[name].startswith("<!--"):
            continue  # not run by us: the submitter does
        assert measured[name].count(f"   {status} ") == 6
        assert all(f"#### /v1/{path}\n" in measured[name] for path in ("chat/completions", "responses", "messages"))


def test_nothing_that_upstream_gets_speaks_of_this_project() -> None:
    kits = find_kits(bundled_folder())
    sent = {path for path in MATERIAL.rglob("*") if path.is_file() and path.name != "README.md"}
    sent |= {kit.release.patch for kit in kits}

    assert len(kits) > 1
    for path in sorted(sent):
        text = path.read_text(encoding="utf-8")
        # of a patch, only what it adds is sent
        added = re.sub(r"^[^+\n].*$", "", text, flags=re.MULTILINE) if path.suffix == ".patch" else text
        assert not re.search(r"litellm.patch|upkeep|the contract|on stock", added), path


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
