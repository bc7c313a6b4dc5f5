"""What is said of a mutant: written inside a release's environment, read outside of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.patching.files import write_whole
from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class VerdictsError(UpkeepError):
    """A file of verdicts is missing or is none; says which."""


@dataclass(frozen=True)
class MutantVerdict:
    """What became of a mutant.

    Attributes:
        file: the mutated file.
        function: the function in it.
        operator: how it was mutated.
        before: the text that was changed.
        after: what it became.
        fate: ``killed``, ``timed out``, ``survived``, ``unreachable`` where no function that is alive has the code, or
            ``skipped``.
        by: the test that failed first.
    """

    file: str
    function: str
    operator: str
    before: str
    after: str
    fate: str
    by: str = ""


def write_verdicts(path: Path, verdicts: Sequence[MutantVerdict]) -> None:
    """Write a file of verdicts as a whole, and the folder for it.

    Args:
        path: where; whatever is there is replaced.
        verdicts: one for each mutant of a release.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(vars(verdict)) for verdict in verdicts)
    write_whole(path, f"[\n{lines}\n]\n".encode())


def read_verdicts(path: Path) -> list[MutantVerdict]:
    """Read what `write_verdicts` wrote.

    Args:
        path: the file.

    Returns:
        Its verdicts.

    Raises:
        VerdictsError: there is no such file, or it holds something else.
    """
    try:
        return [MutantVerdict(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        raise VerdictsError(f"{path} is missing: run its shard first") from None
    except (ValueError, TypeError) as error:
        raise VerdictsError(f"{path} holds no verdicts ({error}): run its shard again") from None
