"""What can stop a command for maintainers: 1 is an answer that is not good, 2 is no answer."""

from __future__ import annotations

from typing import ClassVar


class UpkeepError(Exception):
    """Something that a maintainer must look at; says what was found and, where it is not plain, what to do next."""

    exit_code: ClassVar[int] = 2

    def __init__(self, found: str, next_step: str = "") -> None:
        """Keep both halves of the message.

        Args:
            found: What was found and what was expected, without a full stop.
            next_step: What to do about it, as an imperative.
        """
        super().__init__(f"{found}; {next_step}" if next_step else found)


class CheckError(UpkeepError):
    """`releases check` found something."""

    exit_code = 1


class ProofError(UpkeepError):
    """A patch does to a release something else than the ledger, or its first release, says."""

    exit_code = 1


class PortConflictError(UpkeepError):
    """A patch cannot be carried over to a release without a person."""

    exit_code = 1


class ArmsError(UpkeepError):
    """A release's behaviour is not as it must be, on stock or patched, or could not be tested."""

    exit_code = 1


class ExportFolderError(UpkeepError):
    """The folder to export into holds something that no export wrote."""


class UnfinishedPortError(UpkeepError):
    """A port was begun and not finished, or there is none to go on with."""


class LocalChangesError(UpkeepError):
    """The patches folder is not as it was committed."""
