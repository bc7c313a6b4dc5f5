"""A release of the tool: `nox -s release -- --dry-run` does all of it that needs no remote."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

import click
from packaging.version import Version

from litellm_patch.output import say
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import bundled_folder, load_ledger, load_toml
from upkeep.cells.environment import ROOT
from upkeep.errors import UpkeepError
from upkeep.release.installed import try_installed
from upkeep.release.locking import LOCKED
from upkeep.release.running import uv

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
_SECTION = r"(?ms)^## \[{name}\](?P<head>[^\n]*)\n(?P<notes>.*?)(?=^## \[|\Z)"


class ReleaseError(UpkeepError):
    """Something is not as a release must be; says what."""

    exit_code = 1


@click.command("release")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Leave all that is released here.")
@click.option("--dry-run", is_flag=True, help="Take the notes under Unreleased, and want no tag.")
@click.option("--python", "pythons", multiple=True, default=PYTHONS, show_default=True, help="Try the wheel on these.")
def command(output: Path, pythons: tuple[str, ...], *, dry_run: bool) -> int:
    """Build sdist and wheel from the last commit, twice, and try what was built.

    Writes them with SHA256SUMS, a CycloneDX list of the parts, and the notes. Ends with 1 if two builds differ, a check
    fails, or CHANGELOG, version and tag disagree.
    """
    version = str(load_toml(ROOT / "pyproject.toml")["project"]["version"])
    notes = notes_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version, dry_run=dry_run)
    if not dry_run:
        _see_tag(version)
    with tempfile.TemporaryDirectory(prefix="litellm-patch-release-") as scratch:
        built, again = (_build(Path(scratch, name)) for name in ("once", "twice"))
        compare(built, again)
        say(f"two builds of {version}: {len(built)} files, the same bytes")
        (wheel,) = (name for name in built if name.endswith(".whl"))
        release = load_ledger(bundled_folder()).in_place[-1]
        parts = b""
        for python in pythons:
            parts = try_installed(Path(scratch, "once", "dist", wheel), python, release, Path(scratch, python))
            say(f"installed on Python {python}: applied to litellm {release.version}, checked, and reverted")
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(built.items()))
    others = {"SHA256SUMS": sums.encode(), f"litellm-patch-{version}.cdx.json": parts, "NOTES.md": notes.encode()}
    output.mkdir(parents=True, exist_ok=True)
    for name, data in {**built, **others}.items():
        write_whole(output / name, data)
        say(f"written: {output / name}")
    return 0


def notes_of(changelog: str, version: str, *, dry_run: bool) -> str:
    """Take the notes of a release out of the changelog.

    Args:
        changelog: The text, in the form of Keep a Changelog.
        version: What is released.
        dry_run: Whether the notes of what is not released yet do as well.

    Raises:
        ReleaseError: There are none, or no date, or something that is not released stands above them.
    """
    found = re.search(_SECTION.format(name=re.escape(version)), changelog)
    unreleased = re.search(_SECTION.format(name="Unreleased"), changelog)
    newest = max(map(Version, re.findall(r"(?m)^## \[(\d[^]]*)\]", changelog)), default=None)
    if newest and newest > Version(version):
        raise ReleaseError(
            f"CHANGELOG.md has notes for {newest}, pyproject.toml says {version}", "raise the version there"
        )
    if (found or not dry_run) and unreleased and unreleased["notes"].strip():
        raise ReleaseError(
            "CHANGELOG.md has notes under Unreleased",
            f"move them under [{version}] with its date, or raise the version",
        )
    if dry_run:
        found = found or unreleased
    if not found or not found["notes"].strip():
        raise ReleaseError(f"CHANGELOG.md has no notes for {version}", f"write them under ## [{version}] - DATE")
    if not dry_run and not re.fullmatch(r" - \d{4}-\d\d-\d\d", found["head"]):
        raise ReleaseError(f"CHANGELOG.md gives no date of {version}", f"write ## [{version}] - DATE")
    return found["notes"].strip() + "\n"


def compare(built: dict[str, bytes], again: dict[str, bytes]) -> None:
    """See that two builds gave the same files.

    Raises:
        ReleaseError: They did not; names the first file that differs, and the first byte.
    """
    if built.keys() != again.keys():
        raise ReleaseError(f"two builds gave {', '.join(sorted(built))} and {', '.join(sorted(again))}")
    for name, data in built.items():
        if data != again[name]:
            pairs = enumerate(zip(data, again[name], strict=False))
            at = next((index for index, (one, other) in pairs if one != other), min(len(data), len(again[name])))
            raise ReleaseError(f"two builds of {name} differ from byte {at} on")


def _see_tag(version: str) -> None:
    tags = _git("tag", "--points-at", "HEAD").decode().split()
    if f"v{version}" not in tags:
        raise ReleaseError(
            f"the last commit has the tags {tags or 'none'}, expected v{version}", "tag it, or --dry-run"
        )


def _build(folder: Path) -> dict[str, bytes]:
    """Build from the files of the last commit, in a folder of their own, with the pinned backend."""
    with tarfile.open(fileobj=BytesIO(_git("archive", "--format=tar", "HEAD"))) as archive:
        archive.extractall(folder, filter="data")
    when = _git("log", "-1", "--format=%ct").decode().strip()
    constraints = ("--build-constraints", LOCKED, "--require-hashes")
    uv("build", "--out-dir", folder / "dist", *constraints, folder, settings={"SOURCE_DATE_EPOCH": when})
    return {path.name: path.read_bytes() for path in (folder / "dist").iterdir() if path.suffix in {".whl", ".gz"}}


def _git(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, env=os.environ)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise UpkeepError(f"git {arguments[0]} failed: {error}", "run this in a clone, with git at hand") from error
    return done.stdout
