"""Pictures of the tool at work, for the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upkeep.pictures.demo import draw_demo
from upkeep.pictures.doctor import ROOT, draw_chains, draw_request
from upkeep.pictures.status import draw_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DRAWINGS: Mapping[Path, Callable[[], str]] = {
    ROOT / "docs" / "doctor.svg": draw_chains,
    ROOT / "docs" / "request.svg": draw_request,
    ROOT / "docs" / "status.svg": draw_status,
    ROOT / "docs" / "demo.svg": draw_demo,
}
"""Each picture's file, and what draws it."""

PAGE = ROOT / "docs" / "page.png"
"""The picture of the doctor's page, taken where there is a browser."""
