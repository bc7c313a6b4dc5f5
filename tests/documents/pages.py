"""The documents, and what stands in them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pages() -> list[Path]:
    """All documents that are committed, or would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607 - whichever git is there
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


def our_own(found: list[Path]) -> list[Path]:
    """Those that speak of this project; what is written for upstream speaks of upstream's tree and proxy."""
    return [page for page in found if not page.is_relative_to(ROOT / "patches" / "upstream")]


def commands(page: str) -> list[str]:
    """What a page tells its reader to type: the lines of its console blocks, without prompt and remark."""
    blocks = "".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL)).replace("\\\n", "")
    return [re.sub(r"\s+#.*", "", line) for line in re.findall(r"(?m)^ *\$ (.*)$", blocks)]


def quoted(page: str) -> list[str]:
    """What a page sets in backticks within its text."""
    return [
        " ".join(text.split())
        for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"```.*?```", "", page, flags=re.DOTALL))
    ]


def links(page: str) -> list[str]:
    """Where a page's links and pictures lead."""
    return re.findall(r"\]\(([^)\s]+)\)", page)
