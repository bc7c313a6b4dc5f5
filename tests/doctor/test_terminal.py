"""What a person sees: a real terminal, narrow and wide, with colour and without."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.doctor.clinic import ACME_1

if TYPE_CHECKING:
    from tests.doctor.clinic import Clinic

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")

COLOUR = re.compile(r"\x1b\[[\d;]*m")


def show(clinic: Clinic, columns: int, verb: str = "doctor", **environ: str) -> list[str]:
    """Run a verb in a terminal of a width; the lines that it shows."""
    import fcntl  # noqa: PLC0415 - not on Windows
    import pty  # noqa: PLC0415
    import termios  # noqa: PLC0415

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    clean = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    place = clinic.path if verb == "doctor" else clinic.folder
    with subprocess.Popen(  # noqa: S603 - the tool
        [sys.executable, "-m", "litellm_patch", verb, str(place)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm-256color", **environ},
    ):
        os.close(theirs)
        seen = b""
        while True:
            try:
                read = os.read(ours, 65536)
            except OSError:  # as Linux says that the other end is closed
                break
            if not read:
                break
            seen += read
    os.close(ours)
    return seen.decode().splitlines()


@pytest.mark.parametrize("columns", [80, 200])
def test_a_chain_reads_from_its_worth_to_what_to_do(clinic: Clinic, columns: int) -> None:
    lines = show(clinic, columns)
    plain = [COLOUR.sub("", line).rstrip() for line in lines]
    assert max(map(len, plain)) <= columns
    (row,) = (number for number, line in enumerate(plain) if f"{ACME_1} -> backup" in line)
    assert re.match(r"dead +alive +model_name_acme_1", plain[row])
    assert "\x1b[31mdead" in lines[row]
    assert "\x1b[32malive" in lines[row]
    shown = " ".join(plain[row : row + (1 if columns > 80 else 4)])
    assert "gpt-4.1 (acme), gpt-4.1 (admin)" in shown
    assert "apply the patch" in shown


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
@pytest.mark.parametrize("verb", ["doctor", "status"])
def test_no_colour_where_none_is_wanted(clinic: Clinic, verb: str, environ: dict[str, str]) -> None:
    coloured, plain = show(clinic, 80, verb), show(clinic, 80, verb, **environ)
    assert any("\x1b[31m" in line for line in coloured)
    assert [line for line in plain if re.search(r"\x1b\[[\d;]*3\dm", line)] == []
    assert [COLOUR.sub("", line).rstrip() for line in coloured] == [COLOUR.sub("", line).rstrip() for line in plain]
