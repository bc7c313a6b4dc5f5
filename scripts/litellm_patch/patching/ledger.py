"""The ledger, `releases.toml`: which patch is for which release, and what it makes of which file.

Each fact stands there once. ``files`` has, for each patch and each file that it changes, every stock content by its
sha256 with what becomes of it; a release names its patches, the optional ones behind the required one, and abbreviates
the sha256 of its stock files, in the order of the patch.
"""

from __future__ import annotations

import bisect
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import attrs
import cattrs
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import (
    DeniedReleaseError,
    FixedUpstreamError,
    LedgerError,
    PatchError,
    UnsupportedReleaseError,
    WheelError,
)
from litellm_patch.patching.patchfile import FilePatch, is_safe_path, parse_patch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

LEDGER_NAME = "releases.toml"
SCHEMA = 2
ABSENT = "absent"  # in place of a sha256: the file is not there before the patch
ABBREVIATED = 12  # hex digits of a sha256, enough to tell the contents of one file from each other
WHEEL_LABEL = "fallbacknames"  # the local version of a patched wheel: this, a dot and a number
_MEND = "correct the ledger, or reinstall litellm-patch"

T = TypeVar("T")

_SHA256 = r"[0-9a-f]{64}"


def _matching(pattern: str) -> Any:  # noqa: ANN401 - attrs' own type
    return attrs.validators.matches_re(pattern, re.ASCII)


def _hashes(name: str) -> Any:  # noqa: ANN401
    return attrs.validators.deep_mapping(_matching(name), _matching(_SHA256))


def _list_of(member: Any) -> Any:  # noqa: ANN401
    return attrs.validators.and_(attrs.validators.min_len(1), attrs.validators.deep_iterable(member))


@attrs.frozen
class _Change:
    post_image: str = attrs.field(validator=_matching(_SHA256))
    offsets: list[int] = attrs.field(validator=attrs.validators.min_len(1))


@attrs.frozen
class _ReleaseEntry:
    version: Version
    uploaded: datetime
    patches: list[str] = attrs.field(validator=_list_of(_matching(r"([a-z][a-z0-9]*/)?\w[\w.+-]*\.patch")))
    files: list[str] = attrs.field(validator=_list_of(_matching(rf"[0-9a-f]{{{ABBREVIATED},64}}|{ABSENT}")))
    wheels: dict[str, str] = attrs.field(
        validator=attrs.validators.and_(attrs.validators.min_len(1), _hashes(r"litellm-[\w.+-]+\.whl"))
    )
    sdist: dict[str, str] = attrs.field(factory=dict, validator=_hashes(r"litellm-[\w.+-]+\.tar\.gz"))
    delivery: Literal["files", "wheel"] = "files"


@attrs.frozen
class _SinceEntry:
    version: Version
    reason: str = attrs.field(validator=attrs.validators.min_len(1))


@attrs.frozen(kw_only=True)
class _ByHand:
    schema: int
    fixed: _SinceEntry | None = None
    denied: list[_SinceEntry] = attrs.Factory(list)


@attrs.frozen(kw_only=True)
class _Content(_ByHand):
    files: dict[str, dict[str, dict[str, _Change]]] = attrs.Factory(dict)
    releases: list[_ReleaseEntry] = attrs.Factory(list)


def _exactly(value: object, kind: type[T]) -> T:
    """Take a value as it is: cattrs would make an int of a bool, and a text of anything."""
    if type(value) is not kind:
        raise ValueError(f"must be of type {kind.__name__}, not {type(value).__name__}")
    return value


def _version(value: object, _: type) -> Version:
    try:
        return Version(_exactly(value, str))
    except InvalidVersion as error:
        raise ValueError(f"must be a release number, not {value!r}") from error


def _moment(value: object, _: type) -> datetime:
    moment = _exactly(value, datetime)
    if moment.tzinfo is None:
        raise ValueError("must say its time zone")
    return moment


def _in_words(error: BaseException, _: type | None) -> str:
    """Say what is wrong in one line; cattrs adds where."""
    if isinstance(error, KeyError):
        return "is missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return f"unknown: {', '.join(sorted(error.extra_fields))}"
    if isinstance(error, AttributeError):
        return "must be a table"
    return str(error.args[0] if error.args else error)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, int):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(Version, _version)
    converter.register_structure_hook(datetime, _moment)
    return converter


@dataclass(frozen=True)
class FileImage:
    """A file that a patch changes in a release: its sha256 before, or `ABSENT`, and after; the offset of each hunk."""

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
    """A supported release: its patch, and the optional ones by name, each of which goes on top of that patch.

    Attributes:
        uploaded: When its first file came to the index.
        wheels: The sha256 of each of its wheels, by file name.
        options: The optional patches.
        sdist: The sha256 of its source distribution, by file name, where the patch is for that.
        delivery: Whether an installation is patched in place (``files``), or replaced by a wheel that is built from
            patched sources (``wheel``).
    """

    uploaded: datetime
    wheels: Mapping[str, str]
    options: Mapping[str, Step] = field(default_factory=dict)
    sdist: Mapping[str, str] = field(default_factory=dict)
    delivery: Literal["files", "wheel"] = "files"

    @property
    def sources(self) -> Mapping[str, str]:
        """The sha256 of each archive that has the files that the patch is for, by file name."""
        return self.sdist or self.wheels

    def series(self, option: str | None) -> tuple[Step, ...]:
        """Give the patches to apply, in order.

        Args:
            option: The name of an optional one, or None.

        Returns:
            The patch of this release, and the optional one if it was named.

        Raises:
            WheelError: There is no such optional patch.
        """
        if option is None:
            return (self,)
        if option not in self.options:
            raise WheelError(
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
    """

    releases: tuple[Release, ...]
    denied: Mapping[Version, str]
    fixed: Since | None = None

    @property
    def newest(self) -> Release:
        """The newest supported release."""
        return self.releases[-1]

    @property
    def in_place(self) -> tuple[Release, ...]:
        """Those that are patched where they are installed, oldest first."""
        return tuple(release for release in self.releases if release.delivery == "files")

    @property
    def compiled(self) -> tuple[Release, ...]:
        """Those whose Router is compiled, so that a patched wheel is built from the source archive."""
        return tuple(release for release in self.releases if release.delivery == "wheel")

    def find(self, version: Version) -> Release:
        """Look a release up.

        Args:
            version: The release that was found in a target, maybe with the local version of a patched wheel.

        Raises:
            DeniedReleaseError: The release must not be used.
            FixedUpstreamError: Upstream has fixed the release.
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
                "nothing to do; remove litellm-patch from your build",
            )
        is_newer = bool(self.releases) and version > self.newest.version
        why = f": the newest supported release is {self.newest.version}" if is_newer else ""
        raise UnsupportedReleaseError(
            f"litellm {version} is not supported{why}",
            f"install a supported release, the nearest: {nearest}; or see 'Is my release supported?' in README",
        )

    def ruled_out(self, version: Version) -> str | None:
        """Tell why a release gets no entry, whatever the index says.

        Returns:
            The reason, or None if nothing is known against it.
        """
        if version in self.denied:
            return f"denied: {self.denied[version]}"
        if self.fixed and version >= self.fixed.version:
            return f"fixed upstream: {self.fixed.reason}"
        return None

    def _nearest(self, version: Version) -> str:
        """Name the supported releases just below and above a version."""
        at = bisect.bisect([release.version for release in self.releases], version)
        return " or ".join(str(release.version) for release in self.releases[max(at - 1, 0) : at + 1])


def is_patched_wheel(version: Version) -> bool:
    """Tell a wheel that `litellm-patch wheel` made from upstream's."""
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

    Raises:
        ValueError: The file is not TOML, or not UTF-8.
        OSError: The file cannot be read.
    """
    content: dict[str, Any] = tomllib.loads(path.read_bytes().decode())
    return content


def load_ledger(folder: Path, *, draft: bool = False) -> Ledger:
    """Read and check the ledger of a patches folder.

    Args:
        folder: The folder that holds `releases.toml` and the patches that it names.
        draft: Whether it may lack supported releases so far.

    Raises:
        LedgerError: The ledger is missing, is not TOML, or breaks its schema; says which key, and where.
        OSError: The ledger cannot be read.
    """
    content = _content(folder, _Content)
    if not content.releases and not draft:
        _fail("releases is missing")
    releases = [_release(entry, content.files, folder) for entry in content.releases]
    by_hand = _by_hand(content)
    for version, count in Counter([*(release.version for release in releases), *by_hand.denied]).items():
        if count > 1:
            _fail(f"version {version} is listed twice")
    ledger = Ledger(tuple(sorted(releases, key=lambda entry: entry.version)), by_hand.denied, by_hand.fixed)
    late = [release.version for release in releases if ledger.fixed and release.version >= ledger.fixed.version]
    if ledger.fixed and late:
        _fail(f"fixed says {ledger.fixed.version}, but {max(late)} is listed with a patch")
    return ledger


def load_by_hand(folder: Path) -> Ledger:
    """Read only the part of a ledger that `releases update` does not write anew.

    Args:
        folder: The folder that holds `releases.toml`, which may lack `releases`, or be missing.

    Raises:
        LedgerError: The ledger is not TOML, or this part of it breaks the schema.
        OSError: The ledger cannot be read.
    """
    return _by_hand(_content(folder, _ByHand)) if (folder / LEDGER_NAME).exists() else Ledger((), {})


def _content(folder: Path, schema: type[T]) -> T:
    """Read the ledger as TOML of the schema that this tool knows."""
    try:
        raw = load_toml(folder / LEDGER_NAME)
    except FileNotFoundError as error:
        raise LedgerError(f"there is no {LEDGER_NAME} in {folder}", "name a patches folder, or reinstall") from error
    except (RecursionError, ValueError) as error:
        raise LedgerError(f"{LEDGER_NAME} is not valid TOML: {error}", _MEND) from error
    if type(raw.get("schema")) is int and raw["schema"] != SCHEMA:
        _fail(f"schema must be {SCHEMA}, not {raw['schema']}")
    if schema is _ByHand:
        raw = {key: raw[key] for key in ("schema", "fixed", "denied") if key in raw}
    try:
        return _converter().structure(raw, schema)
    except cattrs.BaseValidationError as error:
        what, _, where = cattrs.transform_error(error, format_exception=_in_words)[0].rpartition(" @ ")
        _fail(f"{where.removeprefix('$').lstrip('.')}: {what}")


def _by_hand(content: _ByHand) -> Ledger:
    denied = {entry.version: entry.reason for entry in content.denied}
    if len(denied) < len(content.denied):
        _fail("denied: a version is listed twice")
    return Ledger((), denied, _since(content.fixed))


def _since(entry: _SinceEntry | None) -> Since | None:
    return Since(entry.version, entry.reason) if entry else None


def _release(entry: _ReleaseEntry, files: Mapping[str, Mapping[str, Mapping[str, _Change]]], folder: Path) -> Release:
    """Put the patches of an entry together with what they make of its files."""
    version = entry.version
    required, *optional = entry.patches
    if "/" in required or not all("/" in name for name in optional):
        _fail(f"{version}: patches must be one of the folder itself, then those of folders in it")
    for name in entry.patches:
        if not (folder / name).is_file():
            _fail(f"{version}: patch {name!r} is unknown: there is no such file in {folder}")
    required_files = files.get(required, {})
    if len(required_files) != len(entry.files):
        _fail(f"{version}: files has {len(entry.files)} entries, but {required} changes {len(required_files)} files")
    images = tuple(
        _image(version, path, abbreviated, changes)
        for abbreviated, (path, changes) in zip(entry.files, required_files.items(), strict=True)
    )
    patched = {image.path: image.post_image for image in images}
    options: dict[str, Step] = {}
    for name in optional:
        option = name.partition("/")[0]
        if option in options:
            _fail(f"{version}: two patches of {option}")
        changed = tuple(
            _image(version, path, patched.get(path, "of no stock file"), changes)
            for path, changes in files.get(name, {}).items()
        )
        options[option] = Step(version=version, patch=folder / name, files=changed, option=option)
    return Release(
        version=version,
        patch=folder / required,
        files=images,
        uploaded=entry.uploaded.astimezone(timezone.utc),
        wheels=entry.wheels,
        options=options,
        sdist=entry.sdist,
        delivery=entry.delivery,
    )


def _image(version: Version, path: str, abbreviated: str, changes: Mapping[str, _Change]) -> FileImage:
    """Look up what a patch makes of one content of a file."""
    if not is_safe_path(path):
        _fail(f"files: {path!r} is not a plain path below litellm/")
    found = [digest for digest in changes if digest.startswith(abbreviated)]
    if len(found) != 1:
        _fail(f"{version}: {path} has {len(found)} entries that begin with {abbreviated}, expected one")
    change = changes[found[0]]
    if change.post_image == found[0]:
        _fail(f"{version}: {path} must become another file than it was")
    return FileImage(path, found[0], change.post_image, tuple(change.offsets))


def _fail(found: str) -> NoReturn:
    raise LedgerError(f"{LEDGER_NAME}: {found}", _MEND)


def _counts(files: Mapping[str, int]) -> str:
    return ", ".join(f"{path} ({hunks})" for path, hunks in sorted(files.items()))
