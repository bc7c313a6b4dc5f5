"""The list of the releases that are built."""

from __future__ import annotations

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.compiled.releases import compiled_ledger, find_compiled, is_compiled


def test_each_is_built_from_its_archive_and_stands_in_no_other_ledger() -> None:
    ledger = load_ledger(bundled_folder())
    known = {release.version for release in ledger.releases}
    for release in compiled_ledger().releases:
        assert (release.delivery, len(release.sdist)) == ("wheel", 1)
        assert {file.path.partition("/")[0] for file in release.files} == {"litellm", "litellm-rust"}
        assert is_compiled(release.version)
        assert find_compiled(release.version) is release
        assert release.version not in known
    assert ledger.compiled
    assert min(release.version for release in compiled_ledger().releases) == ledger.compiled.version


def test_a_release_of_the_ledger_is_none_of_them() -> None:
    assert not is_compiled(load_ledger(bundled_folder()).newest.version)
