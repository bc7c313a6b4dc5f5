"""What can stop the tool, and the exit codes.

A script would act differently on each code; whatever else fails ends with 1 and a sentence. The codes are part of the
interface: one once given is never given to something else.
"""

from __future__ import annotations

from typing import ClassVar

DEAD = 9
"""The exit code of `doctor` when it finds a dead chain: an answer, not an error."""

EXIT_CODES: dict[int, str] = {
    0: "done, or nothing to do; status: applied",
    1: "refused or failed: nothing was changed, and the message says why",
    2: "wrong command line",
    3: "status: clean, apply can patch it",
    4: "status: partial, some of it is patched; apply finishes it, revert undoes it",
    5: "drifted: a file was edited, is missing, or has CRLF line ends",
    6: "unsupported: the ledger does not know this release of litellm",
    7: "denied: this release of litellm must not be used",
    8: "fixed-upstream: this release of litellm needs no patch",
    DEAD: "doctor: a chain is dead, for all of its requests or for some",
    31: "a write failed and could not be undone: TARGET may be partly patched",
    32: "another litellm-patch is at work on TARGET: nothing was changed, try again",
}
"""Every exit code and its meaning, as `--help` shows them."""


class LitellmPatchError(Exception):
    """A refusal: what was found, and what to do next. Nothing was changed, unless the class says otherwise."""

    exit_code: ClassVar[int] = 1

    def __init__(self, found: str, next_step: str) -> None:
        """Keep both halves of the message.

        Args:
            found: What was found and what was expected, without a full stop.
            next_step: What the user can do about it, as an imperative.
        """
        super().__init__(f"{found}; {next_step}")
        self.found = found
        self.next_step = next_step


class DriftedError(LitellmPatchError):
    """A file is neither stock nor patched."""

    exit_code = 5


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


class NoLitellmError(LitellmPatchError):
    """TARGET holds no litellm package."""


class SeveralLitellmError(LitellmPatchError):
    """TARGET holds more than one litellm package."""


class UnknownVersionError(LitellmPatchError):
    """The package does not say which release it is, or says it twice."""


class EditableInstallError(LitellmPatchError):
    """The litellm of TARGET is a source tree elsewhere."""


class ArchiveError(LitellmPatchError):
    """TARGET is one file that has everything inside."""


class LedgerError(LitellmPatchError):
    """`releases.toml` is missing or wrong."""


class PatchError(LitellmPatchError):
    """A patch file is damaged, unsafe, or does not fit the file or the ledger."""


class UnknownOptionError(LitellmPatchError):
    """The release has no optional patch of that name."""


class SystemFailureError(LitellmPatchError):
    """The system refused a read or a write; whatever was replaced has been put back."""


class IndexFailureError(LitellmPatchError):
    """The package index failed, or does not say what the ledger needs."""


class WheelError(LitellmPatchError):
    """A wheel could not be fetched whole, or is not the one that the index or the ledger lists."""


class MissingLibraryError(LitellmPatchError):
    """An extra is not installed."""


class NoWheelError(LitellmPatchError):
    """No wheel of a release is for this Python, or for the platform that was asked for."""


class PatchedWheelError(LitellmPatchError):
    """The patch is part of the wheel, so it cannot be put in or taken out."""


class OutputExistsError(LitellmPatchError):
    """The wheel to write already exists with different content."""


class ConfigurationError(LitellmPatchError):
    """A proxy's configuration cannot be read, or is not one. No message quotes a value: there may be secrets in it."""


class ProxyUnreachableError(LitellmPatchError):
    """Nobody answers at the URL."""


class ProxyRefusedError(LitellmPatchError):
    """The proxy does not let this key see its models."""


class ProxyAnswerError(LitellmPatchError):
    """What answers at the URL does not answer as LiteLLM's proxy does."""


class LogError(LitellmPatchError):
    """A log cannot be read."""


class VerificationError(LitellmPatchError):
    """No real Router could be asked."""


class DisagreementError(LitellmPatchError):
    """The real Router does something else than the model says."""
