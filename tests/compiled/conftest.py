"""A release of a few files, and a toolchain that writes down what it is asked and makes a library of the sources."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from litellm_patch.patching.files import sha256
from litellm_patch.patching.ledger import ABSENT, FileImage, Release
from litellm_patch.patching.patchfile import parse_patch
from upkeep.compiled.workspace import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CARGO_TOML = b'[workspace]\n[workspace.package]\nrust-version = "1.88"\n'
CORE = "litellm-rust/crates/core/src/lib.rs"
DERIVED = "litellm-rust/crates/core/src/derived.rs"
FACADE = "litellm/router.py"
LOCK = b"""version = 4

[[package]]
name = "litellm-core"
version = "0.1.0"

[[package]]
name = "serde"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"
"""
STOCK: Mapping[str, bytes] = {
    "litellm-rust/Cargo.toml": CARGO_TOML,
    "litellm-rust/Cargo.lock": LOCK,
    CORE: b"fn walk() {}\n",
    FACADE: b"def walk():\n    pass\n",
    "README.md": b"LiteLLM\n",
}
PATCH = f"""\
diff --git a/{CORE} b/{CORE}
--- a/{CORE}
+++ b/{CORE}
@@ -1 +1 @@
-fn walk() {{}}
+fn walk() {{ derived() }}
diff --git a/{DERIVED} b/{DERIVED}
new file mode 100644
--- /dev/null
+++ b/{DERIVED}
@@ -0,0 +1 @@
+fn derived() {{}}
diff --git a/{FACADE} b/{FACADE}
--- a/{FACADE}
+++ b/{FACADE}
@@ -1,2 +1,2 @@
 def walk():
-    pass
+    derived()
""".encode()
CARGO = """\
#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
command = sys.argv[1]
with (here / "asked").open("a") as asked:
    asked.write(command + "\\n")
lock = pathlib.Path("Cargo.lock")
if command == "metadata" and (here / "moves").exists():
    lock.write_text(lock.read_text().replace("1.0.0", "1.0.1"))
if command == "build":
    if (here / "fails").exists():
        sys.exit("warning: unused\\nerror[E0308]: mismatched types\\n  --> crates/core/src/lib.rs\\nerror: aborting")
    target = pathlib.Path(os.environ["CARGO_TARGET_DIR"])
    target.mkdir(exist_ok=True)
    library = target / "lib_native.so"
    library.write_bytes(b"".join(path.read_bytes() for path in sorted(pathlib.Path("crates").rglob("*.rs"))))
    print(json.dumps({{"reason": "build-script-executed"}}))
    made = {{"reason": "compiler-artifact", "target": {{"crate_types": ["cdylib"]}}, "filenames": [str(library)]}}
    print(json.dumps(made))
"""
RUSTC = """\
#!{python}
print("rustc 1.95.0\\nbinary: rustc\\ncommit-hash: abc\\nhost: x86_64-unknown-linux-gnu\\nrelease: {release}")
"""


@dataclass(frozen=True)
class Toolbox:
    """A cargo that pretends: files beside it say how it behaves."""

    folder: Path

    def install(self, name: str, text: str, **values: str) -> None:
        """Put a program in."""
        path = self.folder / name
        path.write_text(text.format(python=sys.executable, **values), encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def tell(self, how: str, *, off: bool = False) -> None:
        """Let cargo fail, or move a crate, from now on."""
        (self.folder / how).unlink() if off else (self.folder / how).touch()

    @property
    def asked(self) -> list[str]:
        """The commands that cargo was given, since this was asked last."""
        path = self.folder / "asked"
        commands = path.read_text(encoding="utf-8").split() if path.exists() else []
        path.unlink(missing_ok=True)
        return commands


@pytest.fixture
def toolbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A toolchain on the search path, before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    box = Toolbox(folder)
    box.install("cargo", CARGO)
    box.install("rustc", RUSTC, release="1.95.0")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("RUSTC", raising=False)
    return box


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Where everything is kept."""
    return tmp_path / "cache"


@pytest.fixture
def release(tmp_path: Path, cache: Path) -> Release:
    """A release whose archive is there already, so that no index is asked."""
    archive = archive_of({f"litellm-1.110.0/{path}": data for path, data in STOCK.items()})
    name = "litellm-1.110.0.tar.gz"
    (cache / "sdists").mkdir(parents=True)
    (cache / "sdists" / name).write_bytes(archive)
    patch = tmp_path / "1.110.0.patch"
    patch.write_bytes(PATCH)
    return Release(
        version=Version("1.110.0"),
        patch=patch,
        files=tuple(_image(path) for path in (CORE, DERIVED, FACADE)),
        uploaded=datetime(2026, 11, 18, tzinfo=timezone.utc),
        wheels={},
        sdist={name: sha256(archive)},
        delivery="wheel",
    )


def with_archive(release: Release, cache: Path, files: Mapping[str, bytes]) -> Release:
    """The same release with another archive, of the hash that is expected."""
    archive = archive_of(files)
    (name,) = release.sdist
    (cache / "sdists" / name).write_bytes(archive)
    return replace(release, sdist={name: sha256(archive)})


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A source archive."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages that holds the wheel's files."""
    folder = tmp_path / "site"
    for path, data in {FACADE: STOCK[FACADE], EXTENSION: b"published"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _image(path: str) -> FileImage:
    before = STOCK.get(path)
    after = parse_patch(PATCH, "the patch")[path].apply(before or b"", [0])
    return FileImage(path, ABSENT if before is None else sha256(before), sha256(after), (0,))
