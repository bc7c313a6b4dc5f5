"""A compiled release's matcher of chains, on stock and with the optional patch, each asked the same questions."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from litellm_patch.building.toolchain import find_toolchain
from litellm_patch.errors import BuildError
from litellm_patch.patching.patchfile import parse_patch
from litellm_patch.patching.series import apply_series, read_series
from upkeep.compiled.workspace import default_cache, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litellm_patch.patching.ledger import Release

MATCHING = "matching"
MATCHERS = ("stock", "alone", "series")
_CRATE = Path(__file__).with_name("matchers")
_SOURCE = "litellm-rust/crates/router-core/src/fallback.rs"


@dataclass(frozen=True)
class MatcherAnswer:
    """What a matcher does with a question.

    Attributes:
        chain: the targets that are found, or None.
        keyed: for each name, whether it has a chain that cools a lone deployment down.
        allocations: how often the lookup asks for memory.
        seconds: how long it takes.
    """

    chain: list[object] | None
    keyed: list[bool]
    allocations: int
    seconds: float


class Matchers:
    """A process that has all of `MATCHERS`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Take the process."""
        self._process = process

    def ask(
        self, fallbacks: Sequence[object], names: Sequence[str], keys: Mapping[str, object], repeat: int = 0
    ) -> dict[str, MatcherAnswer]:
        """Look the chain of a request up.

        Args:
            fallbacks: the list.
            names: what is looked up, the first that has a chain.
            keys: ``providers``, ``provider_prefixed`` and ``param_keys``, as Python hands them over.
            repeat: how often, to take the time.

        Returns:
            Each matcher's answer.
        """
        assert self._process.stdin  # noqa: S101 - for the type checker: both are pipes
        assert self._process.stdout  # noqa: S101
        question = {"fallbacks": fallbacks, "groups": names, "keys": keys, "repeat": repeat}
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        answers = json.loads(self._process.stdout.readline())
        return {name: MatcherAnswer(**answer) for name, answer in zip(MATCHERS, answers, strict=True)}


def matcher_sources(release: Release) -> dict[str, str]:
    """The text of the matcher's file: on stock, with the optional patch alone, and with both patches.

    Args:
        release: a release whose Router is compiled.

    Returns:
        The texts, by `MATCHERS`.

    Raises:
        BuildError: the archive cannot be had.
        PatchError: the optional patch does not fit the stock file.
    """
    step = release.options[MATCHING]
    stock = sources_of(release, ())[_SOURCE]
    series = apply_series(_SOURCE, stock, read_series(release.series(MATCHING)))
    patch = parse_patch(step.patch.read_bytes(), step.name)[_SOURCE]
    alone = patch.apply(stock, [0] * len(patch.hunks))  # it was made from this file
    return {"stock": stock.decode(), "alone": alone.decode(), "series": series.decode()}


@contextmanager
def matchers(sources: Mapping[str, str], cache: Path | None = None) -> Iterator[Matchers]:
    """Compile matchers, and start the process that has them.

    Args:
        sources: the text of each of `MATCHERS`.
        cache: a folder for the crates that they need; the user's cache folder if not given.

    Yields:
        It, for as long as it is wanted.

    Raises:
        NoCargoError: there is no Rust.
        BuildError: they do not compile.
    """
    toolchain = find_toolchain()
    target = (cache or default_cache()) / toolchain.name / "matchers"
    with tempfile.TemporaryDirectory(prefix="litellm-patch-matchers-") as scratch:
        crate = Path(scratch) / "crate"
        shutil.copytree(_CRATE, crate)
        for name, text in sources.items():
            (crate / "src" / f"{name}.rs").write_text(text, encoding="utf-8")
        command = [toolchain.cargo, "build", "--release", "--locked", "--quiet", f"--target-dir={target}"]
        built = subprocess.run(command, cwd=crate, capture_output=True, text=True, check=False)  # noqa: S603
        if built.returncode:
            raise BuildError(f"the matchers do not compile: {built.stderr.strip()[:200]}", "fix the optional patch")
        program = Path(shutil.copy(target / "release" / "matchers", scratch))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen([program], **pipes) as process:  # type: ignore[call-overload]  # noqa: S603
            try:
                yield Matchers(process)
            finally:
                process.kill()
