"""The model's word against a real Router of the installed litellm: another process, the configuration's names only."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from litellm_patch.doctor import real_router
from litellm_patch.doctor.callers import Reach, requests_of
from litellm_patch.doctor.reaching import FAILURES
from litellm_patch.errors import VerificationError
from litellm_patch.model.names import Config, Kind, Routing, Rules, predict, routed
from litellm_patch.patching.interpreter import is_environment, is_interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from litellm_patch.doctor.settings import Settings

_TIMEOUT = 600.0  # seconds; importing litellm alone can take ten on a slow disk
_PYTHONS = ("bin/python", "Scripts/python.exe", "python.exe")


@dataclass(frozen=True)
class Disagreement:
    """A request for which the Router did something else.

    Attributes:
        reach: the request.
        kind: the list whose failure was tried.
        expected: the model names of which one answers by the model; empty if the caller gets an error.
        answered: who answered; empty if the caller got an error.
    """

    reach: Reach
    kind: Kind
    expected: tuple[str, ...]
    answered: str


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        requests: how many requests were compared.
        disagreements: those where the Router did something else.
    """

    requests: int
    disagreements: tuple[Disagreement, ...]


def verify(
    settings: Settings, release: Routing, rules: Rules, ask: Callable[[dict[str, Any]], Sequence[int | None]]
) -> Verification:
    """Let whatever serves a request fail, and compare who answers: for each request that can be served, and each list.

    Targets that are deployment ids are left out: the model speaks of names.

    Args:
        settings: the configuration.
        release: how the release routes and matches.
        rules: whether the Router is patched.
        ask: asks a real Router, as ``real_router.answers_of`` does.

    Returns:
        How many requests were compared, and where the Router did something else.
    """
    config = _without_ids(settings)
    names = [d.model_name for d in config.deployments]
    cases = [
        (reach, kind, {d.model_name for d in routed(config, reach.request, release)})
        for kind in Kind
        if config.entries(kind)
        for reach in requests_of(replace(settings, config=config), release)
    ]
    requests = [
        {
            "model": reach.model,
            "team": reach.request.team_id,
            "admin": reach.admin,
            "failing": [place for place, name in enumerate(names) if name in failing],
            "failure": kind.value,
        }
        for reach, kind, failing in cases
    ]
    answers = ask({"model_list": _model_list(config), "settings": _settings(config), "requests": requests})
    if len(answers) != len(cases):
        raise VerificationError("the Router did not answer each request", "say --release, or report it")
    disagreements = []
    for (reach, kind, failing), place in zip(cases, answers, strict=True):
        failures = dict.fromkeys(failing, FAILURES[kind])
        expected = predict(config, reach.request, release, rules, failures).answered_by
        answered = "" if place is None else names[place]
        if (answered not in expected) if expected else bool(answered):
            disagreements.append(Disagreement(reach, kind, tuple(sorted(expected)), answered))
    return Verification(len(cases), tuple(disagreements))


def python_of(target: Path) -> Path:
    """The interpreter of a target.

    Raises:
        VerificationError: there is none.
    """
    if is_interpreter(target):
        return target
    found = [target / name for name in _PYTHONS if (target / name).is_file()] if is_environment(target) else []
    if not found:
        raise VerificationError(
            f"{target} is not an environment with an interpreter", "name one, or its interpreter, with --target"
        )
    return found[0]


def ask_interpreter(python: Path, question: dict[str, Any]) -> Sequence[int | None]:
    """Ask the Router of an interpreter's litellm.

    Args:
        python: the interpreter.
        question: see ``real_router.answers_of``.

    Raises:
        VerificationError: it does not run, has no litellm, or its Router refuses the configuration.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LITELLM", "PYTHON"))}
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the operator named, our own script
            [python, "-I", "-B", str(real_router.__file__)],  # -I goes past PYTHONDONTWRITEBYTECODE
            input=json.dumps(question),
            env=inherited | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=True,
        )
        answers = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().rpartition("\n")[2]
        raise VerificationError(f"the Router of {python} failed: {last}", "see that litellm works there") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise VerificationError(f"{python} does not answer: {error}", "name another --target") from error
    if not isinstance(answers, list):
        raise VerificationError(f"{python} did not print a list of answers", "see that nothing prints at its start")
    return answers


def _without_ids(settings: Settings) -> Config:
    """The configuration with targets that are names alone."""
    config = settings.config
    chains = {
        kind: [
            {key: tuple(target for target in targets if target not in settings.ids) for key, targets in entry.items()}
            for entry in entries
        ]
        for kind, entries in config.chains.items()
    }
    defaults = tuple(target for target in config.default_fallbacks if target not in settings.ids)
    return replace(config, chains=chains, default_fallbacks=defaults)


def _model_list(config: Config) -> list[dict[str, Any]]:
    return [
        {
            "model_name": d.model_name,
            "model_info": {
                "id": f"doctor-{place}",
                **({"team_id": d.team_id, "team_public_model_name": d.public_name} if d.team_id else {}),
            },
        }
        for place, d in enumerate(config.deployments)
    ]


def _settings(config: Config) -> dict[str, Any]:
    chains = {
        kind.value: [{key: list(targets) for key, targets in entry.items()} for entry in entries]
        for kind, entries in config.chains.items()
    }
    defaults = {"default_fallbacks": list(config.default_fallbacks)} if config.default_fallbacks else {}
    return {
        "model_group_alias": dict(config.aliases),
        "max_fallbacks": config.max_fallbacks,
        **chains,
        **defaults,
    }
