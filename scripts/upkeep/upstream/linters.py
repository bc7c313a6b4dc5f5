"""Upstream's formatter, linter and type checkers, in the releases that it pins: the change must add no finding."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from upkeep.upstream.tree import SubmissionError, refuse_new, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BIN = Path(sys.executable).parent
_RUFF = ("--isolated", "--line-length=120")
# what upstream's ruff.toml asks of the package, and the families of its strict gate, which counts findings
_ASKED = "--select=E4,E7,E9,F,T20,PGH004,RUF008,RUF009", "--ignore=E402,F403,F405"
_STRICT = "--select=ANN,B,BLE,C4,C901,DTZ,I,PERF,PIE,RET501,RET504,RUF,SIM,TRY,UP", "--target-version=py310"
_COMPLEXITY = "lint.mccabe.max-complexity=15"


def check_format(tree: Path, files: Sequence[str]) -> None:
    """See that the formatter would change nothing.

    Args:
        tree: the tree with the commit.
        files: what the commit touches, tests included.

    Raises:
        SubmissionError: it would; shows where.
    """
    run(_BIN / "ruff", "format", "--diff", *_RUFF, *files, cwd=tree)


def check_lint(stock: Path, patched: Path, package: Sequence[str], tests: Sequence[str]) -> None:
    """See that the linter finds nothing in what it is asked for, and nothing new by the strict rules.

    Args:
        stock: the tree without the commit.
        patched: the tree with it.
        package: what the commit changes in the package.
        tests: what it adds.

    Raises:
        SubmissionError: it does; shows what.
    """
    run(_BIN / "ruff", "check", *_RUFF, *_ASKED, *package, *tests, cwd=patched)
    old, new = (_strict_findings(tree, package) for tree in (stock, patched))
    refuse_new("ruff, strict rules", old, new)


def check_types(stock: Path, patched: Path, files: Sequence[str], python: Path) -> str:
    """See that the type checkers find no new error.

    Args:
        stock: the tree without the commit.
        patched: the tree with it.
        files: what the commit changes in the package.
        python: an interpreter with litellm's dependencies.

    Returns:
        How much they find in these files as they are, in words.

    Raises:
        SubmissionError: they find a new one; shows it.
    """
    counts = []
    for name, check in (("basedpyright", _basedpyright), ("mypy", _mypy)):
        old, new = (check(tree, files, python) for tree in (stock, patched))
        refuse_new(name, old, new)
        counts.append(f"{name} {sum(old.values())} errors before and {sum(new.values())} after")
    return ", ".join(counts)


def _strict_findings(tree: Path, files: Sequence[str]) -> Counter[str]:
    options = (*_RUFF, *_STRICT, "--config", _COMPLEXITY, "--output-format=json")
    command: tuple[str | Path, ...] = (_BIN / "ruff", "check", *options, *files)
    said = _said(command, tree, allowed=(0, 1))
    return Counter(
        # upstream's gate counts findings: a function that is too complex already is one before and after
        re.sub(r" \(\d+ > \d+\)", "", f"{Path(entry['filename']).name}: {entry['code']} {entry['message']}")
        for entry in json.loads(said)
    )


def _basedpyright(tree: Path, files: Sequence[str], python: Path) -> Counter[str]:
    command: tuple[str | Path, ...] = (_BIN / "basedpyright", "--outputjson", "--pythonpath", python, *files)
    found = json.loads(_said(command, tree, allowed=(0, 1)))
    if found["summary"]["filesAnalyzed"] != len(files):
        # it passes over whatever is below a folder whose name begins with a dot, and calls that no error
        raise SubmissionError(
            f"basedpyright looked at {found['summary']['filesAnalyzed']} of {len(files)} files in {tree}"
        )
    errors = (entry for entry in found["generalDiagnostics"] if entry["severity"] == "error")
    return Counter(f"{Path(entry['file']).name}: {entry.get('rule')} {entry['message']}" for entry in errors)


def _mypy(tree: Path, files: Sequence[str], python: Path) -> Counter[str]:
    options = ("--follow-imports=silent", "--ignore-missing-imports", "--no-error-summary", "--no-incremental")
    command: tuple[str | Path, ...] = (_BIN / "mypy", *options, "--python-executable", python, *files)
    lines = _said(command, tree, allowed=(0, 1)).splitlines()
    return Counter(re.sub(r":\d+(:\d+)?: ", ": ", line, count=1) for line in lines if ": error: " in line)


def _said(command: Sequence[str | Path], cwd: Path, allowed: Iterable[int]) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own tools
    if done.returncode not in allowed:
        raise SubmissionError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
