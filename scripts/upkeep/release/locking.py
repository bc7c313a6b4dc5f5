"""The versions and hashes of all that sessions and workflows install, a line a package."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import click

from litellm_patch.output import say
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import load_toml
from upkeep.cells.environment import ROOT
from upkeep.errors import UpkeepError
from upkeep.release.running import uv

LOCKED = ROOT / ".ci" / "locked.txt"
LOCKED_UPSTREAM = ROOT / ".ci" / "locked-upstream.txt"
"""The tools of upstream's checks, which are other versions of ours."""

HEADER = "# Written by `nox -s lock`: what pyproject.toml asks for, a week old or older, for each Python and system.\n"


class LockError(UpkeepError):
    """What is locked is not what pyproject.toml asks for."""

    exit_code = 1


@click.command("lock")
@click.option("--upgrade", is_flag=True, help="Take the newest versions, not those that are locked.")
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would change.")
def command(*, upgrade: bool, check: bool) -> int:
    """Lock versions and hashes of what sessions and workflows install."""
    project = ROOT / "pyproject.toml"
    for path in (LOCKED, LOCKED_UPSTREAM):
        found = path.read_text(encoding="utf-8") if path.is_file() else ""
        wanted = locked(project, "" if upgrade else found, upstream=path == LOCKED_UPSTREAM)
        name = path.relative_to(ROOT)
        if wanted == found:
            say(f"{name} is what pyproject.toml asks for")
        elif check:
            changed = sorted({line.partition(" ")[0] for line in {*found.splitlines()} ^ {*wanted.splitlines()}})
            raise LockError(f"{name} is not what pyproject.toml asks for: {', '.join(changed)}", "run nox -s lock")
        else:
            write_whole(path, wanted.encode())
            say(f"written: {name}")
    return 0


def locked(project: Path, before: str, *, upstream: bool = False) -> str:
    """Resolve what a project asks for: its dependencies, extras and groups, and what builds it.

    Args:
        project: Its pyproject.toml.
        before: What was locked; stays where it still fits.
        upstream: Resolve the group of that name alone, and not all others.

    Returns:
        A requirements file, with a line a package: uv takes it as constraints, and checks the hashes.
    """
    asked = load_toml(project)
    groups = [group for group in asked["dependency-groups"] if (group == "upstream") == upstream]
    wanted = [word for group in groups for word in ("--group", f"{project}:{group}")]
    with tempfile.TemporaryDirectory(prefix="litellm-patch-lock-") as folder:
        output, builders = Path(folder, "locked.txt"), Path(folder, "build.in")
        output.write_text(before, encoding="utf-8")
        builders.write_text("\n".join(asked["build-system"]["requires"]), encoding="utf-8")
        # a malicious upload is found within days
        resolution = ("--universal", "--python-version", "3.10", "--exclude-newer", "7 days", "--generate-hashes")
        said = ("--no-annotate", "--no-header", "--output-file", output)
        own = () if upstream else ("--all-extras", project, builders)
        uv("pip", "compile", *resolution, *said, *wanted, *own)
        return HEADER + re.sub(r" \\\n +", " ", output.read_text(encoding="utf-8"))
