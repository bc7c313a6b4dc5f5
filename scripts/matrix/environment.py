"""A fresh virtual environment with one release of litellm, verified before anything of it runs."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.apply import status
from litellm_patch.errors import LitellmPatchError
from litellm_patch.ledger import bundled_folder, load_ledger
from litellm_patch.target import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import PackagePath

    from litellm_patch.ledger import Release

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OVERRIDES = HERE / "overrides.txt"
# dependencies are resolved as of the day the release came out, and a little later: an upload takes some time
MARGIN = timedelta(days=2)


class UntrustedEnvironmentError(Exception):
    """An environment cannot be made, or is not what it should be."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds a release.

    Attributes:
        folder: the environment.
        release: the ledger's entry of the release in it.
    """

    folder: Path
    release: Release

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def verify(self, expected: State) -> None:
        """Check every file of litellm against its RECORD, and the touched ones against the ledger.

        Args:
            expected: ``CLEAN`` or ``APPLIED``.

        Raises:
            UntrustedEnvironmentError: a file differs, or the state is another one; names what.
        """
        try:
            report = status(self.folder, load_ledger(bundled_folder()))
        except LitellmPatchError as error:
            raise UntrustedEnvironmentError(str(error)) from error
        if report.state is not expected:
            raise UntrustedEnvironmentError(f"{self.folder} is {report.state.value}, expected {expected.value}")
        distribution = PathDistribution(report.target.package.parent / f"litellm-{report.target.version}.dist-info")
        changed = [str(file) for file in distribution.files or () if file.hash and not _is_as_recorded(file)]
        if changed or not distribution.files:
            raise UntrustedEnvironmentError(
                f"{self.folder} differs from litellm's RECORD: {', '.join(changed) or 'no files'}"
            )

    def run(self, *arguments: str | Path, path: Sequence[Path] = ()) -> subprocess.CompletedProcess[str]:
        """Run its interpreter at the project's root, without the caller's own settings for litellm or Python.

        Args:
            arguments: what follows the interpreter.
            path: folders to import from.

        Returns:
            The finished process, with standard output and error together.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LITELLM", "PYTHON"))}
        settings = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "NO_PROXY": "127.0.0.1",
        }
        return subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
            [self.python, *arguments],
            cwd=ROOT,
            env=inherited | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def find_release(version: str) -> Release:
    """The ledger's entry of a release.

    Args:
        version: the release's number.

    Returns:
        Its entry.

    Raises:
        LitellmPatchError: the ledger is wrong, or does not have the release, or denies it.
        InvalidVersion: that is no release number.
    """
    return load_ledger(bundled_folder()).find(Version(version))


def ready(folder: Path, release: Release, requirements: Path, state: State) -> Environment:
    """An environment in the wanted state: the one that is there if it passes every check, else a new one.

    Args:
        folder: where it is, or goes.
        release: the ledger's entry of the release.
        requirements: a requirements file of what else goes in.
        state: ``CLEAN`` or ``APPLIED``.

    Returns:
        The environment, verified.

    Raises:
        UntrustedEnvironmentError: it cannot be made, or is not what it should be; says why.
    """
    environment = Environment(folder, release)
    made_of = folder / "made-of.txt"
    wanted = (
        f"{sys.version}\n{_pinned(release)}\n{_until(release)}\n{requirements.read_text()}\n{OVERRIDES.read_text()}"
    )
    if made_of.is_file() and made_of.read_text(encoding="utf-8") == wanted:
        with suppress(UntrustedEnvironmentError):
            environment.verify(state)
            return environment
    create(folder, release, requirements)
    if state is State.APPLIED:
        apply_patch(environment)
    made_of.write_text(wanted, encoding="utf-8")
    return environment


def create(folder: Path, release: Release, requirements: Path | None = None) -> Environment:
    """Make a new environment from the real wheel and verify that it is stock.

    The wheel is checked against the ledger's sha256 by the installer, before anything is unpacked.

    Args:
        folder: where; whatever is there is replaced.
        release: the ledger's entry of the release.
        requirements: a requirements file of what else goes in.

    Returns:
        The environment.

    Raises:
        UntrustedEnvironmentError: the installer refused, or the result is not stock; says why.
    """
    environment = Environment(folder, release)
    _uv("venv", "--clear", "--python", sys.executable, folder)
    pinned = folder / "litellm.txt"
    pinned.write_text(_pinned(release), encoding="utf-8")
    _uv(
        *("pip", "install", "--python", environment.python, "--only-binary", "litellm"),
        *("--exclude-newer", _until(release), "--overrides", OVERRIDES),
        *("--requirements", pinned),
        *(("--requirements", requirements) if requirements else ()),
    )
    environment.verify(State.CLEAN)
    return environment


def apply_patch(environment: Environment) -> None:
    """Patch an environment with the command that an operator uses, and verify the result.

    Args:
        environment: a stock one.

    Raises:
        UntrustedEnvironmentError: the command failed, or the result is not patched; says why.
    """
    _run(sys.executable, "-m", "litellm_patch", "apply", environment.folder)
    environment.verify(State.APPLIED)


def _pinned(release: Release) -> str:
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in release.wheels.values())
    return f"litellm=={release.version} {hashes}\n"


def _until(release: Release) -> str:
    return (release.uploaded + MARGIN).isoformat()


def _uv(*arguments: str | Path) -> None:
    _run(sys.executable, "-m", "uv", "--quiet", "--no-progress", *arguments)


def _run(*command: str | Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own tools
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    )
    if done.returncode:
        raise UntrustedEnvironmentError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")


def _is_as_recorded(file: PackagePath) -> bool:
    path = Path(str(file.locate()))
    if not path.is_file():
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    return file.hash is not None and digest == file.hash.value
