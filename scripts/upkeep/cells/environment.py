"""A fresh virtual environment with one release of litellm, verified before anything of it runs."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PathDistribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.errors import LitellmPatchError
from litellm_patch.patching.apply import status
from litellm_patch.patching.finding import find_target
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.compiled.installing import install_built, replaced_files
from upkeep.compiled.releases import find_compiled, is_compiled
from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from importlib.metadata import PackagePath

    from litellm_patch.patching.ledger import Release

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OVERRIDES = HERE / "overrides.txt"
ARMS = ("stock", "patched")
REBUILT = "rebuilt"
"""A third arm of a release whose Router is compiled: stock but for an extension built here of the stock sources."""
# dependencies are resolved as of the day the release came out, and a little later: an upload takes some time
MARGIN = timedelta(days=2)


class UntrustedEnvironmentError(UpkeepError):
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
    def resolved(self) -> Path:
        """What it holds beside litellm, with hashes."""
        return self.folder / "resolved.txt"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def verify(self, expected: State) -> None:
        """Check every file of litellm against its RECORD, and the touched ones against the ledger.

        Args:
            expected: ``CLEAN`` or ``APPLIED``.

        Raises:
            UntrustedEnvironmentError: a file differs, or the release or state is another one; names what.
        """
        try:
            report = status(self.folder, load_ledger(bundled_folder()))
        except LitellmPatchError as error:
            raise UntrustedEnvironmentError(str(error)) from error
        if report.target.version != self.release.version:
            raise UntrustedEnvironmentError(
                f"{self.folder} has litellm {report.target.version}, not {self.release.version}"
            )
        if self.release.delivery == "wheel":
            patched = expected is State.APPLIED
            self.verify_replaced(replaced_files(self.folder, self.release, patched=True) if patched else {})
            return
        if report.state is not expected:
            raise UntrustedEnvironmentError(f"{self.folder} is {report.state.value}, expected {expected.value}")
        self.verify_replaced({})

    def verify_rebuilt(self) -> None:
        """Check that it is stock but for the extension, as `verify` does.

        Raises:
            UntrustedEnvironmentError: it is not; names what.
        """
        self.verify_replaced(replaced_files(self.folder, self.release, patched=False))

    def verify_replaced(self, replaced: Mapping[str, str]) -> None:
        """Check every file of litellm against its RECORD, but for those that were replaced.

        Args:
            replaced: the sha256 that each of those must have, by path.

        Raises:
            UntrustedEnvironmentError: a file differs; names which.
        """
        package = find_target(self.folder).package
        distribution = PathDistribution(package.parent / f"litellm-{self.release.version}.dist-info")
        changed = [
            str(file)
            for file in distribution.files or ()
            if file.hash and not _is_as_recorded(file, replaced.get(str(file)))
        ]
        if changed or not distribution.files:
            raise UntrustedEnvironmentError(
                f"{self.folder} differs from litellm's RECORD: {', '.join(changed) or 'no files'}"
            )

    def verify_packages(self) -> None:
        """Check every file of every package against its RECORD, and that no module is there which no RECORD lists.

        Raises:
            UntrustedEnvironmentError: a file differs or is nobody's; names which.
        """
        site = find_target(self.folder).package.parent
        files = [file for package in distributions(path=[str(site)]) for file in package.files or ()]
        known = {os.path.normpath(file.locate()) for file in files}
        strange = [str(path) for path in _modules(site) if str(path) not in known]
        strange += [str(file) for file in files if file.hash and not _is_as_recorded(file)]
        if strange:
            raise UntrustedEnvironmentError(f"{self.folder} differs from its RECORDs: {', '.join(strange)}")

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
    """The ledger's entry of a release, or that of one whose Router is compiled.

    Args:
        version: the release's number.

    Returns:
        Its entry.

    Raises:
        LitellmPatchError: the ledger is wrong, or does not have the release, or denies it.
        InvalidVersion: that is no release number.
    """
    number = Version(version)
    return find_compiled(number) if is_compiled(number) else load_ledger(bundled_folder()).find(number)


def ready(folder: Path, release: Release, requirements: Path) -> Environment:
    """A stock environment with exactly what a new one would have, made out of the one that is there if there is one.

    All that is installed is resolved anew as of the release's day and brought to that, so it does not matter which
    release the environment held before, nor whether that was patched. Then every file of every package is verified.

    Args:
        folder: where it is, or goes.
        release: the ledger's entry of the release.
        requirements: a requirements file of what else goes in.

    Returns:
        The environment, verified to be stock.

    Raises:
        UntrustedEnvironmentError: it cannot be made, or is not what it should be; says why.
    """
    environment = Environment(folder, release)
    made_with = folder / "made-with.txt"
    if not made_with.is_file() or made_with.read_text(encoding="utf-8") != sys.version:
        return create(folder, release, requirements)
    try:
        if _state(environment) is State.APPLIED:
            _run(sys.executable, "-m", "litellm_patch", "revert", folder)
        _fill(environment, requirements)
        environment.verify(State.CLEAN)
        environment.verify_packages()
    except UntrustedEnvironmentError:
        return create(folder, release, requirements)
    return environment


def ready_arm(folder: Path, release: Release, requirements: Path, arm: str) -> Environment:
    """An environment of one arm's own, as `ready` makes it, and patched if that is the arm.

    Args:
        folder: where the arms' environments are, or go.
        release: the ledger's entry of the release.
        requirements: a requirements file of what else goes in.
        arm: one of `ARMS`, or `REBUILT`.

    Returns:
        The environment, verified.

    Raises:
        UntrustedEnvironmentError: it cannot be made, or is not what it should be; says why.
    """
    environment = ready(folder / arm, release, requirements)
    if arm == "patched":
        apply_patch(environment)
    elif arm == REBUILT:
        if release.delivery != "wheel":
            raise UntrustedEnvironmentError(f"found litellm {release.version}, expected one whose Router is compiled")
        install_built(environment.folder, find_target(environment.folder).package.parent, release, patched=False)
        environment.verify_rebuilt()
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
    _fill(environment, requirements)
    environment.verify(State.CLEAN)
    (folder / "made-with.txt").write_text(sys.version, encoding="utf-8")
    return environment


def apply_patch(environment: Environment, option: str | None = None) -> None:
    """Patch an environment with the command that an operator uses, and verify the result.

    Where the Router is compiled, there is no such command: what is built of the patched sources is put in.

    Args:
        environment: a stock one, or one that is patched without the optional patch.
        option: an optional patch to apply as well.

    Raises:
        UntrustedEnvironmentError: the command failed, or the result is not patched; says why.
    """
    if environment.release.delivery == "wheel":
        site = find_target(environment.folder).package.parent
        install_built(environment.folder, site, environment.release, patched=True)
        environment.verify(State.APPLIED)
        return
    options = ("--with", option) if option else ()
    _run(sys.executable, "-m", "litellm_patch", "apply", environment.folder, *options)
    environment.verify(State.APPLIED)


def _fill(environment: Environment, requirements: Path | None) -> None:
    """Bring what is installed to what the release's day gives, nothing more and nothing less."""
    release = environment.release
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in release.wheels.values())
    pinned = environment.folder / "litellm.txt"
    pinned.write_text(f"litellm=={release.version} {hashes}\n", encoding="utf-8")
    resolution = ("--only-binary", "litellm", "--exclude-newer", (release.uploaded + MARGIN).isoformat())
    others = _uv(
        *("pip", "compile", "--python", environment.python, *resolution, "--overrides", OVERRIDES),
        *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-package", "litellm"),
        *(pinned, *((requirements,) if requirements else ())),
    )
    environment.resolved.write_text(others, encoding="utf-8")
    _uv("pip", "sync", "--python", environment.python, *resolution, "--require-hashes", pinned, environment.resolved)


def _state(environment: Environment) -> State:
    try:
        return status(environment.folder, load_ledger(bundled_folder())).state
    except LitellmPatchError as error:
        raise UntrustedEnvironmentError(str(error)) from error


def _uv(*arguments: str | Path) -> str:
    return _run(sys.executable, "-m", "uv", "--quiet", "--no-progress", *arguments)


def _run(*command: str | Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own tools
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    )
    if done.returncode:
        raise UntrustedEnvironmentError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _modules(site: Path) -> Iterator[Path]:
    """All Python files; and cached bytecode whose source is gone, which Python ignores, is not among them."""
    for path in site.rglob("*.py"):
        # uv's own hook into every environment, which no package lists
        if path != site / "_virtualenv.py":
            yield path


def _is_as_recorded(file: PackagePath, replaced: str | None = None) -> bool:
    path = Path(str(file.locate()))
    if not path.is_file():
        return False
    if replaced is not None:
        return hashlib.sha256(path.read_bytes()).hexdigest() == replaced
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    return file.hash is not None and digest == file.hash.value
