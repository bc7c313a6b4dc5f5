"""The terminal of somebody who asks the doctor about ``docs/doctor.yaml``: about all chains, and about one request."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.reporting import ProxyConfig, report_chains, report_request
from litellm_patch.doctor.settings import read_settings
from litellm_patch.model.names import Request, Rules
from upkeep.pictures.terminal import draw_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from litellm_patch.doctor.reporting import Answer

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = "docs/doctor.yaml"
RELEASE = "1.102.4"  # whatever else the ledger learns, the pictures stay
COMMAND = f"litellm-patch doctor {CONFIGURATION} --release {RELEASE}"
MODEL, TEAM = "gpt-4.1", "acme"


def draw_chains() -> str:
    """Ask the doctor about all chains, and draw what he says, as SVG."""
    return draw_terminal("doctor", COMMAND, partial(_show, report_chains(proxy_of_pictures())))


def draw_request() -> str:
    """Ask the doctor about one request, and draw what he says, as SVG."""
    report = report_request(proxy_of_pictures(), Request(MODEL, TEAM))
    return draw_terminal("request", f"{COMMAND} --explain {MODEL} --team {TEAM}", partial(_show, report))


def proxy_of_pictures() -> ProxyConfig:
    """Read the configuration that the pictures are about."""
    raw, _ = read_configuration(ROOT / CONFIGURATION)
    return ProxyConfig(read_settings(raw, {}), Version(RELEASE), Rules.UPSTREAM)


def _show(report: Answer, console: Console) -> None:
    for part in report.shown:
        console.print(part, highlight=False)
