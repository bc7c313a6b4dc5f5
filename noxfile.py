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
RELEASES = [release["version"] for release in nox.project.load_toml("patches/releases.toml")["releases"]]


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
    """Test the tools; arguments go to pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "test"))
    session.run("pytest", "tests/patching", *session.posargs)


@nox.session
@nox.parametrize("litellm", RELEASES)
def names(session: nox.Session, litellm: str) -> None:
    """Test what the Router does with names in one release, stock and patched; arguments go to pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    environments = f"{session.cache_dir}/names"
    session.run("python", "-m", "matrix.cell", litellm, "--folder", environments, *session.posargs, env=SCRIPTS)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show the main job: upstream's failing requests before and after the patch; an argument names the release."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    session.run("python", "-m", "demo", *session.posargs, env=SCRIPTS)


SCRIPTS = {"PYTHONPATH": "scripts"}

if __name__ == "__main__":
    nox.main()
