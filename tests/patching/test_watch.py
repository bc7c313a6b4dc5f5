"""The daily workflow, run as it is written, against an index on loopback that grows a release, without GitHub."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from litellm_patch.patching.ledger import LEDGER_NAME
from tests.patching.maintainer import NEW, Project
from upkeep.cells.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

# an issue is a file: its label, a space, its title; and there is only one open one of a label that is edited
GH = """#!/bin/sh
cd "$ISSUES"
verb="$1 $2"; shift 2
while [ $# -gt 0 ]; do
  case "$1" in
    --label) label=$2; shift ;;
    --title) title=$2; shift ;;
    --json) json=$2; shift ;;
    --log-failed) json=log ;;
    --body-file) body=$OLDPWD/$2; shift ;;
  esac
  shift
done
case "$verb" in
  "issue list")
    for file in "$label "*; do
      [ ! -e "$file" ] || { [ "$json" = title ] && echo "${file#"$label" }" || echo 1; }
    done ;;
  "issue create") cat "${body:-/dev/null}" > "$label $(echo "$title" | tr / _)" ;;
  "issue edit") for file in nightly*; do cat "$body" > "$file"; done ;;
  "issue close") rm -f "release-watch "* "nightly "* ;;
  "run view") cat "$RUN/$json" ;;
esac
"""


@pytest.fixture
def written(project: Project) -> Project:
    """A project whose ledger was just written."""
    project.expect(0, "update")
    return project


def _watch(project: Project, folder: Path) -> list[str]:
    """Run the steps of the workflow that look and that tell, and give the issues there are then."""
    issues, programs = folder / "issues", folder / "bin"
    for place in (issues, programs):
        place.mkdir(exist_ok=True)
    if not (folder / "scripts").exists():
        (folder / "scripts").symlink_to(ROOT / "scripts")
    python = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'
    for name, text in (("gh", GH), ("python3", python)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "watch.yml").read_text(encoding="utf-8"))
    look, tell = (step["run"] for step in workflow["jobs"]["watch"]["steps"] if step.get("name"))
    settings = {
        "LITELLM_PATCH_DIR": str(project.patches),
        "PIP_INDEX_URL": project.index.url,
        "NO_PROXY": "127.0.0.1",
        "ISSUES": str(issues),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    for step in (look, tell):
        subprocess.run(  # noqa: S603 - what the workflow says
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],  # noqa: S607 - as the runner does
            cwd=folder,
            env=os.environ | settings,
            check=True,
            capture_output=True,
        )
    return sorted(path.name for path in issues.iterdir())


def test_each_new_release_gets_one_issue(written: Project, tmp_path: Path) -> None:
    assert _watch(written, tmp_path) == []
    written.index.add("1.84.1", NEW)
    assert _watch(written, tmp_path) == ["new-release litellm 1.84.1"]
    written.index.add("1.84.10", NEW)

    assert _watch(written, tmp_path) == ["new-release litellm 1.84.1", "new-release litellm 1.84.10"]
    assert _watch(written, tmp_path) == ["new-release litellm 1.84.1", "new-release litellm 1.84.10"]


def test_all_else_has_one_issue_that_closes_by_itself(written: Project, tmp_path: Path) -> None:
    right = written.ledger.read_bytes()
    written.ledger.write_bytes(right + b"# by hand\n")

    (issue,) = _watch(written, tmp_path)

    assert issue.startswith(f"release-watch releases check: {LEDGER_NAME} is not in the form")
    written.ledger.write_bytes(right)
    assert _watch(written, tmp_path) == []


def test_it_is_asked_each_day() -> None:
    text = (ROOT / ".github" / "workflows" / "watch.yml").read_text(encoding="utf-8")
    _, _, day_of_month, month, day_of_week = yaml.safe_load(text)[True]["schedule"][0]["cron"].split()

    assert (day_of_month, month, day_of_week) == ("*", "*", "*")


def _night(folder: Path, jobs: str, log: str) -> dict[str, str]:
    """Run the last job of the nightly workflow, and give the issues there are then, with their texts."""
    for name in ("issues", "bin", "run"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    (folder / "run" / "jobs").write_text(jobs)
    (folder / "run" / "log").write_text(log)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))
    (step,) = workflow["jobs"]["tell"]["steps"]
    settings = {
        "ISSUES": str(folder / "issues"),
        "RUN": str(folder / "run"),
        "URL": "https://example.com/1",
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(  # noqa: S603 - what the workflow says
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607 - as the runner does
        cwd=folder,
        env=os.environ | settings,
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_text() for path in (folder / "issues").iterdir()}


def test_a_night_that_fails_has_one_issue_until_it_passes(tmp_path: Path) -> None:
    assert _night(tmp_path, "", "") == {}

    ((title, text),) = _night(tmp_path, "All releases (3/45)\n", "x\tlitellm 1.98.1 failed: 1 test\n").items()
    assert title == "nightly nightly: 1 job(s) failed, first All releases (3_45)"
    assert "- All releases (3/45)" in text
    assert "litellm 1.98.1 failed: 1 test" in text

    ((_, text),) = _night(tmp_path, "All releases (3/45)\nmutants\n", "nothing to see\n").items()
    assert "- mutants" in text
    assert "none found: see the logs" in text
    assert _night(tmp_path, "", "") == {}


def test_every_job_of_the_night_is_told() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))["jobs"]
    needed = {job for name in jobs for job in jobs[name].get("needs", []) if name != "tell"} | set(
        jobs["tell"]["needs"]
    )

    assert {"plan", "mutants"} | set(jobs["tell"]["needs"]) >= set(jobs) - {"tell"}
    assert needed
