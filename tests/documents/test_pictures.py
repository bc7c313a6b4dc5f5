"""The pictures in the documents show what the tools say today."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from litellm_patch.cli import main
from litellm_patch.patching.files import sha256
from upkeep.pictures import DRAWINGS, PAGE
from upkeep.pictures.browser import KEYWORD, make_page
from upkeep.pictures.doctor import COMMAND, MODEL, ROOT, TEAM, draw_chains, draw_request
from upkeep.pictures.terminal import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def texts(picture: str) -> list[list[str]]:
    """What is written in a picture: by the words, as rich may draw them otherwise another day."""
    return [html.unescape(text).split() for text in re.findall(r"<text [^>]*>(.*?)</text>", picture)]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "draw"), DRAWINGS.items(), ids=lambda part: getattr(part, "name", ""))
def test_a_picture_is_fresh(path: Path, draw: Callable[[], str]) -> None:
    """The demo is run for its picture: the very command that the picture shows."""
    assert texts(path.read_text(encoding="utf-8")) == texts(draw()), "run nox -s pictures"


@pytest.mark.parametrize(
    ("draw", "more"),
    [(draw_chains, ()), (draw_request, ("--explain", MODEL, "--team", TEAM))],
    ids=["chains", "request"],
)
def test_a_picture_shows_what_the_command_prints(
    draw: Callable[[], str], more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("litellm_patch.commands.doctor.is_terminal", lambda: True)
    done = CliRunner().invoke(main, [*COMMAND.split()[1:], *more], env={"COLUMNS": str(WIDTH)})
    assert done.exit_code == 9
    drawn = [word for text in texts(draw()) for word in text]
    assert [word for word in done.stdout.split() if word not in drawn] == []


def test_the_picture_of_the_page_is_fresh() -> None:
    assert KEYWORD + sha256(make_page().encode()).encode() in PAGE.read_bytes(), "run nox -s pictures"


def test_documents_stay_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs").iterdir()}
    assert sizes["page.png"] < 60_000
    assert sum(sizes.values()) < 150_000


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.name)
def test_a_picture_loads_nothing(path: Path) -> None:
    picture = path.read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\s\"']+", picture) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in picture
