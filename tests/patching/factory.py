"""Builds a small litellm, a patch for it and the ledger that goes with both."""

from __future__ import annotations

import base64
import difflib
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from click.testing import CliRunner

from litellm_patch.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from click.testing import Result

VERSION = "1.83.0"
ROUTER = "litellm/router.py"
HANDLER = "litellm/router_utils/handler.py"
_TWIN = b"def %b(model):\n    name = model\n    group = groups.get(name)\n    return group\n\n\n"
_FIXED = b"def %b(model):\n    name = model\n    group = groups.get(resolve(name))\n    return group\n\n\n"
STOCK = {
    "litellm/__init__.py": b"raise ImportError('litellm must not be imported')\n",
    "litellm/main.py": b"",
    "litellm/router_utils/__init__.py": b"",
    ROUTER: b"import groups\n\n\n" + _TWIN % b"completion" + _TWIN % b"acompletion" + b"END = 'no newline'",
    HANDLER: "TEXT = 'é'\r and a lone return\n".encode() + _TWIN % b"handle",
}
PATCHED = {
    ROUTER: b"import groups\n\n\n" + _TWIN % b"completion" + _FIXED % b"acompletion" + b"END = 'still none'",
    HANDLER: "TEXT = 'é'\r and a lone return\n".encode() + _FIXED % b"handle" + b"MORE = 1\n",
}
MATCHED = PATCHED[HANDLER].replace(b"MORE = 1", b"MORE = 2")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_patch(before: Mapping[str, bytes], after: Mapping[str, bytes], context: int = 3) -> bytes:
    """Give a patch as `git format-patch` would write it, made with difflib."""
    out = [b"From: Someone <someone@example.org>\nSubject: [PATCH] Fix\n\nDescription: fix\n---\n"]
    for path, new in after.items():
        out.append(f"diff --git a/{path} b/{path}\nindex 0000001..0000002 100644\n".encode())
        lines = difflib.diff_bytes(
            difflib.unified_diff,
            io.BytesIO(before[path]).readlines(),
            io.BytesIO(new).readlines(),
            f"a/{path}".encode(),
            f"b/{path}".encode(),
            n=context,
        )
        out += [line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines]
    return b"".join([*out, b"-- \n2.43.0\n\n"])


def record_row(path: str, data: bytes) -> str:
    encoded = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={encoded},{len(data)}\r\n"


def write_package(site: Path, files: Mapping[str, bytes] = STOCK) -> Path:
    """Write the bare package, and give its folder."""
    for path, data in files.items():
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return site / "litellm"


def write_install(site: Path, version: str = VERSION, files: Mapping[str, bytes] = STOCK) -> Path:
    """Write the package with its metadata, as an installer would, and give the package's folder."""
    package = write_package(site, files)
    info = site / f"litellm-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: litellm\nVersion: {version}\n\nVersion: 0\n")
    rows = "".join(record_row(path, data) for path, data in files.items())
    (info / "RECORD").write_bytes(f"{rows}{info.name}/RECORD,,\r\n".encode())
    return package


def write_ledger(
    folder: Path,
    before: Mapping[str, bytes] = STOCK,
    after: Mapping[str, bytes] = PATCHED,
    offsets: Mapping[str, Sequence[int]] | None = None,
    patch: bytes | None = None,
) -> Path:
    """Write a patches folder with one supported release and one denied, and give its path.

    Args:
        folder: The folder to make.
        before: The stock files of the supported release.
        after: The patched files.
        offsets: The offset of each hunk, by file; 0 for each unless given.
        patch: The patch, if it is not to be made from the files.
    """
    folder.mkdir(exist_ok=True)
    patch = make_patch(before, after) if patch is None else patch
    (folder / f"{VERSION}.patch").write_bytes(patch)
    sections = patch.split(b"diff --git ")[1:]
    text = (
        'schema = 2\n\n[[denied]]\nversion = "1.82.7"\nreason = "malicious upload"\n'
        f'\n[[releases]]\nversion = "{VERSION}"\nuploaded = 2026-03-31T05:08:21Z\n'
        f'patches = ["{VERSION}.patch"]\nfiles = {[digest(before[path])[:12] for path in after]}\n'
        f'\n[releases.wheels]\n"litellm-{VERSION}-py3-none-any.whl" = "{"a" * 64}"\n'
    )
    for path, section in zip(after, sections, strict=True):
        where = list((offsets or {}).get(path, [0] * section.count(b"\n@@ ")))
        text += _change(f"{VERSION}.patch", path, before[path], after[path], where)
    (folder / "releases.toml").write_text(text)
    return folder


def _change(patch: str, path: str, before: bytes, after: bytes, offsets: Sequence[int]) -> str:
    """Give the ledger's lines that say what a patch makes of a file."""
    content = f'{{ post_image = "{digest(after)}", offsets = {list(offsets)} }}'
    return f'\n[files."{patch}"."{path}"]\n{digest(before)} = {content}\n'


def add_option(folder: Path, before: bytes = PATCHED[HANDLER], after: bytes = MATCHED) -> Path:
    """Give the release of a patches folder an optional patch of the handler, called `matching`, and give its path."""
    patch = make_patch({HANDLER: before}, {HANDLER: after})
    (folder / "matching").mkdir(exist_ok=True)
    path = folder / "matching" / f"{VERSION}.patch"
    path.write_bytes(patch)
    ledger = folder / "releases.toml"
    name = f"matching/{VERSION}.patch"
    text = ledger.read_text().replace(f'patches = ["{VERSION}.patch"]', f'patches = ["{VERSION}.patch", "{name}"]')
    ledger.write_text(text + _change(name, HANDLER, before, after, [0] * patch.count(b"@@ -")))
    return path


def fix_upstream(folder: Path) -> None:
    """Let the ledger of a patches folder say that 1.90.0 and later have the fix."""
    ledger = folder / "releases.toml"
    fixed = '\n[fixed]\nversion = "1.90.0"\nreason = "see pull request 1"\n'
    ledger.write_text(ledger.read_text() + fixed)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Give every file and link below a folder, with mode and content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            str(path.readlink()) if path.is_symlink() else path.read_bytes(),
        )
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@dataclass(frozen=True)
class Installation:
    """A virtual environment with litellm, and the patches folder for it."""

    root: Path
    env: Path
    site: Path
    patches: Path

    @property
    def router(self) -> Path:
        """The first file that the patch changes."""
        return self.site / ROUTER

    @property
    def handler(self) -> Path:
        """The second file that the patch changes, in a folder of its own."""
        return self.site / HANDLER

    @property
    def record(self) -> Path:
        """The list of installed files with their hashes."""
        return self.site / f"litellm-{VERSION}.dist-info" / "RECORD"

    @property
    def marker(self) -> Path:
        """What says that the patch is in."""
        return self.record.with_name("litellm-patch.json")

    def run(self, verb: str, target: Path | None = None, *options: str) -> Result:
        """Run a verb in this process, on the environment unless another target is given."""
        command = ["--patches", str(self.patches), verb, str(target or self.env), *options]
        return CliRunner().invoke(main, command, env={"LITELLM_PATCH_DIR": None})

    def expect(self, code: int, verb: str, target: Path | None = None) -> str:
        """Run a verb, check its exit code, and give all that it printed.

        An error must be one line on stderr; it must leave the whole world byte for byte as it was.
        """
        before = snapshot(self.root)
        result = self.run(verb, target)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        if code:
            assert snapshot(self.root) == before
        if verb != "status":
            assert len(result.stderr.splitlines()) == bool(code)
        return result.output


def make_world(root: Path) -> Installation:
    env = root / "env"
    site = env / "lib" / "python3.11" / "site-packages"
    write_install(site)
    (env / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return Installation(root, env, site, write_ledger(root / "patches"))
