"""Try the built wheel as an operator has it: installed, far from the clone, on a real litellm."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from litellm_patch.errors import DEAD
from upkeep.cells.environment import ROOT
from upkeep.errors import UpkeepError
from upkeep.release.running import run, uv

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


def try_installed(wheel: Path, python: str, release: Release, folder: Path) -> bytes:
    """Install the wheel, and let it patch a release, tell of a configuration, and undo.

    Args:
        wheel: What was built.
        python: The Python to try it on, as `3.12`.
        release: The release of LiteLLM to patch; its wheel is checked against the ledger.
        folder: An empty place to work in.

    Returns:
        The parts of what was installed, as CycloneDX in JSON.

    Raises:
        UpkeepError: Something did not end as it must.
    """
    own, target = folder / "tool", folder / "target"
    for place in (own, target):
        uv("venv", "--python", python, place)
    uv("pip", "install", "--python", own, wheel)
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in release.wheels.values())
    (folder / "litellm.txt").write_text(f"litellm=={release.version} {hashes}\n", encoding="utf-8")
    only = ("--no-deps", "--require-hashes", "--only-binary", "litellm")
    uv("pip", "install", "--python", target, *only, "--requirements", folder / "litellm.txt")
    tool = own / ("Scripts" if sys.platform == "win32" else "bin") / "litellm-patch"
    before = _contents(target)
    for verb, code in (("status", 3), ("apply", 0), ("status", 0)):
        run(tool, verb, target, cwd=folder, code=code)
    if _contents(target) == before:
        raise UpkeepError(f"Python {python}: apply said that it patched litellm {release.version}, and nothing changed")
    found = run(tool, "doctor", ROOT / "docs" / "doctor.yaml", "--json", cwd=folder, code=DEAD)
    if not json.loads(found)["chains"]:
        raise UpkeepError(f"Python {python}: the doctor found no chains in docs/doctor.yaml")
    run(tool, "revert", target, cwd=folder)
    if _contents(target) != before:
        raise UpkeepError(f"Python {python}: revert did not give litellm {release.version} back")
    interpreter = own / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    parts = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON")
    return run(sys.executable, *parts, interpreter).encode()


def _contents(environment: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(environment)): path.read_bytes()
        for path in environment.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
