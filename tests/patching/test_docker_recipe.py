"""The Docker recipes of the documents, as far as they can be run without Docker.

There is no Docker engine where these tests run, so no image is pulled and no layer is made. The very `RUN` lines of
README run in `sh`. A virtual environment stands in for an image's Python, and nothing else is on the PATH; the folder
to mount stands in for its mount point; proxies that lead nowhere, and pip without an index, for a build without a
network. What they need beforehand, litellm and the tool's own dependencies, this machine's pip and uv find as usual.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from litellm_patch.cli import main
from litellm_patch.patching.apply import status
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import LEDGER_NAME, bundled_folder, load_ledger
from litellm_patch.wheels.wheel import REVISION

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "wheels-and-images.md").read_text(encoding="utf-8")
RECIPES = PAGE.replace("\\\n", "")
PREPARE = re.findall(r"(?m)^\$ (pip install --target .*)$", RECIPES)
RUNS = re.findall(r"(?m)^RUN --mount=type=bind,source=(\w+),target=(\S+) +(.+)$", RECIPES)
(RELEASE,) = {*re.findall(r"ghcr\.io/berriai/litellm:v(\S+)", RECIPES), *re.findall(r"\[proxy\]==([\d.]+)", RECIPES)}


def uv(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=True)  # noqa: S603


def make_image(folder: Path, *options: str, litellm: bool = True) -> Path:
    """Make the Python of an image, and give its folder."""
    uv("venv", *options, "--python", sys.executable, folder)
    if litellm:
        uv("pip", "install", "--python", folder, "--no-deps", f"litellm=={RELEASE}")
    return folder


def build(image: Path, line: tuple[str, str, str], context: Path, *, works: bool = True, **settings: str) -> str:
    """Run a line in an image, and give what it prints."""
    source, target, command = line
    path = str(image / "bin")
    assert [name for name in ("git", "patch", "litellm-patch") if shutil.which(name, path=path)] == []
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    app = image / "app"
    app.mkdir()
    done = subprocess.run(  # noqa: S603 - README's own line
        ["/bin/sh", "-c", command.replace(target, str(context / source))],
        cwd=app,
        env={"PATH": path, **nowhere, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == works, done.stdout
    assert list(app.iterdir()) == []
    return done.stdout


def files(image: Path) -> set[Path]:
    """Name all files but those beside the metadata of packages."""
    return {path for path in image.rglob("*") if path.is_file() and path.parent.suffix != ".dist-info"}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Dockerfile, with the tool and the patched wheel in it."""
    context = tmp_path_factory.mktemp("context")
    builder = make_image(context / "builder", "--seed", litellm=False)
    (line,) = PREPARE
    environment = os.environ | {"PATH": f"{builder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command in (
        line.replace("path/to/this/clone", str(ROOT)),
        f"pip download --no-deps --only-binary=:all: --dest stock litellm=={RELEASE}",
    ):
        subprocess.run(["/bin/sh", "-c", command], cwd=context, env=environment, check=True)  # noqa: S603
    (wheel,) = (context / "stock").iterdir()
    result = CliRunner().invoke(main, ["wheel", str(wheel), "--output", str(context / "wheels")])
    assert result.exit_code == 0, result.output
    for path in compiled(context):
        path.write_bytes(b"made for another machine")
    return context


def compiled(context: Path) -> set[Path]:
    """Name what is compiled: parts of PyYAML and, up to 3.10, of tomli, which have the same in Python."""
    return {path for suffix in ("so", "pyd") for path in (context / "tool").rglob(f"*.{suffix}")}


def test_the_page_has_the_recipes_and_readme_the_first() -> None:
    assert README.partition("```dockerfile\n")[2].partition("```")[0] in PAGE
    assert [source for source, _, _ in RUNS] == ["tool", "wheels"]
    assert re.findall(r"(?m)^FROM (\S+)$", RECIPES) == [f"ghcr.io/berriai/litellm:v{RELEASE}", "python:3.13-slim"]


def test_the_folder_holds_all_that_the_tool_needs(context: Path) -> None:
    patches = context / "tool" / "litellm_patch" / "patches"
    assert (patches / LEDGER_NAME).read_bytes() == (ROOT / "patches" / LEDGER_NAME).read_bytes()
    assert {path.name for path in patches.glob("*.patch")} == {path.name for path in (ROOT / "patches").glob("*.patch")}
    assert not (patches / "upstream").exists()
    if sys.version_info >= (3, 11):
        assert [path for path in compiled(context) if not path.name.startswith("_yaml.")] == []


@pytest.mark.parametrize("pip", [False, True], ids=["official", "slim"])
def test_the_tool_patches_an_image(context: Path, tmp_path: Path, *, pip: bool) -> None:
    image = make_image(tmp_path / "image", *(["--seed"] if pip else []))
    assert (shutil.which("pip", path=str(image / "bin")) is not None) == pip
    before = files(image)
    said = build(image, RUNS[0], context, PYTHONDONTWRITEBYTECODE="1")
    assert f"patched: litellm {RELEASE} in " in said
    report = status(image, load_ledger(bundled_folder()))
    assert (str(report.target.version), report.state) == (RELEASE, State.APPLIED)
    assert files(image) == before


def test_an_inner_command_that_fails_stops_the_build(context: Path, tmp_path: Path) -> None:
    """Not even where what it printed names a litellm is that one patched."""
    image = make_image(tmp_path / "image")
    python = image / "bin" / "python"
    real = python.resolve()
    python.unlink()
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && "{real}" "$@" && exit 3\nexec "{real}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    source, target, command = RUNS[0]
    spoiled = command.replace('print(sysconfig.get_path("purelib"))', f'print("{image}")')
    assert spoiled != command
    said = build(image, (source, target, spoiled), context, works=False, PYTHONDONTWRITEBYTECODE="1")
    assert "patched" not in said
    assert status(image, load_ledger(bundled_folder())).state is State.CLEAN


def test_pip_takes_the_patched_wheel(context: Path, tmp_path: Path) -> None:
    """Its dependencies are left out: what counts is which litellm is chosen."""
    image = make_image(tmp_path / "image", "--seed", litellm=False)
    settings = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_COMPILE": "1", "PIP_CONFIG_FILE": os.devnull}
    build(image, RUNS[1], context, works=True, HOME=str(tmp_path), **settings)
    report = status(image, load_ledger(bundled_folder()))
    assert (str(report.target.version), report.state) == (f"{RELEASE}+fallbacknames.{REVISION}", State.APPLIED)
