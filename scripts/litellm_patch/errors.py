"""What can stop the tool, and the exit codes.

A script would act differently on each code; whatever else fails ends with 1 and a sentence. The codes are part of the
interface: one once given is never given to something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

DEAD = 9
"""The exit code of `doctor` when it finds a dead chain: an answer, not an error."""

EXIT_CODES: dict[int, str] = {
    0: "done, or nothing to do; status: applied",
    1: "refused or failed: nothing was changed, and the message says why",
    2: "wrong command line",
    3: "status: clean, apply can patch it",
    4: "status: partial, some of it is patched; apply finishes it, revert undoes it",
    5: "drifted: a file was edited, or is missing",
    6: "unsupported: the ledger does not know this release of litellm",
    7: "denied: this release of litellm must not be used",
    8: "fixed-upstream: this release of litellm needs no patch",
    DEAD: "doctor: a chain is dead, for all of its requests or for some",
    10: "status: outdated, an older version of the patch is in; apply upgrades it",
    31: "a write failed and could not be undone: TARGET may be partly patched",
    32: "another litellm-patch is at work on TARGET: nothing was changed, try again",
}
"""Every exit code and its meaning, as `--help` shows them."""


class LitellmPatchError(Exception):
    """A refusal: what was found, and what to do next. Nothing was changed, unless the class says otherwise."""

    exit_code: ClassVar[int] = 1

    def __init__(self, found: str, next_step: str) -> None:
        """Keep what was found and expected, without a full stop, and what to do about it, as an imperative."""
        super().__init__(f"{found}; {next_step}")
        self.found = found
        self.next_step = next_step


class DriftedError(LitellmPatchError):
    """A file is neither stock nor patched."""

    exit_code = 5


class MergeConflictError(DriftedError):
    """An edit and the patch cannot both be kept; `lines` show where, as git does."""

    def __init__(self, found: str, next_step: str, lines: Sequence[str] = ()) -> None:
        """Keep the lines as well."""
        super().__init__(found, next_step)
        self.lines = lines


class UnsupportedReleaseError(LitellmPatchError):
    """The ledger does not know the release."""

    exit_code = 6


class DeniedReleaseError(LitellmPatchError):
    """The ledger says that the release must not be used."""

    exit_code = 7


class FixedUpstreamError(LitellmPatchError):
    """Upstream has fixed the defect in this release."""

    exit_code = 8


class RollbackError(LitellmPatchError):
    """A write failed and so did putting things back: the target may be partly patched."""

    exit_code = 31


class LockedError(LitellmPatchError):
    """Another run of the tool is at work on the same litellm."""

    exit_code = 32


class TargetError(LitellmPatchError):
    """TARGET does not hold exactly one litellm that tells its release and whose files can be replaced."""


class LedgerError(LitellmPatchError):
    """`releases.toml` is missing or wrong."""


class PatchError(LitellmPatchError):
    """A patch file is damaged, unsafe, or does not fit the file or the ledger."""


class GitError(LitellmPatchError):
    """Git is not there, or refused."""


class SystemFailureError(LitellmPatchError):
    """The system refused a read or a write; whatever was replaced has been put back."""


class WheelError(LitellmPatchError):
    """The index fails, or a wheel cannot be fetched whole, is not the ledger's, or cannot be made as asked."""


class BuildError(LitellmPatchError):
    """The compiled Router cannot be built; nothing half-written is left."""


class NoCargoError(BuildError):
    """There is no Rust on this machine."""


class ProxyError(LitellmPatchError):
    """A running proxy does not answer, refuses the key, or does not answer as LiteLLM's proxy does."""


class MissingLibraryError(LitellmPatchError):
    """An extra is not installed."""


class ConfigurationError(LitellmPatchError):
    """A configuration or a log cannot be read, or is none. No message quotes a value: there may be secrets in it."""


class VerificationError(LitellmPatchError):
    """No real Router could be asked, or it does something else than the model says."""
