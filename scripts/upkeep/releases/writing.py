"""Write the ledger: the same bytes for the same content, each fact once."""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING, Any

import tomlkit

from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import ABBREVIATED, LEDGER_NAME, SCHEMA, Ledger, Release, Step

if TYPE_CHECKING:
    from pathlib import Path

    from tomlkit.items import InlineTable, Table

_HEADER = "Written by `nox -s releases -- update`; only `fixed`, `compiled` and `denied` are kept by hand."


def dump_ledger(ledger: Ledger) -> bytes:
    """Give the one form of a ledger.

    Args:
        ledger: What to write.

    Returns:
        The content of `releases.toml`.
    """
    releases = sorted(ledger.releases, key=lambda release: release.version)
    document = tomlkit.document()
    document.add(tomlkit.comment(_HEADER))
    document["schema"] = SCHEMA
    for name, since in (("fixed", ledger.fixed), ("compiled", ledger.compiled)):
        if since:
            document[name] = _table({"version": str(since.version), "reason": since.reason})
    denied = [{"version": str(version), "reason": reason} for version, reason in sorted(ledger.denied.items())]
    for name, entries in (("denied", map(_table, denied)), ("releases", map(_entry, releases))):
        tables = tomlkit.aot()
        for entry in entries:
            tables.append(entry)
        if tables:
            document[name] = tables
    files = _files(releases)
    if files:
        document["files"] = files
    # a blank line less for each release: tomlkit sets one before every table
    text = tomlkit.dumps(document).replace("\n\n[releases.", "\n[releases.")
    return (text.rstrip("\n") + "\n").encode()


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


def _entry(release: Release) -> Table:
    content: dict[str, Any] = {
        "version": str(release.version),
        "uploaded": release.uploaded.astimezone(timezone.utc).replace(microsecond=0),
        "patches": [step.name for step in _steps(release)],
        "files": [image.pre_image[:ABBREVIATED] for image in release.files],
    }
    if release.delivery != "files":
        content["delivery"] = release.delivery
    table = _table(content)
    for name, hashes in (("sdist", release.sdist), ("wheels", release.wheels)):
        if hashes:
            table[name] = _table(dict(sorted(hashes.items())))
    return table


def _files(releases: list[Release]) -> Table:
    """What each patch makes of each stock content, in the order of the releases that have it first."""
    steps = sorted((step for release in releases for step in _steps(release)), key=lambda step: step.name)
    files = tomlkit.table(is_super_table=True)
    for step in steps:
        changed = files.setdefault(step.name, tomlkit.table(is_super_table=True))
        for image in step.files:
            contents = changed.setdefault(image.path, tomlkit.table())
            contents[image.pre_image] = _inline({"post_image": image.post_image, "offsets": list(image.offsets)})
    return files


def _steps(release: Release) -> list[Step]:
    return [release, *(step for _, step in sorted(release.options.items()))]


def _table(content: dict[str, Any]) -> Table:
    table = tomlkit.table()
    table.update(content)
    return table


def _inline(content: dict[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(content)
    return table
