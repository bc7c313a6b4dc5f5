"""Prisma's client for a release's tables, made beside the installed package, and the engine that serves it.

The native query engine is taken where ``PRISMA_QUERY_ENGINE_BINARY`` names one; else ``engine.mjs``, which see.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upkeep.cells.environment import Environment

HERE = Path(__file__).resolve().parent
SHIPPED = ("package.json", "package-lock.json", "engine.mjs")


class NoPrismaError(Exception):
    """The client cannot be made; has the output of what failed."""


@dataclass(frozen=True)
class Tools:
    """Prisma's own tools and the engine, in a folder.

    Attributes:
        folder: where they are.
        engine: the query engine.
    """

    folder: Path
    engine: Path

    def make_client(self, environment: Environment, schema: Path, folder: Path) -> Path:
        """Make the client of a release's tables.

        Args:
            environment: whose generator makes it; nothing is written there.
            schema: the release's schema.
            folder: where; made if it is missing.

        Returns:
            A folder to import ``prisma`` from.

        Raises:
            NoPrismaError: the generator fails.
        """
        folder.mkdir(parents=True, exist_ok=True)
        text, count = re.subn(
            r"(generator client \{).*?\}",
            rf'\1\n  provider = "prisma-client-py"\n  recursive_type_depth = -1\n  output = "{folder}/prisma"\n}}',
            schema.read_text(encoding="utf-8"),
            count=1,
            flags=re.DOTALL,
        )
        if not count:
            raise NoPrismaError(f"{schema} has no generator client")
        own = folder / "schema.prisma"
        own.write_text(text, encoding="utf-8")
        path = os.pathsep.join((str(environment.python.parent), os.environ.get("PATH", "")))
        program = self.folder / "node_modules" / "prisma" / "build" / "index.js"
        _run("node", program, "generate", "--schema", own, env={**os.environ, **self.settings, "PATH": path})
        return folder

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables that keep Prisma from fetching engines: it sees that files are there."""
        return {
            "PRISMA_QUERY_ENGINE_BINARY": str(self.engine),
            "PRISMA_QUERY_ENGINE_LIBRARY": str(self.engine),
            "PRISMA_SCHEMA_ENGINE_BINARY": str(self.engine),
            "PRISMA_CLI_QUERY_ENGINE_TYPE": "binary",
            "PRISMA_HIDE_UPDATE_MESSAGE": "1",
            "CHECKPOINT_DISABLE": "1",
        }


def install_tools(folder: Path) -> Tools:
    """Install Prisma's tools as the lock file says.

    Args:
        folder: where; made if it is missing.

    Returns:
        The tools.

    Raises:
        NoPrismaError: npm fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHIPPED:
        shutil.copy(HERE / name, folder)
    _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder, env=dict(os.environ))
    engine = folder / "engine.mjs"
    engine.chmod(0o755)
    native = os.environ.get("PRISMA_QUERY_ENGINE_BINARY")
    return Tools(folder, Path(native) if native else engine)


def _run(*command: str | Path, env: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the tools of the lock file
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=env
    )
    if done.returncode:
        raise NoPrismaError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
