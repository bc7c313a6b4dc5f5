"""A maintainer's project: an index with some releases, a patches folder and a cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from click.testing import CliRunner

from litellm_patch.patching.ledger import Ledger, load_ledger
from tests.patching.factory import ROUTER, make_patch, snapshot
from upkeep.command import main
from upkeep.releases.offers import OfferIndex
from upkeep.releases.surroundings import Surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.patching.fake_index import FakeIndex

CORE = "litellm/router_core.py"
_TWIN = b"class Router:\n    def sync(self, name):\n        return find(name)\n\n    def stream(self, name):\n"
OLD = {ROUTER: _TWIN + b"        group = self.find(name)\n        return group\n", "litellm/main.py": b"1 / 0\n"}
OLD_PATCHED = OLD | {
    ROUTER: OLD[ROUTER].replace(b"find(name)\n        return g", b"find(lookup(name))\n        return g")
}
SHIFTED = OLD | {ROUTER: b"import find\n\n\n" + OLD[ROUTER]}
NEW = {ROUTER: b"from litellm.router_core import Router\n", CORE: OLD[ROUTER].replace(b"group", b"found")}
NEW_PATCHED = NEW | {CORE: b"import lookup\n\n\n" + NEW[CORE].replace(b"self.find", b"lookup.find")}
DENIED = '\n[[denied]]\nversion = "1.83.5"\nreason = "malicious \\"upload\\""\n'


@dataclass(frozen=True)
class Project:
    """All that a maintainer works with."""

    root: Path
    index: FakeIndex

    @property
    def patches(self) -> Path:
        """The patches folder."""
        return self.root / "patches"

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.patches / "releases.toml"

    @property
    def cache(self) -> Path:
        """The cache of stock files, where it is unless another place is named."""
        return self.root / ".cache" / "stock"

    def load(self) -> Ledger:
        """Read the ledger."""
        return load_ledger(self.patches)

    def versions(self) -> list[str]:
        """Give the releases of the ledger, in its order."""
        return [str(release.version) for release in self.load().releases]

    def edit(self, old: str, new: str) -> None:
        """Change the ledger by hand."""
        text = self.ledger.read_text()
        assert old in text
        self.ledger.write_text(text.replace(old, new, 1))

    def run(self, *args: str, **env: str) -> Result:
        """Run a verb of `releases` in this process, against this index."""
        base = {"LITELLM_PATCH_DIR": str(self.patches), "PIP_INDEX_URL": self.index.url, "NO_PROXY": "127.0.0.1"}
        return CliRunner().invoke(main, ["releases", *args], env=base | env)

    def expect(self, code: int, *args: str, **env: str) -> str:
        """Run a verb, check its exit code, and give all that it printed.

        A failure must leave the patches folder as it was, and no half-fetched release in the cache; its error is the
        last line.
        """
        before = snapshot(self.patches)
        result = self.run(*args, **env)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        if code:
            assert snapshot(self.patches) == before
            assert result.stderr.splitlines()[-1].startswith("error: ")
            assert result.stdout == ""
        if self.cache.exists():
            assert not [path.name for path in self.cache.iterdir() if path.name.startswith(".")]
        return result.output

    def surroundings(self, now: datetime, told: list[str]) -> Surroundings:
        """Give what the verbs need, at a time of one's choice."""
        return Surroundings(OfferIndex(self.index.url), self.cache, now, told.append, lambda *_: None)


def make_project(root: Path, index: FakeIndex) -> Project:
    """Give a project with two patches, four releases, and a ledger that lists only what is denied."""
    project = Project(root, index)
    project.patches.mkdir()
    (project.patches / "1.83.0.patch").write_bytes(make_patch(OLD, {ROUTER: OLD_PATCHED[ROUTER]}))
    (project.patches / "1.84.0.patch").write_bytes(make_patch(NEW, {CORE: NEW_PATCHED[CORE]}))
    project.ledger.write_text("schema = 2\n" + DENIED)
    index.add("1.9.0", OLD)
    index.add("1.84.0", NEW, "cp310-abi3-manylinux_2_28_x86_64")
    index.add("1.84.0", NEW, "cp310-abi3-macosx_11_0_arm64", **{"upload-time": "2020-01-02T03:04:04Z"})
    index.add("1.83.10", SHIFTED)
    index.add("1.83.0", OLD)
    index.add("1.83.0.post1", OLD)
    index.add_file("litellm-1.83.0.tar.gz", b"sources")
    return project


def at(text: str) -> datetime:
    """Give a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
