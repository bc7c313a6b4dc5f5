"""What came out of the cells: one JSON file each, and how far that still stands for the ledger."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.patching.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Release


@dataclass(frozen=True)
class CellResult:
    """A cell that came out as it must: the counts of both arms.

    Attributes:
        litellm: the release.
        python: the minor version of Python that it ran on.
        patched_files: identifies the patched code that was tested.
        arms: for each arm, pytest's outcomes (``passed``, ``xfailed``, ``skipped``) and their numbers.
    """

    litellm: str
    python: str
    patched_files: str
    arms: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, release: Release, python: str, arms: Mapping[str, Mapping[str, int]]) -> CellResult:
        """The result of a cell that has just run.

        Args:
            release: the ledger's entry of the release.
            python: the version of Python, at any length.
            arms: the outcomes.

        Returns:
            The result.
        """
        return cls(str(release.version), ".".join(python.split(".")[:2]), patched_files(release), arms)

    def check(self) -> None:
        """See that it is what a cell writes.

        Raises:
            ValueError: it is not; says what is wrong.
        """
        Version(self.litellm), Version(self.python)
        if not isinstance(self.arms, dict) or set(self.arms) != {"stock", "patched"}:
            raise ValueError("expected the arms stock and patched")
        for outcomes in self.arms.values():
            if not isinstance(outcomes, dict) or not all(type(count) is int for count in outcomes.values()):
                raise ValueError("expected a number for each outcome of an arm")

    @property
    def order(self) -> tuple[Version, Version]:
        """Where it stands among others."""
        return Version(self.litellm), Version(self.python)


def patched_files(release: Release) -> str:
    """A digest of the patched code of a release: a result is worth nothing for other code.

    Args:
        release: the ledger's entry.

    Returns:
        The first digits of a sha256 over the post-images.
    """
    images = "\n".join(f"{file.path} {file.post_image}" for file in release.files)
    return hashlib.sha256(images.encode()).hexdigest()[:16]


def write_result(folder: Path, result: CellResult) -> None:
    """Write a result into a folder, under its own name.

    Args:
        folder: made if it is missing.
        result: what came out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.litellm}-py{result.python}.json"
    write_whole(path, (json.dumps(asdict(result), indent=1) + "\n").encode())


def read_results(paths: Iterable[Path]) -> list[CellResult]:
    """Read result files, each with one result or a list of them.

    Args:
        paths: the files; of two results of one cell, the later file's counts.

    Returns:
        The results, by release and Python.

    Raises:
        ValueError: a file is no result; says which.
        OSError: a file cannot be read.
    """
    results = [result for path in paths for result in _read(path)]
    cells = {result.order: result for result in results}
    return [cells[order] for order in sorted(cells)]


def _read(path: Path) -> list[CellResult]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        results = [CellResult(**entry) for entry in (content if isinstance(content, list) else [content])]
        for result in results:
            result.check()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no result of a cell: {error}") from error
    return results
