"""What is said of a mutant: written inside a release's environment, read outside of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
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
