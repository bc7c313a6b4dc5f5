"""The terminal of somebody who asks the doctor about ``docs/doctor.yaml``."""

from __future__ import annotations

import io
import re
from pathlib import Path

from packaging.version import Version
from rich.console import Console

from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.visiting import Patient, report_chains
from litellm_patch.names import Rules

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "doctor.svg"
CONFIGURATION = "docs/doctor.yaml"
RELEASE = "1.102.4"  # whatever else the ledger learns, the picture stays
_WIDTH = 112


def draw() -> str:
    """Ask the doctor and draw what he says.

    Returns:
        The picture as SVG; it loads nothing from anywhere.
    """
    raw, _ = read_configuration(ROOT / CONFIGURATION)
    report = report_chains(Patient(read_settings(raw, {}), Version(RELEASE), Rules.UPSTREAM))
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor", markup=False
    )
    command = f"litellm-patch doctor {CONFIGURATION} --release {RELEASE}"
    for part in (f"$ {command}", *report.shown):
        console.print(part, highlight=False)
    drawn = console.export_svg(title="litellm-patch doctor", unique_id="doctor")
    drawn = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", drawn, flags=re.DOTALL)  # fonts from elsewhere
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())
