"""Run nox on a machine that has nothing but Python 3.10 or later and git; arguments go to nox.

The first run makes ``.tools/`` with nox and uv in it, and later runs use it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
BIN = TOOLS / ("Scripts" if os.name == "nt" else "bin")
LOCKED = ROOT / ".ci" / "locked.txt"


def main() -> int:
    """Make the tools' environment if it is not there, then run nox in it.

    Returns:
        nox's exit code, or that of the step that failed.
    """
    if sys.version_info < (3, 10):  # noqa: UP036 - this file is what an older Python would start with
        sys.stderr.write(f"error: this is Python {sys.version.split()[0]}, the tools need 3.10 or later\n")
        return 2
    ready = TOOLS / "locked.txt"
    wanted = LOCKED.read_text(encoding="utf-8")
    if not ready.is_file() or ready.read_text(encoding="utf-8") != wanted:
        sys.stderr.write(f"setting up {TOOLS}\n")
        venv.create(TOOLS, clear=True, with_pip=True)
        first = TOOLS / "uv.txt"
        first.write_text("".join(line for line in wanted.splitlines() if line.startswith("uv==")), encoding="utf-8")
        pip = ("pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement", first)
        uv = ("uv", "pip", "install", "--quiet", "--python", BIN / "python", "--constraint", LOCKED, "nox[uv]")
        for step in (pip, uv):
            done = subprocess.run([BIN / "python", "-m", *step], check=False)  # noqa: S603 - the interpreter just made
            if done.returncode:
                return done.returncode
        ready.write_text(wanted, encoding="utf-8")
    path = os.pathsep.join((str(BIN), os.environ.get("PATH", "")))
    return subprocess.run(  # noqa: S603 - nox, with the caller's arguments
        [BIN / "python", "-m", "nox", *sys.argv[1:]], cwd=ROOT, env={**os.environ, "PATH": path}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
