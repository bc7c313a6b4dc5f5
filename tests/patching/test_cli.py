"""The words, the exit codes, and the tool as a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import litellm_patch
from litellm_patch.cli import main
from litellm_patch.errors import DEAD, EXIT_CODES, LitellmPatchError
from litellm_patch.patching.judging import State
from tests.patching.factory import (
    HANDLER,
    PATCHED,
    ROUTER,
    STOCK,
    VERSION,
    Installation,
    fix_upstream,
    write_install,
)


def run_process(world: Installation, *args: str | Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    sources = Path(litellm_patch.__file__).parents[1]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "litellm_patch", "--patches", world.patches, *args],
        env={**os.environ, "PYTHONPATH": str(sources), **env},
        cwd=world.root,
        capture_output=True,
        check=False,
    )


def test_the_main_job_as_a_process(world: Installation) -> None:
    assert run_process(world, "status", world.env).returncode == 3
    result = run_process(world, "apply", "env", NO_COLOR="")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 6
    assert world.router.read_bytes() == PATCHED[ROUTER]
    assert run_process(world, "status", world.env).returncode == 0
    result = run_process(world, "apply", "absent")
    assert (result.returncode, result.stdout) == (1, b"")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="file names of any bytes")
def test_any_path_in_any_locale(world: Installation) -> None:
    name = b"with space, \xc3\xa9, \xff, two\nlines, [red]x[/red], \x1b[31m"
    site = Path(os.fsdecode(os.fsencode(world.root) + b"/" + name))
    write_install(site)
    for verb, encoding in (("apply", "ascii"), ("revert", "utf-8")):
        result = run_process(world, verb, site, PYTHONIOENCODING=encoding)
        assert (result.returncode, result.stderr) == (0, b"")
        assert len(result.stdout.splitlines()) == 6
        assert b"\x1b" not in result.stdout
    result = run_process(world, "apply", site / "absent", PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def test_long_lines_are_not_wrapped(world: Installation) -> None:
    result = run_process(world, "apply", world.env, COLUMNS="20")
    assert f"patched {world.router}".encode() in result.stdout.splitlines()


@pytest.mark.parametrize("verb", ["apply", "revert", "status"])
def test_a_wrong_command_line_has_its_own_code(world: Installation, verb: str) -> None:
    assert CliRunner().invoke(main, [verb]).exit_code == 2
    assert world.run(verb, None, "--nonsense").exit_code == 2


def test_help_lists_every_exit_code_and_variable() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^ +{code}  {re.escape(meaning)}$", output, re.MULTILINE)
    assert "LITELLM_PATCH_DIR" in output


def test_exit_codes_differ() -> None:
    """A code that is not 1 is one error's; all are in the help."""
    codes = [error.exit_code for error in LitellmPatchError.__subclasses__() if error.exit_code != 1]
    assert len(set(codes)) == len(codes)
    assert {*codes, 0, 1, 2, 3, 4, DEAD, 10} == set(EXIT_CODES)


def test_the_main_help_fits_a_screen() -> None:
    assert len(CliRunner().invoke(main, ["--help"]).output.splitlines()) <= 40


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("litellm-patch, version ")


def test_the_patches_option_beats_the_variable(world: Installation) -> None:
    args = ["--patches", str(world.patches), "apply", str(world.env)]
    assert CliRunner().invoke(main, args, env={"LITELLM_PATCH_DIR": "absent"}).exit_code == 0


def test_patches_of_the_environment_are_said(world: Installation) -> None:
    for verb, code in (("apply", 0), ("status", 0)):
        result = CliRunner().invoke(main, [verb, str(world.env)], env={"LITELLM_PATCH_DIR": str(world.patches)})
        said = f"note: using the patches of LITELLM_PATCH_DIR, {world.patches}, not the bundled ones"
        assert (result.exit_code, result.stderr.splitlines()) == (code, [said])
    assert world.run("status").stderr == ""


def make_state(world: Installation, state: str) -> None:
    """Bring the world into a state."""
    if state in {"applied", "partial"}:
        world.expect(0, "apply")
    if state == "partial":
        world.handler.write_bytes(STOCK[HANDLER])
    if state == "outdated":
        (world.patches / "former" / "1").mkdir(parents=True)
        patch = (world.patches / f"{VERSION}.patch").read_bytes()
        (world.patches / "former" / "1" / f"{VERSION}.patch").write_bytes(patch.replace(b"MORE = 1", b"MORE = 0"))
        world.expect(0, "apply")
        world.handler.write_bytes(world.handler.read_bytes().replace(b"MORE = 1", b"MORE = 0"))
    if state == "drifted":
        world.handler.write_bytes(b"")
    if state == "fixed-upstream":
        fix_upstream(world.patches)
    version = {"fixed-upstream": "1.90.1", "unsupported": "1.84.0", "denied": "1.82.7"}.get(state)
    if version:
        shutil.rmtree(world.site)
        write_install(world.site, version)


STATES = [
    ("clean", 3, "is stock and can be patched", "run apply"),
    ("applied", 0, "is patched", "nothing to do; revert removes the patch"),
    ("partial", 4, f"is partly patched; {ROUTER} is patched; {HANDLER} is stock", "run apply to patch it, revert to"),
    ("outdated", 10, "is patched by an older version of the patch", "run apply, which upgrades it"),
    (
        "drifted",
        5,
        f"has drifted; {HANDLER} was edited: its sha256 is e3b0c44298fc",
        "reinstall this release of litellm",
    ),
    ("fixed-upstream", 8, "needs no patch, upstream has the fix since 1.90.0: see pull request 1", "nothing to do"),
    ("unsupported", 6, "is not supported", "install a supported release, the nearest: 1.83.0; or see 'Is my release"),
    ("denied", 7, "is denied: malicious upload", "do not start this Python again, and rotate every credential"),
]


@pytest.mark.parametrize(("state", "code", "words", "next_step"), STATES)
def test_each_state_has_one_answer(world: Installation, state: str, code: int, words: str, next_step: str) -> None:
    make_state(world, state)
    said, todo = world.expect(code, "status").splitlines()
    assert said.startswith(f"{state}: litellm 1.")
    assert words in said
    assert todo.startswith(f"next: {next_step}")
    assert re.search(rf"^ +{state} +{code}  ", CliRunner().invoke(main, ["status", "--help"]).output, re.MULTILINE)

    result = world.run("status", None, "--json")
    answer = json.loads(result.output)
    assert (result.exit_code, answer["exit_code"], answer["state"]) == (code, code, state)
    assert (f"{state}: {answer['found']}", f"next: {answer['next']}") == (said, todo)
    assert answer["package"] == str(world.site / "litellm")
    assert bool(answer["files"]) == (code < 6 or code == 10)
    assert (answer["marker"] is not None) == (state in {"applied", "partial"})

    if code > 4:
        for verb in ("apply", "revert"):
            world.expect(code, verb)


def test_every_state_is_tried() -> None:
    assert [state for state, *_ in STATES] == [state.value for state in State]
    assert len({code for _, code, *_ in STATES}) == len(STATES)


def test_status_as_json_is_one_object(world: Installation) -> None:
    assert json.loads(world.run("status", None, "--json").output) == {
        "state": "clean",
        "version": "1.83.0",
        "package": str(world.site / "litellm"),
        "files": {ROUTER: "clean", HANDLER: "clean"},
        "marker": None,
        "found": f"litellm 1.83.0 in {world.site / 'litellm'} is stock and can be patched",
        "next": "run apply",
        "exit_code": 3,
    }


def test_several_targets_need_all(world: Installation) -> None:
    result = world.run("apply", None, str(world.site))
    assert result.exit_code == 2
    assert "more than one TARGET needs --all" in result.stderr


def test_all_takes_every_litellm_once_and_goes_on_after_a_refusal(world: Installation) -> None:
    home = world.root / "home"
    sites = [home / name / "lib" / "python3.12" / "site-packages" for name in ("a b", "ä", "denied")]
    for site, version in zip(sites, ("1.83.0", "1.83.0", "1.82.7"), strict=True):
        write_install(site, version)
    targets = (str(home), str(sites[0]), str(world.root / "absent"), str(world.env))
    result = world.run("apply", home / "ä", *targets, "--all")
    assert result.exit_code == 7, "the worst"
    assert result.stdout.count("patched: litellm 1.83.0") == 3
    errors = result.stderr.splitlines()
    assert len(errors) == 2
    assert "absent is not a folder" in errors[0]
    assert "is denied" in errors[1]
    for site in (*sites[:2], world.site):
        assert (site / ROUTER).read_bytes() == PATCHED[ROUTER]

    *lines, last = world.run("status", home, str(world.env), "--all", "--json").stdout.splitlines()
    assert json.loads(last)["states"] == {"applied": 3, "denied": 1}
    assert [json.loads(line)["state"] for line in lines] == ["applied", "denied", "applied", "applied"]
    assert world.run("revert", home / "ä", str(world.env), "--all").exit_code == 0
    assert [world.run("status", home / name, "--all").exit_code for name in ("a b", "ä")] == [0, 3]
