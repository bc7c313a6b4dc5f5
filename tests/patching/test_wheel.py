"""`wheel`: the patched wheel is right, the same bytes each time, and whatever is refused leaves nothing behind."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from packaging.tags import sys_tags

from litellm_patch.cli import main
from litellm_patch.patching.apply import status
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, load_ledger
from litellm_patch.wheels.wheel import REVISION
from tests.patching.factory import (
    HANDLER,
    MATCHED,
    PATCHED,
    ROUTER,
    STOCK,
    VERSION,
    add_option,
    digest,
    record_row,
    snapshot,
    write_install,
    write_ledger,
)
from tests.patching.fake_index import PAGE, FakeIndex, IndexAnswer, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.testing import Result

    from litellm_patch.patching.ledger import Release
    from tests.patching.factory import Installation

NAME = f"litellm-{VERSION}-py3-none-any.whl"
LABEL = f"fallbacknames.{REVISION}"
MADE = f"{VERSION}+{LABEL}"
MADE_NAME = f"litellm-{MADE}-py3-none-any.whl"
INFO = f"litellm-{VERSION}.dist-info"
SCRIPT, SQUEEZED = f"litellm-{VERSION}.data/scripts/é", "litellm/data.json"
METADATA = f"Metadata-Version: 2.1\nName: litellm\nVersion: {VERSION}\n\nVersion: {VERSION}\n".encode()
FILES = STOCK | {SCRIPT: b"#!python\n", SQUEEZED: b"[]" * 99, f"{INFO}/METADATA": METADATA}
RECORD = "".join(record_row(path, data) for path, data in FILES.items()) + f"{INFO}/RECORD,,\r\n"


class Pipe(io.BytesIO):
    """A stream that knows no position, so that the sizes in a zip come after the data."""

    def tell(self) -> int:
        """Refuse."""
        raise io.UnsupportedOperation


def stock_wheel() -> bytes:
    """Give a wheel whose times, modes, order and packing are all odd."""
    stream = Pipe()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (path, data) in enumerate((FILES | {f"{INFO}/RECORD": RECORD.encode()}).items()):
            member = zipfile.ZipInfo(path, (2001, 2, 3, 4, 5, 2 * number))
            member.external_attr = (0o100755 if path in {ROUTER, SCRIPT} else 0o100640) << 16
            member.create_system = 3
            # packed at level 0, which every zlib does alike
            archive.writestr(member, data, 8 if path in {ROUTER, SQUEEZED} else 0, 0)
    return stream.getvalue()


def readable(wheel: bytes) -> dict[str, bytes]:
    """Open a wheel, check it against its own RECORD, and give the content of its members."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        assert archive.testzip() is None
        files = {member.filename: archive.read(member) for member in archive.infolist() if not member.is_dir()}
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    rows = {row[0]: ",".join(row) + "\r\n" for row in csv.reader(files[record].decode().splitlines())}
    assert rows.pop(record) == f"{record},,\r\n"
    assert rows == {path: record_row(path, data) for path, data in files.items() if path != record}
    return files


@dataclass(frozen=True)
class Shop:
    """A stock wheel, the patches for it, an index that has it, and a folder to write into."""

    root: Path
    index: FakeIndex

    @property
    def stock(self) -> Path:
        """The stock wheel."""
        return self.root / NAME

    @property
    def output(self) -> Path:
        """The folder to write into."""
        return self.root / "output"

    @property
    def made(self) -> Path:
        """What is to be written there."""
        return self.output / MADE_NAME

    def sell(self, wheels: Mapping[str, bytes]) -> None:
        """Have the ledger list other wheels."""
        ledger = self.root / "patches" / "releases.toml"
        before, _, after = ledger.read_text().partition("[releases.wheels]\n")
        listed = "".join(f'"{name}" = "{digest(data)}"\n' for name, data in wheels.items())
        ledger.write_text(f"{before}[releases.wheels]\n{listed}\n{after[after.index('[files.') :]}")

    def run(self, what: str | Path, *options: str) -> Result:
        """Run the verb in this process."""
        environment = {
            "LITELLM_PATCH_DIR": None,
            "PIP_INDEX_URL": self.index.url,
            "NO_PROXY": "127.0.0.1",
        }
        return CliRunner().invoke(
            main,
            ["--patches", str(self.root / "patches"), "wheel", str(what), "--output", str(self.output), *options],
            env=environment,
        )

    def expect(self, code: int, what: str | Path, *options: str) -> str:
        """Run the verb, check its exit code, and give all that it printed; an error is one line and changes nothing."""
        before = snapshot(self.root)
        result = self.run(what, *options)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        if code:
            assert snapshot(self.root) == before
            assert len(result.output.splitlines()) == 1
            assert result.stderr.startswith("error: ")
        return result.output


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with FakeIndex() as index:
        shop = Shop(tmp_path, index)
        shop.output.mkdir()
        write_ledger(tmp_path / "patches")
        shop.stock.write_bytes(stock_wheel())
        shop.sell({NAME: stock_wheel()})
        index.add_file(NAME, stock_wheel())
        yield shop


def test_only_the_patch_and_the_version_change(shop: Shop) -> None:
    assert shop.expect(0, shop.stock) == f"written: {shop.made}\n"
    assert list(shop.output.iterdir()) == [shop.made]

    def renamed(path: str) -> str:
        return path.replace(f"litellm-{VERSION}.d", f"litellm-{MADE}.d")

    files = readable(shop.made.read_bytes())
    assert list(files) == [renamed(path) for path in (*FILES, f"{INFO}/RECORD")]
    metadata = METADATA.replace(VERSION.encode(), MADE.encode(), 1)
    expected = FILES | PATCHED | {f"{INFO}/METADATA": metadata}
    assert [path for path, data in expected.items() if files[renamed(path)] != data] == []
    old, new = zipfile.ZipFile(shop.stock), zipfile.ZipFile(shop.made)
    for before, after in zip(old.infolist(), new.infolist(), strict=True):
        for said in ("date_time", "external_attr", "internal_attr", "create_system", "create_version", "extra"):
            assert getattr(before, said) == getattr(after, said)
        assert after.flag_bits & 8 == 0
        assert after.compress_type == (zipfile.ZIP_DEFLATED if after.filename == SQUEEZED else zipfile.ZIP_STORED)
    assert shop.index.hits == []


def test_an_optional_patch_goes_in_and_into_the_version(shop: Shop) -> None:
    add_option(shop.root / "patches")
    assert "'nonsense'; name one of: matching" in shop.expect(1, shop.stock, "--with", "nonsense")
    shop.expect(0, shop.stock, "--with", "matching")
    (made,) = shop.output.iterdir()
    assert made.name == f"litellm-{MADE}.matching-py3-none-any.whl"
    files = readable(made.read_bytes())
    assert (files[ROUTER], files[HANDLER]) == (PATCHED[ROUTER], MATCHED)
    assert f"\nVersion: {MADE}.matching\n" in files[f"litellm-{MADE}.matching.dist-info/METADATA"].decode()
    shop.expect(0, shop.stock)
    assert readable(shop.made.read_bytes())[HANDLER] == PATCHED[HANDLER]


def test_the_bytes_depend_on_nothing_else(shop: Shop) -> None:
    """The hash holds on every Python: whoever changes how wheels are written must count up `REVISION`."""
    shop.expect(0, shop.stock)
    first = shop.made.read_bytes()
    assert digest(first) == "4594b419ae37d955792580bac93ed984900ed41e3e66bd4cd38e5e915b521d28"
    shop.made.unlink()
    os.utime(shop.stock, (0, 0))
    before = os.umask(0o077)
    try:
        shop.expect(0, VERSION)
    finally:
        os.umask(before)
    assert shop.made.read_bytes() == first


def test_a_second_time_changes_nothing(shop: Shop) -> None:
    shop.expect(0, shop.stock)
    node = shop.made.stat().st_ino
    assert shop.expect(0, shop.stock) == f"already exists, byte for byte: {shop.made}\n"
    answer = json.loads(shop.expect(0, shop.stock, "--json"))
    assert answer == {
        "wheel": str(shop.made),
        "sha256": hashlib.sha256(shop.made.read_bytes()).hexdigest(),
        "written": False,
        "found": f"already exists, byte for byte: {shop.made}",
        "exit_code": 0,
    }
    assert shop.expect(0, shop.stock, "--quiet") == ""
    assert shop.made.stat().st_ino == node


def test_what_is_in_the_way_is_replaced_only_by_force(shop: Shop) -> None:
    shop.made.write_bytes(b"mine")
    assert f"{shop.made} already exists with different content; " in shop.expect(1, shop.stock)
    assert "written: " in shop.expect(0, shop.stock, "--force")
    readable(shop.made.read_bytes())


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("litellm-1.82.7-py3-none-any.whl", 7, "is denied: malicious upload"),
        ("1.82.7", 7, "is denied: malicious upload"),
        (
            "litellm-1.84.0-py3-none-any.whl",
            6,
            "is not supported: the newest supported release is 1.83.0",
        ),
        ("1.84.0", 6, "is not supported"),
        (f"litellm-{VERSION}-py2-none-any.whl", 1, "releases.toml knows no litellm-1.83.0-py2-none-any.whl; "),
        ("other-1.0-py3-none-any.whl", 1, "is not the name of a litellm wheel"),
        ("litellm.whl", 1, "is not the name of a litellm wheel"),
        (MADE_NAME, 1, "is a patched wheel already"),
        (MADE, 1, "is a patched wheel already"),
        (f"absent/{NAME}", 1, "No such file or directory"),
    ],
)
def test_what_cannot_be_patched_is_refused(shop: Shop, name: str, code: int, text: str) -> None:
    assert text in shop.expect(code, shop.root / name if name.endswith(".whl") else name)
    assert shop.index.hits == []


def test_neither_a_release_nor_a_wheel_is_a_wrong_command_line(shop: Shop) -> None:
    result = shop.run("latest")
    assert (result.exit_code, "'latest' is neither a release nor the path of a .whl file" in result.output) == (2, True)


@pytest.mark.parametrize("data", [stock_wheel()[:-1], b"<html>", stock_wheel() + b"\n"])
def test_a_wheel_with_another_hash_is_refused(shop: Shop, data: bytes) -> None:
    shop.stock.write_bytes(data)
    assert f"{NAME} has sha256 {digest(data)}, expected {digest(stock_wheel())}; " in shop.expect(1, shop.stock)
    shop.index.remove(VERSION)
    shop.index.add_file(NAME, data)
    assert f"{NAME} has sha256 {digest(data)}" in shop.expect(1, VERSION)


@pytest.mark.parametrize("data", [b"<html>", stock_wheel()[:-1], make_wheel({}), make_wheel(STOCK)])
def test_even_a_known_wheel_must_be_one(shop: Shop, data: bytes) -> None:
    shop.sell({NAME: data})
    shop.stock.write_bytes(data)
    assert f"{NAME} is not a wheel of litellm: " in shop.expect(1, shop.stock)


def test_a_wheel_with_crlf_line_ends_keeps_them(shop: Shop) -> None:
    """As upstream's Windows wheels have."""
    files = FILES | {f"{INFO}/RECORD": RECORD.encode(), ROUTER: STOCK[ROUTER].replace(b"\n", b"\r\n")}
    shop.sell({NAME: make_wheel(files)})
    shop.stock.write_bytes(make_wheel(files))
    shop.expect(0, shop.stock)
    (path,) = shop.output.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        assert wheel.read(ROUTER) == PATCHED[ROUTER].replace(b"\n", b"\r\n")
        assert wheel.read(HANDLER) == PATCHED[HANDLER]


def test_a_patch_that_does_something_else_is_refused(shop: Shop) -> None:
    patch = shop.root / "patches" / f"{VERSION}.patch"
    patch.write_bytes(patch.read_bytes().replace(b"+MORE = 1", b"+MORE = 2"))
    assert "and the ledger disagree on" in shop.expect(1, shop.stock)


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace")])
def test_a_fault_leaves_nothing_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    function = getattr(owner, name)

    def fault(*args: object) -> object:
        if any(shop.output.iterdir()):  # the wheel is being written
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*args)

    monkeypatch.setattr(owner, name, fault)
    assert "No space left on device" in shop.expect(1, shop.stock)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(shop: Shop) -> None:
    shop.output.chmod(0o555)
    assert "Permission denied" in shop.expect(1, shop.stock)
    shop.output.chmod(0o755)


def test_a_release_is_fetched(shop: Shop) -> None:
    shop.output.rmdir()
    assert shop.expect(0, VERSION) == f"written: {shop.made}\n"
    assert shop.index.fetched == [NAME]
    readable(shop.made.read_bytes())


def test_what_the_index_lacks_is_said(shop: Shop) -> None:
    shop.index.answers[f"/files/{NAME}"].missing = 9
    assert f"{NAME} could not be fetched: " in shop.expect(1, VERSION)
    shop.index.remove(VERSION)
    for version, tag in (("1.9.0", "py3-none-any"), (VERSION, "py2-none-any")):
        shop.index.add(version, STOCK, tag)
        assert f"the index has no {NAME}; " in shop.expect(1, VERSION)
    shop.index.answers[PAGE] = IndexAnswer(b"", 503)
    assert "the server answered 503" in shop.expect(1, VERSION)


def test_the_wheel_that_fits_is_chosen(shop: Shop) -> None:
    here = f"litellm-{VERSION}-{next(iter(sys_tags()))}.whl"
    arm, intel = (f"litellm-{VERSION}-cp310-abi3-{tag}.whl" for tag in ("win_arm64", "win32.win_amd64"))
    for name in (arm, here, intel):
        shop.index.add_file(name, stock_wheel())

    def made(*options: str) -> list[str]:
        lines = shop.expect(0, VERSION, *options).splitlines()
        return [line.partition(f"{LABEL}-")[2] for line in lines]

    def tags(*names: str) -> list[str]:
        return [name.removeprefix(f"litellm-{VERSION}-") for name in names]

    shop.sell(dict.fromkeys((NAME, arm, here, intel), stock_wheel()))
    assert made() == tags(here)
    assert made("--platform", "any") == tags(NAME)
    assert made("--platform", "win_*") == tags(intel, arm)
    assert made("--platform", "*") == tags(*sorted((NAME, arm, here, intel)))
    shop.sell(dict.fromkeys((arm, intel), stock_wheel()))
    (shop.root / arm).write_bytes(stock_wheel())
    assert shop.expect(0, shop.root / arm).startswith("already exists, byte for byte: ")
    offered = "name one with --platform: win32, win_amd64, win_arm64"
    assert f"no wheel of litellm 1.83.0 is for this Python; {offered}" in shop.expect(1, VERSION)
    assert f"no wheel of litellm 1.83.0 is for linux; {offered}" in shop.expect(1, VERSION, "--platform", "linux")


def test_an_installed_patched_wheel_is_applied_for_good(world: Installation) -> None:
    site = world.root / "made"
    write_install(site, MADE, STOCK | PATCHED)
    assert world.expect(0, "status", site).splitlines() == [
        f"applied: litellm {MADE} in {site / 'litellm'} is patched",
        "next: nothing to do; the patch is part of this wheel",
    ]
    assert "already applied" in world.expect(0, "apply", site)
    assert world.expect(1, "revert", site) == (
        f"error: litellm in {site / 'litellm'} was installed from the patched wheel {MADE}; "
        "install the stock release instead: pip install 'litellm===1.83.0'\n"
    )


@pytest.mark.parametrize(("version", "code"), [("1.82.7+fallbacknames.1", 7), ("1.83.0+mine", 6)])
def test_a_local_version_opens_no_door(world: Installation, version: str, code: int) -> None:
    write_install(world.root / "made", version, STOCK | PATCHED)
    for verb in ("status", "apply", "revert"):
        world.expect(code, verb, world.root / "made")


# Real wheels: upstream's come from wherever this machine's pip and uv find packages; what is made of them is installed
# from an index on loopback and from a folder, where the stock wheel lies beside it and nothing else.

ROOT = Path(__file__).parents[2]
LEDGER = load_ledger(bundled_folder())
PURE = next(release for release in reversed(LEDGER.in_place) if any("-none-any" in name for name in release.wheels))


@dataclass(frozen=True)
class Bench:
    """A folder with a release's stock wheel and the patched one, and an environment with the release and pip."""

    release: Release
    root: Path

    @property
    def wheels(self) -> tuple[Path, Path]:
        """The stock wheel and the patched one."""
        made, stock = sorted((self.root / "wheels").iterdir())
        return stock, made

    def call(self, installer: str, *arguments: str | Path, sealed: bool = True) -> str:
        """Run pip in the environment, or uv for it, and give what it says; sealed, without this machine's settings."""
        python = self.root / "environment" / "bin" / "python"
        uv = (sys.executable, "-m", "uv", "pip", arguments[0], "--quiet", "--python", python)
        command = uv if installer == "uv" else (python, "-m", "pip", arguments[0])
        inherited = {
            name: value for name, value in os.environ.items() if not (sealed and name.startswith(("PIP_", "UV_")))
        }
        settings = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "NO_PROXY": "127.0.0.1"} if sealed else {}
        done = subprocess.run(  # noqa: S603 - installers, in an environment of their own
            [*command, *arguments[1:]],
            env=inherited | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or arguments[0] == "check", done.stdout
        return done.stdout

    def complaints(self) -> list[str]:
        """What both installers say of the environment, whichever of the two wheels is installed."""
        return [self.call(installer, "check").replace(f"+{LABEL}", "") for installer in ("pip", "uv")]

    def verified_state(self) -> State:
        """Check each installed file against its RECORD, and give the state by the ledger."""
        report = status(self.root / "environment", LEDGER)
        (info,) = report.target.package.parent.glob("litellm-*.dist-info")
        assert info.name == f"litellm-{report.target.version}.dist-info"
        rows = csv.reader((info / "RECORD").read_text().splitlines())
        recorded = {row[0]: ",".join(row) + "\r\n" for row in rows if row[1]}
        assert len(recorded) > len(self.release.files)
        found = {path: record_row(path, (info.parent / path).read_bytes()) for path in recorded}
        assert [path for path in recorded if recorded[path] != found[path]] == []
        return report.state


@pytest.fixture(scope="module", params=[PURE, LEDGER.in_place[-1]], ids=lambda release: str(release.version))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = Bench(request.param, tmp_path_factory.mktemp("bench"))
    environment, wheels = bench.root / "environment", bench.root / "wheels"
    venv: list[str | Path] = [
        sys.executable,
        "-m",
        "uv",
        "venv",
        "--quiet",
        "--seed",
        "--python",
        sys.executable,
        environment,
    ]
    subprocess.run(venv, check=True)  # noqa: S603
    stock, overrides = f"litellm=={bench.release.version}", ROOT / "scripts" / "upkeep" / "cells" / "overrides.txt"
    bench.call("uv", "install", "--overrides", overrides, stock, sealed=False)
    bench.call("pip", "download", "--no-deps", "--only-binary=:all:", "--dest", wheels, stock, sealed=False)
    (wheel,) = wheels.iterdir()
    result = CliRunner().invoke(main, ["wheel", str(wheel), "--output", str(wheels)], env={"LITELLM_PATCH_DIR": None})
    assert result.exit_code == 0, result.output
    return bench


def test_a_real_wheel_is_right(bench: Bench) -> None:
    stock, made = (readable(path.read_bytes()) for path in bench.wheels)
    changed = {path: digest(data) for path, data in made.items() if stock.get(path) != data}
    dist_info = f"litellm-{bench.release.version}+{LABEL}.dist-info/"
    assert {path: hashed for path, hashed in changed.items() if not path.startswith(dist_info)} == {
        image.path: image.post_image for image in bench.release.files
    }


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_real_wheel_is_preferred_to_the_stock_one(bench: Bench, installer: str) -> None:
    before = bench.complaints()
    with FakeIndex() as index:
        if installer == "pip":
            for path in bench.wheels:
                index.add_file(path.name, path.read_bytes())
            options: tuple[str | Path, ...] = ("--index-url", index.url, "--force-reinstall", "--no-compile")
        else:
            options = ("--no-index", "--find-links", bench.root / "wheels", "--reinstall")
        bench.call(installer, "install", "--no-cache-dir", "--no-deps", *options, f"litellm=={bench.release.version}")
    assert bench.verified_state() is State.APPLIED
    assert bench.complaints() == before


def test_the_stock_wheel_comes_back_as_revert_says(bench: Bench) -> None:
    source = ("--no-index", "--find-links", bench.root / "wheels")
    bench.call("uv", "install", "--no-cache", "--no-deps", *source, f"litellm==={bench.release.version}")
    assert bench.verified_state() is State.CLEAN
