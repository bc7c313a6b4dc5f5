#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.5.1"]
# ///
"""Every way to run something here; ``nox`` alone runs what a change must pass.

``python3 scripts/run_nox.py`` does the same on a machine that has nothing but Python and git.
"""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
LEDGER = nox.project.load_toml("patches/releases.toml")["releases"]
RESULTS = ".cache/results"
SCRIPTS = {"PYTHONPATH": "scripts"}


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format, and the workflows: against their schema, and for what makes them unsafe."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    workflows = map(str, sorted(Path(".github/workflows").glob("*.yml")))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--quiet", "--persona", "pedantic", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "types"))
    session.run("mypy", "scripts", "tests", "noxfile.py")


@nox.session
def tools(session: nox.Session) -> None:
    """Test the tools and the environments; arguments go to pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "test", "matrix"))
    folders = (f"tests/{folder}" for folder in ("patching", "environments", "model", "mutants", "doctor", "documents"))
    session.run("pytest", *(session.posargs or ("--numprocesses=auto", *folders)), env=SCRIPTS)


@nox.session
def edges(session: nox.Session) -> None:
    """Test names and chains in the oldest and the newest release: the cells that every change must pass."""
    run_matrix(session, "--select", "edges")


@nox.session
def proxy(session: nox.Session) -> None:
    """Test the real proxy, stock beside patched, of three releases; or say ``-- --select ends``."""
    run_proxy(session, "--results", ".cache/proxy")


@nox.session(default=False)
def proxy_db(session: nox.Session) -> None:
    """Test the real proxy with a database, in the releases of ``proxy``; needs PostgreSQL's programs, node and npm."""
    run_proxy(session, "--results", ".cache/proxy_db", "--database")


def run_proxy(session: nox.Session, *arguments: str) -> None:
    """Run the tests of the real proxy, in environments of this session's own."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix", "proxy"))
    arguments = ("--folder", f"{session.virtualenv.location}/cells", *arguments, *session.posargs)
    session.run("python", "-m", "proxy", *arguments, env={"PYTHONPATH": "scripts:tests"})


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """Test names and chains in both ends of each patch's range, or say ``-- --select minors --shard 2/4``."""
    run_matrix(session)


@nox.session(default=False, python=["3.10", "3.11", "3.12", "3.13"])
def pythons(session: nox.Session) -> None:
    """Test the newest release on each Python, and that what upstream broke there is still broken."""
    run_matrix(session, "--select", "newest")


@nox.session(default=False)
@nox.parametrize("litellm", [entry["version"] for entry in LEDGER])
def names(session: nox.Session, litellm: str) -> None:
    """Test names and chains in one release, on stock and patched; arguments go to pytest."""
    run_matrix(session, "--release", litellm)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Prove the suite by wrong patches that it must notice, in both ends of each range or ``-- --release 1.98.1``."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    folders = ("--folder", f"{session.virtualenv.location}/cells", "--results", ".cache/mutants")
    session.run("python", "-m", "mutants", *folders, *session.posargs, env={"PYTHONPATH": "scripts:tests"})


def run_matrix(session: nox.Session, *arguments: str) -> None:
    """Run cells of the matrix, in environments of this session's own."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    folders = ("--folder", f"{session.virtualenv.location}/cells", "--results", RESULTS)
    session.run("python", "-m", "matrix", *folders, *arguments, *session.posargs, env=SCRIPTS)


@nox.session(default=False)
def table(session: nox.Session) -> None:
    """Write the compatibility table and chart from the last results; ``-- --check`` only looks."""
    session.install("-e", ".")
    session.run("python", "-m", "matrix.table", "--results", RESULTS, *session.posargs, env=SCRIPTS)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw the pictures of the tool at work."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    session.run("python", "-m", "pictures", env=SCRIPTS)


@nox.session(default=False)
def apply_all(session: nox.Session) -> None:
    """Prove each patch on every release of the ledger: applied strictly, judged by its syntax tree, reverted."""
    session.install("-e", ".[maintain]")
    session.run("litellm-patch", "releases", "check", "--offline")
    session.run("litellm-patch", "releases", "prove", *session.posargs)


@nox.session(default=False)
def upstream(session: nox.Session) -> None:
    """Make the pull request for upstream, checked by its tools, tried on both arms; ``-- --write`` keeps the proof."""
    session.install("-e", ".[maintain]", *nox.project.dependency_groups(PYPROJECT, "matrix", "upstream"))
    folders = ("--folder", f"{session.virtualenv.location}/submission", "--output", ".cache/upstream")
    session.run("python", "-m", "submission", *folders, *session.posargs, env={"PYTHONPATH": "scripts:tests"})


@nox.session(default=False)
def upstream_tests(session: nox.Session) -> None:
    """Compare both arms by upstream's own tests, offline: ``-- PATH`` names a checkout of theirs."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    folder = f"{session.virtualenv.location}/cells"
    session.run(
        *("python", "-m", "submission.comparing", "--folder", folder),
        *session.posargs,
        env={"PYTHONPATH": "scripts:tests"},
    )


@nox.session(default=False)
def port(session: nox.Session) -> None:
    """Carry the newest patch over to a release that the ledger lacks: ``-- VERSION``, ``-- --continue``."""
    session.install("-e", ".[maintain]", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    session.run("litellm-patch", "port", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure requests on stock and on both patches in turns, and the tool; ``-- --quick --select ends``."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix", "bench"))
    folder = f"{session.virtualenv.location}/cells"
    session.run("python", "-m", "bench", "--folder", folder, *session.posargs, env={"PYTHONPATH": "scripts:tests"})


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show the main job: upstream's failing requests before and after the patch; an argument names the release."""
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    session.run("python", "-m", "demo", *session.posargs, env=SCRIPTS)


if __name__ == "__main__":
    nox.main()
