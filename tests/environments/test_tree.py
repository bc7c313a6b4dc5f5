"""The behaviour tests on a litellm at a path: `nox -s names -- --tree third_party/litellm`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from click.testing import CliRunner

from litellm_patch.cli import main
from litellm_patch.patching.finding import find_target
from tests.patching.test_docker_recipe import RELEASE, make_image
from upkeep.cells.command import command

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

FEW = ("-k", "test_examples")
EDITED = "litellm/router_utils/fallback_event_handlers.py"


def _run(folder: Path, tree: Path) -> Result:
    places = ("--folder", str(folder / "cells"), "--results", str(folder / "results"))
    return CliRunner().invoke(command, [*places, "--tree", str(tree), *FEW], standalone_mode=False)


def test_a_merged_tree_is_tested_beside_stock(tmp_path: Path) -> None:
    make_image(tmp_path / "image")
    site = find_target(tmp_path / "image").package.parent
    tree = tmp_path / "third_party" / "litellm"
    for folder in ("litellm", f"litellm-{RELEASE}.dist-info"):
        shutil.copytree(site / folder, tree / folder)

    refused = _run(tmp_path, tree)
    assert "is clean, expected a litellm that was patched in place" in str(refused.exception)

    edited = tree / EDITED
    edited.write_bytes(b"# ours\n" + edited.read_bytes())
    assert CliRunner().invoke(main, ["apply", "--merge", str(tree)]).exit_code == 0
    tested = _run(tmp_path, tree)
    assert f"litellm {RELEASE}, patched: " in tested.output
    assert tested.return_value == 0, tested.output

    edited.write_bytes(edited.read_bytes() + b"\nraise SystemExit('it was imported')\n")
    assert CliRunner().invoke(main, ["apply", "--merge", str(tree)]).exit_code == 0
    broken = _run(tmp_path, tree)
    assert broken.return_value == 1
    assert "it was imported" in broken.output
