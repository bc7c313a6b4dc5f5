"""Many environments on one machine: none is missed in silence, and no package cache is patched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from litellm_patch.cli import main
from litellm_patch.commands.targets import WORST_FIRST
from litellm_patch.errors import DEAD, EXIT_CODES
from tests.patching.crash import forking
from tests.patching.factory import PATCHED, ROUTER, STOCK, VERSION, Installation, make_world, snapshot, write_install

TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"
ROOT = Path(__file__).parents[2]
SITE = Path("lib", "python3.12", "site-packages")


def make_environment(folder: Path, version: str = VERSION) -> Path:
    """Make a virtual environment with a litellm, tagged as uv and virtualenv do, and give its site-packages."""
    write_install(folder / SITE, version)
    (folder / "pyvenv.cfg").touch()
    (folder / "CACHEDIR.TAG").write_text(TAG)
    return folder / SITE


@pytest.mark.parametrize("verb", ["apply", "revert", "status"])
@pytest.mark.parametrize("arguments", [[""], ["--all", ".", ""], ["--patches", "", "."]])
def test_an_empty_path_is_not_the_current_folder(
    world: Installation, monkeypatch: pytest.MonkeyPatch, verb: str, arguments: list[str]
) -> None:
    monkeypatch.chdir(world.env)
    before = snapshot(world.root)
    first = arguments[:2] if "--patches" in arguments else []
    command = [*first, verb, *arguments[len(first) :]]
    result = CliRunner().invoke(main, command, env={"LITELLM_PATCH_DIR": str(world.patches)})
    assert result.exit_code == 2, result.output
    assert "the path is empty, as from a variable that is not set; write . for the current folder" in result.stderr
    assert snapshot(world.root) == before


@pytest.mark.parametrize("options", [["config.yaml", "--target", ""], [""], ["--log", ""]])
def test_the_doctor_takes_no_empty_path_either(options: list[str]) -> None:
    assert CliRunner().invoke(main, ["doctor", *options]).exit_code == 2


@pytest.mark.parametrize("deep", ["fl2/deep/x/y/b", ".local/share/uv/tools/litellm", "/".join("abcdefghijklmnop")])
def test_an_environment_is_found_however_deep_and_decides(world: Installation, deep: str) -> None:
    make_environment(world.root / "home" / deep, "1.82.7")
    make_environment(world.root / "home" / "aaa")
    assert world.run("apply", world.root / "home" / "aaa").exit_code == 0
    result = world.run("status", world.root / "home", "--all")
    assert result.exit_code == 7
    assert (
        f"{world.root / 'home' / deep / SITE / 'litellm'}"
        in world.run("status", world.root / "home", "--all", "--json").output
    )
    assert result.stdout.splitlines()[-1] == "2 litellm found: 1 applied, 1 denied; 0 folder(s) not entered"


def test_an_environment_in_an_environment(world: Installation) -> None:
    """As conda's base has others in `envs`, and a project's environment may hold a tool's."""
    conda = world.root / "conda"
    for folder in (conda, conda / "envs" / "a"):
        (folder / "conda-meta").mkdir(parents=True)
        write_install(folder / SITE)
    (conda / "pkgs").mkdir()
    (conda / "pkgs" / "urls.txt").touch()
    write_install(conda / "pkgs" / "litellm" / "site-packages")
    lines = world.run("status", conda, "--all").stdout.splitlines()
    assert lines[-2:] == [
        f"not entered: {conda / 'pkgs'} is a package cache",
        "2 litellm found: 2 clean; 1 folder(s) not entered",
    ]
    assert world.run("status", conda).exit_code == 3


def test_links_are_not_followed_and_said(world: Installation) -> None:
    home, other = world.root / "home", world.root / "other"
    make_environment(home / "env")
    (home / "env" / "lib64").symlink_to("lib")
    make_environment(other / "env")
    (home / "link").symlink_to(other)
    (home / "loop").symlink_to(home)
    (home / "nowhere").symlink_to(world.root / "absent")
    before = snapshot(other)
    lines = world.run("apply", home, "--all").stdout.splitlines()
    assert lines[-2:] == [
        f"not entered: {home / 'link'} is a link to {other}",
        "1 litellm found: 1 patched; 1 folder(s) not entered",
    ]
    assert snapshot(other) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a folder that its owner cannot read")
def test_a_folder_that_cannot_be_read_is_no_green() -> None:
    with tempfile.TemporaryDirectory() as folder, forking() as forks:  # pytest's own folders let nobody in
        world = make_world(Path(folder))
        home = world.root / "home"
        make_environment(home / "env")
        command = ("--patches", str(world.patches), "status", "--all", str(home))
        for name, mode in (("closed", 0o000), ("listed", 0o444)):
            make_environment(home / name, "1.82.7")
            (home / name).chmod(mode)
        world.root.chmod(0o755)
        for mode in (0o700, 0o755):
            home.chmod(mode)
            assert forks.run_as_nobody(*command) == 1
        (home / "closed").chmod(0o755)
        assert forks.run_as_nobody(*command) == 7
        (home / "listed").chmod(0o755)
        lines = world.run("status", home, "--all").stdout.splitlines()
        assert lines[-1] == "3 litellm found: 1 clean, 2 denied; 0 folder(s) not entered"


CACHES = [
    ("cache/uv", "CACHEDIR.TAG", "archive-v0/x"),
    ("uv/archive-v0", None, "x"),
    (".cache/pip", None, "unpacked"),
    ("pip/Cache", None, "unpacked"),
    (".cache/pypoetry/artifacts", None, "x"),
    ("pypoetry/Cache/cache", None, "x"),
    ("pdm/packages", None, "litellm-1.83.0/lib"),
    ("miniconda/pkgs", "urls.txt", "litellm-1.83.0/site-packages"),
]


@pytest.mark.parametrize(("cache", "mark", "inside"), CACHES)
def test_a_package_cache_is_left_alone_and_named(
    world: Installation, cache: str, mark: str | None, inside: str
) -> None:
    home = world.root / "home"
    make_environment(home / "project" / ".venv")
    write_install(home / cache / inside)
    if mark:
        (home / cache / mark).write_text(TAG)
    before = snapshot(home / cache)
    result = world.run("apply", home, "--all")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == [
        f"not entered: {home / cache} is a package cache",
        "1 litellm found: 1 patched; 1 folder(s) not entered",
    ]
    assert snapshot(home / cache) == before
    assert world.run("apply", home / cache, "--all").exit_code == 0, "it is TARGET itself"
    assert (home / cache / inside / ROUTER).read_bytes() == PATCHED[ROUTER]


def test_poetry_s_environments_are_no_cache(world: Installation) -> None:
    for place in (".cache/pypoetry/virtualenvs/a", "pypoetry/Cache/virtualenvs/b", "Library/Caches/pypoetry/c"):
        make_environment(world.root / "home" / place)
    assert world.run("apply", world.root / "home", "--all").stdout.splitlines()[-1].startswith("3 litellm found: 3 pat")


def test_nothing_found_says_what_was_not_entered(world: Installation) -> None:
    home = world.root / "home"
    write_install(home / "cache" / "x")
    (home / "cache" / "CACHEDIR.TAG").write_text(TAG)
    for options in ((), ("--all",)):
        result = world.run("status", home, *options)
        assert result.exit_code == 1
        assert f"1 folder(s) not entered: {home / 'cache'} is a package cache; name a" in result.stderr


def test_the_worst_state_decides(world: Installation) -> None:
    home = world.root / "home"
    make_environment(home / "clean")
    make_environment(home / "unsupported", "1.84.0")
    assert world.run("apply", make_environment(home / "applied")).exit_code == 0
    assert world.run("status", home, "--all").exit_code == 6
    site = make_environment(home / "partial")
    assert world.run("apply", site).exit_code == 0
    (site / ROUTER).write_bytes(STOCK[ROUTER])
    assert world.run("status", home, "--all").exit_code == 4
    (make_environment(home / "drifted") / ROUTER).write_bytes(b"")
    assert world.run("status", home, "--all").exit_code == 5
    make_environment(home / "zzz", "1.82.7")
    result = world.run("status", home, "--all", "--json")
    assert result.exit_code == 7
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "found": 6,
        "states": {"applied": 1, "clean": 1, "denied": 1, "drifted": 1, "partial": 1, "unsupported": 1},
        "not_entered": [],
        "exit_code": 7,
    }


def test_every_code_has_a_rank() -> None:
    assert sorted(WORST_FIRST) == sorted(EXIT_CODES.keys() - {0, 2, DEAD})


def test_what_is_denied_is_named_by_its_place(world: Installation) -> None:
    home = world.root / "home"
    places = [str(make_environment(home / name, "1.82.7") / "litellm") for name in "ab"]
    for verb in ("apply", "status"):
        result = world.run(verb, home, "--all")
        assert result.exit_code == 7
        assert all(place in result.output for place in places)


KEYS = {"state": str, "version": str, "package": str, "changed": list, "dry_run": bool, "found": str, "next": str}


@pytest.mark.parametrize("verb", ["apply", "revert"])
def test_a_dry_run_tells_what_would_be_and_changes_nothing(world: Installation, verb: str) -> None:
    if verb == "revert":
        world.expect(0, "apply")
    before = snapshot(world.root)
    result = world.run(verb, None, "--dry-run", "--json")
    assert snapshot(world.root) == before
    planned = json.loads(result.stdout)
    assert {key: type(planned[key]) for key in KEYS} == KEYS
    assert planned.keys() == {*KEYS, "exit_code"}
    assert (planned["dry_run"], planned["next"]) == (True, "run it without --dry-run")
    assert "would be" in world.run(verb, None, "--dry-run").stdout
    done = json.loads(world.run(verb, None, "--json").stdout)
    assert (done["changed"], done["state"]) == (planned["changed"], planned["state"])
    assert (done["dry_run"], done["next"]) == (False, "restart the proxy")
    again = json.loads(world.run(verb, None, "--json").stdout)
    assert (again["changed"], again["next"]) == ([], "nothing to do")


def test_a_dry_run_ends_with_the_code_of_a_real_one(world: Installation) -> None:
    world.router.write_bytes(b"")
    for options in ((), ("--dry-run",)):
        result = world.run("apply", None, *options, "--json")
        answer = json.loads(result.stdout)
        assert (result.exit_code, answer["exit_code"], answer["state"]) == (5, 5, "drifted")
        assert answer.keys() == {"state", "target", "found", "next", "exit_code"}


def test_quiet_prints_errors_alone(world: Installation) -> None:
    for verb, code in (("status", 3), ("apply", 0), ("status", 0), ("revert", 0)):
        for options in ((), ("--all",)):
            result = world.run(verb, None, "--quiet", *options)
            assert (result.exit_code, result.output) == (code, "")
    assert world.run("apply", world.root / "absent", "-q").stderr.startswith("error: ")


@pytest.mark.skipif(sys.platform == "win32", reason="scripts with an interpreter in their first line")
@pytest.mark.parametrize("first", ["#!{}", "#!{} -s", "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''"])
def test_the_litellm_executable_is_a_target(world: Installation, first: str) -> None:
    """As a tool manager links it into a folder on the PATH."""
    folder = world.env / "bin"
    folder.mkdir()
    (folder / "python3").touch()
    (folder / "litellm").write_text(f"{first.format(folder / 'python3')}\nimport sys\n")
    (world.root / "litellm").symlink_to(folder / "litellm")
    assert world.run("apply", world.root / "litellm").exit_code == 0
    assert world.router.read_bytes() == PATCHED[ROUTER]
    (folder / "litellm").write_text("#!/bin/sh\nrm -rf /\n")
    assert "is not a folder" in world.expect(1, "apply", folder / "litellm")


def test_apply_ends_with_the_chains_that_start_to_fire(world: Installation) -> None:
    config = world.root / "config.yaml"
    given = ("--config", str(config))
    info = {"team_id": "acme", "team_public_model_name": "gpt-4.1"}
    chains = [{"model_name_acme_1": ["backup"]}, {"backup": ["gpt-4.1"]}, {"typo": ["backup"]}]
    models = [{"model_name": "model_name_acme_1", "model_info": info}, {"model_name": "backup"}]
    config.write_text(json.dumps({"model_list": models, "router_settings": {"fallbacks": chains}}), encoding="utf-8")
    said = "starts to fire: model_name_acme_1 -> backup (fallbacks)"
    dry = world.run("apply", None, *given, "--dry-run").stdout.splitlines()
    assert [line for line in dry if line.startswith("starts")] == [said]
    assert world.run("apply", None, "--config", str(world.root / "none.yaml")).exit_code == 1
    answer = json.loads(world.run("apply", None, *given, "--json").stdout)
    assert answer["starts"] == ["model_name_acme_1 -> backup (fallbacks)"]
    assert world.run("apply", None, *given).stdout.splitlines()[-1].endswith("no chain of the configuration")
    config.write_text("x: [", encoding="utf-8")
    world.expect(0, "revert")
    before = snapshot(world.root)
    assert world.run("apply", None, *given).exit_code == 1
    assert snapshot(world.root) == before


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_completion_in_bash(tmp_path: Path) -> None:
    (command,) = re.findall(r"(?m)^(eval .*COMPLETE.*)$", (ROOT / "docs" / "install.md").read_text(encoding="utf-8"))
    tool = tmp_path / "litellm-patch"
    tool.write_text(
        f'#!{sys.executable}\nfrom litellm_patch.cli import main\nmain(prog_name="litellm-patch")\n', encoding="utf-8"
    )
    tool.chmod(0o755)
    ask = f"{command}\nCOMP_WORDS=(litellm-patch %s)\nCOMP_CWORD=1\n_litellm_patch_completion litellm-patch\n"
    ask += 'echo "${COMPREPLY[@]}"'
    for word, answer in (("st", "status"), ("do", "doctor")):
        done = subprocess.run(  # noqa: S603 - the page's own line
            [shutil.which("bash") or "", "-c", ask % word],
            env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == answer
