"""The picture in the README shows what the doctor says today."""

from __future__ import annotations

import html
import re

from click.testing import CliRunner

from litellm_patch.cli import main
from pictures.doctor import CONFIGURATION, PICTURE, RELEASE, ROOT, draw


def texts(picture: str) -> list[list[str]]:
    """What is written in a picture: by the words, as rich may draw them otherwise another day."""
    return [html.unescape(text).split() for text in re.findall(r"<text [^>]*>(.*?)</text>", picture)]


def test_the_picture_is_fresh() -> None:
    assert texts(PICTURE.read_text(encoding="utf-8")) == texts(draw()), "run nox -s pictures"


def test_the_picture_shows_what_the_command_prints() -> None:
    done = CliRunner().invoke(main, ["doctor", str(ROOT / CONFIGURATION), "--release", RELEASE], env={"COLUMNS": "112"})
    assert done.exit_code == 9
    drawn = [word for text in texts(draw()) for word in text]
    assert [word for word in done.stdout.split() if word not in drawn] == []


def test_the_picture_loads_nothing() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert re.findall(r"https?://[^\s\"']+", picture) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in picture
