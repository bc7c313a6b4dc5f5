"""Where is a litellm, and which release is it: all read from files, nothing imported."""

from __future__ import annotations

import ast
import json
import os
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from litellm_patch.errors import TargetError
from litellm_patch.patching.interpreter import is_environment, is_interpreter, places_of
from litellm_patch.patching.ledger import load_toml
from litellm_patch.patching.record import MARKER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "litellm"
_MARKERS = ("__init__.py", "main.py")  # other packages call a subfolder litellm too, but none has both
_DIST_INFO = f"{NAME}-*.dist-info"
_SITE_NAMES = {"site-packages", "dist-packages"}
_SITE_GLOBS = ("[Ll]ib*/*/site-packages", "[Ll]ib/site-packages")
_PRUNED = {".git", "__pycache__", "node_modules"}
_SHOWN = 3  # of many packages in one line
_DEPTH = 6  # enough for project/.venv/lib/python3.x/site-packages/litellm
_NAME_ONE = "name a virtual environment, an interpreter, a site-packages or a source folder"


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


def find_packages(place: Path) -> list[Path]:
    """Find every litellm in a place, without reading anything of it.

    Args:
        place: A virtual or conda environment, the path of an interpreter, a site-packages or `--target` folder, a
            litellm package, or a folder that contains such things.

    Returns:
        The package folders, each once however many links lead to it; at least one.

    Raises:
        TargetError: There is none.
        TargetError: There is only the trace of an editable install.
        TargetError: The place is a zipapp.
        OSError: A folder cannot be read.
    """
    # a symlinked package must keep its own path: its metadata is beside the link
    place = Path(os.path.realpath(place)) if ".." in place.parts else place.absolute()
    if place.is_dir() or is_interpreter(place):
        places = [place] if place.is_dir() else places_of(place)
    elif zipfile.is_zipfile(place):
        raise TargetError(
            f"{place} is a zipapp or another archive, whose files cannot be replaced one by one",
            "patch the folder that it is built from, and build it again",
        )
    else:
        raise TargetError(f"{place} is not a folder", _NAME_ONE)
    sites = [site for folder in places if folder.is_dir() for site in _sites(folder)]
    found: dict[Path, Path] = {}
    for site in sites:
        if _is_package(site / NAME):
            found.setdefault((site / NAME).resolve(), site / NAME)
    if not found:
        _refuse_editable(sites)
        raise TargetError(f"found no litellm package in {place}", _NAME_ONE)
    return list(found.values())


def find_target(place: Path) -> Target:
    """Find the one litellm in a place, and its release.

    Args:
        place: What `find_packages` takes.

    Raises:
        TargetError: There is none.
        TargetError: There are several.
        TargetError: There is only the trace of an editable install.
        TargetError: The place is a zipapp.
        TargetError: It does not say which release it is.
        OSError: A file cannot be read.
    """
    found = find_packages(place)
    if len(found) > 1:
        places = ", ".join(map(str, found[:_SHOWN]))
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise TargetError(
            f"found {len(found)} litellm packages, expected one: {places}{more}", "name one of them, or say --all"
        )
    (package,) = found
    dist_info, version = _release_of(package)
    return Target(package, version, dist_info)


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
                raise TargetError(
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
