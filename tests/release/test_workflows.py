"""What the workflows install, offer and cost."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.documents.pages import ROOT
from upkeep.release.locking import LOCKED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WORKFLOWS: Mapping[str, Mapping[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
JOBS = {(name, job): value for name, workflow in WORKFLOWS.items() for job, value in workflow["jobs"].items()}
PAGE = (ROOT / "docs" / "workflows.md").read_text(encoding="utf-8")
LIMIT_IN_MINUTES = 20_000
DAYS, WEEKS = 30, 4.35
# what a minute of the system counts for
FACTORS = {"macos": 10, "windows": 2}

# each call is a line of $CALLS; a body or an input is kept beside it
GH = """#!/bin/sh
echo "$*" >> "$CALLS/calls"
while [ $# -gt 0 ]; do
  case "$1" in
    --body-file) cat "$2" > "$CALLS/body" ;;
    --input) cat "$2" > "$CALLS/input" ;;
    refs/heads/update-locked|repos/*/git/refs/heads/update-locked) [ -e "$CALLS/branch" ] || exit 1 ;;
    */git/trees) echo tree1 ;;
    */git/commits) echo commit1 ;;
    list) [ ! -e "$CALLS/number" ] || cat "$CALLS/number" ;;
  esac
  shift
done
"""


def _offer(folder: Path, patch: str) -> list[str]:
    """Run the step that offers newer versions, and give its calls of gh."""
    work = folder / "work"
    (work / ".ci").mkdir(parents=True, exist_ok=True)
    (work / "locked.patch").write_text(patch)
    (work / ".ci" / "locked.txt").write_text('a==2 --hash=sha256:"1"\n')
    (folder / "calls").unlink(missing_ok=True)
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    settings = {"CALLS": str(folder), "GH_REPO": "o/r", "SHA": "abc", "BASE": "main", "TESTS": "failure", "URL": "u"}
    (step,) = (step for step in WORKFLOWS["update"]["jobs"]["offer"]["steps"] if step.get("name"))
    subprocess.run(  # noqa: S603 - what the workflow says
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607 - as the runner does
        cwd=work,
        env=os.environ | settings | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    calls = folder / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


PATCH = "--- a/.ci/locked.txt\n+++ b/.ci/locked.txt\n-a==1 --hash=sha256:0\n+a==2 --hash=sha256:1\n"


def test_newer_versions_are_offered_by_one_pull_request(tmp_path: Path) -> None:
    calls = _offer(tmp_path, PATCH)

    tree = json.loads((tmp_path / "input").read_text())
    assert tree["base_tree"] == "abc"
    (file,) = tree["tree"]
    assert (file["path"], file["content"]) == (".ci/locked.txt", 'a==2 --hash=sha256:"1"\n')
    assert "-f sha=commit1" in calls[-3]
    assert "-f ref=refs/heads/update-locked" in calls[-3], "there was no such branch"
    assert calls[-1].startswith(
        "pr create --base main --head update-locked --title Update what is locked (tests: failure)"
    )
    body = (tmp_path / "body").read_text()
    assert "`.ci/run` with them: failure (u)" in body
    assert "    -a==1\n    +a==2\n" in body

    (tmp_path / "branch").touch()
    (tmp_path / "number").write_text("7\n")
    calls = _offer(tmp_path, PATCH)
    assert calls[-1].startswith("pr edit 7 ")
    assert calls[-3].startswith(
        "api --method PATCH repos/o/r/git/refs/heads/update-locked -f sha=commit1 -F force=true"
    )


def test_nothing_newer_offers_nothing(tmp_path: Path) -> None:
    assert _offer(tmp_path, "") == []


def test_all_that_is_installed_has_a_locked_hash() -> None:
    """By pip with its hashes required, or by uv, which checks those of the constraints."""
    installs = []
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                installs += [
                    line for line in step.get("run", "").splitlines() if re.search(r"\b(pip|uv) .*install", line)
                ]
    # the release itself, which is tried as a person installs it
    installs = [line for line in installs if "./*.whl" not in line]
    assert len(installs) >= 5
    for line in installs:
        assert "--require-hashes" in line or "uv pip install --system --constraint .ci/locked.txt" in line, line
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    unlocked = [line.strip() for line in noxfile.splitlines() if ".install(" in line and "*LOCKED" not in line]
    # `lock` makes the locked versions, `lowest` takes the oldest
    assert len(unlocked) == 1 + noxfile.partition("def lowest(")[2].partition("\ndef ")[0].count(".install(")


@pytest.mark.parametrize("name", ["locked.txt", "locked-upstream.txt"])
def test_each_locked_line_has_a_version_and_hashes(name: str) -> None:
    lines = (LOCKED.parent / name).read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) > 5
    for line in lines:
        assert re.fullmatch(r"[a-z0-9.-]+==\S+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+", line), line[:80]


def _machines(job: Mapping[str, Any]) -> float:
    """How many minutes a minute of a job costs: its machines, each by the factor of its system."""
    matrix = job.get("strategy", {}).get("matrix", {})
    include = matrix.get("include", [])
    systems = [entry["os"] for entry in include] or matrix.get("os") or [job["runs-on"]]
    others = math.prod(len(values) for key, values in matrix.items() if key not in {"include", "os"})
    return sum(FACTORS.get(system.partition("-")[0], 1) for system in systems) * others


def _runs(workflow: Mapping[Any, Any]) -> float | None:
    """How often a month a workflow runs by the clock."""
    triggers = workflow[True]  # what YAML takes `on` for
    if "schedule" not in triggers:
        return None
    ((_, _, *days),) = (entry["cron"].split() for entry in triggers["schedule"])
    return DAYS if days == ["*", "*", "*"] else WEEKS


def _rows() -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")
    ]


def test_the_page_has_each_job_and_its_minutes_a_month() -> None:
    """The minutes of a run are measured or the time limit; all else is computed from the workflows."""
    rows = {tuple(re.findall(r"`([\w-]+)`", row[0])): row[1:] for row in _rows()}
    assert set(rows) == {key for key, job in JOBS.items() if "uses" not in job}
    total = 0.0
    for (name, job), (minutes, machines, runs, month, _) in rows.items():
        assert float(machines) == _machines(JOBS[name, job]), (name, job)
        by_clock = _told() if name == "tell" else _runs(WORKFLOWS[name])
        assert by_clock in {None, float(runs)}, (name, job)
        assert float(minutes) <= JOBS[name, job]["timeout-minutes"], (name, job)
        assert int(month.replace(",", "")) == math.ceil(float(minutes) * float(machines) * float(runs)), (name, job)
        total += int(month.replace(",", ""))
    assert f"**{total:,.0f} minutes**" in PAGE
    assert total < LIMIT_IN_MINUTES


def _told() -> float:
    """How often a month the workflow that tells is called."""
    callers = [workflow for (name, _), job in JOBS.items() if "uses" in job for workflow in (WORKFLOWS[name],)]
    return round(sum(_runs(caller) or 0 for caller in callers), 2)


def test_every_job_has_a_time_limit_and_few_rights() -> None:
    for key, job in JOBS.items():
        assert "uses" in job or job["timeout-minutes"], key
        assert "permissions" in job, key
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
