"""Write the folder that a submitter takes to upstream: commits as mail, and the words that go with them."""

from __future__ import annotations

import re
import shutil
import tempfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import index_option
from litellm_patch.errors import PatchError
from litellm_patch.output import say
from litellm_patch.patching.files import write_whole
from litellm_patch.patching.ledger import bundled_folder
from upkeep.errors import ExportFolderError
from upkeep.releases.surroundings import cache_option, patches_option, surroundings
from upkeep.upstream.kits import RUST, find_kits
from upkeep.upstream.tree import git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upkeep.releases.surroundings import Surroundings
    from upkeep.upstream.kits import Kit

SPLIT = "as-two"
"""Where the same change lies once more, as one commit for each of the two problems."""
_OURS = re.compile(rf"[\w.]+/(({SPLIT}/)?000[12]-[\w-]+\.patch|PULL_REQUEST\.md|prove_fix\.py)")
_MAIL = ("--zero-commit", "--no-signature", "--full-index", "--stat=100", "--no-numbered", "--quiet")


def export(folder: Path, place: Path, around: Surroundings) -> list[Path]:
    """Write each pull request as upstream takes it: commits as mail, the text, and the proof.

    Args:
        folder: The patches folder, with `upstream/` in it.
        place: Where to write; a new folder, or one that holds an earlier export and nothing else.
        around: Cache and index, for the stock files.

    Returns:
        The files, all of them written anew, with the same bytes for the same patches. Those of a release are in a
        folder that is called after it.

    Raises:
        ExportFolderError: The place holds something else.
        LitellmPatchError: There is nothing for upstream, stock files cannot be had, or a patch does not fit them.
        SubmissionError: A part of a kit does not fit the rest of it.
        OSError: A file cannot be read or written.
    """
    files: dict[str, bytes] = {}
    for kit in find_kits(folder):
        made = {
            **_mails(kit, around),
            "PULL_REQUEST.md": pull_request(kit).encode(),
            "prove_fix.py": (kit.material / "prove_fix.py").read_bytes(),
        }
        files |= {f"{kit.release.version}/{name}": data for name, data in made.items()}
    _clear(place)
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(place / name, data)
    return [place / name for name in files]


def pull_request(kit: Kit) -> str:
    """Give the text of a pull request, with what was measured in it."""
    text = kit.text.read_text(encoding="utf-8")
    for path in (kit.material / "measured").glob("*.md"):
        text = text.replace(f"{{{path.stem}}}", path.read_text(encoding="utf-8").strip())
    return text.replace("{release}", str(kit.release.version))


def _changed(kit: Kit, stock: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give the files that the release's patch changes, and those that the kit adds; without what goes on top."""
    patches = kit.release.read_patch()
    after = {file.path: patches[file.path].apply(stock.get(file.path, b""), file.offsets) for file in kit.release.files}
    return {**after, **kit.tests}


def _mails(kit: Kit, around: Surroundings) -> dict[str, bytes]:
    """Commit the change in a repository of its own, whole and in its parts, and give each commit as mail."""
    stock = kit.stock(around)
    date = message_from_bytes(kit.release.patch.read_bytes())["Date"]
    if not date:
        raise PatchError(f"{kit.release.patch.name} has no Date, as git format-patch writes it", "write it with git")
    with tempfile.TemporaryDirectory(prefix="litellm-upstream-") as scratch:
        repository, mails = Path(scratch, "tree"), Path(scratch, "mails")
        repository.mkdir()
        git(repository, "init", "--quiet", "--initial-branch=whole")
        _write(repository, {path: stock[path] for path in kit.touched() if path in stock})
        git(repository, "add", "--all")
        _commit(repository, "stock", date)
        _write(repository, _changed(kit, stock))
        for path in kit.additions:
            git(repository, "apply", path.resolve())
        git(repository, "add", "--all")
        _commit(repository, (kit.material / "message.txt").read_text(encoding="utf-8"), date)
        git(repository, "format-patch", "-1", *_MAIL, "--output-directory", mails)
        if kit.second:
            _as_two(repository, kit, kit.second, date)
            git(repository, "format-patch", "-2", *_MAIL, "--output-directory", mails / SPLIT)
        return {path.relative_to(mails).as_posix(): path.read_bytes() for path in sorted(mails.rglob("*.patch"))}


def _as_two(repository: Path, kit: Kit, second: Path, date: str) -> None:
    """Commit the same change on another branch in two parts: the first is the whole without the second."""
    git(repository, "checkout", "--quiet", "-b", "parts")
    git(repository, "apply", "--index", "--reverse", second.resolve())
    git(repository, "reset", "--quiet", "--soft", "HEAD~1")
    for words in ("teams.txt", "aliases.txt"):
        _commit(repository, (kit.material / RUST / words).read_text(encoding="utf-8"), date)
        git(repository, "read-tree", "whole")


def _write(repository: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_bytes(data)


def _commit(repository: Path, message: str, date: str) -> None:
    git(repository, "commit", "--quiet", f"--date={date}", f"--message={message}")


def _clear(place: Path) -> None:
    """Remove an earlier export; refuse a place that holds what no export wrote."""
    if place.exists() and not place.is_dir():
        raise ExportFolderError(f"{place} is not a folder", "name a new folder")
    files = [path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()]
    strange = sorted(path for path in files if not _OURS.fullmatch(path))
    if strange:
        raise ExportFolderError(f"{place} holds {', '.join(strange[:3])}, which no export wrote", "name a new folder")
    shutil.rmtree(place, ignore_errors=True)


@click.command("export")
@click.argument("place", type=click.Path(path_type=Path), metavar="FOLDER")
@patches_option
@cache_option
@index_option
def command(place: Path, patches: Path | None, cache: Path | None, index_url: str | None) -> None:
    """Write the patches as upstream takes them, into FOLDER.

    For the newest release, and for the newest of each older line that still gets releases: a mailbox for `git am` with
    one commit, the change and its tests; the text of the pull request; and the script that proves the fix with a key of
    your own. The same patches give the same bytes.
    """
    folder = patches or bundled_folder()
    with surroundings(folder, cache, index_url) as around:
        for path in export(folder, place, around):
            say(f"written: {path}")
