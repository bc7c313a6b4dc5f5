#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.5.1"]
# ///
"""Every way to run something here; ``nox`` alone runs what a change must pass.

``python3 scripts/run_nox.py`` does the same on a machine that has nothing but Python and git.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
LEDGER = nox.project.load_toml("patches/releases.toml")["releases"]
RELEASES = [entry["version"] for entry in LEDGER]
SCRIPTS = {"PYTHONPATH": "scripts"}


def tags_of(version: str) -> list[str]:
    """The selections that a release belongs to: ``ends`` (of each patch's range), ``minors`` (newest of each minor)."""
    patch = next(entry["patch"] for entry in LEDGER if entry["version"] == version)
    of_patch = [entry["version"] for entry in LEDGER if entry["patch"] == patch]
    of_minor = [entry["version"] for entry in LEDGER if entry["version"].startswith(version.rpartition(".")[0] + ".")]
    ends = ["ends"] if version in {of_patch[0], of_patch[-1]} else []
    return [*ends, "minors"] if ends or version == of_minor[-1] else []


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "types"))
    session.run("mypy", "scripts", "tests", "noxfile.py")


@nox.session
def tools(session: nox.Session) -> None:
    """Test the tools and the environments; arguments go to pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "test", "matrix"))
    selected = session.posargs or ("--numprocesses=auto", "tests/patching", "tests/environments")
    session.run("pytest", *selected, env=SCRIPTS)


@nox.session(python=False)
def edges(session: nox.Session) -> None:
    """Test names and chains in the oldest and the newest release: the cells that every change must pass."""
    for version in (RELEASES[0], RELEASES[-1]):
        session.notify(f"names(litellm='{version}')", session.posargs)


@nox.session(default=False)
@nox.parametrize("litellm", [nox.param(version, tags=tags_of(version)) for version in RELEASES])
def names(session: nox.Session, litellm: str) -> None:
    """Test names and chains in one release, on stock and patched; arguments go to pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    environments = f"{session.cache_dir}/names"
    session.run("python", "-m", "matrix.cell", litellm, "--folder", environments, *session.posargs, env=SCRIPTS)


@nox.session(default=False)
def apply_all(session: nox.Session) -> None:
    """Prove each patch on every release of the ledger: applied strictly, judged by its syntax tree, reverted."""
    session.install("-e", ".[maintain]")
    session.run("litellm-patch", "releases", "check", "--offline")
    session.run("litellm-patch", "releases", "prove", *session.posargs)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show the main job: upstream's failing requests before and after the patch; an argument names the release."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    session.run("python", "-m", "demo", *session.posargs, env=SCRIPTS)


if __name__ == "__main__":
    nox.main()
