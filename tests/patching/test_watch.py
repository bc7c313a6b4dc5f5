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
    """Run the step that tells of a run, and give the issues there are then, with their texts."""
    for name in ("issues", "bin", "run"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    (folder / "run" / "jobs").write_text(jobs)
    # as gh gives it: the job, the step and the time stand before each line
    (folder / "run" / "log").write_text(
        "".join(f"job\tstep\t2026-11-27T02:17:00Z {line}\n" for line in log.splitlines())
    )
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tell.yml").read_text(encoding="utf-8"))
    (step,) = workflow["jobs"]["tell"]["steps"]
    settings = {
        "ISSUES": str(folder / "issues"),
        "RUN": str(folder / "run"),
        "LABEL": "nightly",
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


TWO_CELLS = """\
litellm 1.98.1, patched: ..F.
E   AssertionError: assert ['other'] == ['backup']
FAILED tests/names/test_examples.py::test_an_example[3] - AssertionError
litellm 1.98.1, stock: 359 passed
16 of 18 cells passed
failed: 1.98.1, 1.109.3
"""


def test_a_night_that_fails_has_one_issue_until_it_passes(tmp_path: Path) -> None:
    assert _night(tmp_path, "", "") == {}

    ((title, text),) = _night(tmp_path, "All releases (3/10)\n", TWO_CELLS).items()
    assert title == "nightly nightly: litellm 1.98.1 1.109.3"
    assert "Releases that failed: 1.98.1 1.109.3\n" in text
    assert "- All releases (3/10)\n" in text
    differences = text.partition("First differences:\n```\n")[2].splitlines()
    assert "assert ['other'] == ['backup']" in differences[0]
    assert "FAILED tests/names/test_examples.py::test_an_example[3]" in differences[1]

    ((_, text),) = _night(tmp_path, "All releases (3/10)\nmutants\n", "nothing to see").items()
    assert "- mutants" in text
    assert "Releases that failed: none is named\n" in text
    assert "none found: see the logs" in text
    assert _night(tmp_path, "", "") == {}


def test_a_job_without_a_release_gives_the_issue_its_name(tmp_path: Path) -> None:
    ((title, text),) = _night(tmp_path, "Mutants (1/5)\n", "  survived: router.py: drop if\nfailed: 1 of 9").items()

    assert title == "nightly nightly: Mutants (1_5)"
    assert "survived: router.py: drop if" in text


@pytest.mark.parametrize("name", ["nightly", "weekly", "watch", "update"])
def test_every_job_that_runs_by_the_clock_is_told(name: str) -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8"))["jobs"]
    tell = jobs.pop("tell")

    needed = tell["needs"] if isinstance(tell["needs"], list) else [tell["needs"]]
    assert set(needed) == set(jobs)
    assert tell["if"] == "always()"
    assert tell["with"]["label"] == name
