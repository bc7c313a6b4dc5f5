"""Upstream's wheel with a built extension: made, compared, installed, judged; by a cargo and a maturin that pretend."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from packaging.tags import sys_tags

from litellm_patch.building import wheel as building
from litellm_patch.building.wheel import How, build_wheels
from litellm_patch.building.workspace import EXTENSION
from litellm_patch.cli import main
from litellm_patch.errors import BuildError, WheelError
from litellm_patch.patching.apply import apply, revert, status
from litellm_patch.patching.built import NOTE_NAME
from litellm_patch.patching.files import sha256
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import LEDGER_NAME, FileImage, Ledger, Step
from litellm_patch.wheels.difference import compare_wheels
from litellm_patch.wheels.index import Index
from tests.compiled.conftest import CORE, FACADE, STOCK, install_maturin, with_archive
from tests.patching.factory import make_patch
from upkeep.releases.writing import dump_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litellm_patch.patching.ledger import Release
    from tests.compiled.conftest import Toolbox

PLATFORM = next(iter(sys_tags())).platform
STEM = "litellm-1.110.0"
OWN_INFO = f"{STEM}.dist-info"
NEW_INFO = f"{STEM}+fallbacknames.2.dist-info"
PYPROJECT = b'[project]\nname = "litellm"\nversion = "1.110.0"\n[build-system]\nrequires = ["maturin==1.15.0"]\n'


def record_of(files: Mapping[str, bytes], info: str) -> bytes:
    rows = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join([*rows, f"{info}/RECORD,,\n"]).encode()


@pytest.fixture
def built(release: Release, cache: Path, toolbox: Toolbox) -> Release:
    """The release with upstream's wheel of this machine, and a maturin that pretends."""
    files = {
        "litellm/__init__.py": b"",
        "litellm/main.py": b"",
        FACADE: STOCK[FACADE],
        EXTENSION: b"published",
        f"{OWN_INFO}/METADATA": b"Metadata-Version: 2.4\nName: litellm\nVersion: 1.110.0\n",
        f"{OWN_INFO}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp310-abi3-{PLATFORM}\n".encode(),
    }
    files[f"{OWN_INFO}/RECORD"] = record_of(files, OWN_INFO)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    name = f"{STEM}-cp310-abi3-{PLATFORM}.whl"
    cache.mkdir(exist_ok=True)
    (cache / name).write_bytes(data.getvalue())
    install_maturin(toolbox, platform=PLATFORM)
    release = with_archive(
        release, cache, {f"{STEM}/{path}": content for path, content in {**STOCK, "pyproject.toml": PYPROJECT}.items()}
    )
    (archive,) = (cache / "sdists").iterdir()
    archive.rename(cache / archive.name)
    return replace(release, wheels={name: sha256(data.getvalue())})


@pytest.fixture(autouse=True)
def only_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A maturin beside the running Python is a real one."""
    monkeypatch.setattr(building, "_BESIDE", str(tmp_path / "nothing"))


def build_wheel(release: Release, how: How) -> tuple[str, bytes]:
    (made,) = build_wheels(release, how)
    return made


def how(cache: Path, **more: object) -> How:
    return replace(How(cache, Index(), offline=True), **more)  # type: ignore[arg-type]


def contents(wheel: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return {path: archive.read(path) for path in archive.namelist()}


def test_the_wheel_is_upstream_s_but_for_what_was_built(built: Release, cache: Path, tmp_path: Path) -> None:
    name, wheel = build_wheel(built, how(cache))
    assert name == f"{STEM}+fallbacknames.2-cp310-abi3-{PLATFORM}.whl"
    files, (stock,) = contents(wheel), built.wheels
    assert files[EXTENSION] == b"built of fn walk() { derived() }\n"
    assert b"derived()" in files[FACADE]
    listed = {path: data for path, data in files.items() if not path.endswith("RECORD")}
    # the note's row stands first, the others in the order of upstream's
    listed = {f"{NEW_INFO}/{NOTE_NAME}": listed.pop(f"{NEW_INFO}/{NOTE_NAME}"), **listed}
    assert files[f"{NEW_INFO}/RECORD"] == record_of(listed, NEW_INFO)
    path = tmp_path / name
    path.write_bytes(wheel)
    assert compare_wheels(path, cache / stock, Ledger((built,), {})) == [
        f"added: {NEW_INFO}/{NOTE_NAME}",
        f"changed: {NEW_INFO}/METADATA",
        f"changed: {NEW_INFO}/RECORD",
        f"changed: {FACADE}",
        f"changed: {EXTENSION}",
        "the same bytes: 3 of 8 files",
    ]
    assert build_wheel(built, how(cache)) == (name, wheel)


def test_the_note_says_all_that_was_built_of(built: Release, cache: Path, toolbox: Toolbox) -> None:
    _, wheel = build_wheel(built, how(cache, replaced={"serde": "1.0.0"}))
    note = json.loads(contents(wheel)[f"{NEW_INFO}/{NOTE_NAME}"])
    (lock,) = cache.glob("*/tree/litellm-rust/Cargo.lock")
    assert note == {
        "wheel": dict(built.wheels),
        "sdist": dict(built.sdist),
        "patch": {"1.110.0.patch": sha256(built.patch.read_bytes())},
        "lock": sha256(lock.read_bytes()),
        "toolchain": {"rust": "rustc 1.95.0 (abc) x86_64-unknown-linux-gnu", "maturin": "1.15.0"},
        "extension": {EXTENSION: sha256(b"built of fn walk() { derived() }\n")},
        "replaced": {"serde": "1.0.0"},
    }
    assert "--release --locked" in (toolbox.folder / "asked").read_text(encoding="utf-8")


def test_an_optional_patch_is_built_in_and_said(built: Release, cache: Path, tmp_path: Path) -> None:
    walk, more = b"fn walk() { derived() }\n", b"fn walk() { derived() } // once\n"
    patch = tmp_path / "more" / "1.110.0.patch"
    patch.parent.mkdir()
    patch.write_bytes(make_patch({CORE: walk}, {CORE: more}))
    image = FileImage(CORE, sha256(walk), sha256(more), (0,))
    step = Step(version=built.version, patch=patch, files=(image,), option="more")
    name, wheel = build_wheel(replace(built, options={"more": step}), how(cache, option="more"))
    assert name == f"{STEM}+fallbacknames.2.more-cp310-abi3-{PLATFORM}.whl"
    files = contents(wheel)
    assert files[EXTENSION] == b"built of fn walk() { derived() } // once\n"
    note = json.loads(files[f"{STEM}+fallbacknames.2.more.dist-info/{NOTE_NAME}"])
    assert note["patch"] == {
        "1.110.0.patch": sha256(built.patch.read_bytes()),
        "more/1.110.0.patch": sha256(patch.read_bytes()),
    }
    with pytest.raises(WheelError, match="has no optional patch 'more'; leave it out"):
        build_wheel(built, how(cache, option="more"))


def test_the_tag_is_that_of_what_was_built(built: Release, cache: Path, toolbox: Toolbox) -> None:
    install_maturin(toolbox, platform="manylinux_2_36_x86_64.manylinux_2_35_x86_64")
    (own,) = built.wheels
    (cache / (name := own.replace(PLATFORM, "manylinux_2_28_x86_64"))).write_bytes((cache / own).read_bytes())
    built = replace(built, wheels={name: built.wheels[own]})
    name, wheel = build_wheel(built, how(cache, portable=True))
    assert name.endswith("-cp310-abi3-manylinux_2_35_x86_64.manylinux_2_36_x86_64.whl")
    assert contents(wheel)[f"{NEW_INFO}/WHEEL"].decode().splitlines()[-2:] == [
        "Tag: cp310-abi3-manylinux_2_35_x86_64",
        "Tag: cp310-abi3-manylinux_2_36_x86_64",
    ]
    assert "--zig --compatibility manylinux_2_28" in (toolbox.folder / "asked").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("fails", r"maturin build ended with 1: error\[E0308\]: mismatched types; read .*failed\.log"),
        ("empty", r"the build has no litellm/rust_bridge/_native\.abi3\.so, expected the extension alone"),
        ("bundles", r"the build has litellm\.libs/libssl-1\.so, expected the extension alone; .*--portable"),
    ],
)
def test_a_build_that_is_no_good_leaves_no_wheel(
    trouble: str, said: str, built: Release, cache: Path, toolbox: Toolbox
) -> None:
    toolbox.tell(trouble)
    with pytest.raises(BuildError, match=said) as error:
        build_wheel(built, how(cache))
    assert "\n" not in str(error.value)
    assert list(cache.rglob("out-*")) == []


def test_another_maturin_than_upstream_s(
    built: Release, cache: Path, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = r"expected maturin 1\.15\.0, .*; pip install maturin==1\.15"
    install_maturin(toolbox, version="1.14.0", platform=PLATFORM)
    with pytest.raises(BuildError, match=rf"found maturin 1\.14\.0, {expected}"):
        build_wheel(built, how(cache))
    (toolbox.folder / "maturin").unlink()
    monkeypatch.setenv("PATH", str(toolbox.folder))
    with pytest.raises(BuildError, match=rf"found no maturin, {expected}"):
        build_wheel(built, how(cache))


def test_without_a_network_what_is_missing_is_named(built: Release, cache: Path) -> None:
    (name,) = built.sdist
    (cache / name).unlink()
    with pytest.raises(BuildError, match=rf"{name} is missing; fetch it where there is a network"):
        build_wheel(built, how(cache))


def test_a_wheel_of_another_hash_is_not_taken(built: Release, cache: Path) -> None:
    (name,) = built.wheels
    (cache / name).write_bytes(b"evil")
    with pytest.raises(BuildError, match=rf"{name} has sha256 \w+, expected \w+"):
        build_wheel(built, how(cache))


def test_linux_wheels_are_built_for_other_machines(built: Release, cache: Path, toolbox: Toolbox) -> None:
    (own,) = built.wheels
    others = [own.replace(PLATFORM, platform) for platform in ("musllinux_1_2_aarch64", "manylinux_2_28_aarch64")]
    for name in others:
        (cache / name).write_bytes((cache / own).read_bytes())
    built = replace(built, wheels=dict.fromkeys((own, *others), built.wheels[own]))
    made = [name for name, _ in build_wheels(built, how(cache), "*linux*aarch64")]
    assert len(made) == 2
    asked = [line for line in (toolbox.folder / "asked").read_text(encoding="utf-8").splitlines() if "--zig" in line]
    assert ["--target aarch64-unknown-linux-gnu" in line for line in asked] == [True, False]
    assert "--compatibility musllinux_1_2 --target aarch64-unknown-linux-musl" in asked[1]


@pytest.mark.parametrize(
    ("platform", "said"), [("win_amd64", "needs a machine of its platform: win_amd64"), ("beos", "is for beos;")]
)
def test_other_systems_wheels_are_built_there(platform: str, said: str, built: Release, cache: Path) -> None:
    (own,) = built.wheels
    built = replace(built, wheels={own: built.wheels[own], own.replace(PLATFORM, "win_amd64"): "0" * 64})
    with pytest.raises(WheelError, match=said):
        list(build_wheels(built, how(cache), platform))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A new virtual environment."""
    folder = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - our own interpreter
    return folder


def pip(environment: Path, *arguments: str | Path) -> None:
    command = [environment / "bin" / "python", "-m", "pip", "--quiet", *arguments]
    subprocess.run(command, check=True)  # noqa: S603 - our own interpreter


def test_installed_it_is_applied_and_gone_without_a_trace(
    built: Release, cache: Path, environment: Path, tmp_path: Path
) -> None:
    ledger = Ledger((built,), {})
    before = {path for path in environment.rglob("*") if "__pycache__" not in path.parts}
    name, wheel = build_wheel(built, how(cache))
    (tmp_path / name).write_bytes(wheel)
    pip(environment, "install", "--no-deps", "--no-index", tmp_path / name)
    found = status(environment, ledger)
    assert (found.state, found.tree.troubles if found.tree else None) == (State.APPLIED, ())
    assert apply(environment, ledger).paths == ()
    with pytest.raises(WheelError, match=r"patched wheel .*; install the stock release .*litellm===1\.110\.0"):
        revert(environment, ledger)
    (extension,) = environment.rglob("_native.abi3.so")
    extension.write_bytes(b"evil")
    found = status(environment, ledger)
    assert found.state is State.DRIFTED
    assert found.tree
    assert any("_native" in trouble and "was edited" in trouble for trouble in found.tree.troubles)
    pip(environment, "uninstall", "--yes", "litellm")
    assert {path for path in environment.rglob("*") if "__pycache__" not in path.parts} == before


def test_a_stock_installation_is_not_patched_in_place(
    built: Release, cache: Path, environment: Path, tmp_path: Path
) -> None:
    (name,) = built.wheels
    pip(environment, "install", "--no-deps", "--no-index", cache / name)
    ledger = Ledger((built,), {})
    assert status(environment, ledger).state is State.CLEAN
    assert revert(environment, ledger).paths == ()
    said = r"compiled Router, .*; run litellm-patch wheel 1\.110\.0, then pip install the wheel that it makes"
    for dry in (True, False):
        with pytest.raises(WheelError, match=said):
            apply(environment, ledger, dry=dry)
    patches = tmp_path / "patches"
    patches.mkdir()
    (patches / "1.110.0.patch").write_bytes(built.patch.read_bytes())
    (patches / LEDGER_NAME).write_bytes(dump_ledger(Ledger((replace(built, patch=patches / "1.110.0.patch"),), {})))
    result = CliRunner().invoke(main, ["--patches", str(patches), "status", str(environment)])
    assert result.exit_code == 3, result.output
    assert "next: run litellm-patch wheel 1.110.0" in result.output
    (extension,) = environment.rglob("_native.abi3.so")
    extension.write_bytes(b"evil")
    assert status(environment, ledger).state is State.DRIFTED


@pytest.mark.parametrize("given", ["serde", "serde=", "=1.0", "serde=1.0#abc"])
def test_a_replacement_that_is_none_is_a_usage_error(given: str) -> None:
    result = CliRunner().invoke(main, ["wheel", "1.110.2", "--replace-crate", given])
    assert result.exit_code == 2
    assert "is not NAME=VERSION or NAME=VERSION#SHA256" in result.output
