"""In which state a litellm is: its files against the hashes of the ledger, `RECORD` and marker against its files."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.patching.built import installed_images, is_installed_compiled
from litellm_patch.patching.files import sha256
from litellm_patch.patching.former import find_former
from litellm_patch.patching.ledger import ABSENT
from litellm_patch.patching.record import MARKER_NAME, Marker, read_marker, record_listing, record_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from litellm_patch.patching.finding import Target
    from litellm_patch.patching.former import Former
    from litellm_patch.patching.ledger import FileImage, Ledger, Release
    from litellm_patch.patching.record import EditRecord


class State(enum.Enum):
    """What a litellm is: the first five judged by the hashes of its files, the others by its release."""

    CLEAN = "clean"
    APPLIED = "applied"
    PARTIAL = "partial"
    OUTDATED = "outdated"
    DRIFTED = "drifted"
    FIXED_UPSTREAM = "fixed-upstream"
    UNSUPPORTED = "unsupported"
    DENIED = "denied"


_IN_WORDS = {State.CLEAN: "stock", State.APPLIED: "patched", State.OUTDATED: "patched by an older version"}


@dataclass(frozen=True)
class SourceFile:
    """A file that the patch changes, as it was read; `data` is None if it is missing.

    Attributes:
        options: What each optional patch that changes it, too, leaves, by name.
        edits: What the marker says of the merge of this file.
        old_edits: Whether that was by another version of the patch.
        chosen: The optional patch that was merged with it.
        former: What it was before an older version of the patch.
        stranger: Another release whose file it is.
    """

    image: FileImage
    path: Path
    data: bytes | None
    options: Mapping[str, FileImage] = field(default_factory=dict)
    edits: EditRecord | None = None
    old_edits: bool = False
    chosen: str | None = None
    former: Former | None = None
    stranger: str | None = None

    @property
    def state(self) -> State:
        """Clean, applied, outdated or drifted."""
        if self.is_merged:
            return State.OUTDATED if self.old_edits else State.APPLIED
        if self.is_unmerged:
            return State.CLEAN
        found = ABSENT if self.data is None else sha256(self.text)
        return self._known.get(found, State.OUTDATED if self.former else State.DRIFTED)

    @cached_property
    def text(self) -> bytes:
        """The content with LF line ends, if they are all of one kind."""
        data = self.data or b""
        text = data.replace(b"\r\n", b"\n")
        return text if self._with_crlf(text) == data else data

    def in_kind(self, text: bytes) -> bytes:
        """Give a text the line ends that the file has."""
        return self._with_crlf(text) if self.data and self.data != self.text else text

    @property
    def is_merged(self) -> bool:
        """Whether it is what a merge with edits has left."""
        return self.edits is not None and sha256(self.data or b"") == self.edits.after

    @property
    def is_unmerged(self) -> bool:
        """Whether it is what a merge with edits has found."""
        return self.edits is not None and sha256(self.data or b"") == self.edits.before and not self.is_merged

    @property
    def option(self) -> str | None:
        """The optional patch that is in as well."""
        if self.is_merged:
            return self.chosen
        if self.former:
            return self.former.option
        found = sha256(self.text)
        return next((name for name, image in self.options.items() if image.post_image == found), None)

    @property
    def was_edited(self) -> bool:
        """Whether it drifted by its text, and not only by line ends."""
        return self.data is not None and sha256(self.data.replace(b"\r\n", b"\n")) not in self._known

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
            return f"{self.image.path} mixes CRLF and LF line ends"
        if self.stranger:
            return f"{self.image.path} is that of litellm {self.stranger}, so that two releases are mixed"
        return (
            f"{self.image.path} was edited: its sha256 is {sha256(self.data)}, "
            f"expected {self.image.pre_image} (stock) or {self.image.post_image} (patched)"
        )

    @staticmethod
    def _with_crlf(text: bytes) -> bytes:
        return text.replace(b"\n", b"\r\n")


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
        if states <= {State.OUTDATED, State.APPLIED} and State.OUTDATED in states:  # not in every file
            return State.OUTDATED
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
    def edited(self) -> tuple[str, ...]:
        """The files with edits that the patch was merged into."""
        return tuple(file.image.path for file in self.files if file.is_merged)

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
            troubles = [
                f"{file.image.path} is {'edited, and not patched' if file.is_unmerged else _IN_WORDS[file.state]}"
                for file in self.files
            ]
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
        if any(file.is_unmerged for file in self.files):
            yield "a merge with edits was not finished"
        elif state is State.CLEAN and self.told:
            yield (
                f"{MARKER_NAME} says that {self.told.patch} was applied at {self.told.applied}, "
                "but the files are stock, as after a reinstall"
            )
        edited = self.told.edited if self.told else {}
        contents = {
            file.image.path: file.data for file in self.files if file.data is not None and file.image.path not in edited
        }
        if self.with_record(contents, self.marker) != self.record:
            yield "RECORD does not match the files"


def read_tree(target: Target, release: Release, ledger: Ledger | None = None) -> Tree:
    """Read all that the patch of a release touches.

    Args:
        target: The litellm.
        release: Its release.
        ledger: All releases, to tell whose an unknown file is.

    Raises:
        PatchError: An old patch is damaged.
        OSError: A file cannot be read.
    """
    marker = _content(target.marker)
    told = read_marker(marker) if marker is not None else None
    old = told is not None and bool(told.edited) and _is_of_other_patches(told, release)
    files = []
    for image in installed_images(target, release) if is_installed_compiled(target, release) else release.files:
        path = target.package.parent / image.path
        # the real folder, so that a symlinked package stays a link; not the real file, which may be a cache's
        path = Path(os.path.realpath(path.parent), path.name)
        options = {
            name: changed
            for name, step in release.options.items()
            for changed in step.files
            if changed.path == image.path
        }
        file = SourceFile(image, path, _content(path), options)
        if told and image.path in told.edited:
            chosen = next((name for name in options if release.options[name].name in told.optional), None)
            file = replace(file, edits=told.edited[image.path], old_edits=old, chosen=chosen)
        if file.state is State.DRIFTED and file.was_edited:
            former = find_former(file.text, image, release)
            file = replace(file, former=former, stranger=_whose(file, ledger) if ledger and not former else None)
        files.append(file)
    row = os.fsencode(f"{target.dist_info.name}/{MARKER_NAME}") if target.dist_info else b""
    return Tree(tuple(files), _content(target.record), marker, row)


def _is_of_other_patches(marker: Marker, release: Release) -> bool:
    """Whether a marker speaks of patches, or versions of them, that the release does not have now."""
    digests = {step.name: sha256(step.patch.read_bytes()) for step in (release, *release.options.values())}
    return any(digests.get(name) != digest for name, digest in {marker.patch: marker.sha256, **marker.optional}.items())


def _whose(file: SourceFile, ledger: Ledger) -> str | None:
    """Name another release that has such a file, stock or patched."""
    found = sha256(file.text)
    for release in ledger.releases:
        for image in release.files:
            if image.path == file.image.path and found in {image.pre_image, image.post_image}:
                return str(release.version)
    return None


def _content(path: Path | None) -> bytes | None:
    return path.read_bytes() if path and path.is_file() else None
