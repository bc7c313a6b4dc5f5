"""Starting another interpreter's Router: a litellm that is made for the test stands in for the real one.

``tests/names`` holds the comparison itself to the real one, in each release.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.doctor.clinic import Clinic, configuration
from tests.patching.factory import write_install

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "1.93.2"
# a Router as small as can be: each name is served by those that bear it, and a chain is found by the name that was sent
LITELLM = """
import types
suppress_debug_info, custom_provider_map = False, []
class CustomLLM: pass
class InternalServerError(Exception):
    chains = "fallbacks"
    def __init__(self, **_): pass
class ContextWindowExceededError(InternalServerError):
    chains = "context_window_fallbacks"
class ContentPolicyViolationError(InternalServerError):
    chains = "content_policy_fallbacks"
class Router:
    def __init__(self, model_list, **settings):
        print("litellm likes to print")
        {first}
        self.model_list, self.settings = model_list, settings
    async def acompletion(self, model, messages, metadata):
        names = [self.settings["model_group_alias"].get(model, model)]
        for name in names:
            try:
                return await self.call(name, metadata.get("user_api_key_team_id"))
            except InternalServerError as error:
                chains = self.settings.get(error.chains) or self.settings["fallbacks"]
                names += next((entry[model] for entry in chains if model in entry and len(names) == 1), [])
        raise InternalServerError()
    async def call(self, name, team):
        for entry in self.model_list:
            info = entry["model_info"]
            owner = info.get("team_id")
            public = info.get("team_public_model_name") if team and owner == team else None
            if name in (entry["model_name"], public) and owner in (None, team):
                answer = types.SimpleNamespace(choices=[types.SimpleNamespace(message=types.SimpleNamespace())])
                place = entry["litellm_params"]["model"].removeprefix("doctor/")
                return await custom_provider_map[-1]["custom_handler"].acompletion(model=place, model_response=answer)
        raise InternalServerError()
"""


def make_environment(folder: Path, first: str = "pass") -> Path:
    """A virtual environment with an interpreter and that litellm."""
    env = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)  # noqa: S603
    script = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([env / "bin/python", "-c", script], check=True, capture_output=True, text=True)  # noqa: S603
    site = folder / done.stdout.strip()
    write_install(site, VERSION)
    (site / "litellm" / "__init__.py").write_text(LITELLM.format(first=first), encoding="utf-8")
    (site / "litellm" / "utils.py").write_text("def custom_llm_setup(): pass\n", encoding="utf-8")
    return env


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the environment's layout")


def test_agreement(clinic: Clinic) -> None:
    raw = configuration()
    raw["router_settings"] = {"fallbacks": [{"claude": ["gpt-4o"]}, {"gpt-4.1": ["backup"]}]}
    clinic.write(raw)
    env = make_environment(clinic.folder)
    answer = clinic.json(0, "--target", env, "--verify")
    assert (answer["verified"], answer["disagreements"], answer["release"]) == (6, [], VERSION)
    assert list(env.rglob("*.pyc")) == [], "it changes nothing"
    result = clinic.run(clinic.path, "--target", env / "bin/python", "--verify")
    assert result.stdout.splitlines()[-1] == "the real Router agrees with the doctor for 6 of 6 request(s)"


def test_disagreement(clinic: Clinic) -> None:
    """This Router finds no chain, so what the doctor says of it is wrong."""
    raw = configuration()
    raw["router_settings"] = {"model_group_alias": {"prod": "gpt-4o"}, "fallbacks": [{"prod": ["claude"]}]}
    clinic.write(raw)
    env = make_environment(clinic.folder, first="settings['fallbacks'] = ()")
    result = clinic.run(clinic.path, "--target", env, "--verify", "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["exit_code"]) == (1, 1)
    assert [(d["request"]["model"], d["expected"], d["answered_by"]) for d in answer["disagreements"]] == [
        ("prod", ["claude"], None)
    ]
    assert "the real Router behaves differently for 1 request(s)" in result.stderr
    assert "nobody" in clinic.run(clinic.path, "--target", env, "--verify").stdout


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("raise ValueError('refused')", "failed: ValueError: refused; see that litellm works there"),
        ("import os; os.write(1, b'x')", "does not answer: "),
        ("import os; os._exit(3)", "failed: "),
        ("import os; os.write(1, b'[]'); os._exit(0)", "did not answer each request"),
        ("import os; os.write(1, b'7'); os._exit(0)", "did not print a list of answers"),
    ],
)
def test_a_router_that_cannot_be_asked(clinic: Clinic, first: str, words: str) -> None:
    env = make_environment(clinic.folder, first)
    assert words in clinic.refused(1, clinic.path, "--target", env, "--verify")


def test_a_target_without_an_interpreter(clinic: Clinic) -> None:
    env = make_environment(clinic.folder)
    assert "is not an environment with an interpreter" in clinic.refused(
        1, clinic.path, "--target", next(env.glob("lib/*/site-packages")), "--verify"
    )
    for path in (env / "bin").glob("python*"):
        path.unlink()
    assert "is not an environment with an interpreter" in clinic.refused(1, clinic.path, "--target", env, "--verify")


def test_verify_needs_a_target_and_a_configuration(clinic: Clinic) -> None:
    assert clinic.run(clinic.path, "--verify").exit_code == 2
    assert clinic.run("--log", "-", "--verify", "--target", clinic.folder).exit_code == 2
