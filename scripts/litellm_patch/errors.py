"""Everything that can stop the tool, each with an exit code of its own.

0 is success and 2 is a wrong command line (click's own). `status` also ends with 3 (clean) and 4 (partial), which are
states and not errors, and `doctor` with 9 when it finds something dead. The codes are part of the interface: one once
given is never given to something else.
"""

from __future__ import annotations

from typing import ClassVar


class LitellmPatchError(Exception):
    """A refusal: what was found, and what to do next. Nothing was changed, unless the class says otherwise."""

    exit_code: ClassVar[int]
    meaning: ClassVar[str]

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
    meaning = "drifted: a file was edited, is missing, or has CRLF line ends"


class UnsupportedReleaseError(LitellmPatchError):
    """The ledger does not know the release."""

    exit_code = 6
    meaning = "unsupported: the ledger does not know this release of litellm"


class DeniedReleaseError(LitellmPatchError):
    """The ledger says that the release must not be used."""

    exit_code = 7
    meaning = "denied: this release of litellm must not be used"


class FixedUpstreamError(LitellmPatchError):
    """The release has the fix of its own."""

    exit_code = 8
    meaning = "fixed-upstream: this release of litellm needs no patch"


class NoLitellmError(LitellmPatchError):
    """TARGET holds no litellm package."""

    exit_code = 10
    meaning = "no litellm in TARGET"


class SeveralLitellmError(LitellmPatchError):
    """TARGET holds more than one litellm package."""

    exit_code = 11
    meaning = "several litellm in TARGET"


class UnknownVersionError(LitellmPatchError):
    """The package does not say which release it is, or says it twice."""

    exit_code = 12
    meaning = "the release of litellm cannot be read"


class EditableInstallError(LitellmPatchError):
    """The litellm of TARGET is a source tree elsewhere."""

    exit_code = 13
    meaning = "an editable install of litellm in TARGET: its files are elsewhere"


class ArchiveError(LitellmPatchError):
    """TARGET is one file that has everything inside."""

    exit_code = 14
    meaning = "TARGET is a zipapp or another archive"


class LedgerError(LitellmPatchError):
    """`releases.toml` is missing or wrong."""

    exit_code = 20
    meaning = "the patches folder or its releases.toml is missing or wrong"


class PatchError(LitellmPatchError):
    """A patch file is damaged, unsafe, or does not fit the file or the ledger."""

    exit_code = 21
    meaning = "a patch is damaged, or disagrees with releases.toml"


class UnknownOptionError(LitellmPatchError):
    """The release has no optional patch of that name."""

    exit_code = 70
    meaning = "--with names an optional patch that this release does not have"


class SystemFailureError(LitellmPatchError):
    """The system refused a read or a write; whatever was replaced has been put back."""

    exit_code = 30
    meaning = "a file could not be read or written; nothing was changed"


class RollbackError(LitellmPatchError):
    """A write failed and so did putting things back: the target may be partly patched."""

    exit_code = 31
    meaning = "a write failed and could not be undone; TARGET may be partly patched"


class LockedError(LitellmPatchError):
    """Another run of the tool is at work on the same litellm."""

    exit_code = 32
    meaning = "another litellm-patch is at work on TARGET; nothing was changed"


class IndexFailureError(LitellmPatchError):
    """The package index failed, or does not say what the ledger needs."""

    exit_code = 40
    meaning = "releases and wheel: the index failed, or does not say what is needed"


class WheelError(LitellmPatchError):
    """A wheel could not be fetched whole, or is not the one that the index or the ledger speaks of."""

    exit_code = 41
    meaning = "a wheel could not be fetched, is damaged, or is not the ledger's"


class CheckError(LitellmPatchError):
    """`releases check` found something."""

    exit_code = 42
    meaning = "releases check: something is missing or wrong"


class ProofError(LitellmPatchError):
    """A patch does to a release something else than the ledger, or its first release, says."""

    exit_code = 43
    meaning = "releases prove: an entry does not hold"


class MissingLibraryError(LitellmPatchError):
    """An extra is not installed."""

    exit_code = 44
    meaning = "an extra is not installed: litellm-patch[maintain] for releases and wheel, [proxy] for doctor --url"


class NoWheelError(LitellmPatchError):
    """No wheel of a release is for this Python, or for the platform that was asked for."""

    exit_code = 45
    meaning = "wheel only: no wheel of this release fits"


class PatchedWheelError(LitellmPatchError):
    """The patch is part of the wheel, so it cannot be put in or taken out."""

    exit_code = 46
    meaning = "the patch is part of this wheel (wheel), or of the one that litellm was installed from (revert)"


class OutputExistsError(LitellmPatchError):
    """The wheel to write is there already, with other bytes."""

    exit_code = 47
    meaning = "wheel only: another file is in the way"


class ConfigurationError(LitellmPatchError):
    """A proxy's configuration cannot be read, or is not one. No message quotes a value: there may be secrets in it."""

    exit_code = 50
    meaning = "doctor only: the configuration is not YAML, or not one that LiteLLM takes"


class ProxyUnreachableError(LitellmPatchError):
    """Nobody answers at the URL."""

    exit_code = 51
    meaning = "doctor only: the proxy cannot be reached"


class ProxyRefusedError(LitellmPatchError):
    """The proxy does not let this key see its models."""

    exit_code = 52
    meaning = "doctor only: the proxy refused the key"


class ProxyAnswerError(LitellmPatchError):
    """What answers at the URL does not answer as LiteLLM's proxy does."""

    exit_code = 53
    meaning = "doctor only: the answer is not JSON, or not a proxy's"


class LogError(LitellmPatchError):
    """A log cannot be read."""

    exit_code = 54
    meaning = "doctor only: the log cannot be read"


class VerificationError(LitellmPatchError):
    """No real Router could be asked."""

    exit_code = 55
    meaning = "doctor --verify: the Router of the interpreter could not be asked"


class DisagreementError(LitellmPatchError):
    """The real Router does something else than the model says."""

    exit_code = 56
    meaning = "doctor --verify: the Router does something else than the doctor says"


class ExportFolderError(LitellmPatchError):
    """The folder to export into holds something else."""

    exit_code = 60
    meaning = "export only: FOLDER holds something that no export wrote"


class PortConflictError(LitellmPatchError):
    """A patch cannot be carried over to a release without a person."""

    exit_code = 61
    meaning = "port only: a person must look, at a conflict, a hunk in another function, or a reader of chains"


class UnfinishedPortError(LitellmPatchError):
    """A port was begun and not finished, or there is none to go on with."""

    exit_code = 62
    meaning = "port only: another port is half finished, or there is none to continue"


class LocalChangesError(LitellmPatchError):
    """The patches folder is not as it was committed."""

    exit_code = 63
    meaning = "port only: the patches folder has changes that are not committed, or is in no git repository"


class GitError(LitellmPatchError):
    """Git is not there, or refused."""

    exit_code = 64
    meaning = "port only: git is not installed, or failed"


class ArmsError(LitellmPatchError):
    """A release's behaviour is not as it must be, on stock or patched."""

    exit_code = 65
    meaning = "port only: the tests of the release in its two arms could not be run, or are not as they must be"


DEAD = 9
"""The exit code of `doctor` when it finds something dead: an answer, and no error."""

EXIT_CODES: dict[int, str] = {
    0: "done, or nothing to do; of status, applied: the patch is in",
    2: "wrong command line",
    3: "status only, clean: stock, and apply can patch it",
    4: "status only, partial: some of it is patched; apply and revert both bring it home",
    DEAD: "doctor only: a chain is dead as the litellm is now, for all its requests or for some",
    **{
        error.exit_code: error.meaning
        for error in (
            DriftedError,
            UnsupportedReleaseError,
            DeniedReleaseError,
            FixedUpstreamError,
            NoLitellmError,
            SeveralLitellmError,
            UnknownVersionError,
            EditableInstallError,
            ArchiveError,
            LedgerError,
            PatchError,
            SystemFailureError,
            RollbackError,
            LockedError,
            IndexFailureError,
            WheelError,
            CheckError,
            ProofError,
            MissingLibraryError,
            NoWheelError,
            PatchedWheelError,
            OutputExistsError,
            ConfigurationError,
            ProxyUnreachableError,
            ProxyRefusedError,
            ProxyAnswerError,
            LogError,
            VerificationError,
            DisagreementError,
            ExportFolderError,
            PortConflictError,
            UnfinishedPortError,
            LocalChangesError,
            GitError,
            ArmsError,
            UnknownOptionError,
        )
    },
}
"""Every exit code and its meaning, as `--help` shows them."""
