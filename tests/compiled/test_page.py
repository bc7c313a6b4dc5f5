"""The commands and the recipe of docs/compiled.md: real archives, and a cargo and a maturin that pretend.

What they really build is tried by `nox -s compiled`, and by `litellm-patch wheel` itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.apply import status
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from tests.compiled.conftest import Toolbox, install_maturin
from tests.documents.pages import ROOT, commands

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "compiled.md").read_text(encoding="utf-8")
TYPED = commands(PAGE)
RUNS = re.findall(r"(?m)^RUN (.*)$", PAGE.replace("\\\n", ""))
PLATFORM = "manylinux_2_34_x86_64"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="the page names such wheels"),
]


@pytest.fixture
def machine(toolbox: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with a pip, which is on the PATH after the toolchain that pretends."""
    install_maturin(toolbox, platform=PLATFORM, core="litellm-rust/crates/router-core/src/call/derived.rs")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)  # noqa: S603
    path = (str(toolbox.folder), str(tmp_path / "venv" / "bin"), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


def type_(command: str, folder: Path) -> str:
    """Run a command, and give what it prints."""
    done = subprocess.run(  # noqa: S602 - the page's own commands
        command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def in_place_of_tools(command: str) -> str:
    """Install this clone without maturin and zig: one pretends, the other is not asked."""
    return command.replace("'.[wheel]' maturin==1.15.0", f"'{ROOT}[wheel]'").replace("pip install ziglang", "true")


def test_the_commands_in_their_order(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {}
    for command in TYPED:
        if "+fallbacknames" in command:
            monkeypatch.setenv("PIP_NO_DEPS", "1")
        said[command] = type_(in_place_of_tools(command), machine)
    report = status(machine / "venv", load_ledger(bundled_folder()))
    assert (str(report.target.version), report.state) == ("1.110.2+fallbacknames.2", State.APPLIED)
    (compared,) = (text for command, text in said.items() if "--compare" in command)
    assert "changed: litellm/rust_bridge/_native.abi3.so\n" in compared
    assert re.search(r"the same bytes: \d{4} of \d{4} files\n$", compared)
    assert (machine / "kit" / "litellm-1.110.2.tar.gz").is_file()


def test_the_recipe_in_bare_folders(machine: Path, toolbox: Toolbox) -> None:
    """Its lines in `sh`, with folders in place of mounts and images; what asks a distribution's index is left out."""
    image = machine / "image"
    type_(f"{sys.executable} -m uv --quiet venv --python {sys.executable} {image}", machine)
    type_(f"{sys.executable} -m uv --quiet pip install --python {image} --no-deps litellm==1.110.2", machine)
    places = {"/venv": machine / "build", "/src": ROOT, "/kit": machine / "kit", "/wheels": machine / "wheels"}
    asked = [line for line in RUNS if not line.startswith("apt-get")]
    assert len(asked) == len(RUNS) - 1 == 4
    for line in asked:
        command = re.sub(r"--mount=\S+ +", "", line)
        command = command.replace("/mnt/uv", "/venv/bin/uv").replace("/mnt/wheels", "/wheels")
        command = command.replace(" maturin==1.15.0 ziglang", "").replace('"$(command -v python)"', str(image))
        for place, folder in places.items():
            command = re.sub(rf"(?<![\w.]){place}(?=[/'\s\[]|$)", str(folder), command)
        type_(command, machine)
    report = status(image, load_ledger(bundled_folder()))
    assert (str(report.target.version), report.state) == ("1.110.2+fallbacknames.2", State.APPLIED)
    assert "--zig" in (toolbox.folder / "asked").read_text(encoding="utf-8")
