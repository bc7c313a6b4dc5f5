"""Each command that a document tells its reader to type is run, here or where it belongs, as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from litellm_patch.cli import main
from litellm_patch.errors import DEAD
from litellm_patch.patching.finding import find_target
from litellm_patch.wheels.wheel import REVISION
from tests.doctor.test_readme import COMMANDS as OF_THE_DOCTOR
from tests.documents.pages import ROOT, commands, our_own, pages, quoted
from tests.documents.test_vendored import OF_VENDORED, PROVEN
from tests.patching.test_docker_recipe import PREPARE as OF_THE_DOCKER_RECIPE
from tests.patching.test_docker_recipe import RELEASE, make_image
from upkeep.cells.environment import create, find_release

README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
OF_CI = re.findall(r"(?m)^python3 .*$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))


def _of_page(name: str) -> list[str]:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return [command for command in commands(page) if command not in OF_THE_DOCKER_RECIPE]


OF_FIVE_MINUTES = commands(README.partition("\n## Apply, check, undo\n")[2].partition("\n## ")[0])
OF_AN_OPERATOR = [*_of_page("install.md"), *_of_page("wheels-and-images.md")]
OF_THE_OPTION = _of_page("cost.md")
OF_COMPILED = _of_page("compiled.md")  # tests/compiled/test_page.py
WORKFLOWS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml"))
OF_THE_WORKFLOWS = {
    "nox -s releases -- check": "python3 -m upkeep releases check",
    "nox -s table": "run_nox.py --session table\n",
    "nox -s upstream": "run_nox.py --session upstream\n",
}
"""What takes too long for a test or asks for what is new, and the words of the workflow that runs it."""

OF_OTHER_TESTS = {
    PROVEN: ROOT / "tests" / "environments" / "test_tree.py",
    "nox -s tools": ROOT / ".ci" / "run",  # one of the sessions that run without being named
    "nox -s port -- VERSION": ROOT / "tests" / "patching" / "test_port.py",
    "nox -s port -- --continue": ROOT / "tests" / "patching" / "test_port.py",
    "nox -s upstream_tests -- path/to/litellm": ROOT / "tests" / "environments" / "test_submission.py",
    "git am --3way path/to/.cache/upstream/VERSION/0001-*.patch": ROOT / "tests" / "patching" / "test_export.py",
}
"""What cannot be typed as it stands, and where the same is run."""

WANTS_MORE_THAN_A_MACHINE = [
    "git switch -c litellm-VERSION",
    "git clone https://github.com/BerriAI/litellm && cd litellm",
    "git remote show origin | grep 'HEAD branch'",
    "git switch -c fix/fallback-names",
    "git commit --amend --reset-author --no-edit",
    "PROOF=path/to/.cache/upstream/VERSION/prove_fix.py",
    'git switch --detach HEAD~1 && OPENAI_API_KEY=... python $PROOF --label "Before ($(git rev-parse --short HEAD))"',
    'git switch fix/fallback-names && OPENAI_API_KEY=... python $PROOF --label "After ($(git rev-parse --short HEAD))"',
]
"""Upstream's repository, a provider's key, or a name of one's own: run by nothing here."""

DIFFERENCE = re.findall(r"`(pip download --no-deps .*?)`, then `(litellm-patch status .*?)`", INSTALL)
CODES = {"litellm-patch status .venv": 3, "litellm-patch status --all": 3, "litellm-patch status --stock": 3}
"""What ends otherwise than with 0: the environment is stock when it is asked."""


def test_each_command_is_run_somewhere() -> None:
    run = {
        *OF_CI,
        *OF_THE_DOCTOR,
        *OF_THE_DOCKER_RECIPE,
        *OF_FIVE_MINUTES,
        *OF_AN_OPERATOR,
        *OF_THE_OPTION,
        *OF_COMPILED,
    }
    run |= {*OF_VENDORED, *OF_THE_WORKFLOWS, *OF_OTHER_TESTS, *WANTS_MORE_THAN_A_MACHINE}
    typed = {command for page in our_own(pages()) for command in commands(page.read_text(encoding="utf-8"))}
    assert typed == run
    assert len(OF_CI) == 2
    assert [words for words in OF_THE_WORKFLOWS.values() if words not in WORKFLOWS] == []
    assert [path for path in OF_OTHER_TESTS.values() if not path.is_file()] == []


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an operator: an environment with a litellm, a vendored one, a pip, and what pip downloads."""
    workdir = tmp_path_factory.mktemp("workdir")
    make_image(workdir / "pip", "--seed", litellm=False)
    make_image(workdir / ".venv")
    site = find_target(workdir / ".venv").package.parent
    vendored = workdir / "third_party" / "litellm"
    for folder in ("litellm", f"litellm-{RELEASE}.dist-info"):
        shutil.copytree(site / folder, vendored / folder)
    ((download, _),) = DIFFERENCE
    _type(download.replace("VERSION", RELEASE), workdir)
    return workdir


def _type(command: str, workdir: Path, code: int | None = None) -> str:
    """Run a command at the operator's workdir, or in the clone what installs from there; what it printed."""
    path = os.pathsep.join((str(workdir / "pip" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(  # noqa: S602 - the documents' own commands
        command.replace("/opt", str(workdir)).replace("/usr/bin/python3", str(workdir / ".venv" / "bin" / "python")),
        shell=True,
        cwd=ROOT if command.startswith("pip install") else workdir,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    expected = next((code for beginning, code in CODES.items() if command.startswith(beginning)), 0)
    assert done.returncode == (expected if code is None else code), f"{command}: {done.stdout}"
    return done.stdout


@pytest.mark.slow
def test_five_minutes(tmp_path: Path) -> None:
    """On the real LiteLLM, whose Router is asked; the chain that is a typing error stays dead."""
    create(tmp_path / ".venv", find_release(RELEASE))
    make_image(tmp_path / "pip", "--seed", litellm=False)
    shutil.copy(ROOT / "docs" / "doctor.yaml", tmp_path / "config.yaml")

    codes = (0, DEAD, 0, 0, DEAD, 0)
    said = [_type(command, tmp_path, code) for command, code in zip(OF_FIVE_MINUTES, codes, strict=True)]

    assert "the patch revives 2" in said[1]
    assert "the real Router agrees with the doctor" in said[4]


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="one command names a wheel for it"
)
def test_an_operator_s_commands_in_their_order(workdir: Path) -> None:
    said = {command: _type(command, workdir) for command in OF_AN_OPERATOR}
    assert all(said.values())
    assert f"litellm {RELEASE}" in said["litellm-patch apply third_party/litellm"]
    assert (workdir / "pip" / "bin" / "litellm-patch").is_file()


@pytest.mark.slow
def test_the_commands_of_the_optional_patch(workdir: Path) -> None:
    _type("pip install '.[wheel]'", workdir)  # as the page of wheels says

    for number, command in enumerate(OF_THE_OPTION):
        _type(command, workdir)
        if number == 0:
            assert "matching" in _type("litellm-patch status .venv", workdir, 0)
    assert list(workdir.rglob(f"litellm-{RELEASE}+fallbacknames.{REVISION}.matching-*.whl"))


@pytest.mark.slow
def test_the_command_that_shows_a_difference(workdir: Path) -> None:
    ((_, show),) = DIFFERENCE
    (wheel,) = workdir.glob(f"litellm-{RELEASE}-*.whl")
    _type(show.replace("WHEEL", wheel.name), workdir)


SESSIONS = set(re.findall(r"(?m)^def (\w+)\(session: ", (ROOT / "noxfile.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_in_a_text_can_be_typed(page: Path) -> None:
    """Those have placeholders in them: the verb, its options and the session are there."""
    text = page.read_text(encoding="utf-8")
    for command in (*quoted(text), *commands(text)):
        words = re.sub(r"^CARGO_HOME=\S+ ", "", command).split()
        if words[0] == "litellm-patch" and len(words) > 1:
            verb = main.get_command(click.Context(main), words[1])
            assert verb, command
            known = {option for parameter in verb.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {word for word in words if word.startswith("--")} <= known | {"--help"}, command
        if words[:2] == ["nox", "-s"] or "--session" in words:
            after = words[words.index("-s" if "-s" in words else "--session") + 1 :]
            assert re.match(r"\"?(\w+)", after[0])[1] in {*SESSIONS, "NAME"}, command  # type: ignore[index]
