"""The table of cases: what came of them in each release, stock beside patched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CASES = "cases.json"
_STATUS = re.compile(r"(\d{3}(?:, broken)?): .*")


def table_of(folders: Sequence[Path]) -> Table:
    """The cases in which the arms differ, by release; all of them are in the folders.

    Args:
        folders: one a release, with what its run left.

    Returns:
        The table: a status, or what else was seen, on stock and on patched.
    """
    seen = {folder.name: _read(folder / CASES) for folder in folders if (folder / CASES).is_file()}
    cases = list(dict.fromkeys(case for rows in seen.values() for case in rows))
    table = Table("case", *seen, title="stock and patched, where they differ", title_justify="left")
    for case in cases:
        arms = [rows.get(case) for rows in seen.values()]
        if any(pair and pair[0] != pair[1] for pair in arms):
            table.add_row(case, *(f"{_short(pair[0])} | {_short(pair[1])}" if pair else "" for pair in arms))
    return table


def _read(path: Path) -> Mapping[str, tuple[str, str]]:
    return {case: (stock, patched) for case, (stock, patched) in json.loads(path.read_text(encoding="utf-8")).items()}


def _short(said: str) -> str:
    status = _STATUS.fullmatch(said)
    return status[1] if status else said
