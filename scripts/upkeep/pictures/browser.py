"""Chromium without a window: it shows a page of ours, and asks for nothing else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def take_picture(browser: str, page: Path, picture: Path, width: int, height: int) -> None:
    """Take a picture of a page that is a file."""
    browse(browser, page.resolve().as_uri(), f"--window-size={width},{height}", f"--screenshot={picture}")
