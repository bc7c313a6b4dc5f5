"""A real proxy process: on a port of the kernel's choice, ready when it says so, stopped with all its children."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from upkeep.cells.environment import Environment

HERE = Path(__file__).resolve().parent
# the first start of an environment compiles all that is imported, and others may be at work on the machine
PATIENCE_IN_SECONDS = 240.0
POLL_IN_SECONDS = 0.1
LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:[0-9]+)")
# start-up would wait for the network
OFFLINE = {
    f"LITELLM_LOCAL_{name}": "True"
    for name in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "AUTOROUTER_PRESETS", "BLOG_POSTS", "POLICY_TEMPLATES")
}
OFFLINE |= {"LITELLM_OFFLINE_MODE": "True", "LITELLM_DISABLE_LATEST_RELEASE_CHECK": "True", "DISABLE_TELEMETRY": "True"}


class ProxyFailedError(Exception):
    """The proxy ended, or was not ready in time; says where its log is, and how that ends."""


@dataclass
class Proxy:
    """A proxy that runs.

    Attributes:
        url: its root.
        log: the file that its output goes to.
        process: the keeper of its process group.
    """

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def _served_by(self) -> psutil.Process:
        (litellm,) = psutil.Process(self.process.pid).children()
        return litellm

    @property
    def memory(self) -> int:
        """The resident memory of the proxy's own process, in bytes."""
        return int(self._served_by.memory_info().rss)

    def kill(self) -> None:
        """End it as a crash would: it is not asked. Its keeper ends what is left of the group."""
        self._served_by.kill()
        self.process.wait()


@contextmanager
def running(
    environment: Environment, configuration: Path, log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Start the proxy of an environment and stop it at the end, whatever happens.

    Args:
        environment: what ``litellm`` to run.
        configuration: the configuration file; modules beside it can be imported.
        log: the file for its output; kept.
        settings: more environment variables.

    Yields:
        The proxy, ready.

    Raises:
        ProxyFailedError: it is not ready in time, or ended.
    """
    litellm = str(environment.python.with_name("litellm"))
    command = [litellm, "--config", str(configuration), "--host", "127.0.0.1", "--port", "0"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LITELLM", "PYTHON"))}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and keeper
            [sys.executable, str(HERE / "keeper.py"), *command],
            cwd=configuration.parent,
            env={**inherited, **OFFLINE, "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1", **(settings or {})},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Proxy(_wait_until_ready(process, log), log, process)
    finally:
        if process.stdin:
            process.stdin.close()  # the keeper stops the group
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE_IN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProxyFailedError(f"the proxy ended with {process.returncode}; {log} ends with:\n{_end_of(log)}")
        found = LISTENING.search(log.read_text(encoding="utf-8", errors="replace"))
        if found and _is_alive(found[1]):
            return found[1]
        time.sleep(POLL_IN_SECONDS)
    raise ProxyFailedError(f"not ready after {PATIENCE_IN_SECONDS:.0f} s; {log} ends with:\n{_end_of(log)}")


def _is_alive(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/liveliness", timeout=10).ok
    except requests.RequestException:
        return False


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
