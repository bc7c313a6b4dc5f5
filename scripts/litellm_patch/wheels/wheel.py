"""The verb wheel: a release's wheel with the patch in it, under a version of its own."""

from __future__ import annotations

import copy
import io
import re
import struct
import tempfile
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from litellm_patch.errors import WheelError
from litellm_patch.patching.files import sha256, write_whole
from litellm_patch.patching.finding import NAME
from litellm_patch.patching.judging import SourceFile, State
from litellm_patch.patching.ledger import LEDGER_NAME, WHEEL_LABEL, is_patched_wheel
from litellm_patch.patching.record import record_listing, record_with
from litellm_patch.patching.series import apply_series, read_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.patching.ledger import Ledger, Release, Step
    from litellm_patch.wheels.index import Index

REVISION = 2  # of the patched wheels; count it up when a patch changes, so that a version never means two wheels
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip's member: the lengths of its name and its extra field, at the end


def make_wheels(
    what: str, ledger: Ledger, index: Index, platform: str | None = None, option: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Make patched wheels, one after the other: they are large.

    Args:
        what: The path of a stock wheel, which ends in `.whl`; or a release, to take its wheels from the index.
        ledger: The releases that are supported.
        index: Where to fetch a release's wheels; not asked for the path of a wheel.
        platform: Take every wheel whose platform tag matches this pattern; of a release without it, the one that fits
            the running Python best.
        option: An optional patch to put in as well.

    Yields:
        The name and the content of each wheel.

    Raises:
        InvalidVersion: `what` is neither a release nor the path of a wheel.
        LitellmPatchError: Why a wheel was refused or could not be had.
        OSError: A file cannot be read, or there is no room to work in.
    """
    given = Path(what) if what.endswith(".whl") else None
    version = stated_version(given) if given else Version(what)
    if is_patched_wheel(version):
        raise WheelError(f"{what} is a patched wheel already", "install it, or name the stock wheel or release")
    release = ledger.find(version)
    series = release.series(option)
    for name in choose(release, given, platform):
        data = _checked(release, name, given.read_bytes()) if given else fetch_wheel(release, name, index)
        try:
            wheel = repack(data, release, series)
        except (zipfile.BadZipFile, zlib.error, struct.error, KeyError, RuntimeError) as error:
            raise WheelError(f"{name} is not a wheel of litellm: {error}", "fetch it again from PyPI") from error
        yield name.replace(f"{release.version}", f"{patched_version(series)}", 1), wheel


def put_wheel(path: Path, wheel: bytes, *, force: bool) -> bool:
    """Write a wheel, unless it already exists with the same content.

    Returns:
        False if the file had this content already, and was left alone.

    Raises:
        WheelError: Something else is in the way.
        OSError: It cannot be written; what was there is as it was.
    """
    if path.is_file() and path.read_bytes() == wheel:
        return False
    if path.exists() and not force:
        raise WheelError(f"{path} already exists with different content", "pass --force to replace it")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, wheel)
    return True


def patched_version(series: Sequence[Step]) -> Version:
    """Give the version of a patched wheel, which names an optional patch."""
    options = [f".{step.option}" for step in series if step.option]
    return Version(f"{series[0].version}+{WHEEL_LABEL}.{REVISION}{''.join(options)}")


def stated_version(wheel: Path) -> Version:
    """Read the version from the name of a litellm wheel."""
    try:
        name, version, _, _ = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename:
        name = None
    if name != NAME:
        raise WheelError(f"{wheel.name} is not the name of a litellm wheel", "keep the name from the index")
    return version


def choose(release: Release, given: Path | None = None, platform: str | None = None) -> list[str]:
    """Choose among the wheels of a release: the given one, those of a platform, or what fits this Python best."""
    names = [given.name] if given else sorted(release.wheels)
    if given and given.name not in release.wheels:
        raise WheelError(
            f"{LEDGER_NAME} knows no {given.name}", f"take one that it lists for litellm {release.version}"
        )
    tags = {name: parse_wheel_filename(name)[3] for name in names}
    if platform is not None:
        chosen = [name for name in names if any(fnmatchcase(tag.platform, platform) for tag in tags[name])]
    elif given:
        chosen = names
    else:
        best = next((tag for tag in sys_tags() if any(tag in of_one for of_one in tags.values())), None)
        chosen = [name for name in names if best in tags[name]]
    if not chosen:
        offered = sorted({tag.platform for name in names for tag in tags[name]})
        raise WheelError(
            f"no wheel of litellm {release.version} is for {platform or 'this Python'}",
            f"name one with --platform: {', '.join(offered)}",
        )
    return chosen


def fetch_wheel(release: Release, name: str, index: Index) -> bytes:
    """Fetch a wheel of a release.

    Raises:
        WheelError: It cannot be fetched whole, or is not the ledger's.
    """
    if name not in index.files.get(release.version, {}):
        raise WheelError(f"the index has no {name}", "name another with --index-url, or give the wheel's path")
    with tempfile.TemporaryDirectory(prefix="litellm-patch-") as scratch:
        index.download(release.version, name, Path(scratch, name))
        return _checked(release, name, Path(scratch, name).read_bytes())


def _checked(release: Release, name: str, data: bytes) -> bytes:
    if sha256(data) != release.wheels[name]:
        raise WheelError(
            f"{name} has sha256 {sha256(data)}, expected {release.wheels[name]}", "fetch it again from PyPI"
        )
    return data


def repack(
    data: bytes,
    release: Release,
    series: Sequence[Step],
    more: Mapping[str, bytes] | None = None,
    note: tuple[str, bytes] | None = None,
) -> bytes:
    """Give a stock wheel with the patch, the new version, and the old order, times and modes.

    What zlib makes differs between builds of Python, and the same wheel must give the same bytes everywhere: members
    that stay as they are keep their packed bytes, and those that change are stored without packing.

    Args:
        data: The stock wheel.
        release: Its release.
        series: The patches to put in.
        more: What else changes, by path in the stock wheel; it is packed.
        note: The name and content of a file to add to its `.dist-info`.

    Raises:
        WheelError: A file of the wheel is not the stock one.
        KeyError: It lacks one.
    """
    old_stem, new_stem = f"{NAME}-{release.version}", f"{NAME}-{patched_version(series)}"
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w") as new:
        changed = _changed_members(old, (old_stem, new_stem), release, series, more or {}, note)
        for info in old.infolist():
            member = copy.copy(info)
            member.filename = _renamed(info.filename, old_stem, new_stem)
            if info.filename in changed:
                packed = zipfile.ZIP_DEFLATED if info.filename in (more or {}) else zipfile.ZIP_STORED
                new.writestr(member, changed[info.filename], packed)
            else:
                start = info.header_offset + _LOCAL_HEADER.size
                start += sum(_LOCAL_HEADER.unpack_from(data, info.header_offset))
                member.flag_bits = 0  # sizes are known, and stand before the data
                member.header_offset = new.start_dir
                result.write(member.FileHeader() + data[start : start + info.compress_size])
                new.start_dir = result.tell()
                new.filelist.append(member)
        if note:
            place = copy.copy(old.getinfo(f"{old_stem}.dist-info/METADATA"))
            place.filename = f"{new_stem}.dist-info/{note[0]}"
            new.writestr(place, note[1], zipfile.ZIP_STORED)
    return result.getvalue()


def _changed_members(  # noqa: PLR0913, PLR0917 - what `repack` takes
    wheel: zipfile.ZipFile,
    stems: tuple[str, str],
    release: Release,
    series: Sequence[Step],
    more: Mapping[str, bytes],
    note: tuple[str, bytes] | None,
) -> Mapping[str, bytes]:
    """Apply the patches, and give the new content of each member that changes, by its old name."""
    old_stem, new_stem = stems
    patches = read_series(series)
    changed = dict(more)
    for image in release.files:
        if not image.path.startswith(f"{NAME}/"):
            continue  # of the source archive alone
        stock = SourceFile(image, Path(image.path), wheel.read(image.path))
        if stock.state is not State.CLEAN:
            raise WheelError(f"this wheel cannot be patched: {stock.trouble}", "take the wheel of another platform")
        # upstream makes the Windows wheels from a CRLF checkout
        changed[image.path] = stock.in_kind(apply_series(image.path, stock.text, patches))
    metadata, record = f"{old_stem}.dist-info/METADATA", f"{old_stem}.dist-info/RECORD"
    version = f"Version: {patched_version(series)}".encode()
    changed[metadata] = re.sub(rb"(?m)^Version:[^\r\n]*", version, wheel.read(metadata), count=1)
    listing = record_with(wheel.read(record), changed)
    if note:
        listing = record_listing(listing, f"{old_stem}.dist-info/{note[0]}".encode(), note[1])
    rows = listing.decode().splitlines(keepends=True)
    changed[record] = "".join(_renamed(row, old_stem, new_stem) for row in rows).encode()
    return changed


def _renamed(path: str, old_stem: str, new_stem: str) -> str:
    """Give the path, or the row of `RECORD` that begins with it, the new version's `.dist-info` or `.data`."""
    moves = path.startswith((f"{old_stem}.dist-info/", f"{old_stem}.data/"))
    return new_stem + path.removeprefix(old_stem) if moves else path
