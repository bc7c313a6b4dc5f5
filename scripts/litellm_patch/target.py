"""Where is a litellm, which release is it, and in what state: all read from files, nothing imported."""

from __future__ import annotations

import ast
import base64
import enum
import hashlib
import os
import re
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import NoLitellmError, SeveralLitellmError, UnknownVersionError
from litellm_patch.ledger import load_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litellm_patch.ledger import FileImage, Release

NAME = "litellm"
_MARKERS = ("__init__.py", "main.py")  # other packages call a subfolder litellm too, but none has both
_DIST_INFO = f"{NAME}-*.dist-info"
_SITE_NAMES = {"site-packages", "dist-packages"}
_ENVIRONMENT_MARKERS = ("pyvenv.cfg", "conda-meta")
_SITE_GLOBS = ("[Ll]ib*/*/site-packages", "[Ll]ib/site-packages")
_PRUNED = {".git", "__pycache__", "node_modules"}
_SHOWN = 3  # of many packages in one line
_DEPTH = 6  # enough for project/.venv/lib/python3.x/site-packages/litellm


class State(enum.Enum):
    """What a litellm is: the first four judged by the hashes of its files, the others by its release."""

    CLEAN = "clean"
    APPLIED = "applied"
    PARTIAL = "partial"
    MODIFIED = "modified"
    UNSUPPORTED = "unsupported"
    DENIED = "denied"


@dataclass(frozen=True)
class Target:
    """One litellm: its package folder as it was reached, its release, its `RECORD` if it was installed."""

    package: Path
    version: Version
    record: Path | None


@dataclass(frozen=True)
class SourceFile:
    """A file that the patch changes, as it was read; `data` is None if it is missing."""

    image: FileImage
    path: Path
    data: bytes | None

    @property
    def state(self) -> State:
        """Clean, applied or modified."""
        known = {self.image.pre_image: State.CLEAN, self.image.post_image: State.APPLIED}
        return State.MODIFIED if self.data is None else known.get(sha256(self.data), State.MODIFIED)

    @property
    def trouble(self) -> str:
        """What a modified file is, and what it should be."""
        if self.data is None:
            return f"{self.image.path} is missing"
        known = {self.image.pre_image, self.image.post_image}
        if sha256(self.data.replace(b"\r\n", b"\n")) in known:
            return f"{self.image.path} has CRLF line ends, expected LF"
        return (
            f"{self.image.path} was modified: its sha256 is {sha256(self.data)}, "
            f"expected {self.image.pre_image} (stock) or {self.image.post_image} (patched)"
        )


@dataclass(frozen=True)
class Tree:
    """All that a patch touches in a target, as it was read: the files, and the content of `RECORD`."""

    files: tuple[SourceFile, ...]
    record: bytes | None

    @property
    def state(self) -> State:
        """The state of the whole; a `RECORD` that does not match its files makes it partial."""
        states = {file.state for file in self.files}
        if State.MODIFIED in states:
            return State.MODIFIED
        current = {file.image.path: file.data for file in self.files if file.data is not None}
        if len(states) > 1 or (self.record is not None and record_with(self.record, current) != self.record):
            return State.PARTIAL
        return states.pop()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with each modified file."""
        return tuple(file.trouble for file in self.files if file.state is State.MODIFIED)


def find_target(folder: Path) -> Target:
    """Find the one litellm in a folder, and its release.

    Args:
        folder: A virtual or conda environment, a site-packages or `--target` folder, a litellm package, or a source
            tree that contains one.

    Returns:
        The litellm that was found.

    Raises:
        NoLitellmError: There is none.
        SeveralLitellmError: There are several.
        UnknownVersionError: It does not say which release it is.
        OSError: A file cannot be read.
    """
    # a symlinked package must keep its own path: its metadata is beside the link
    folder = folder.resolve() if ".." in folder.parts else folder.absolute()
    if not folder.is_dir():
        raise NoLitellmError(f"{folder} is not a folder", "name a virtual environment, site-packages or source folder")
    found: dict[Path, Path] = {}
    for package in _packages(folder):
        found.setdefault(package.resolve(), package)
    if not found:
        raise NoLitellmError(f"found no litellm package in {folder}", "name the folder that litellm is installed in")
    if len(found) > 1:
        places = ", ".join(str(package) for package in list(found.values())[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise SeveralLitellmError(
            f"found {len(found)} litellm packages, expected one: {places}{more}", "name one of them"
        )
    (package,) = found.values()
    dist_info, version = _release_of(package)
    record = dist_info / "RECORD" if dist_info else None
    return Target(package, version, record if record and record.is_file() else None)


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
        path = path.parent.resolve() / path.name
        files.append(SourceFile(image, path, path.read_bytes() if path.is_file() else None))
    return Tree(tuple(files), target.record.read_bytes() if target.record else None)


def record_with(record: bytes, contents: Mapping[str, bytes]) -> bytes:
    """Give a `RECORD` that lists other contents for some files.

    Args:
        record: The content of `RECORD`.
        contents: The content of each file to list, by its path in `RECORD`.

    Returns:
        The new content; rows of other files, and all line ends, stay byte for byte.
    """
    for path, data in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
        row = b"%b,sha256=%b,%d" % (path.encode(), digest, len(data))
        record = re.sub(rb"(?m)^%b,sha256=[\w-]+,\d+(?=\r?$)" % re.escape(path.encode()), row, record)
    return record


def sha256(data: bytes) -> str:
    """Give the sha256 of some bytes.

    Args:
        data: The bytes.

    Returns:
        The hash as the ledger has it: 64 lower-case hex digits.
    """
    return hashlib.sha256(data).hexdigest()


def _packages(folder: Path) -> Iterator[Path]:
    """Find litellm packages; the same one may come more than once, through different links."""
    if _is_package(folder):
        yield folder
    elif any((folder / marker).exists() for marker in _ENVIRONMENT_MARKERS):
        for pattern in _SITE_GLOBS:
            yield from (site / NAME for site in sorted(folder.glob(pattern)) if _is_package(site / NAME))
    else:
        for place, folders, _ in os.walk(folder):
            here = Path(place)
            skipped = set(_PRUNED)
            if _is_package(here / NAME):
                yield here / NAME
                skipped.add(NAME)
            if here.name in _SITE_NAMES or any(here.glob(_DIST_INFO)) or len(here.relative_to(folder).parts) == _DEPTH:
                folders.clear()
            folders[:] = sorted(set(folders) - skipped)


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
