"""Chromium without a window: it shows a page of ours, and asks for nothing else."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import click

from litellm_patch.doctor.page import chain_page
from litellm_patch.doctor.reporting import report_chains
from litellm_patch.patching.files import sha256
from upkeep.pictures.doctor import CONFIGURATION, proxy_of_pictures

KEYWORD = b"Page-SHA256\0"
NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def find_browser() -> str | None:
    """Give the path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def browse(browser: str, url: str, *options: str, timeout: float = 120) -> tuple[str, str]:
    """Open a page in a profile that is new.

    Args:
        browser: the path of a Chromium.
        url: the page.
        options: what to do with it, as ``--dump-dom``.
        timeout: seconds.

    Returns:
        What it printed, and what it logged.

    Raises:
        subprocess.SubprocessError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(  # noqa: S603 - a program of this machine
            [browser, *_QUIET, f"--user-data-dir={profile}", *options, url],
            capture_output=True,
            check=True,
            text=True,
            timeout=timeout,
        )
    return done.stdout, done.stderr


def draw_page(picture: Path) -> None:
    """Take the picture of the page about the configuration of the other pictures, if there is a browser.

    The page's hash goes into the picture, so that a test can tell whether the picture is of today's page.
    """
    browser = find_browser()
    if browser is None:
        click.echo(f"{picture.name} is left as it is: none of {', '.join(NAMES)} was found", err=True)
        return
    page = make_page()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(page, encoding="utf-8")
        taken = Path(folder) / "page.png"
        browse(
            browser,
            f"file://{folder}/page.html",
            "--window-size=720,490",
            "--force-device-scale-factor=0.9",
            f"--screenshot={taken}",
        )
        picture.write_bytes(_with_text(taken.read_bytes(), KEYWORD + sha256(page.encode()).encode()))


def make_page() -> str:
    """Give the page about the configuration of the other pictures."""
    return chain_page(dict(report_chains(proxy_of_pictures()).make_data()), CONFIGURATION.rpartition("/")[2])


def _with_text(png: bytes, text: bytes) -> bytes:
    """Put a text behind a PNG's header."""
    header = png.index(b"IHDR") + 13 + 8
    chunk = b"tEXt" + text
    return b"".join(
        (png[:header], struct.pack(">I", len(text)), chunk, struct.pack(">I", zlib.crc32(chunk)), png[header:])
    )
