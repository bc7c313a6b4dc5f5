#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]>=2025.5.1"]
# ///
"""Every way to run something here; ``nox`` alone runs what a change must pass.

``python3 scripts/run_nox.py`` does the same on a machine that has nothing but Python and git.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
LEDGER = nox.project.load_toml("patches/releases.toml")["releases"]
COMPILED = [entry["version"] for entry in LEDGER if entry.get("delivery") == "wheel"]
PATHS = {"PYTHONPATH": "scripts:."}
LOCKED = ("--build-constraint", ".ci/locked.txt", "--constraint")  # versions and hashes of all that is installed
RESULTS = ".cache/results"
QUICK = ("patching", "model", "mutants", "doctor", "documents", "rooms", "compiled")  # what needs no release of LiteLLM
TOOLS = (*QUICK, "environments", "release")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format, and the workflows: against their schema, and for what makes them unsafe."""
    session.install(*LOCKED, ".ci/locked.txt", *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    workflows = map(str, sorted(Path(".github/workflows").glob("*.yml")))
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--quiet", "--persona", "pedantic", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "types")
    session.run("mypy", "scripts", "tests", "noxfile.py")


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """Test what needs no release of LiteLLM, in about a minute: after any change."""
    install(session, "test", "matrix")
    folders = (f"tests/{folder}" for folder in QUICK)
    session.run("pytest", "--numprocesses=auto", "-m", "not slow", *session.posargs, *folders, env=PATHS)


@nox.session
def tools(session: nox.Session) -> None:
    """Test the tool, the model, the doctor, the documents and the environments; arguments go to pytest."""
    install(session, "test", "matrix")
    folders = (f"tests/{folder}" for folder in TOOLS)
    session.run("pytest", *(session.posargs or ("--numprocesses=auto", *folders)), env=PATHS)


@nox.session
def edges(session: nox.Session) -> None:
    """Test names and chains in the oldest and the newest release in place: the cells that every change must pass."""
    run_matrix(session, "--select", "edges")


@nox.session
def proxy(session: nox.Session) -> None:
    """Test the real proxy, stock beside patched, of three releases; or say ``-- --select ends``."""
    install(session, "matrix", "proxy")
    run_room(session, "proxy", *cells(session), "--results", ".cache/proxy")


@nox.session(default=False)
def proxy_db(session: nox.Session) -> None:
    """Test the real proxy with a database, in the releases of ``proxy``; needs PostgreSQL's programs, node and npm."""
    install(session, "matrix", "proxy")
    run_room(session, "proxy", *cells(session), "--results", ".cache/proxy_db", "--database")


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """Test names and chains in both ends of each patch's range, or say ``-- --select minors --shard 2/4``."""
    run_matrix(session)


@nox.session(default=False, python=["3.10", "3.11", "3.12", "3.13"])
def pythons(session: nox.Session) -> None:
    """Test the newest release in place on each Python, and that what upstream broke there is still broken."""
    run_matrix(session, "--select", "newest")


@nox.session(default=False)
@nox.parametrize("litellm", ["tree"] if "--tree" in sys.argv else [entry["version"] for entry in LEDGER])
def names(session: nox.Session, litellm: str) -> None:
    """Test names and chains in one release, on stock and patched, or in a tree of yours: ``-- --tree PATH``."""
    if litellm in COMPILED:
        need_cargo(session)
    run_matrix(session, *(() if litellm == "tree" else ("--release", litellm)))


@nox.session
def compiled(session: nox.Session) -> None:
    """Test names and chains in the newest release whose Router is compiled, or say ``-- --select all --rebuilt``."""
    need_cargo(session)
    run_matrix(session, "--compiled", "--select", "newest")


@nox.session(default=False, python=["3.10", "3.11", "3.12", "3.13"])
def wheel(session: nox.Session) -> None:
    """Try a wheel that `litellm-patch wheel` built, ``-- PATH``, on each Python: pip, uv, requests, the real proxy."""
    install(session, "matrix", "proxy")
    run_room(session, "try-wheel")
    run_room(session, "proxy", *cells(session), "--results", ".cache/wheel", "--wheel")


def run_matrix(session: nox.Session, *arguments: str) -> None:
    """Run cells of the matrix, in environments of this session's own."""
    install(session, "matrix")
    run_room(session, "cells", *cells(session), "--results", RESULTS, *arguments)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Prove the suite by wrong patches that it must notice, in both ends of each range or ``-- --release 1.98.1``."""
    install(session, "matrix")
    run_room(session, "mutants", *cells(session), "--results", ".cache/mutants")


@nox.session(default=False)
def table(session: nox.Session) -> None:
    """Write the compatibility table and chart from the last results; ``-- --check`` only looks."""
    install(session)
    run_room(session, "table", "--results", RESULTS)


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Draw the pictures of the tool at work."""
    install(session, "matrix")
    run_room(session, "pictures")


@nox.session(default=False)
def releases(session: nox.Session) -> None:
    """Keep the ledger: ``-- check`` says what is missing or untrue, ``-- update`` writes it, ``-- prove`` proves it."""
    install(session, "matrix")
    run_room(session, "releases")


@nox.session(default=False)
def apply_all(session: nox.Session) -> None:
    """Prove each patch on every release of the ledger: applied strictly, judged by its syntax tree, reverted."""
    install(session, "matrix")
    session.run("python", "-m", "upkeep", "releases", "check", "--offline", env=PATHS)
    run_room(session, "releases", "prove")


@nox.session(default=False)
def port(session: nox.Session) -> None:
    """Carry the newest patch over to a release that the ledger lacks: ``-- VERSION``, ``-- --continue``."""
    install(session, "maintain", "matrix")
    run_room(session, "port")


@nox.session(default=False)
def upstream(session: nox.Session) -> None:
    """Make the pull requests for upstream, checked by its tools, tried on both arms; ``-- --write`` keeps the proof."""
    need_cargo(session)
    install(session, "maintain", "matrix")
    session.install(*LOCKED, ".ci/locked-upstream.txt", *nox.project.dependency_groups(PYPROJECT, "upstream"))
    run_room(session, "upstream", "--folder", f"{session.virtualenv.location}/upstream", "--output", ".cache/upstream")


@nox.session(default=False)
def upstream_tests(session: nox.Session) -> None:
    """Compare both arms by upstream's own tests, offline: ``-- PATH`` names a checkout of theirs."""
    install(session, "matrix")
    run_room(session, "upstream-tests", *cells(session))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure requests on stock and on both patches in turns, and the tool; ``-- --quick --select ends``."""
    install(session, "matrix")
    run_room(session, "bench", *cells(session))


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show the main job: upstream's failing requests before and after the patch; an argument names the release."""
    install(session, "matrix")
    run_room(session, "demo")


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build what is released, twice, and try it as installed; ``-- --dry-run`` does all that needs no remote."""
    install(session, "test", "release")
    session.run("python", "-m", "upkeep", "releases", "check", "--known", env=PATHS)
    session.run("python", "-m", "upkeep", "table", "--check", env=PATHS)
    session.run("pytest", "--quiet", "tests/documents", "tests/rooms", env=PATHS)
    run_room(session, "release", "--output", ".cache/release")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Lock versions and hashes of what sessions install: after a change of pyproject.toml, or ``-- --upgrade``."""
    # not as it is locked: that need not fit any more
    session.install("-e", ".", *nox.project.dependency_groups(PYPROJECT, "matrix"))
    run_room(session, "lock")


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """Test the tool with the oldest versions of what it depends on."""
    session.install("--resolution", "lowest-direct", "-e", ".[wheel,proxy]")
    session.install(*nox.project.dependency_groups(PYPROJECT, "test", "matrix"))
    session.install("--resolution", "lowest-direct", "-e", ".[wheel,proxy]")
    folders = (f"tests/{folder}" for folder in QUICK)
    session.run("pytest", "--numprocesses=auto", *session.posargs, *folders, env=PATHS)


def need_cargo(session: nox.Session) -> None:
    """Skip a session that builds the compiled Router where there is no Rust; on a CI that is an error."""
    if shutil.which("cargo") is None:
        stop = session.error if os.environ.get("CI") == "true" else session.skip
        stop("cargo was not found, and the compiled Router is built with it: install Rust from https://rustup.rs")


def install(session: nox.Session, *groups: str) -> None:
    """Install the tool and what these groups of pyproject.toml list, as it is locked."""
    listed = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    session.install(*LOCKED, ".ci/locked.txt", "-e", ".", *listed)


def cells(session: nox.Session) -> tuple[str, str]:
    """Where a session makes the environments of releases."""
    return "--folder", f"{session.virtualenv.location}/cells"


def run_room(session: nox.Session, room: str, *arguments: str) -> None:
    """Run a room of ``scripts/upkeep``; what follows ``--`` on nox's command line comes last."""
    session.run("python", "-m", "upkeep", room, *arguments, *session.posargs, env=PATHS)


if __name__ == "__main__":
    nox.main()
