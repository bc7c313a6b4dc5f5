"""The words, the exit codes, and the tool as a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import litellm_patch
from litellm_patch.cli import main
from litellm_patch.errors import EXIT_CODES, LitellmPatchError
from patching.factory import HANDLER, PATCHED, ROUTER, World, write_install


def run_process(world: World, *args: str | Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    sources = Path(litellm_patch.__file__).parents[1]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "litellm_patch", *args],
        env={**os.environ, "PYTHONPATH": str(sources), "LITELLM_PATCH_DIR": str(world.patches), **env},
        cwd=world.root,
        capture_output=True,
        check=False,
    )


def test_the_main_job_as_a_process(world: World) -> None:
    assert run_process(world, "status", world.env).returncode == 3
    result = run_process(world, "apply", "env", NO_COLOR="")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 4
    assert world.router.read_bytes() == PATCHED[ROUTER]
    assert run_process(world, "status", world.env).returncode == 0
    result = run_process(world, "apply", "absent")
    assert (result.returncode, result.stdout) == (10, b"")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="file names of any bytes")
def test_any_path_in_any_locale(world: World) -> None:
    name = b"with space, \xc3\xa9, \xff, two\nlines, [red]x[/red], \x1b[31m"
    site = Path(os.fsdecode(os.fsencode(world.root) + b"/" + name))
    write_install(site)
    for verb, encoding in (("apply", "ascii"), ("revert", "utf-8")):
        result = run_process(world, verb, site, PYTHONIOENCODING=encoding)
        assert (result.returncode, result.stderr) == (0, b"")
        assert len(result.stdout.splitlines()) == 4
        assert b"\x1b" not in result.stdout
    result = run_process(world, "apply", site / "absent", PYTHONIOENCODING="ascii")
    assert result.returncode == 10
    assert len(result.stderr.splitlines()) == 1


def test_long_lines_are_not_wrapped(world: World) -> None:
    result = run_process(world, "apply", world.env, COLUMNS="20")
    assert f"patched {world.router}".encode() in result.stdout.splitlines()


@pytest.mark.parametrize("verb", ["apply", "revert", "status"])
def test_a_wrong_command_line_has_its_own_code(world: World, verb: str) -> None:
    assert CliRunner().invoke(main, [verb]).exit_code == 2
    assert world.run(verb, None, "--nonsense").exit_code == 2


def test_help_lists_every_exit_code_and_variable() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^ +{code}  {re.escape(meaning)}$", output, re.MULTILINE)
    assert "LITELLM_PATCH_DIR" in output


def test_exit_codes_differ() -> None:
    classes = LitellmPatchError.__subclasses__()
    assert len({error.exit_code for error in classes}) == len(classes)
    assert {error.exit_code for error in classes} | {0, 2, 3, 4} == set(EXIT_CODES)


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("litellm-patch, version ")


def test_the_patches_option_beats_the_variable(world: World) -> None:
    args = ["--patches", str(world.patches), "apply", str(world.env)]
    assert CliRunner().invoke(main, args, env={"LITELLM_PATCH_DIR": "absent"}).exit_code == 0


def test_status_says_what_it_is_and_what_to_do(world: World) -> None:
    def lines(code: int) -> list[str]:
        return world.expect(code, "status").splitlines()

    package = world.site / "litellm"
    assert lines(3) == [f"clean: litellm 1.83.0 in {package} is stock and can be patched", "next: run apply"]
    world.expect(0, "apply")
    assert lines(0)[0] == f"applied: litellm 1.83.0 in {package} is patched"
    world.record.write_bytes(world.record.read_bytes().replace(b"sha256=", b"sha256=0", 4))
    assert lines(4)[0].startswith("partial: ")
    world.handler.write_bytes(b"")
    assert lines(5)[0].startswith(
        f"modified: litellm 1.83.0 in {package} was modified; {HANDLER} was modified: its sha"
    )
    assert lines(5)[1].startswith("next: reinstall")


def test_status_as_json(world: World) -> None:
    def answer(target: Path) -> tuple[int, dict[str, object]]:
        result = world.run("status", target, "--json")
        return result.exit_code, json.loads(result.output)

    code, clean = answer(world.env)
    assert clean == {
        "state": "clean",
        "version": "1.83.0",
        "package": str(world.site / "litellm"),
        "files": {ROUTER: "clean", HANDLER: "clean"},
        "found": f"litellm 1.83.0 in {world.site / 'litellm'} is stock and can be patched",
        "next": "run apply",
        "exit_code": code,
    }
    assert code == 3
    for version, expected, state in (("1.82.7", 7, "denied"), ("1.84.0", 6, "unsupported")):
        write_install(world.root / version, version)
        code, found = answer(world.root / version)
        assert (code, found["state"], found["version"], found["exit_code"]) == (expected, state, version, expected)
        assert found.keys() == clean.keys()
