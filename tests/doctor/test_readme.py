"""Each command of the doctor's page, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from litellm_patch.doctor.judging import Verdict
from litellm_patch.doctor.showing import WORTH
from litellm_patch.errors import DEAD
from tests.doctor.stand_in import KEY, StandIn, proxy_1_83
from tests.doctor.test_logs import OLD
from tests.doctor.test_verify import make_environment
from tests.patching.factory import Installation, make_world

if TYPE_CHECKING:
    from tests.doctor.clinic import Clinic

SECTION = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
COMMANDS = [
    re.sub(r" {2,}#.*", "", line)[2:]
    for block in re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
    for line in block.splitlines()
]
CODES = {"--log - <": 0}
"""What ends otherwise than by something dead."""


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command(clinic: Clinic, command: str) -> None:
    world = make_world(clinic.folder)
    if "--verify" in command:
        make_environment(clinic.folder)
    else:
        world.env.rename(clinic.folder / ".venv")
    (clinic.folder / "proxy.log").write_text(OLD.format("gpt-4.1"), encoding="utf-8")
    with StandIn(proxy_1_83()) as proxy:
        run(clinic, world, command.replace("http://127.0.0.1:4000", proxy.url))


def run(clinic: Clinic, world: Installation, command: str) -> None:
    """Run a command of the page in a shell; all that it needs is there."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = {**os.environ, "PATH": path, "LITELLM_PROXY_API_KEY": KEY}
    if "--target" in command and "--verify" not in command:
        environ["LITELLM_PATCH_DIR"] = str(world.patches)
    done = subprocess.run(  # noqa: S602
        command, shell=True, cwd=clinic.folder, env=environ, capture_output=True, check=False, text=True
    )
    notes = [
        line for line in done.stderr.splitlines() if not line.startswith(("note: using the patches of ", "wrote "))
    ]
    assert notes == []
    assert done.returncode == next((code for part, code in CODES.items() if part in command), DEAD)
    assert done.stdout


def test_there_are_commands_and_every_verdict_is_told() -> None:
    assert len(COMMANDS) >= 7
    assert all(command.startswith("litellm-patch doctor ") for command in COMMANDS)
    for verdict in Verdict:
        assert f"\n| {' | '.join(WORTH[verdict])} | `{verdict.name.lower()}` | " in SECTION
