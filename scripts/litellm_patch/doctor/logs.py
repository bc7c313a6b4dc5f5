"""Failed lookups in a log: the words of every release, counted by model group, in constant memory."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from litellm_patch.doctor.reaching import FAILURES
from litellm_patch.errors import ConfigurationError, MissingLibraryError
from litellm_patch.model.names import CATCH_ALL, Config, Kind, Request, Rules, find_request_chain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from litellm_patch.doctor.settings import Settings
    from litellm_patch.model.names import Routing

LONGEST_LINE = 1 << 20
"""Bytes; what is longer is no line of a log."""

MOST_GROUPS = 10_000
"""Model groups that are told apart: callers choose these names, and may choose a new one each time."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_LONGEST_NAME = 300
_NAME = rf"(?P<name>[^\n]{{1,{_LONGEST_NAME}}}?)"
_BROKEN_LINE = r"(?:\\n|\n|\r|$)"  # in JSON, a line's end is two characters
SIGNATURES = {
    "1.83 to 1.100": re.compile(rf"No fallback model group found for original model_group={_NAME}\. Fallbacks="),
    "1.101 and later": re.compile(rf"No fallback model group found for lookup_groups={_NAME}\. Fallbacks="),
    "1.104 and later": re.compile(
        rf"LiteLLM: model group '{_NAME}' failed with the error above"
        r"(?: and no fallback model group was found|\. No fallback was attempted)"
    ),
    "1.83 to 1.103": re.compile(
        rf"Received Model Group={_NAME}{_BROKEN_LINE}+Available Model Group Fallbacks=None"
    ),
}  # fmt: skip
"""The releases that say so, and what they say."""

_ID = re.compile(r"(?:litellm_call_id|call[-_]id|request[-_]id|trace_id)\W{1,6}([\w-]{8,64})", re.IGNORECASE)
_CLUES = (b"model group", b"Model Group", b"model_group", b"lookup_groups")
_HALF = re.compile(r"Received Model Group=[^\n]*$")


@dataclass
class Tally:
    """What a log holds.

    Attributes:
        lines: how many lines were read.
        broken: how many were skipped: no UTF-8, or too long to be a line.
        groups: the errors by model group, as the caller sent it.
        wordings: the errors by the releases that word them so.
        others: errors of model groups beyond those that are told apart.
        by_request: how many of the errors have a request's id, by which they are counted once a request.
    """

    lines: int = 0
    broken: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    wordings: Counter[str] = field(default_factory=Counter)
    others: int = 0
    by_request: int = 0
    seen: dict[tuple[str, str], None] = field(default_factory=dict)  # the last ids, each with its model group


@dataclass(frozen=True)
class Rescue:
    """A chain that would have served a request whose lookup failed.

    Attributes:
        team_id: the team that the caller must have been of, or ``None`` for any caller.
        kind: the list.
        key: the chain's name for the request.
        targets: the chain.
    """

    team_id: str | None
    kind: Kind
    key: str
    targets: tuple[str, ...]


def read_log(stream: BinaryIO) -> Tally:
    """Count the failed lookups in a log, gzip and zstd too: by request where a line has its id, else by line."""
    tally = Tally()
    half = ""  # the older wording has a line's end inside
    for line in _lines(_unpacked(stream)):
        tally.lines += 1
        if line is None:
            tally.broken += 1
            half = ""
            continue
        if not half and not any(clue in line for clue in _CLUES):
            continue
        text = half + line.decode()
        begun = _HALF.search(text.rstrip("\r\n"))
        waits = begun is not None and "Available Model Group Fallbacks" not in begun.group() and not half
        half = f"{begun.group()}\n" if begun is not None and waits else ""
        _count(text, tally)
    return tally


def _unpacked(stream: BinaryIO) -> BinaryIO:
    """The log without its compression, told by its first bytes."""
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    head = buffered.peek(len(_ZSTD))
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=buffered))
    if not head.startswith(_ZSTD):
        return buffered
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            return io.BufferedReader(importlib.import_module(name).open(buffered, "rb"))
    raise MissingLibraryError(
        "the log is compressed by zstd, which this Python cannot read by itself",
        "pip install backports.zstd; or: zstd -dc FILE | litellm-patch doctor --log -",
    )


def _count(text: str, tally: Tally) -> None:
    """Count the names in a text, each once: a message may say the same in two ways."""
    found: dict[str, str] = {}
    for wording, signature in SIGNATURES.items():
        for match in signature.finditer(text):
            # of several names the last is the one that the caller sent
            found.setdefault(match["name"].rpartition(" -> ")[2], wording)
    request = _ID.search(text)
    for name, wording in found.items():
        if request and (request[1], name) in tally.seen:
            continue
        if request:
            tally.by_request += 1
            tally.seen[request[1], name] = None
            if len(tally.seen) > MOST_GROUPS:
                del tally.seen[next(iter(tally.seen))]
        tally.wordings[wording] += 1
        if name in tally.groups or len(tally.groups) < MOST_GROUPS:
            tally.groups[name] += 1
        else:
            tally.others += 1


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines, ``None`` for one that is too long or no text."""
    while line := _line(stream):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := _line(stream)) and not rest.endswith(b"\n"):
                pass
            yield None
        elif line.isascii() or _is_text(line):
            yield line
        else:
            yield None


def _line(stream: BinaryIO) -> bytes:
    try:
        return stream.readline(LONGEST_LINE)
    except Exception as error:
        if not isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error)) and type(error).__name__ != "ZstdError":
            raise
        raise ConfigurationError("the compressed log is damaged or cut", "decompress what is left of it") from error


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _teams_concerned(config: Config, name: str) -> Sequence[str | None]:
    """The teams that routing may treat otherwise than the first one of all, which stands for those who own nothing."""
    names = {name, config.aliases.get(name, name)}
    names |= {target for targets in config.index(Kind.GENERAL).catch_all_targets for target in targets[:1]}
    groups = (config.by_model_name.get, config.by_public_name.get, config.shared_wildcards.matching)
    found = {d.team_id for each in names for group in groups for d in group(each) or ()}
    found |= {team for team, wild in config.team_wildcards.items() if any(map(wild.matching, names))}
    return sorted({*found, *[*config.teams][:1]} - {None}, key=config.teams.__getitem__)


def rescues(settings: Settings, release: Routing, name: str) -> tuple[Rescue, ...]:
    """The chains that a failed lookup would have found with the patch, by who the caller may have been.

    Returns:
        The chains, each with the team that it is for; those that every caller finds have none.
    """
    config = settings.config
    found: dict[tuple[Kind, str, tuple[str, ...]], Rescue] = {}
    for team_id in (None, *_teams_concerned(config, name)):
        request = Request(name, team_id)
        for kind in FAILURES:
            if find_request_chain(config, request, kind, release, Rules.UPSTREAM)[0] is not None:
                continue
            key, targets = find_request_chain(config, request, kind, release, Rules.CONTRACT)
            if key not in {None, CATCH_ALL} and targets is not None:
                found.setdefault((kind, str(key), targets), Rescue(team_id, kind, str(key), targets))
    return tuple(found.values())
