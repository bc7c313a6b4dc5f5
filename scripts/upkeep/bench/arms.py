"""The arms of a release: stock, patched, and with the optional patch, each with a process of its own to ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from litellm_patch.patching.finding import find_target
from litellm_patch.wheels.wheel import stated_version
from upkeep.cells.environment import HERE, ROOT, ready
from upkeep.errors import UpkeepError
from upkeep.mutants.generate import added_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from litellm_patch.patching.ledger import Release

ARMS: dict[str, list[str] | None] = {"stock": None, "patched": [], "matching": ["--with", "matching"]}


class Worker:
    """A running arm."""

    def __init__(self, process: subprocess.Popen[str], site: Path) -> None:
        """Take the process and where its litellm is."""
        self._process, self.site = process, site

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have something done.

        Args:
            do: a method of the worker's `Arm`.
            arguments: what it takes.

        Returns:
            Its answer.

        Raises:
            BrokenArmError: the process ended; see what it printed.
        """
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise BrokenArmError(f"the arm in {self.site} ended; see its last words above") from error
        return answer


class BrokenArmError(UpkeepError):
    """An arm ended before it was told to."""


@contextmanager
def running(release: Release, folder: Path, wheels: Sequence[Path] = ()) -> Iterator[dict[str, Worker]]:
    """Make the arms of a release and start them.

    Args:
        release: the ledger's entry.
        folder: where the environment is made, or is.
        wheels: of a release whose Router is compiled, the patched wheels, as built for production.

    Yields:
        The workers by arm; the stock one first.

    Raises:
        UntrustedEnvironmentError: the environment cannot be made.
        BrokenArmError: there is no wheel of a release whose Router is compiled.
    """
    compiled = release.delivery == "wheel"
    built = {_arm_of(wheel): wheel for wheel in wheels}
    if compiled and "patched" not in built:
        raise BrokenArmError(
            f"the Router of litellm {release.version} is compiled, and what is measured must be built for production",
            f"run litellm-patch wheel {release.version}, and name what it makes with --wheel",
        )
    environment = ready(folder / "environment", release, HERE / "requirements.txt")
    package = find_target(environment.folder).package
    with ExitStack() as stack:
        workers = {}
        for arm, options in ARMS.items():
            site = package.parent
            if compiled and options is not None:
                if arm not in built:
                    continue
                site = folder / arm
                shutil.rmtree(site, ignore_errors=True)
                with zipfile.ZipFile(built[arm]) as content:
                    content.extractall(site)
            elif options is not None:
                site = folder / arm
                shutil.rmtree(site, ignore_errors=True)
                for part in (package, package.parent / f"litellm-{release.version}.dist-info"):
                    # names for the same files: the tool replaces them and never writes into one
                    shutil.copytree(part, site / part.name, copy_function=os.link)
                tool: list[str | Path] = [sys.executable, "-m", "litellm_patch", "apply", *options, site]
                subprocess.run(tool, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own tool
            path = os.pathsep.join(map(str, (site, ROOT / "scripts")))
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
                    [environment.python, "-W", "ignore", "-m", "upkeep.bench.worker"],
                    env={**os.environ, "PYTHONPATH": path, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
                    cwd=folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(process.kill)
            workers[arm] = Worker(process, site)
        yield workers


def _arm_of(wheel: Path) -> str:
    """Which arm a patched wheel is for: its version names an optional patch."""
    return next((arm for arm in ARMS if (stated_version(wheel).local or "").endswith(f".{arm}")), "patched")


def lines_added(release: Release, workers: dict[str, Worker], arm: str) -> dict[str, list[int]]:
    """The lines of each file that an arm has and stock has not.

    Args:
        release: the ledger's entry.
        workers: the arms.
        arm: which of them.

    Returns:
        Line numbers from 1, by path.
    """
    found = {}
    for file in release.files if release.delivery == "files" else ():
        before, after = ((workers[name].site / file.path).read_text(encoding="utf-8") for name in ("stock", arm))
        found[file.path] = sorted(added_lines(before, after))
    return found
