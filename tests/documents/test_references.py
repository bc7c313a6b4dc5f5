"""What the documents point to is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.documents.pages import ROOT, links, our_own, pages, quoted

if TYPE_CHECKING:
    from pathlib import Path

PAGES = pages()
HEADING = re.compile(r"(?m)^#+ (.+)$")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_within_the_project_leads_somewhere(page: Path) -> None:
    for link in links(page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in map(_anchor, HEADING.findall(target.read_text(encoding="utf-8"))), link


@pytest.mark.parametrize("page", our_own(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_of_the_project_that_is_named_is_there(page: Path) -> None:
    named = [
        text for text in quoted(page.read_text(encoding="utf-8")) if re.match(r"(scripts|tests|patches|docs)/", text)
    ]
    missing = [text for text in named if not (ROOT / text).exists() and not any(ROOT.glob(text))]
    assert missing == []


def test_there_are_pages_and_they_refer_to_something() -> None:
    assert {"README.md", "CHANGELOG.md"} <= {page.name for page in PAGES}
    assert sum(len(links(page.read_text(encoding="utf-8"))) for page in PAGES) > 10
