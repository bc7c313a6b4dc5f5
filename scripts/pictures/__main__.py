"""``python -m pictures`` writes the pictures; nothing is drawn by hand."""

from __future__ import annotations

from pictures import DRAWINGS

for path, draw in DRAWINGS.items():
    path.write_text(draw(), encoding="utf-8", newline="\n")
