"""``python -m pictures`` writes the pictures; nothing is drawn by hand."""

from __future__ import annotations

from pictures.doctor import PICTURE, draw

PICTURE.write_text(draw(), encoding="utf-8", newline="\n")
