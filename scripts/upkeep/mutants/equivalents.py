"""The mutants that no behaviour can tell from the patch: named, with a reason, and only for as long as they live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_patch.patching.ledger import load_toml
from upkeep.errors import UpkeepError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upkeep.mutants.verdict import MutantVerdict

FIELDS = ("function", "operator", "before", "after", "reason")


class EquivalentsError(UpkeepError):
    """The file of equivalent mutants is wrong; says where."""


@dataclass(frozen=True)
class Equivalent:
    """A mutant that survives, and why that is right.

    Attributes:
        function: the function it changes.
        operator: how.
        before: the text that is changed.
        after: what it becomes.
        reason: why nothing that the contract speaks of differs.
    """

    function: str
    operator: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the mutant is called by, whatever the release."""
        return self.function, self.operator, self.before, self.after

    def is_(self, verdict: MutantVerdict) -> bool:
        """Whether this is that mutant, in whatever release."""
        return self.key == (verdict.function, verdict.operator, verdict.before, verdict.after)


def load_equivalents(path: Path) -> list[Equivalent]:
    """Read the file.

    Args:
        path: a TOML file with tables ``equivalent``; an ``after`` that is a list stands for as many entries.

    Returns:
        Its entries.

    Raises:
        EquivalentsError: an entry lacks something or says too much, or is there twice.
    """
    found = []
    for number, entry in enumerate(load_toml(path).get("equivalent", ()), start=1):
        several = entry.get("after")
        each = [{**entry, "after": after} for after in (several if isinstance(several, list) else [several])]
        if not all(set(one) == set(FIELDS) and all(isinstance(one[field], str) for field in FIELDS) for one in each):
            raise EquivalentsError(
                f"{path.name}, entry {number}: it must have {', '.join(FIELDS)}, each a text, `after` perhaps several"
            )
        if not entry["reason"].strip():
            raise EquivalentsError(f"{path.name}, entry {number}: the reason is empty")
        found += [Equivalent(**one) for one in each]
    keys = [entry.key for entry in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise EquivalentsError(f"{path.name}: {' '.join(twice)} is there twice")
    return found


def unexplained(survivors: Sequence[MutantVerdict], equivalents: Sequence[Equivalent]) -> list[MutantVerdict]:
    """The survivors that no entry names."""
    return [verdict for verdict in survivors if not any(entry.is_(verdict) for entry in equivalents)]


def stale(verdicts: Sequence[MutantVerdict], equivalents: Sequence[Equivalent]) -> list[Equivalent]:
    """The entries that name no survivor: the mutant is killed now, or gone."""
    survivors = [verdict for verdict in verdicts if verdict.fate == "survived"]
    return [entry for entry in equivalents if not any(entry.is_(verdict) for verdict in survivors)]
