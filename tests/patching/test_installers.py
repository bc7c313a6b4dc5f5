"""Real environments, and pip and uv for what they do between an apply and a revert."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from litellm_patch.patching.finding import find_target
from tests.patching.factory import STOCK, VERSION, Installation, record_row, snapshot, write_ledger
from tests.patching.fake_index import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

NEWER = "1.84.0"


@dataclass(frozen=True)
class Installer:
    """One of pip and uv, at work on an environment, with a folder of wheels and without any index."""

    name: str
    root: Path

    @property
    def env(self) -> Path:
        """The environment."""
        return self.root / "env"

    @property
    def cache(self) -> Path:
        """Where uv keeps what it unpacks."""
        return self.root / "cache"

    def __call__(self, verb: str, *args: str) -> str:
        """Install or uninstall."""
        python = self.env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if self.name == "pip":
            command = [str(python), "-m", "pip", "--disable-pip-version-check", verb]
            command += ["--yes"] if verb == "uninstall" else []
        else:
            command = [sys.executable, "-m", "uv", "--no-config", "pip", verb, "--python", str(python)]
        if verb == "install":
            command += ["--no-index", "--find-links", str(self.root / "wheels"), "--no-deps"]
        settings = {"UV_CACHE_DIR": str(self.cache), "UV_LINK_MODE": "hardlink"}
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | settings
        return subprocess.run([*command, *args], env=env, capture_output=True, text=True, check=True).stdout  # noqa: S603


def full_wheel(version: str) -> bytes:
    """Give a wheel of the small litellm that an installer takes."""
    info = f"litellm-{version}.dist-info"
    files = STOCK | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: litellm\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(record_row(path, data) for path, data in files.items()) + f"{info}/RECORD,,\r\n"
    return make_wheel(files | {f"{info}/RECORD": record.encode()})


def install(name: str, root: Path) -> Installer:
    """Make an environment with the small litellm in it, and give its installer."""
    installer = Installer(name, root)
    (root / "wheels").mkdir()
    for version in (VERSION, NEWER):
        (root / "wheels" / f"litellm-{version}-py3-none-any.whl").write_bytes(full_wheel(version))
    venv.create(installer.env, with_pip=name == "pip")
    installer("install", f"litellm=={VERSION}")
    return installer


def world_of(installer: Installer) -> Installation:
    site = find_target(installer.env).package.parent
    return Installation(installer.root, installer.env, site, write_ledger(installer.root / "patches"))


@pytest.mark.parametrize("name", ["pip", "uv"])
def test_what_an_installer_does_after_apply(tmp_path: Path, name: str) -> None:
    installer = install(name, tmp_path)
    world = world_of(installer)
    stock = snapshot(world.site)
    world.expect(0, "apply")
    assert "litellm" in installer("list"), "the metadata must still be read"

    installer("install", "--force-reinstall", f"litellm=={VERSION}")
    world.expect(3, "status")
    assert not world.marker.exists(), "RECORD lists it"
    world.expect(0, "apply")

    installer("install", f"litellm=={NEWER}")
    assert f"unsupported: litellm {NEWER} in {world.site}" in world.expect(6, "status")
    installer("install", f"litellm=={VERSION}")
    world.expect(3, "status")
    world.expect(0, "apply")
    world.expect(0, "revert")
    now = snapshot(world.site)
    assert {path: now.get(path) for path in stock if not path.endswith(".pyc")} == {
        path: entry for path, entry in stock.items() if not path.endswith(".pyc")
    }

    world.expect(0, "apply")
    installer("uninstall", "litellm")
    assert not list(world.site.glob("*litellm*"))


def test_installing_over_it_leaves_a_marker_that_status_sees(tmp_path: Path) -> None:
    installer = install("pip", tmp_path)
    world = world_of(installer)
    world.expect(0, "apply")
    installer("install", "--ignore-installed", f"litellm=={VERSION}")
    assert world.marker.exists()
    assert "as after a reinstall" in world.expect(4, "status")
    world.expect(0, "apply")
    world.expect(0, "status")
    installer("uninstall", "litellm")
    assert not list(world.site.glob("*litellm*"))


def test_the_cache_behind_uv_s_links_keeps_its_bytes(tmp_path: Path) -> None:
    installer = install("uv", tmp_path)
    world = world_of(installer)
    cached = snapshot(installer.cache)
    assert world.router.stat().st_nlink > 1, "this file system has no hard links, so nothing is tested"
    world.expect(0, "apply")
    assert (world.router.stat().st_nlink, world.record.stat().st_nlink) == (1, 1)
    world.expect(0, "revert")
    assert snapshot(installer.cache) == cached
