"""A PostgreSQL cluster of the tests' own: on a free port of loopback, gone with its files at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proxy.process import HERE, PATIENCE_IN_SECONDS, POLL_IN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

# where Debian keeps what it does not put on the path
DEBIAN = Path("/usr/lib/postgresql")


class NoPostgresError(Exception):
    """There is no PostgreSQL here, or it does not start; says what to do."""


@contextmanager
def cluster() -> Iterator[str]:
    """Make a cluster and remove it at the end.

    Yields:
        The root of its databases' addresses, to which a name is added.

    Raises:
        NoPostgresError: PostgreSQL's programs are not there, or it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="litellm-patch-postgres-") as temporary:
        folder = Path(temporary)
        user = _as_somebody(folder)
        data, log = folder / "data", folder / "log"
        _run(*user, _program("initdb"), "--pgdata", data, "--auth", "trust", "--username", "postgres", "--no-sync")
        port = _free_port()
        command = [*user, _program("postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), "-F"]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [sys.executable, str(HERE / "keeper.py"), *command, "-c", "listen_addresses=127.0.0.1"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}"
            _wait_until_ready(process, url, log)
            yield url
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait()


def make_database(url: str, name: str, migrations: Path) -> str:
    """Make a database with the tables of a release.

    Args:
        url: the cluster's.
        name: the database's.
        migrations: the folder with the migrations of Prisma.

    Returns:
        The database's address.
    """
    _run(_program("psql"), f"{url}/postgres", "--quiet", "--command", f'CREATE DATABASE "{name}"')
    files = [option for file in sorted(migrations.glob("*/migration.sql")) for option in ("--file", file)]
    _run(_program("psql"), f"{url}/{name}", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", *files)
    return f"{url}/{name}"


def _program(name: str) -> str:
    found = shutil.which(name) or next((str(path) for path in sorted(DEBIAN.glob(f"*/bin/{name}"))[-1:]), None)
    if found is None:
        raise NoPostgresError(f"{name} is not on the path; install PostgreSQL (Debian: apt-get install postgresql)")
    return found


def _as_somebody(folder: Path) -> list[str]:
    """How to run as somebody else than root, as PostgreSQL insists; the folder becomes theirs."""
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_IN_SECONDS
    command = (_program("psql"), f"{url}/postgres", "--command", "SELECT 1")
    while subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 - PostgreSQL's own program
        if process.poll() is not None or time.monotonic() > deadline:
            raise NoPostgresError(f"PostgreSQL does not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(POLL_IN_SECONDS)


def _run(*command: str | Path) -> None:
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise NoPostgresError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
