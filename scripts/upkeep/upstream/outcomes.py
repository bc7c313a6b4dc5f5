"""A plugin for pytest that writes each test's outcome to the file in `OUTCOMES`, and allows no socket but loopback's.

Runs inside the environment that is tested, with nothing but pytest and the standard library.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_LOOPBACK = ("127.", "::1", "localhost")
_outcomes: dict[str, str] = {}


def pytest_configure() -> None:
    """Let nothing reach beyond this machine: no name is resolved, no address connected to."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: Any) -> None:  # noqa: ANN401 - as the socket module has it
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise ConnectionRefusedError(f"no network in these tests: {address[0]}")
        connect(self, address)

    def resolve_here(host: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - likewise
        if host and not str(host).startswith(_LOOPBACK):
            raise socket.gaierror(f"no network in these tests: {host}")
        return resolve(host, *args, **kwargs)

    socket.socket.connect = connect_here  # type: ignore[method-assign, assignment]
    socket.getaddrinfo = resolve_here


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a module that cannot be read."""
    if report.failed:
        _outcomes[report.nodeid] = "collection error"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the worst of a test's phases."""
    if report.when == "call" or report.outcome != "passed":
        failed_early = report.failed and report.when != "call"
        _outcomes[report.nodeid] = "error" if failed_early else report.outcome


def pytest_sessionfinish() -> None:
    """Write what was noted."""
    Path(os.environ["OUTCOMES"]).write_text(json.dumps(_outcomes), encoding="utf-8")
