"""Upstream's Rust, held to its formatter, to clippy and to the crates' own tests: the change must add no finding."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from litellm_patch.building.workspace import RUST, workspace
from litellm_patch.errors import BuildError
from litellm_patch.patching.ledger import load_toml
from upkeep.compiled.workspace import REPLACED, default_cache, with_python
from upkeep.upstream.tree import SubmissionError, refuse_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from litellm_patch.building.workspace import Workspace

_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;", re.MULTILINE)


def check_crates(stock: Mapping[str, bytes], commits: Mapping[str, Mapping[str, bytes]]) -> list[str]:
    """Hold every crate that a change touches to upstream's tools, before it and after each of its commits.

    Args:
        stock: the content of each file of the release's source archive, by path.
        commits: what each commit leaves of the files that it touches, by what the commit is called.

    Returns:
        What was found, in words, a line a commit.

    Raises:
        BuildError: the formatter would change something, or a test fails.
        SubmissionError: clippy finds something new, or there is nothing to check.
    """
    crates = sorted({path.split("/")[2] for files in commits.values() for path in files if path.startswith(f"{RUST}/")})
    if not crates:
        raise SubmissionError("the change touches no crate, expected one")
    lines = []
    with workspace(default_cache(), REPLACED, with_python()) as place:
        old = None
        for name, files in {"stock": {}, **commits}.items():
            place.prepare({**stock, **files})
            manifests = (place.tree / RUST / "crates" / crate / "Cargo.toml" for crate in crates)
            packages = [f"--package={load_toml(path)['package']['name']}" for path in manifests]
            if files:
                place.run(place.toolchain.cargo, "fmt", "--check", *packages)
            found = _clippy(place, packages)
            old = found if old is None else old
            refuse_new(f"clippy ({name})", old, found)
            tests = place.run(place.toolchain.cargo, "test", "--locked", *packages)
            passed = sum(int(match[1]) for match in _RESULT.finditer(tests))
            if not passed:
                raise BuildError(f"cargo test ran nothing of {', '.join(crates)}", "see what upstream changed")
            lines.append(f"{name}: clippy {sum(found.values())} warnings, {passed} tests of {', '.join(crates)} pass")
    return lines


def _clippy(place: Workspace, packages: Iterable[str]) -> Counter[str]:
    said = place.run(place.toolchain.cargo, "clippy", "--locked", "--all-targets", "--message-format=json", *packages)
    messages = (json.loads(line) for line in said.splitlines())
    # of the crates themselves; a lint's position moves with what is above it
    return Counter(
        f"{message['message']['spans'][0]['file_name']}: {message['message']['message']}"
        for message in messages
        if message["reason"] == "compiler-message" and message["message"]["spans"]
    )
