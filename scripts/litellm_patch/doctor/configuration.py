"""A proxy's configuration file, with the files that it includes, read as LiteLLM reads it."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from typing import TYPE_CHECKING, Any

import yaml

from litellm_patch.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_INCLUDE = "include"
_LARGE = 1 << 17
_LARGEST = 1 << 26  # bytes; 50,000 models have a quarter of it
_PLAIN = re.compile(r"[a-z_]{1,40}")  # what is surely no secret
_SEVERAL = "expected a single document in the stream"
_DATA = "of a Kubernetes manifest, pass what is under data"
# what the parser raises for a value that its own tags cannot make, beside its own errors
_ODD = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def read_configuration(path: Path) -> tuple[Mapping[object, Any], tuple[str, ...]]:
    """Read a configuration file and put what it includes into it: lists are extended, all else is replaced.

    Raises:
        ConfigurationError: a file is no YAML, no mapping, or includes one that is not there; names the file and the
            line, never what stands there.
        OSError: a file cannot be read.
    """
    root = os.path.abspath(path)  # noqa: PTH100 - as LiteLLM does: without following links
    remarks: list[str] = []
    try:
        whole = dict(_mapping(root, remarks))
    except FileNotFoundError:
        raise ConfigurationError(f"there is no {root}", "name the config.yaml that the proxy is started with") from None
    if not whole:
        raise ConfigurationError(f"{root} is empty", "name a LiteLLM proxy's config.yaml")
    seen = {root}
    pending = deque((entry, root) for entry in _included(whole.pop(_INCLUDE, None), root))
    while pending:
        entry, declared_in = pending.popleft()
        place = _place(entry, declared_in, root)
        if place in seen:
            continue
        seen.add(place)
        try:
            content = dict(_mapping(place, remarks))
        except FileNotFoundError:
            raise ConfigurationError(
                f"{declared_in} includes {place}, which does not exist", "create it, or remove the entry from include"
            ) from None
        pending.extend((nested, place) for nested in _included(content.pop(_INCLUDE, None), place))
        for key, value in content.items():
            if isinstance(value, list) and isinstance(whole.get(key), list):
                whole[key] = [*whole[key], *value]
            else:
                if key in ("router_settings", "litellm_settings") and whole.get(key):
                    remarks.append(f"{place} replaces the {key} that were read before, as a whole")
                whole[key] = value
    return whole, tuple(remarks)


def _place(entry: str, declared_in: str, root: str) -> str:
    """Where an included file is: beside the one that names it, or else beside the first one."""
    beside, below = (
        os.path.normpath(os.path.join(os.path.dirname(place), entry))  # noqa: PTH118, PTH120 - as LiteLLM does
        for place in (declared_in, root)
    )
    return below if not os.path.exists(beside) and os.path.exists(below) else beside  # noqa: PTH110


def _included(entries: object, place: str) -> list[str]:
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ConfigurationError(f"include in {place} is not a list of file paths", "write one path a line")
    if any("\0" in entry for entry in entries):
        raise ConfigurationError(f"include in {place} has a path that no file can have", "write another path")
    return entries


def _load(text: str) -> tuple[Any, list[str]]:
    """Load YAML as LiteLLM does, and tell which keys are given twice."""
    loaders: list[Any] = [_Loader]
    if len(text) > _LARGE:
        loaders.insert(0, _FastLoader)  # libyaml, which differs where a text is odd
    while True:
        loader = loaders.pop(0)(text)
        try:
            return loader.get_single_data(), loader.twice
        except yaml.YAMLError:
            if not loaders:
                raise
        finally:
            loader.dispose()


class _NoticesTwins(yaml.constructor.SafeConstructor):
    """Of a key that is given twice, the last counts, without a word."""

    twice: list[str]

    def __init__(self, stream: str) -> None:
        super().__init__(stream)  # type: ignore[call-arg] # of the loader that it is mixed into
        self.twice = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if (key.tag, key.value) in lines:
                    name = key.value if _PLAIN.fullmatch(key.value) else "a key"
                    before = lines[key.tag, key.value]
                    self.twice.append(f"{name} is given in lines {before} and {line}: LiteLLM takes the last")
                lines[key.tag, key.value] = line
        return super().construct_mapping(node, deep)


class _Loader(_NoticesTwins, yaml.SafeLoader):
    pass


class _FastLoader(_NoticesTwins, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    pass


def _read(place: str) -> bytes:
    """Read a file, and neither a device nor a pipe that nobody fills; a shell's own pipe is as good as a file."""
    kind = os.stat(place).st_mode  # noqa: PTH116
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind) and not place.startswith(("/dev/fd/", "/dev/stdin")):
        raise ConfigurationError(f"{place} is a device, a pipe or a socket, expected a file", "name a YAML file")
    with open(place, "rb") as file:  # noqa: PTH123
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigurationError(f"{place} has more than {_LARGEST >> 20} MiB", "name a LiteLLM proxy's config.yaml")
    return data


def _mapping(place: str, remarks: list[str]) -> Mapping[object, Any]:
    data = _read(place)
    try:
        content, twice = _load(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{place} is not UTF-8 text", "name a YAML file") from error
    except yaml.composer.ComposerError as error:
        if error.context != _SEVERAL or error.problem_mark is None:
            raise _not_yaml(place, error) from None
        line = error.problem_mark.line + 1
        raise ConfigurationError(
            f"{place} holds several YAML documents, the second from line {line} on", f"name a file with one; {_DATA}"
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(place, error) from None
    except (yaml.YAMLError, *_ODD):
        raise ConfigurationError(f"{place} is not YAML that can be read", "correct it, or name another file") from None
    remarks += (f"{place}: {found}" for found in twice)
    if content is None:
        return {}
    if not isinstance(content, dict):
        what = "a list" if isinstance(content, list) else "a single value"
        raise ConfigurationError(f"{place} is {what}, expected a mapping", "name a LiteLLM proxy's config.yaml")
    if {"apiVersion", "kind"} <= set(content):
        raise ConfigurationError(f"{place} is a Kubernetes manifest, not a proxy's configuration", _DATA)
    return content


def _not_yaml(place: str, error: yaml.MarkedYAMLError) -> ConfigurationError:
    """Say where, and no more: the parser's own words quote the line, and any line may hold a key."""
    mark = error.problem_mark or error.context_mark
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return ConfigurationError(f"{place} is not YAML{where}", "correct that line or the one before")
