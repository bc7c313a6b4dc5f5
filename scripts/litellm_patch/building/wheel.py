"""The verb wheel, where the Router is compiled: upstream's own wheel with an extension built from patched sources."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import parse_wheel_filename

from litellm_patch.building.sources import fetch, read_sources
from litellm_patch.building.workspace import EXTENSION, workspace
from litellm_patch.errors import BuildError, WheelError
from litellm_patch.patching.built import NOTE_NAME, BuildNote
from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import load_toml
from litellm_patch.wheels.wheel import choose, patched_version, repack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.building.workspace import Workspace
    from litellm_patch.patching.ledger import Release
    from litellm_patch.wheels.index import Index

_BESIDE = str(Path(sys.executable).parent)  # where pip puts programs, whether the environment is active or not
_LINUX = re.compile(r"(?P<kind>(?:many|musl)linux_\d+_\d+)_(?P<machine>x86_64|aarch64)")


@dataclass(frozen=True)
class How:
    """How to build.

    Attributes:
        folder: Where archives, sources and what was compiled are kept: some gigabytes.
        index: Where to fetch archives.
        offline: Whether to take only what is kept.
        portable: Whether to build for the C library of upstream's wheel, with zig as the linker.
        replaced: The version to take of a crate in place of the one that upstream locked, by the crate's name.
        option: The name of an optional patch to apply as well.
    """

    folder: Path
    index: Index
    offline: bool = False
    portable: bool = False
    replaced: Mapping[str, str] = field(default_factory=dict)
    option: str | None = None


def default_folder() -> Path:
    """Where everything is kept unless a folder is named."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "litellm-patch" / "compiled"


def build_wheels(release: Release, how: How, platform: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Build the extension of a release as upstream does, and put it into upstream's wheel.

    Args:
        release: One whose Router is compiled.
        how: How to build.
        platform: Build for each of upstream's wheels whose platform tag matches this pattern; for this machine without.

    Yields:
        The name and the content of each wheel. Its platform tag is the one that maturin found the extension to need.

    Raises:
        NoCargoError: There is no Rust.
        BuildError: It cannot be built, or an archive cannot be had.
        WheelError: There is no wheel for this Python or no such optional patch, or the wheel is not the ledger's.
        OSError: A file cannot be read or written.
    """
    (own,) = choose(release)
    for name in choose(release, platform=platform) if platform else (own,):
        yield _build_wheel(release, how, name, cross=name != own)


def _build_wheel(release: Release, how: How, stock_name: str, *, cross: bool) -> tuple[str, bytes]:
    series = release.series(how.option)
    (sdist_name,) = release.sdist
    target = _zig_target(stock_name, cross=cross) if cross or how.portable else ("--compatibility", "pypi")
    index = None if how.offline else how.index
    stock, sdist = (fetch(release, name, how.folder, index) for name in (stock_name, sdist_name))
    contents = read_sources(sdist, series)
    settings = {"CARGO_NET_OFFLINE": "true"} if how.offline else {}
    with workspace(how.folder, how.replaced, settings, loud=True) as place:
        lock = place.prepare(contents)
        maturin = _maturin(place)
        extension, tags = _build(place, maturin, target)
        toolchain = {"rust": str(place.toolchain), "maturin": maturin[1]}
    note = BuildNote(
        wheel={stock_name: release.wheels[stock_name]},
        sdist=dict(release.sdist),
        patch={step.name: sha256(step.patch.read_bytes()) for step in series},
        lock=sha256(lock),
        toolchain=toolchain,
        extension={EXTENSION: sha256(extension)},
        replaced=how.replaced,
    )
    data = stock.read_bytes()
    described = f"litellm-{release.version}.dist-info/WHEEL"
    more = {EXTENSION: extension, described: _retagged(data, described, tags)}
    wheel = repack(data, release, series, more, (NOTE_NAME, note.dump()))
    kind = stock_name.removesuffix(".whl").rpartition("-")[0]
    return f"{kind.replace(str(release.version), str(patched_version(series)), 1)}-{tags}.whl", wheel


def _maturin(place: Workspace) -> tuple[str, str]:
    """Find the maturin that upstream builds with, of the very version: its path, and that version."""
    try:
        requires = load_toml(place.tree / "pyproject.toml")["build-system"]["requires"]
        (pinned,) = (found for found in map(Requirement, requires) if found.name == "maturin")
        version = str(pinned.specifier).removeprefix("==")
    except (OSError, ValueError, KeyError, TypeError, InvalidRequirement) as error:
        raise BuildError(f"pyproject.toml does not pin maturin: {error!r}", "see what upstream changed") from error
    program = shutil.which("maturin", path=os.pathsep.join((_BESIDE, os.environ.get("PATH", ""))))
    asked = [program or "maturin", "--version"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout if program else ""  # noqa: S603
    if program is None or found.split() != ["maturin", version]:
        raise BuildError(
            f"found {found.strip() or 'no maturin'}, expected maturin {version}, with which upstream builds",
            f"pip install maturin=={version}",
        )
    return program, version


def _zig_target(name: str, *, cross: bool) -> tuple[str, ...]:
    """What maturin is told to build for the platform of one of upstream's wheels, with zig as the linker."""
    platforms = [tag.platform for tag in parse_wheel_filename(name)[3]]
    found = next(filter(None, map(_LINUX.fullmatch, platforms)), None)
    if found is None:
        raise WheelError(
            f"{name} needs a machine of its platform: {', '.join(platforms)}",
            "run this there, without --portable",
        )
    library = "musl" if found["kind"].startswith("musl") else "gnu"
    target = ("--target", f"{found['machine']}-unknown-linux-{library}") if cross else ()
    return "--zig", "--compatibility", found["kind"], *target


def _build(place: Workspace, maturin: tuple[str, str], target: Sequence[str]) -> tuple[bytes, str]:
    """Build upstream's way, and give the extension with the platform tag that it got."""
    with tempfile.TemporaryDirectory(prefix="out-", dir=place.folder) as scratch:
        options = ("--release", "--locked", "--interpreter", sys.executable, "--out", scratch)
        place.run(maturin[0], "build", *options, *target, cwd=place.tree)
        (built,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(built) as wheel:
            names = set(wheel.namelist())
            bundled = sorted(name for name in names if name.startswith("litellm.libs/"))
            if EXTENSION not in names or bundled:
                raise BuildError(
                    f"the build has {', '.join(bundled) or 'no ' + EXTENSION}, expected the extension alone",
                    "build where its libraries are those of the system, or say --portable",
                )
            return wheel.read(EXTENSION), ".".join(
                sorted({tag.platform for tag in parse_wheel_filename(built.name)[3]})
            )


def _retagged(data: bytes, described: str, platforms: str) -> bytes:
    """The wheel's own description, with the tags of another platform."""
    with zipfile.ZipFile(io.BytesIO(data)) as wheel:
        text = wheel.read(described).decode()
    kinds = dict.fromkeys(re.findall(r"(?m)^Tag: (\S+)-[^-\s]+$", text))
    kept = re.sub(r"(?m)^Tag: .*\n?", "", text).rstrip("\n")
    tags = [f"Tag: {kind}-{platform}" for kind in kinds for platform in platforms.split(".")]
    return "\n".join([kept, *tags, ""]).encode()
