"""The releases, patches and revisions that the documents name are those of the ledger."""

from __future__ import annotations

import re

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.wheel import REVISION
from tests.documents.pages import ROOT, our_own, pages

LEDGER = load_ledger(bundled_folder())


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_supported_releases_are_those_of_the_ledger() -> None:
    readme = _text("README.md").partition("## Is my release supported?")[2].partition("\n## ")[0]
    spans = re.findall(r"(?m)^\| (\S+) to (\S+) \|", readme)

    assert spans == [(str(part[0].version), str(part[-1].version)) for part in (LEDGER.in_place, LEDGER.compiled)]
    assert re.findall(r"(?m)^\| ([\d., ]+) \| denied", readme) == [", ".join(map(str, sorted(LEDGER.denied)))]


def test_the_counts_are_those_of_the_ledger() -> None:
    first, last = LEDGER.releases[0].version, LEDGER.releases[-1].version
    count = len(LEDGER.releases)
    assert f"{count} releases, {first} to {last}, are supported" in _text("docs/compatibility.md")
    changelog = " ".join(_text("CHANGELOG.md").split())
    assert f"Patches for the {count} releases of LiteLLM from {first} to {last}" in changelog


def test_each_patched_wheel_in_a_document_has_today_s_revision() -> None:
    named = {
        (page.name, revision)
        for page in our_own(pages())
        if page.name != "CHANGELOG.md"
        for revision in re.findall(r"\+fallbacknames\.(\d+)", page.read_text(encoding="utf-8"))
    }
    assert named
    assert {revision for _, revision in named} == {str(REVISION)}, named
