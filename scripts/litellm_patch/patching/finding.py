"""Where is a litellm, and which release is it: all read from files, nothing imported."""

from __future__ import annotations

import ast
import json
import os
import re
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import TargetError
from litellm_patch.patching.interpreter import ENVIRONMENT_MARKERS, interpreter_behind, is_environment, places_of
from litellm_patch.patching.ledger import load_toml
from litellm_patch.patching.record import MARKER_NAME

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

NAME = "litellm"
_MARKERS = ("__init__.py", "main.py")  # other packages call a subfolder litellm too, but none has both
_DIST_INFO = f"{NAME}-*.dist-info"
_SITE_NAMES = {"site-packages", "dist-packages"}
_SITE_GLOBS = ("[Ll]ib*/*/site-packages", "[Ll]ib/site-packages")
_PRUNED = {".git", "__pycache__", "node_modules"}
_NO_FILES = {"/proc", "/sys"}
# uv's, pip's, poetry's and PDM's, on each system; others have a CACHEDIR.TAG, conda's an urls.txt
_CACHE = re.compile(
    r"[/\\](archive-v\d+|(\.cache|Caches)[/\\]pip|pip[/\\][Cc]ache|pypoetry[/\\](Cache[/\\])?(cache|artifacts)"
    r"|pdm[/\\]([Cc]ache[/\\])?packages)$"
)
_SHOWN = 3  # of many packages in one line
_NAME_ONE = "name a virtual environment, an interpreter, a litellm executable, a site-packages or a source folder"


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
    def marker(self) -> Path:
        """Where the marker of an applied patch is, or would be: beside a bare tree only if edits were merged."""
        return self._inside(MARKER_NAME) or Path(os.path.realpath(self.package.parent), MARKER_NAME)

    def _inside(self, name: str) -> Path | None:
        return Path(os.path.realpath(self.dist_info), name) if self.dist_info else None


@dataclass(frozen=True)
class NotEntered:
    """A folder that the search passed over, and why; `failed` if it could not be read."""

    path: str
    why: str
    failed: bool = False


@dataclass(frozen=True)
class Search:
    """What a place holds: each litellm once, however many links lead to it, and the folders that were passed over."""

    packages: tuple[Path, ...]
    not_entered: tuple[NotEntered, ...]
    refusal: TargetError | None


def search(place: Path, *, every: bool = False) -> Search:
    """Find every litellm in a place, without reading anything of it.

    Args:
        place: A virtual or conda environment, the path of an interpreter or of a `litellm` executable, a site-packages
            or `--target` folder, a litellm package, or a folder that contains such things, however deep.
        every: Whether an environment is searched for others in it as well.

    Raises:
        TargetError: The place is no folder, interpreter or executable.
    """
    # a symlinked package must keep its own path: its metadata is beside the link
    place = Path(os.path.realpath(place)) if ".." in place.parts else place.absolute()
    python = None if place.is_dir() else interpreter_behind(place)
    if place.is_dir() or python:
        places = places_of(python) if python else [place]
    elif zipfile.is_zipfile(place):
        raise TargetError(
            f"{place} is a zipapp or another archive, whose files cannot be replaced one by one",
            "patch the folder that it is built from, and build it again",
        )
    else:
        raise TargetError(f"{place} is not a folder", _NAME_ONE)
    passed: list[NotEntered] = []
    sites = [site for folder in places if folder.is_dir() for site in _sites(folder, passed, every=every)]
    found: dict[Path, Path] = {}
    for site in sites:
        if _is_package(site / NAME):
            found.setdefault((site / NAME).resolve(), site / NAME)
    refusal = None
    if not found:
        blind = f"; {len(passed)} folder(s) not entered: {passed[0].path} {passed[0].why}" if passed else ""
        refusal = _editable(sites) or TargetError(f"found no litellm package in {place}{blind}", _NAME_ONE)
    return Search(tuple(found.values()), tuple(passed), refusal)


def find_target(place: Path) -> Target:
    """Find the one litellm in a place, and its release.

    Args:
        place: What `search` takes.

    Raises:
        TargetError: There is not exactly one whose files can be replaced, or it does not say which release it is.
        OSError: A file cannot be read.
    """
    found = search(place)
    if found.refusal:
        raise found.refusal
    if len(found.packages) > 1:
        places = ", ".join(map(str, found.packages[:_SHOWN]))
        more = f" and {len(found.packages) - _SHOWN} more" if len(found.packages) > _SHOWN else ""
        raise TargetError(
            f"found {len(found.packages)} litellm packages, expected one: {places}{more}",
            "name one of them, or say --all",
        )
    (package,) = found.packages
    dist_info, version = _release_of(package)
    return Target(package, version, dist_info)


def _sites(folder: Path, passed: list[NotEntered], *, every: bool) -> Iterator[Path]:
    """Give the folders that a litellm package may be in; one may come more than once, through different links."""
    if _is_package(folder):
        yield folder.parent
    elif is_environment(folder) and not every:
        yield from _sites_of_environment(folder)
    else:
        yield from _walk(folder, passed)


def _sites_of_environment(folder: Path) -> Iterator[Path]:
    for pattern in _SITE_GLOBS:
        yield from sorted(folder.glob(pattern))


def _walk(top: Path, passed: list[NotEntered]) -> Iterator[Path]:
    """Walk through all folders below one, but not through links, package caches and what is no place for packages."""
    links: dict[str, str] = {}
    wanted: str | None = None
    pending = [str(top)]
    while pending:
        place = pending.pop()
        try:
            with os.scandir(place) as listing:
                entries = {entry.name: entry for entry in listing}
            folders = [entry for entry in entries.values() if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            passed.append(NotEntered(place, f"cannot be read: {error.strerror}", failed=True))
            continue
        marked = not ENVIRONMENT_MARKERS.isdisjoint(entries)
        why = _no_place(place, entries, marked=marked)
        if place == str(top):
            wanted = why  # a cache that was named is searched
        elif why and why != wanted:
            passed.append(NotEntered(place, why))
            continue
        if marked:
            yield from _sites_of_environment(Path(place))
        if NAME in entries:
            yield Path(place)
        if os.path.basename(place) in _SITE_NAMES:  # noqa: PTH119 - a million folders
            continue
        inside = NAME if _is_package(Path(place, NAME)) else ""
        links |= {entry.path: os.path.realpath(entry.path) for entry in entries.values() if _leads_on(entry)}
        pending += sorted(
            (entry.path for entry in folders if entry.name not in {*_PRUNED, inside} and entry.path not in links),
            reverse=True,
        )
    root = os.path.join(os.path.realpath(top), "")  # noqa: PTH118
    passed += [NotEntered(path, f"is a link to {to}") for path, to in links.items() if not f"{to}/".startswith(root)]


def _leads_on(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a link, or a junction on Windows, to a folder, or to what cannot be seen."""
    if not (entry.is_symlink() or getattr(entry, "is_junction", bool)()):
        return False
    try:
        return entry.is_dir()
    except OSError:
        return True


def _no_place(place: str, entries: Container[str], *, marked: bool) -> str | None:
    """Why a folder is not entered: what is taken from a package cache later would be born patched."""
    if place in _NO_FILES:
        return "has no files on disk"
    tagged = "CACHEDIR.TAG" in entries and not marked  # uv and virtualenv tag environments, too
    if tagged or _CACHE.search(place) or (place.endswith("pkgs") and "urls.txt" in entries):
        return "is a package cache"
    return None


def _editable(sites: Iterable[Path]) -> TargetError | None:
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
                return TargetError(
                    f"{site} has litellm as an editable install of {source}",
                    "name that folder, if its files may be changed, or install a release",
                )
    return None


def _is_package(folder: Path) -> bool:
    # not Path.is_file, which raises where a folder cannot be searched
    return folder.name == NAME and all(os.path.isfile(folder / marker) for marker in _MARKERS)  # noqa: PTH113


def _release_of(package: Path) -> tuple[Path | None, Version]:
    """Read the release from the metadata of the installation, else of the source tree, else of the package."""
    dist_infos = sorted(package.parent.glob(_DIST_INFO))
    if len(dist_infos) > 1:
        names = ", ".join(path.name for path in dist_infos)
        raise TargetError(f"{package} has several releases beside it: {names}", "reinstall litellm")
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
        raise TargetError(
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
