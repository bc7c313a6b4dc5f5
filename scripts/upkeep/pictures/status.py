"""The terminal of somebody who patches a litellm and asks what it is, before and after."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner
from packaging.version import Version
from rich.text import Text

from litellm_patch.cli import main
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.pictures.doctor import RELEASE
from upkeep.pictures.terminal import draw_terminal

if TYPE_CHECKING:
    from rich.console import Console

FOLDER = "vendor"  # an environment has the Python's version in its paths


def draw_status() -> str:
    """Ask, patch and ask again, for the release of all pictures.

    Returns:
        The picture as SVG.

    Raises:
        subprocess.CalledProcessError: the release cannot be installed.
    """
    release = load_ledger(bundled_folder()).find(Version(RELEASE))
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "litellm.txt"
        hashes = " ".join(f"--hash=sha256:{digest}" for digest in release.wheels.values())
        pinned.write_text(f"litellm=={RELEASE} {hashes}\n", encoding="utf-8")
        uv = (sys.executable, "-m", "uv", "--quiet", "pip", "install", "--no-deps", "--require-hashes")
        subprocess.run([*uv, "--target", Path(folder) / FOLDER, "-r", pinned], check=True)  # noqa: S603
        os.chdir(folder)
        try:
            return draw_terminal("status", f"litellm-patch status {FOLDER}", _show)
        finally:
            os.chdir(here)


def _show(console: Console) -> None:
    for number, verb in enumerate(("status", "apply", "status")):
        if number:
            console.print(f"$ litellm-patch {verb} {FOLDER}", highlight=False)
        done = CliRunner().invoke(main, [verb, FOLDER], color=True)
        console.print(Text.from_ansi(done.output.rstrip().replace(str(Path.cwd()), "/srv/proxy")), highlight=False)
