"""The ledger `releases.toml`: which releases are supported, with which patch and which hashes."""

from __future__ import annotations

import bisect
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from packaging.version import InvalidVersion, Version

from litellm_patch.errors import (
    DeniedReleaseError,
    FixedUpstreamError,
    LedgerError,
    PatchError,
    UnknownOptionError,
    UnsupportedReleaseError,
)
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.patchfile import FilePatch, is_safe_path, parse_patch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

LEDGER_NAME = "releases.toml"
SCHEMA = 1
WHEEL_LABEL = "fallbacknames"  # the local version of a patched wheel: this, a dot and a number
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATCH_NAME = re.compile(r"\w[\w.+-]*\.patch", re.ASCII)
_OPTION_NAME = re.compile(r"[a-z][a-z0-9]*", re.ASCII)  # a part of a local version too
_WHEEL_NAME = re.compile(r"litellm-[\w.+-]+\.whl", re.ASCII)
_HEADER = (
    "# Written by `litellm-patch releases update`; only `fixed`, `compiled` and the denied releases are kept by hand."
)
_BY_HAND = {"denied", "fixed", "compiled"}
_MEND = "mend the ledger, or reinstall litellm-patch"

T = TypeVar("T")


@dataclass(frozen=True)
class FileImage:
    """One file that a patch changes, in one release: its hash before and after, and the offset of each hunk."""

    path: str
    pre_image: str
    post_image: str
    offsets: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One patch in one release: what it finds in which files, and what it leaves."""

    version: Version
    patch: Path
    files: tuple[FileImage, ...]
    option: str | None = None

    @property
    def name(self) -> str:
        """What the patch is called: its path in the patches folder."""
        return f"{self.option}/{self.patch.name}" if self.option else self.patch.name

    def read_patch(self) -> dict[str, FilePatch]:
        """Read and parse the patch of this step.

        Returns:
            What `parse_patch` returns, for exactly the files of this step.

        Raises:
            PatchError: The patch is damaged, or its files or hunk counts are not those of the ledger.
            OSError: The patch cannot be read.
        """
        patches = parse_patch(self.patch.read_bytes(), self.name)
        in_patch = {path: len(patch.hunks) for path, patch in patches.items()}
        in_ledger = {file.path: len(file.offsets) for file in self.files}
        if in_patch != in_ledger:
            raise PatchError(
                f"{self.name} and {LEDGER_NAME} disagree on files or hunks of {self.version}: "
                f"{_counts(in_patch)} against {_counts(in_ledger)}",
                _MEND,
            )
        return patches


@dataclass(frozen=True, kw_only=True)
class Release(Step):
    """A supported release: its patch, and the optional ones by name, each of which goes on top of that patch."""

    uploaded: datetime
    wheels: Mapping[str, str]
    options: Mapping[str, Step] = field(default_factory=dict)

    def series(self, option: str | None) -> tuple[Step, ...]:
        """Give the patches to apply, in order.

        Args:
            option: The name of an optional one, or None.

        Returns:
            The patch of this release, and the optional one if it was named.

        Raises:
            UnknownOptionError: There is no such optional patch.
        """
        if option is None:
            return (self,)
        if option not in self.options:
            raise UnknownOptionError(
                f"litellm {self.version} has no optional patch {option!r}",
                f"name one of: {', '.join(self.options)}" if self.options else "leave it out",
            )
        return self, self.options[option]


@dataclass(frozen=True)
class Since:
    """The first release of which something is true, and why: what upstream did, with a link."""

    version: Version
    reason: str


@dataclass(frozen=True)
class Ledger:
    """All supported releases, oldest first, and why others are not.

    Attributes:
        releases: the supported ones.
        denied: those that must not be used, with the reason.
        fixed: from where on upstream has the fix.
        compiled: from where on the Router is no Python text.
    """

    releases: tuple[Release, ...]
    denied: Mapping[Version, str]
    fixed: Since | None = None
    compiled: Since | None = None

    @property
    def newest(self) -> Release:
        """The newest supported release: whatever is said of "newest" is said of this."""
        return self.releases[-1]

    def find(self, version: Version) -> Release:
        """Look a release up.

        Args:
            version: The release that was found in a target, maybe with the local version of a patched wheel.

        Returns:
            Its entry.

        Raises:
            DeniedReleaseError: The release must not be used.
            FixedUpstreamError: The release has the fix of its own.
            UnsupportedReleaseError: The release is not in the ledger; names the nearest that are.
        """
        if is_patched_wheel(version):
            version = Version(version.public)
        nearest = self._nearest(version)
        if version in self.denied:
            raise DeniedReleaseError(
                f"litellm {version} is denied: {self.denied[version]}",
                "do not start this Python again, and rotate every credential that it could read; "
                f"then install another release, such as {nearest}",
            )
        for release in self.releases:
            if release.version == version:
                return release
        if self.fixed and version >= self.fixed.version:
            raise FixedUpstreamError(
                f"litellm {version} needs no patch, upstream has the fix since {self.fixed.version}: "
                f"{self.fixed.reason}",
                "nothing to do; take litellm-patch out of your build",
            )
        is_newer = bool(self.releases) and version > self.newest.version
        why = f": the newest supported release is {self.newest.version}" if is_newer else ""
        if self.compiled and version >= self.compiled.version:
            why += f", and from {self.compiled.version} on {self.compiled.reason}"
        raise UnsupportedReleaseError(
            f"litellm {version} is not supported{why}",
            f"install a supported release, the nearest: {nearest}; or see 'Carrying it on' in README",
        )

    def ruled_out(self, version: Version) -> str | None:
        """Tell why a release gets no entry, whatever the index says.

        Args:
            version: The release.

        Returns:
            The reason, or None if nothing is known against it.
        """
        if version in self.denied:
            return f"denied: {self.denied[version]}"
        if self.fixed and version >= self.fixed.version:
            return f"fixed upstream: {self.fixed.reason}"
        if self.compiled and version >= self.compiled.version:
            return f"compiled: {self.compiled.reason}"
        return None

    def _nearest(self, version: Version) -> str:
        """Name the supported releases just below and above a version."""
        at = bisect.bisect([release.version for release in self.releases], version)
        return " or ".join(str(release.version) for release in self.releases[max(at - 1, 0) : at + 1])


def is_patched_wheel(version: Version) -> bool:
    """Tell a wheel that `litellm-patch wheel` made from upstream's.

    Args:
        version: The version that a wheel or an installation states.

    Returns:
        Whether its local version is that of a patched wheel.
    """
    return version.local is not None and version.local.startswith(f"{WHEEL_LABEL}.")


def bundled_folder() -> Path:
    """Find the patches that come with the tool.

    Returns:
        `patches` inside the installed package, else the one at the root of a source checkout.
    """
    here = Path(__file__).resolve().parents[1]
    installed = here / "patches"
    return installed if installed.is_dir() else here.parent.parent / "patches"


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.

    Returns:
        Its content.

    Raises:
        ValueError: The file is not TOML, or not UTF-8.
        OSError: The file cannot be read.
    """
    return tomllib.loads(path.read_bytes().decode())


def load_ledger(folder: Path, *, draft: bool = False) -> Ledger:
    """Read and check the ledger of a patches folder.

    Args:
        folder: The folder that holds `releases.toml` and the patches that it names.
        draft: Whether it may lack supported releases so far.

    Returns:
        The ledger.

    Raises:
        LedgerError: The ledger is missing, is not TOML, or breaks its schema; says which key, and where.
        OSError: The ledger cannot be read.
    """
    content = _content(folder)
    if not draft:
        _keys(content, {"schema", "releases"}, LEDGER_NAME, optional=_BY_HAND)
    tables = _tables(content, "releases", LEDGER_NAME) if "releases" in content else ()
    releases = sorted((_release(table, place, folder) for place, table in tables), key=lambda entry: entry.version)
    denied, fixed, compiled = _denied(content), _since(content, "fixed"), _since(content, "compiled")
    _unique([*(release.version for release in releases), *denied], "version", LEDGER_NAME)
    if fixed and releases and releases[-1].version >= fixed.version:
        _fail(LEDGER_NAME, f"fixed says {fixed.version}, but {releases[-1].version} is listed with a patch")
    if compiled and releases and releases[-1].version >= compiled.version:
        _fail(LEDGER_NAME, f"compiled says {compiled.version}, but {releases[-1].version} is listed with a patch")
    return Ledger(tuple(releases), denied, fixed, compiled)


def load_by_hand(folder: Path) -> Ledger:
    """Read only the part of a ledger that `releases update` does not write anew.

    Args:
        folder: The folder that holds `releases.toml`, which may lack `releases`, or be missing.

    Returns:
        A ledger without releases.

    Raises:
        LedgerError: The ledger is not TOML, or this part of it breaks the schema.
        OSError: The ledger cannot be read.
    """
    content = _content(folder) if (folder / LEDGER_NAME).exists() else {}
    return Ledger((), _denied(content), _since(content, "fixed"), _since(content, "compiled"))


def dump_ledger(ledger: Ledger) -> bytes:
    """Give the one form of a ledger: sorted, one wheel a line, the same bytes for the same content.

    Args:
        ledger: What to write.

    Returns:
        The content of `releases.toml`.
    """
    lines = [_HEADER, f"schema = {SCHEMA}"]
    for release in sorted(ledger.releases, key=lambda entry: entry.version):
        uploaded = release.uploaded.astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        lines += ["", "[[releases]]", f"version = {_quote(str(release.version))}", f"uploaded = {uploaded}"]
        lines += [f"patch = {_quote(release.patch.name)}", "", "[releases.wheels]"]
        lines += [f"{_quote(name)} = {_quote(digest)}" for name, digest in sorted(release.wheels.items())]
        lines += _dump_files("releases", release.files)
        for name, step in sorted(release.options.items()):
            lines += ["", "[[releases.options]]", f"name = {_quote(name)}", f"patch = {_quote(step.patch.name)}"]
            lines += _dump_files("releases.options", step.files)
    for name, since in (("fixed", ledger.fixed), ("compiled", ledger.compiled)):
        if since:
            lines += ["", f"[{name}]", f"version = {_quote(str(since.version))}", f"reason = {_quote(since.reason)}"]
    for version, reason in sorted(ledger.denied.items()):
        lines += ["", "[[denied]]", f"version = {_quote(str(version))}", f"reason = {_quote(reason)}"]
    return ("\n".join(lines) + "\n").encode()


def _dump_files(table: str, files: Iterable[FileImage]) -> list[str]:
    lines: list[str] = []
    for file in files:
        lines += ["", f"[[{table}.files]]", f"path = {_quote(file.path)}", f"pre_image = {_quote(file.pre_image)}"]
        lines += [f"post_image = {_quote(file.post_image)}", f"offsets = {list(file.offsets)}"]
    return lines


def save_ledger(folder: Path, ledger: Ledger) -> bool:
    """Write `releases.toml` beside the old one and rename it, so that there is always a whole one.

    Args:
        folder: The patches folder.
        ledger: What to write.

    Returns:
        False if the file had this content already, and was left alone.

    Raises:
        OSError: The file cannot be written; the old one is as it was.
    """
    path, data = folder / LEDGER_NAME, dump_ledger(ledger)
    if path.is_file() and path.read_bytes() == data:
        return False
    write_whole(path, data)
    return True


def _content(folder: Path) -> dict[str, Any]:
    """Read the ledger as TOML of the schema that this tool knows."""
    try:
        content = load_toml(folder / LEDGER_NAME)
    except FileNotFoundError as error:
        raise LedgerError(f"there is no {LEDGER_NAME} in {folder}", "name a patches folder, or reinstall") from error
    except (RecursionError, ValueError) as error:
        raise LedgerError(f"{LEDGER_NAME} is not valid TOML: {error}", _MEND) from error
    _keys(content, {"schema"}, LEDGER_NAME, optional={"releases", *_BY_HAND})
    if _get(content, "schema", int, LEDGER_NAME) != SCHEMA:
        _fail(LEDGER_NAME, f"schema must be {SCHEMA}, not {content['schema']}")
    return content


def _denied(content: Mapping[str, Any]) -> dict[Version, str]:
    entries: list[tuple[Version, str]] = []
    for place, table in _tables(content, "denied", LEDGER_NAME) if "denied" in content else ():
        _keys(table, {"version", "reason"}, place)
        entries.append((_version(table, place), _get(table, "reason", str, place)))
    _unique([version for version, _ in entries], "version", LEDGER_NAME)
    return dict(entries)


def _since(content: Mapping[str, Any], name: str) -> Since | None:
    if name not in content:
        return None
    table = _get(content, name, dict, LEDGER_NAME)
    _keys(table, {"version", "reason"}, name)
    return Since(_version(table, name), _get(table, "reason", str, name))


def _quote(text: str) -> str:
    """Write a TOML string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _release(table: dict[str, Any], place: str, folder: Path) -> Release:
    """Check one entry of `releases`."""
    _keys(table, {"version", "uploaded", "patch", "wheels", "files"}, place, optional={"options"})
    version = _version(table, place)
    place = f"{place} ({version})"
    uploaded = _get(table, "uploaded", datetime, place)
    if uploaded.tzinfo is None:
        _fail(place, "uploaded must say its time zone")
    wheels = _get(table, "wheels", dict, place)
    if not wheels:
        _fail(place, "wheels must not be empty")
    for name in wheels:
        if not _WHEEL_NAME.fullmatch(name):
            _fail(place, f"wheels: {name!r} is not the name of a litellm wheel")
        _sha256(wheels, name, f"{place}, wheels")
    patch, files = _patch(table, place, folder), _files(table, place)
    entries = _tables(table, "options", place) if "options" in table else ()
    options = [_option(entry, where, folder, version, files) for where, entry in entries]
    _unique([name for name, _ in options], "name", place)
    return Release(version=version, patch=patch, files=files, uploaded=uploaded, wheels=wheels, options=dict(options))


def _option(
    table: dict[str, Any], place: str, folder: Path, version: Version, below: Iterable[FileImage]
) -> tuple[str, Step]:
    """Check one entry of `releases.options`, a patch in the folder of its name."""
    _keys(table, {"name", "patch", "files"}, place)
    name = _get(table, "name", str, place)
    if not _OPTION_NAME.fullmatch(name):
        _fail(place, f"name must be that of a folder with patches, not {name!r}")
    files = _files(table, place)
    found = {(file.path, file.post_image) for file in below}
    for file in files:
        if (file.path, file.pre_image) not in found:
            _fail(place, f"pre_image of {file.path} must be the post_image of the release's own patch")
    return name, Step(version=version, patch=_patch(table, place, folder / name), files=files, option=name)


def _patch(table: dict[str, Any], place: str, folder: Path) -> Path:
    patch = _get(table, "patch", str, place)
    if not _PATCH_NAME.fullmatch(patch):
        _fail(place, f"patch must be a file name that ends in .patch, not {patch!r}")
    if not (folder / patch).is_file():
        _fail(place, f"patch {patch!r} is unknown: there is no such file in {folder}")
    return folder / patch


def _files(table: dict[str, Any], place: str) -> tuple[FileImage, ...]:
    files = tuple(_file(entry, where) for where, entry in _tables(table, "files", place))
    _unique([file.path for file in files], "path", place)
    return files


def _file(table: dict[str, Any], place: str) -> FileImage:
    """Check one entry of `releases.files`."""
    _keys(table, {"path", "pre_image", "post_image", "offsets"}, place)
    path = _get(table, "path", str, place)
    if not is_safe_path(path):
        _fail(place, f"path must be a plain path below litellm/, not {path!r}")
    pre_image, post_image = _sha256(table, "pre_image", place), _sha256(table, "post_image", place)
    if pre_image == post_image:
        _fail(place, "pre_image and post_image must differ")
    offsets = _get(table, "offsets", list, place)
    if not offsets or any(type(offset) is not int for offset in offsets):
        _fail(place, "offsets must be a list of whole numbers, one a hunk")
    return FileImage(path, pre_image, post_image, tuple(offsets))


def _fail(place: str, found: str) -> NoReturn:
    raise LedgerError(f"{place if place == LEDGER_NAME else f'{LEDGER_NAME}: {place}'}: {found}", _MEND)


def _keys(table: Mapping[str, object], known: set[str], place: str, *, optional: Collection[str] = ()) -> None:
    """Refuse a table that lacks a key, or has one that the schema does not know."""
    for key in sorted(known - table.keys()):
        _fail(place, f"{key} is missing")
    for key in sorted(table.keys() - known - set(optional)):
        _fail(place, f"{key} is not a known key")


def _get(table: Mapping[str, Any], key: str, kind: type[T], place: str) -> T:
    """Give the value of a key, if it has exactly the wanted type (a bool is no int)."""
    value = table[key]
    if type(value) is not kind:
        _fail(place, f"{key} must be of type {kind.__name__}, not {type(value).__name__}")
    if value == "":
        _fail(place, f"{key} must not be empty")
    return value


def _tables(table: Mapping[str, Any], key: str, place: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Give the tables of a non-empty array of tables, each with its place."""
    entries = _get(table, key, list, place)
    if not entries or any(type(entry) is not dict for entry in entries):
        _fail(place, f"{key} must be a list of tables, and not empty")
    prefix = "" if place == LEDGER_NAME else f"{place}, "
    return [(f"{prefix}{key}[{number}]", entry) for number, entry in enumerate(entries)]


def _version(table: Mapping[str, Any], place: str) -> Version:
    text = _get(table, "version", str, place)
    try:
        return Version(text)
    except InvalidVersion:
        _fail(place, f"version must be a release number, not {text!r}")


def _sha256(table: Mapping[str, Any], key: str, place: str) -> str:
    value = _get(table, key, str, place)
    if not _SHA256.fullmatch(value):
        _fail(place, f"{key} must be a sha256 of 64 lower-case hex digits, not {value!r}")
    return value


def _unique(values: list[T], key: str, place: str) -> None:
    for value in values:
        if values.count(value) > 1:
            _fail(place, f"{key} {value} is listed twice")


def _counts(files: Mapping[str, int]) -> str:
    return ", ".join(f"{path} ({hunks})" for path, hunks in sorted(files.items()))
