"""Where is a litellm, which release is it, and in what state: all read from files, nothing imported."""

from __future__ import annotations

import ast
import enum
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import (
    ArchiveError,
    EditableInstallError,
    NoLitellmError,
    SeveralLitellmError,
    UnknownVersionError,
)
from litellm_patch.interpreter import is_environment, is_interpreter, places_of
from litellm_patch.ledger import load_toml
from litellm_patch.record import MARKER_NAME, Marker, read_marker, record_listing, record_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from litellm_patch.ledger import FileImage, Release

NAME = "litellm"
_MARKERS = ("__init__.py", "main.py")  # other packages call a subfolder litellm too, but none has both
_DIST_INFO = f"{NAME}-*.dist-info"
_SITE_NAMES = {"site-packages", "dist-packages"}
_SITE_GLOBS = ("[Ll]ib*/*/site-packages", "[Ll]ib/site-packages")
_PRUNED = {".git", "__pycache__", "node_modules"}
_SHOWN = 3  # of many packages in one line
_DEPTH = 6  # enough for project/.venv/lib/python3.x/site-packages/litellm
_NAME_ONE = "name a virtual environment, an interpreter, a site-packages or a source folder"


class State(enum.Enum):
    """What a litellm is: the first four judged by the hashes of its files, the others by its release."""

    CLEAN = "clean"
    APPLIED = "applied"
    PARTIAL = "partial"
    DRIFTED = "drifted"
    FIXED_UPSTREAM = "fixed-upstream"
    UNSUPPORTED = "unsupported"
    DENIED = "denied"


_IN_WORDS = {State.CLEAN: "stock", State.APPLIED: "patched"}


@dataclass(frozen=True)
class Target:
    """One litellm: its package folder as it was reached, its release, its `.dist-info` if it was installed."""

    package: Path
    version: Version
    dist_info: Path | None

    @property
    def record(self) -> Path | None:
        """Where its `RECORD` is, or would be."""
        return self._inside("RECORD")

    @property
    def marker(self) -> Path | None:
        """Where the marker of an applied patch is, or would be."""
        return self._inside(MARKER_NAME)

    def _inside(self, name: str) -> Path | None:
        return Path(os.path.realpath(self.dist_info), name) if self.dist_info else None


@dataclass(frozen=True)
class SourceFile:
    """A file that the patch changes, as it was read; `data` is None if it is missing.

    Attributes:
        options: What each optional patch that changes it, too, leaves, by name.
    """

    image: FileImage
    path: Path
    data: bytes | None
    options: Mapping[str, FileImage] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """Clean, applied or drifted."""
        return State.DRIFTED if self.data is None else self._known.get(sha256(self.data), State.DRIFTED)

    @property
    def option(self) -> str | None:
        """The optional patch that is in as well."""
        found = None if self.data is None else sha256(self.data)
        return next((name for name, image in self.options.items() if image.post_image == found), None)

    @property
    def was_edited(self) -> bool:
        """Whether it drifted by its text, and not only by line ends."""
        return self.data is not None and self._known.keys().isdisjoint(
            map(sha256, (self.data, self.data.replace(b"\r\n", b"\n")))
        )

    @property
    def _known(self) -> dict[str, State]:
        patched = (self.image, *self.options.values())
        return {self.image.pre_image: State.CLEAN, **{image.post_image: State.APPLIED for image in patched}}

    @property
    def trouble(self) -> str:
        """What a drifted file is, and what it should be."""
        if self.data is None:
            return f"{self.image.path} is missing"
        if not self.was_edited:
            return f"{self.image.path} has CRLF line ends, expected LF"
        return (
            f"{self.image.path} was edited: its sha256 is {sha256(self.data)}, "
            f"expected {self.image.pre_image} (stock) or {self.image.post_image} (patched)"
        )


@dataclass(frozen=True)
class Tree:
    """All that a patch touches in a target, as it was read.

    Attributes:
        files: The files that it changes.
        record: The content of `RECORD`; None if there is none.
        marker: The content of the marker; None if there is none.
        marker_row: The marker's path in `RECORD`.
    """

    files: tuple[SourceFile, ...]
    record: bytes | None
    marker: bytes | None
    marker_row: bytes

    @property
    def state(self) -> State:
        """The state of the whole; a `RECORD` or marker that does not match the files makes it partial."""
        states = {file.state for file in self.files}
        if State.DRIFTED in states:
            return State.DRIFTED
        return State.PARTIAL if self.troubles else states.pop()

    @property
    def option(self) -> str | None:
        """The optional patch that is in as well, at least in part."""
        return next(filter(None, (file.option for file in self.files)), None)

    @property
    def told(self) -> Marker | None:
        """What the marker says, if there is one and it can be read."""
        return None if self.marker is None else read_marker(self.marker)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with each drifted file; if none has drifted, what keeps the whole from being of one kind."""
        states = {file.state for file in self.files}
        if State.DRIFTED in states:
            troubles = [file.trouble for file in self.files if file.state is State.DRIFTED]
            if self.told:  # by this patch, or by another revision of it that only its own tool can take out
                troubles.append(f"{MARKER_NAME} says that {self.told.patch} was applied at {self.told.applied}")
            return tuple(troubles)
        lacking = [file.image.path for file in self.files if self.option in file.options and not file.option]
        if len(states) > 1 or lacking:
            troubles = [f"{file.image.path} is {_IN_WORDS[file.state]}" for file in self.files]
            return (*troubles, *(f"{path} lacks {self.option}" for path in lacking))
        return tuple(self._bookkeeping(states.pop()))

    def with_record(self, contents: Mapping[str, bytes], marker: bytes | None) -> bytes | None:
        """Give the `RECORD` that goes with other contents.

        Args:
            contents: The content of each file, by path.
            marker: The content of the marker; None if there is to be none.

        Returns:
            The new `RECORD`; None if there is none.
        """
        if self.record is None:
            return None
        return record_listing(record_with(self.record, contents), self.marker_row, marker)

    def _bookkeeping(self, state: State) -> Iterator[str]:
        """Tell how `RECORD` and marker differ from files that are all of one state."""
        if self.marker is not None and self.told is None:
            yield f"{MARKER_NAME} is damaged"
        if state is State.CLEAN and self.told:
            yield (
                f"{MARKER_NAME} says that {self.told.patch} was applied at {self.told.applied}, "
                "but the files are stock, as after a reinstall"
            )
        contents = {file.image.path: file.data for file in self.files if file.data is not None}
        if self.with_record(contents, self.marker) != self.record:
            yield "RECORD does not match the files"


def find_packages(place: Path) -> list[Path]:
    """Find every litellm in a place, without reading anything of it.

    Args:
        place: A virtual or conda environment, the path of an interpreter, a site-packages or `--target` folder, a
            litellm package, or a folder that contains such things.

    Returns:
        The package folders, each once however many links lead to it; at least one.

    Raises:
        NoLitellmError: There is none.
        EditableInstallError: There is only the trace of an editable install.
        ArchiveError: The place is a zipapp.
        OSError: A folder cannot be read.
    """
    # a symlinked package must keep its own path: its metadata is beside the link
    place = Path(os.path.realpath(place)) if ".." in place.parts else place.absolute()
    if place.is_dir() or is_interpreter(place):
        places = [place] if place.is_dir() else places_of(place)
    elif zipfile.is_zipfile(place):
        raise ArchiveError(
            f"{place} is a zipapp or another archive, whose files cannot be replaced one by one",
            "patch the folder that it is built from, and build it again",
        )
    else:
        raise NoLitellmError(f"{place} is not a folder", _NAME_ONE)
    sites = [site for folder in places if folder.is_dir() for site in _sites(folder)]
    found: dict[Path, Path] = {}
    for site in sites:
        if _is_package(site / NAME):
            found.setdefault((site / NAME).resolve(), site / NAME)
    if not found:
        _refuse_editable(sites)
        raise NoLitellmError(f"found no litellm package in {place}", _NAME_ONE)
    return list(found.values())


def find_target(place: Path) -> Target:
    """Find the one litellm in a place, and its release.

    Args:
        place: What `find_packages` takes.

    Returns:
        The litellm that was found.

    Raises:
        NoLitellmError: There is none.
        SeveralLitellmError: There are several.
        EditableInstallError: There is only the trace of an editable install.
        ArchiveError: The place is a zipapp.
        UnknownVersionError: It does not say which release it is.
        OSError: A file cannot be read.
    """
    found = find_packages(place)
    if len(found) > 1:
        places = ", ".join(map(str, found[:_SHOWN]))
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise SeveralLitellmError(
            f"found {len(found)} litellm packages, expected one: {places}{more}", "name one of them, or say --all"
        )
    (package,) = found
    dist_info, version = _release_of(package)
    return Target(package, version, dist_info)


def read_tree(target: Target, release: Release) -> Tree:
    """Read all that the patch of a release touches.

    Args:
        target: Where the litellm is.
        release: Its entry of the ledger.

    Returns:
        The files with their content.

    Raises:
        OSError: A file cannot be read.
    """
    files = []
    for image in release.files:
        path = target.package.parent / image.path
        # the real folder, so that a symlinked package stays a link; not the real file, which may be a cache's
        path = Path(os.path.realpath(path.parent), path.name)
        options = {
            name: changed
            for name, step in release.options.items()
            for changed in step.files
            if changed.path == image.path
        }
        files.append(SourceFile(image, path, _content(path), options))
    row = os.fsencode(f"{target.dist_info.name}/{MARKER_NAME}") if target.dist_info else b""
    return Tree(tuple(files), _content(target.record), _content(target.marker), row)


def _content(path: Path | None) -> bytes | None:
    return path.read_bytes() if path and path.is_file() else None


def sha256(data: bytes) -> str:
    """Give the sha256 of some bytes.

    Args:
        data: The bytes.

    Returns:
        The hash as the ledger has it: 64 lower-case hex digits.
    """
    return hashlib.sha256(data).hexdigest()


def _sites(folder: Path) -> Iterator[Path]:
    """Give the folders that a litellm package may be in; one may come more than once, through different links."""
    if _is_package(folder):
        yield folder.parent
    elif is_environment(folder):
        for pattern in _SITE_GLOBS:
            yield from sorted(folder.glob(pattern))
    else:
        for place, folders, _ in os.walk(folder):
            here = Path(place)
            yield here
            skipped = set(_PRUNED)
            if _is_package(here / NAME):
                skipped.add(NAME)
            if here.name in _SITE_NAMES or any(here.glob(_DIST_INFO)) or len(here.relative_to(folder).parts) == _DEPTH:
                folders.clear()
            folders[:] = sorted(set(folders) - skipped)


def _refuse_editable(sites: Iterable[Path]) -> None:
    """Say where the source is, if one of the folders has litellm as an editable install."""
    for site in sites:
        for note in (*site.glob(f"{_DIST_INFO}/direct_url.json"), *site.glob(f"{NAME}.egg-link")):
            try:
                text = note.read_text(encoding="utf-8")
                if note.suffix == ".json":
                    content = json.loads(text)
                    source = unquote(urlsplit(content["url"]).path) if content["dir_info"]["editable"] else ""
                else:
                    source = text.partition("\n")[0]
            except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
                continue
            if source:
                raise EditableInstallError(
                    f"{site} has litellm as an editable install of {source}",
                    "name that folder, if its files may be changed, or install a release",
                )


def _is_package(folder: Path) -> bool:
    return folder.name == NAME and all((folder / marker).is_file() for marker in _MARKERS)


def _release_of(package: Path) -> tuple[Path | None, Version]:
    """Read the release from the metadata of the installation, else of the source tree, else of the package."""
    dist_infos = sorted(package.parent.glob(_DIST_INFO))
    if len(dist_infos) > 1:
        names = ", ".join(path.name for path in dist_infos)
        raise UnknownVersionError(f"{package} has several releases beside it: {names}", "reinstall litellm")
    try:
        if dist_infos:
            source = dist_infos[0] / "METADATA"
            text = HeaderParser().parsestr(source.read_text(encoding="utf-8", errors="replace"))["Version"]
        else:
            source = package.parent / "pyproject.toml"
            text = _pyproject_version(source) if source.is_file() else None
            if text is None:
                source = package / "_version.py"
                text = _stated_version(source)
        version = Version(text or "")
    except (FileNotFoundError, InvalidVersion, RecursionError, SyntaxError, ValueError) as error:
        raise UnknownVersionError(
            f"the release of {package} cannot be read from {source}: {error}", "reinstall litellm, or restore that file"
        ) from error
    return (dist_infos[0] if dist_infos else None), version


def _pyproject_version(path: Path) -> str | None:
    """Read the version from the pyproject.toml of litellm itself, not from one of a project around it."""
    content = load_toml(path)
    tool = content.get("tool")
    for table in (content.get("project"), tool.get("poetry") if isinstance(tool, dict) else None):
        if isinstance(table, dict) and canonicalize_name(str(table.get("name"))) == NAME and "version" in table:
            return str(table["version"])
    return None


def _stated_version(path: Path) -> str | None:
    """Read a version that a module assigns as plain text, without running it."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = {name.id for name in node.targets if isinstance(name, ast.Name)}
            if names & {"version", "__version__"}:
                return str(node.value.value)
    return None
