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
  esac
  shift
done
case "$verb" in
  "issue list")
    for file in "$label "*; do
      [ ! -e "$file" ] || { [ "$json" = title ] && echo "${file#"$label" }" || echo 1; }
    done ;;
  "issue create") : > "$label $(echo "$title" | tr / _)" ;;
  "issue close") rm "release-watch "* ;;
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
