"""One litellm is found in every usual layout; none or several is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
import zipapp
from pathlib import Path

import pytest

from litellm_patch.patching.finding import find_target
from litellm_patch.patching.interpreter import places_of
from tests.patching.factory import PATCHED, ROUTER, STOCK, Installation, write_install, write_package

_ANOTHER = '[project]\nname = "my-app"\nversion = "9.9"\n'


@pytest.mark.parametrize(
    ("site", "target"),
    [
        ("venv/lib/python3.12/site-packages", "venv"),
        ("venv/lib/python3.12/site-packages", "venv/lib/python3.12/site-packages"),
        ("venv/lib/python3.12/site-packages", "venv/lib/python3.12/site-packages/litellm"),
        ("venv/lib/pypy3.10/site-packages", "venv"),
        ("venv/Lib/site-packages", "venv"),
        ("venv/Lib/site-packages", "venv/Lib/site-packages"),
        ("usr/lib/python3/dist-packages", "usr"),
        ("folder", "folder"),
        ("venv/Lib/site-packages", "venv/Scripts/python.exe"),
        ("venv/lib/python3.12/site-packages", "venv/bin/python3.12"),
        ("with space/é ü/lib/python3.12/site-packages", "with space"),
        ("with space/é ü/lib/python3.12/site-packages", "with space/é ü/bin/python"),
        ("project/.venv/lib/python3.12/site-packages", "project"),
        ("project/vendor/litellm-src", "project"),
    ],
)
@pytest.mark.parametrize("marked", [False, True])
def test_every_layout_is_found_and_patched(world: Installation, site: str, target: str, *, marked: bool) -> None:
    home = world.root / "home"
    write_install(home / site)
    if marked and target == "venv":
        (home / target / "pyvenv.cfg").touch()
    if Path(target).name.startswith("python"):
        (home / target).parent.mkdir()
        (home / target).write_bytes(b"not run: the environment tells enough")
        ((home / target).parents[1] / ("conda-meta" if marked else "pyvenv.cfg")).touch()
    world.expect(0, "apply", home / target)
    assert (home / site / ROUTER).read_bytes() == PATCHED[ROUTER]


def test_a_conda_environment_and_its_package_cache(world: Installation) -> None:
    conda = world.root / "conda"
    (conda / "conda-meta").mkdir(parents=True)
    write_install(conda / "lib" / "python3.12" / "site-packages")
    write_install(conda / "pkgs" / "litellm-1.83.0" / "site-packages")
    assert find_target(conda).package == conda / "lib" / "python3.12" / "site-packages" / "litellm"


def test_conda_on_windows_has_its_interpreter_at_the_top(world: Installation) -> None:
    conda = world.root / "conda"
    (conda / "conda-meta").mkdir(parents=True)
    (conda / "python.exe").touch()
    package = write_install(conda / "Lib" / "site-packages")
    assert find_target(conda / "python.exe").package == package


def test_lib64_is_the_same_litellm(world: Installation) -> None:
    (world.env / "lib64").symlink_to("lib")
    assert find_target(world.env).package == world.site / "litellm"


def test_a_subpackage_of_another_project_is_no_litellm(world: Installation) -> None:
    other = world.site / "instrumentation" / "litellm"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    world.expect(0, "apply")
    world.expect(1, "apply", world.site / "instrumentation")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\nname = "litellm"\nversion = "1.83.0"\n'),
        ("pyproject.toml", '[tool.poetry]\nname = "LiteLLM"\nversion = "1.83.0"\n'),
        ("litellm/_version.py", 'version = "1.83.0"\n'),
        ("litellm/_version.py", 'import os\n__version__ = version = "1.83.0"\n'),
    ],
)
def test_a_source_tree_says_its_release(world: Installation, name: str, text: str) -> None:
    source = world.root / "source"
    write_package(source)
    (source / name).write_text(text)
    world.expect(0, "apply", source)
    world.expect(0, "status", source / "litellm")
    world.expect(0, "revert", source / "litellm" / "router_utils" / "..")  # the package folder again
    assert (source / ROUTER).read_bytes() == STOCK[ROUTER]


def test_a_vendored_tree_does_not_take_the_version_of_the_project_around_it(world: Installation) -> None:
    project = world.root / "project"
    write_package(project)
    (project / "pyproject.toml").write_text(_ANOTHER)
    assert "_version.py" in world.expect(1, "apply", project)
    (project / "litellm" / "_version.py").write_text('version = "1.83.0"\n')
    world.expect(0, "apply", project)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project"),
        ("pyproject.toml", "x = " + "[" * 5000),
        ("pyproject.toml", '[project]\nname = "litellm"\ndynamic = ["version"]\n'),
        ("pyproject.toml", '[project]\nname = "litellm"\nversion = "newest"\n'),
        ("pyproject.toml", "tool = 1\nproject = 2\n"),
        ("litellm/_version.py", "version = metadata()\n"),
        ("litellm/_version.py", "version = \n"),
        ("litellm-1.83.0.dist-info/METADATA", "Name: litellm\n"),
        ("litellm-1.83.0.dist-info/METADATA", "Version: \u00e9\n"),
        ("litellm-1.83.0.dist-info/other", ""),
    ],
)
def test_an_unreadable_release_is_refused(world: Installation, name: str, text: str) -> None:
    source = world.root / "source"
    write_package(source)
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text(text, encoding="utf-8")
    assert "cannot be read from" in world.expect(1, "apply", source)
    world.expect(1, "status", source)


def test_two_releases_beside_one_package_are_refused(world: Installation) -> None:
    shutil.copytree(world.record.parent, world.site / "litellm-1.82.0.dist-info")
    assert "litellm-1.82.0.dist-info, litellm-1.83.0.dist-info" in world.expect(1, "apply")


def test_no_litellm_is_refused(world: Installation) -> None:
    (world.root / "empty").mkdir()
    assert "found no litellm" in world.expect(1, "apply", world.root / "empty")
    assert "is not a folder" in world.expect(1, "revert", world.root / "absent")
    assert "is not a folder" in world.expect(1, "status", world.router)


def test_several_litellm_are_refused(world: Installation) -> None:
    second = write_install(world.env / "lib" / "python3.12" / "site-packages")
    for target in (world.env, world.root):
        text = world.expect(1, "apply", target)
        assert str(second) in text
        assert str(world.site / "litellm") in text


def test_of_many_litellm_the_first_are_named(world: Installation) -> None:
    for minor in (9, 11, 12, 13):
        write_install(world.root / f"python3.{minor}" / "site-packages")
    text = world.expect(1, "apply", world.root)
    assert "found 5 litellm packages" in text
    assert "and 2 more" in text


def test_a_symlinked_package_stays_a_link(world: Installation) -> None:
    package = world.site / "litellm"
    real = world.root / "elsewhere" / "litellm"
    real.parent.mkdir()
    package.rename(real)
    package.symlink_to(real)
    for target in (world.env, package):
        world.expect(0, "apply", target)
        assert package.is_symlink()
        assert (real / "router.py").read_bytes() == PATCHED[ROUTER]
        world.expect(0, "revert", target)


def test_a_symlinked_file_leaves_the_cache_alone(world: Installation) -> None:
    cached = world.root / "cached.py"
    world.router.rename(cached)
    world.router.symlink_to(cached)
    world.expect(0, "apply")
    assert cached.read_bytes() == STOCK[ROUTER]
    assert world.router.read_bytes() == PATCHED[ROUTER]


def test_an_interpreter_outside_of_any_environment_is_asked(world: Installation) -> None:
    python = world.root / "python3.12"
    folders = f"{world.root / 'absent'}\\n{world.site}"
    python.write_text(f"#!/bin/sh\n[ \"$1 $2 $3\" = '-I -S -c' ] && printf '{folders}\\n'\n")
    python.chmod(0o755)
    world.expect(0, "apply", python)
    assert world.router.read_bytes() == PATCHED[ROUTER]

    python.write_text("#!/bin/sh\nexit 1\n")
    assert "does not run as a Python interpreter" in world.expect(1, "apply", python)
    python.chmod(0o644)
    assert "does not run as a Python interpreter" in world.expect(1, "apply", python)
    other = python.rename(world.root / "litellm-proxy")
    assert "is not a folder" in world.expect(1, "apply", other)


def test_a_real_interpreter_names_its_folders() -> None:
    base = Path(sys.base_prefix) / ("python.exe" if sys.platform == "win32" else "bin/python3")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([base, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert Path(done.stdout.strip()) in places_of(base)


def test_a_pth_file_is_not_run(world: Installation) -> None:
    """One of the denied releases did its harm in such a file."""
    env = world.root / "real"
    venv.create(env, symlinks=True)
    site = next(env.glob("[Ll]ib*/**/site-packages"))
    write_install(site)
    proof = world.root / "proof"
    (site / "litellm_init.pth").write_text(f"import pathlib; pathlib.Path({str(proof)!r}).touch()\n")
    python = env / "bin" / "python"
    world.expect(0, "apply", python)
    assert not proof.exists()
    subprocess.run([python, "-c", ""], check=True)  # noqa: S603
    assert proof.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "litellm-1.83.0.dist-info/direct_url.json",
            {"url": "file:///src/my%20litellm", "dir_info": {"editable": True}},
        ),
        ("litellm.egg-link", "/src/my litellm\n.\n"),
    ],
)
def test_an_editable_install_is_refused_and_names_the_source(world: Installation, name: str, text: object) -> None:
    shutil.rmtree(world.site)
    note = world.site / name
    note.parent.mkdir(parents=True)
    note.write_text(text if isinstance(text, str) else json.dumps(text))
    for verb in ("apply", "revert", "status"):
        assert "an editable install of /src/my litellm; name that folder" in world.expect(1, verb)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 100_000, '{"url": 1, "dir_info": {"editable": true}}', '{"url": "x", "dir_info": {}}'],
)
def test_other_metadata_without_a_package_is_no_litellm(world: Installation, text: str) -> None:
    shutil.rmtree(world.site / "litellm")
    (world.record.parent / "direct_url.json").write_text(text)
    world.expect(1, "apply")


def test_a_zipapp_is_refused(world: Installation) -> None:
    archive = world.root / "app.pyz"
    zipapp.create_archive(world.site, archive, interpreter="/usr/bin/env python3", main="litellm.main:run")
    for verb in ("apply", "revert", "status"):
        assert "is a zipapp or another archive" in world.expect(1, verb, archive)


def test_a_vendored_tree_in_another_repository(world: Installation) -> None:
    project = world.root / "project"
    vendored = project / "third party" / "lité"
    write_package(vendored)
    (vendored / "litellm" / "_version.py").write_text('version = "1.83.0"\n')
    (project / "pyproject.toml").write_text(_ANOTHER)
    git = ("git", "-C", project, "-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "vendor"]):
        subprocess.run([*git, *arguments], check=True)  # noqa: S603

    def changed() -> list[str]:
        done = subprocess.run([*git, "diff", "--name-only", "-z"], capture_output=True, text=True, check=True)  # noqa: S603
        return done.stdout.split("\0")[:-1]

    world.expect(0, "apply", project)
    assert changed() == [f"third party/lité/{path}" for path in PATCHED]
    world.expect(0, "revert", vendored)
    assert changed() == []


def test_links_that_lead_nowhere_are_no_traceback(world: Installation) -> None:
    for path in (world.handler.parent, world.handler):
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(path.name)
        assert "handler.py is missing" in world.expect(5, "apply")
        path.unlink()
    loop = world.root / "loop"
    loop.symlink_to("loop")
    for target in (loop, loop / "litellm"):
        world.expect(1, "apply", target)
