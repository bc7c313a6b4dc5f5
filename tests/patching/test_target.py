"""One litellm is found in every usual layout; none or several is refused."""

from __future__ import annotations

import shutil

import pytest

from litellm_patch.target import find_target
from patching.factory import PATCHED, ROUTER, STOCK, World, write_install, write_package

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
        ("with space/é ü/lib/python3.12/site-packages", "with space"),
        ("project/.venv/lib/python3.12/site-packages", "project"),
        ("project/vendor/litellm-src", "project"),
    ],
)
@pytest.mark.parametrize("marked", [False, True])
def test_every_layout_is_found_and_patched(world: World, site: str, target: str, *, marked: bool) -> None:
    home = world.root / "home"
    write_install(home / site)
    if marked and target == "venv":
        (home / target / "pyvenv.cfg").touch()
    world.expect(0, "apply", home / target)
    assert (home / site / ROUTER).read_bytes() == PATCHED[ROUTER]


def test_a_conda_environment_and_its_package_cache(world: World) -> None:
    conda = world.root / "conda"
    (conda / "conda-meta").mkdir(parents=True)
    write_install(conda / "lib" / "python3.12" / "site-packages")
    write_install(conda / "pkgs" / "litellm-1.83.0" / "site-packages")
    assert find_target(conda).package == conda / "lib" / "python3.12" / "site-packages" / "litellm"


def test_lib64_is_the_same_litellm(world: World) -> None:
    (world.env / "lib64").symlink_to("lib")
    assert find_target(world.env).package == world.site / "litellm"


def test_a_subpackage_of_another_project_is_no_litellm(world: World) -> None:
    other = world.site / "instrumentation" / "litellm"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    world.expect(0, "apply")
    world.expect(10, "apply", world.site / "instrumentation")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\nname = "litellm"\nversion = "1.83.0"\n'),
        ("pyproject.toml", '[tool.poetry]\nname = "LiteLLM"\nversion = "1.83.0"\n'),
        ("litellm/_version.py", 'version = "1.83.0"\n'),
        ("litellm/_version.py", 'import os\n__version__ = version = "1.83.0"\n'),
    ],
)
def test_a_source_tree_says_its_release(world: World, name: str, text: str) -> None:
    source = world.root / "source"
    write_package(source)
    (source / name).write_text(text)
    world.expect(0, "apply", source)
    world.expect(0, "status", source / "litellm")
    world.expect(0, "revert", source / "litellm" / "router_utils" / "..")  # the package folder again
    assert (source / ROUTER).read_bytes() == STOCK[ROUTER]


def test_a_vendored_tree_does_not_take_the_version_of_the_project_around_it(world: World) -> None:
    project = world.root / "project"
    write_package(project)
    (project / "pyproject.toml").write_text(_ANOTHER)
    assert "_version.py" in world.expect(12, "apply", project)
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
def test_an_unreadable_release_is_refused(world: World, name: str, text: str) -> None:
    source = world.root / "source"
    write_package(source)
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text(text, encoding="utf-8")
    assert "cannot be read from" in world.expect(12, "apply", source)
    world.expect(12, "status", source)


def test_two_releases_beside_one_package_are_refused(world: World) -> None:
    shutil.copytree(world.record.parent, world.site / "litellm-1.82.0.dist-info")
    assert "litellm-1.82.0.dist-info, litellm-1.83.0.dist-info" in world.expect(12, "apply")


def test_no_litellm_is_refused(world: World) -> None:
    (world.root / "empty").mkdir()
    assert "found no litellm" in world.expect(10, "apply", world.root / "empty")
    assert "is not a folder" in world.expect(10, "revert", world.root / "absent")
    assert "is not a folder" in world.expect(10, "status", world.router)


def test_several_litellm_are_refused(world: World) -> None:
    second = write_install(world.env / "lib" / "python3.12" / "site-packages")
    for target in (world.env, world.root):
        text = world.expect(11, "apply", target)
        assert str(second) in text
        assert str(world.site / "litellm") in text


def test_of_many_litellm_the_first_are_named(world: World) -> None:
    for minor in (9, 11, 12, 13):
        write_install(world.root / f"python3.{minor}" / "site-packages")
    text = world.expect(11, "apply", world.root)
    assert "found 5 litellm packages" in text
    assert "and 2 more" in text


def test_a_symlinked_package_stays_a_link(world: World) -> None:
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


def test_a_symlinked_file_leaves_the_cache_alone(world: World) -> None:
    cached = world.root / "cached.py"
    world.router.rename(cached)
    world.router.symlink_to(cached)
    world.expect(0, "apply")
    assert cached.read_bytes() == STOCK[ROUTER]
    assert world.router.read_bytes() == PATCHED[ROUTER]
