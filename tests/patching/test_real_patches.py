"""The project's own patches folder: it loads, and every patch in it parses and is used."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import load_ledger, load_toml
from litellm_patch.wheels.wheel import REVISION

PATCHES = Path(__file__).parents[2] / "patches"

# DEP-3 (https://dep-team.pages.debian.net/deps/dep3/), inside the message of `git format-patch`
FIELDS = ("Description", "Origin", "Bug", "Forwarded", "Last-Update")


def test_every_release_has_a_patch_that_parses_and_agrees() -> None:
    for release in load_ledger(PATCHES).releases:
        assert release.read_patch()


def test_every_patch_is_used() -> None:
    used = {release.patch for release in load_ledger(PATCHES).releases}
    assert used == set(PATCHES.glob("*.patch"))


def test_every_release_has_the_optional_patch() -> None:
    steps = [release.options["matching"] for release in load_ledger(PATCHES).releases]
    assert all(step.read_patch() for step in steps)
    assert {step.patch for step in steps} == set(PATCHES.glob("*/*.patch"))


@pytest.mark.parametrize("patch", sorted(PATCHES.glob("*.patch")), ids=lambda path: path.name)
def test_every_patch_can_be_mailed_and_says_what_it_is(patch: Path) -> None:
    message, separator, diff = patch.read_text().partition("\n---\n")

    _check_mail(message, "fix(router): ")
    assert all(f"litellm/issues/{issue}\n" in message for issue in (28019, 10317, 34027))
    assert separator
    assert re.search(r"\ndiff --git a/litellm(-rust)?/", diff)


@pytest.mark.parametrize("patch", sorted(PATCHES.glob("*/*.patch")), ids=lambda path: path.name)
def test_every_optional_patch_can_be_mailed_and_says_what_it_is(patch: Path) -> None:
    message, separator, diff = patch.read_text().partition("\n---\n")

    _check_mail(message, "perf(router): ", without={"Bug"})
    assert separator
    assert re.search(r"\ndiff --git a/litellm(-rust)?/", diff)


def _check_mail(message: str, subject: str, without: frozenset[str] | set[str] = frozenset()) -> None:
    assert re.match(r"From [0-9a-f]{40} Mon Sep 17 00:00:00 2001\nFrom: .+ <.+@.+>\nDate: ", message)
    assert f"\nSubject: [PATCH] {subject}" in message
    assert [field for field in FIELDS if f"\n{field}: " not in message and field not in without] == []


def test_a_patch_that_changes_gives_its_wheels_another_version() -> None:
    """Else one version would stand for two wheels, and an index would serve the old one."""
    revisions = load_toml(PATCHES / "revisions.toml")["revisions"]
    now = {
        path.relative_to(PATCHES).as_posix(): sha256(path.read_bytes())
        for folder in (PATCHES, *(path for path in PATCHES.iterdir() if path.name == "matching"))
        for path in folder.glob("*.patch")
    }

    assert [entry["number"] for entry in revisions] == list(range(1, len(revisions) + 1))
    assert revisions[-1]["number"] == REVISION, "REVISION in wheels/wheel.py is the last one"
    assert revisions[-1]["patches"] == now, "add a revision with these, and count REVISION up"
    for old, new in itertools.pairwise(revisions):
        assert old["patches"] != new["patches"]


def test_what_a_revision_had_is_kept_for_the_upgrade() -> None:
    *former, last = load_toml(PATCHES / "revisions.toml")["revisions"]
    wanted = {
        f"{entry['number']}/{name}": digest
        for entry in former
        for name, digest in entry["patches"].items()
        if digest != last["patches"].get(name)
    }
    kept = {
        path.relative_to(PATCHES / "former").as_posix(): sha256(path.read_bytes())
        for path in (PATCHES / "former").rglob("*.patch")
    }
    assert kept == wanted, "git show COMMIT:patches/NAME > patches/former/REVISION/NAME"
