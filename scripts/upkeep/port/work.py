"""The folder of a port under way: a small git repository that a person edits, and what the port knows of itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from email import message_from_bytes
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from litellm_patch.patching.files import write_whole
from litellm_patch.patching.git import git
from litellm_patch.patching.merging import has_conflict_marks
from upkeep.errors import PortConflictError, UnfinishedPortError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

_NOTE = "port.json"


@dataclass(frozen=True)
class Note:
    """What a port knows of itself: the release, the one that the patch comes from, and what a person must look at."""

    version: str
    base: str
    conflicts: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """A port under way.

    Attributes:
        folder: Where its note is.
    """

    folder: Path

    @property
    def tree(self) -> Path:
        """The repository: the release's stock files are committed, the merged ones are not yet."""
        return self.folder / "tree"

    def note(self) -> Note | None:
        """Read the note.

        Returns:
            What a port said that was begun and not finished; None if there is none.

        Raises:
            UnfinishedPortError: There is one, but what it says cannot be read.
        """
        if not self.folder.exists():
            return None
        try:
            content = json.loads((self.folder / _NOTE).read_bytes())
            note = Note(str(content["version"]), str(content["base"]), tuple(map(str, content["conflicts"])))
            Version(note.version), Version(note.base)
        except (OSError, ValueError, KeyError, TypeError, InvalidVersion) as error:
            raise UnfinishedPortError(f"{self.folder} holds half a port", "drop it with port --abort") from error
        return note

    def begin(self, note: Note, stock: Mapping[str, bytes], merged: Mapping[str, bytes]) -> None:
        """Make the repository, with what the merge gave in it.

        Args:
            note: What to keep.
            stock: The release's files, by path.
            merged: The files that the merge changed.

        Raises:
            GitError: Git is not there, or failed.
            OSError: A file cannot be written.
        """
        self.tree.mkdir(parents=True)
        git(self.tree, "init", "--quiet")
        self._write(stock)
        git(self.tree, "add", "--all", "--force")
        git(self.tree, "commit", "--quiet", "--no-verify", "--message", f"litellm {note.version}")
        self._write(merged)
        git(self.tree, "add", "--intent-to-add", ".")
        # last: without it the folder is half a port, which can only be dropped
        write_whole(self.folder / _NOTE, json.dumps(asdict(note), indent=1).encode() + b"\n")

    def edited(self) -> dict[str, tuple[bytes, bytes]]:
        """Read what differs from the stock files now.

        Returns:
            The stock content and the new one of each file, by path.

        Raises:
            PortConflictError: A file still has marks of a conflict, or was added or removed.
            GitError: Git is not there, or failed.
        """
        status = git(self.tree, "status", "--porcelain", "--untracked-files=all", "-z").stdout.decode()
        files = {}
        for entry in filter(None, status.split("\0")):
            path = entry[3:]
            if entry[:2].strip() not in {"M", "A"}:  # a file that the patch adds is known to git
                raise PortConflictError(
                    f"{path} was added or removed in {self.tree}", "edit the files that are there, and git add new ones"
                )
            content = (self.tree / path).read_bytes()
            if has_conflict_marks(content):
                raise PortConflictError(
                    f"{self.tree / path} still has marks of a conflict", "resolve them, then continue"
                )
            known = entry[:2].strip() == "M"
            files[path] = (git(self.tree, "show", f"HEAD:{path}").stdout if known else b"", content)
        if not files:
            raise PortConflictError(f"nothing is edited in {self.tree}", "edit what the patch changes, then continue")
        return files

    def write_patch(self, old: bytes, now: datetime) -> bytes:
        """Commit what was edited and give the patch, with the words of the one that it comes from.

        Args:
            old: That patch.
            now: The day that it says.

        Returns:
            The patch, as `git format-patch` writes it.

        Raises:
            GitError: Git is not there, or failed.
            OSError: A file cannot be written.
        """
        head = message_from_bytes(old)
        subject = " ".join(str(head["Subject"]).removeprefix("[PATCH] ").split())
        body = str(head.get_payload()).partition("\n---\n")[0].strip("\n")
        lines = [
            f"Last-Update: {now:%Y-%m-%d}" if line.startswith("Last-Update: ") else line for line in body.splitlines()
        ]
        message = self.folder / "message.txt"
        message.write_text("\n".join([subject, "", *lines]) + "\n", encoding="utf-8")
        date = f"{now:%Y-%m-%d}T00:00:00+00:00"
        commit = ("commit", "--quiet", "--all", "--no-verify", "--author", str(head["From"]), "--date", date)
        git(self.tree, *commit, "--cleanup=verbatim", "--file", message.resolve())
        # what git appends by the version of git, and by the user's settings, stays out: the same bytes everywhere
        shape = (
            "--zero-commit",
            "--no-signature",
            "--full-index",
            "--diff-algorithm=myers",
            "--no-renames",
            "--stdout",
        )
        patch = git(self.tree, "format-patch", "-1", *shape).stdout
        git(self.tree, "reset", "--quiet", "--mixed", "--intent-to-add", "HEAD~1")
        return patch

    def drop(self) -> None:
        """Remove all of it.

        Raises:
            OSError: It cannot be removed.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _write(self, files: Mapping[str, bytes]) -> None:
        for path, content in files.items():
            if content:
                (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
                (self.tree / path).write_bytes(content)
