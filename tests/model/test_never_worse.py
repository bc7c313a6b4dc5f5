"""Never worse than stock, asked of the model alone: many more worlds than calls could be made, and every pick of them.

The worlds are those that `tests/names` sends to real Routers. Which of several equal deployments is picked is chance,
at each call anew: a request has as many outcomes as there are ways to pick.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from litellm_patch.model.abilities import SINCE, UNTIL, release_at
from litellm_patch.model.names import (
    Config,
    Deployment,
    Failure,
    Kind,
    Outcome,
    Request,
    Routing,
    Rules,
    find_chain,
    predict,
)
from tests.names.choosing import pick
from tests.names.drawn import draw, written_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.names.drawn import Drawn

SEED = 2
# a prime number of worlds for each release: each has other ones, and no release those of odd numbers only
WORLDS = 3001
RELEASES = sorted({"1.83.0", *SINCE.values(), *UNTIL.values()}, key=Version)
FAILURES = {"error": Failure.ERROR, "context": Failure.CONTEXT_WINDOW, "policy": Failure.CONTENT_POLICY}
# as in tests/names: without a record of attempts a circle is walked until the depth is used up
DEEP, SHALLOW = 20, 6
WAYS_TO_CHOOSE = 6
MOST_OUTCOMES = 500


@dataclass(frozen=True)
class ModelCase:
    """A drawn world as the model takes it."""

    config: Config
    request: Request
    failing: dict[str, Failure]
    release: Routing

    @classmethod
    def of(cls, drawn: Drawn, release: Routing) -> ModelCase:
        """Take over what was drawn."""
        seen: dict[str, int] = {}
        deployments, failing = [], {}
        for d in drawn.deployments:
            seen[d.name] = seen.get(d.name, -1) + 1
            deployment = Deployment(d.name, d.team, d.public, copy=seen[d.name])
            deployments.append(deployment)
            if d.fate in FAILURES:
                failing[deployment.id] = FAILURES[d.fate]
        config = Config(
            tuple(deployments),
            drawn.aliases,
            {kind: drawn.chains[kind.value] for kind in Kind},
            drawn.defaults,
            max_fallbacks=DEEP if release.tracks_attempts else SHALLOW,
        )
        admin = drawn.caller == "admin"
        return cls(config, Request(drawn.model, None if admin else drawn.caller, admin), failing, release)

    def outcome(self, rules: Rules, number: int) -> Outcome:
        """What the request does if the same deployment is picked of the same ones each time."""
        return predict(self.config, self.request, self.release, rules, self.failing, pick=pick(number))

    def outcomes(self, rules: Rules) -> Iterator[Outcome]:
        """What the request may do, for every way to pick at every call."""
        script: list[int] | None = []
        while script is not None:
            picks = _Script(script)
            yield predict(self.config, self.request, self.release, rules, self.failing, pick=picks)
            script = picks.following()


@dataclass
class _Script:
    """Picks by a list of numbers, and the first at each call behind its end."""

    numbers: Sequence[int]
    taken: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, deployments: Sequence[Deployment]) -> Deployment:
        call = len(self.taken)
        number = self.numbers[call] if call < len(self.numbers) else 0
        self.taken.append((number, len(deployments)))
        return deployments[number]

    def following(self) -> list[int] | None:
        """The numbers of the next way to pick, in the order of an odometer, or none behind the last."""
        taken = list(self.taken)
        while taken:
            number, of = taken.pop()
            if number + 1 < of:
                return [*(before for before, _ in taken), number + 1]
        return None


@pytest.mark.parametrize("version", RELEASES)
def test_a_request_that_stock_answers_is_answered_by_the_contract(version: str) -> None:
    """If stock answers it whatever is picked, so does the contract: unless it runs out of ``max_fallbacks``."""
    release = release_at(Version(version), ["gpt-4.1"])
    better = exhausted = 0
    for number in range(WORLDS):
        drawn = draw(SEED + RELEASES.index(version), number)
        case = ModelCase.of(drawn, release)
        if not all(outcome.answered_by for outcome in case.outcomes(Rules.UPSTREAM)):
            better += bool(case.outcome(Rules.CONTRACT, 0).answered_by)
            continue
        for outcome in _first(case.outcomes(Rules.CONTRACT)):
            if outcome.answered_by:
                continue
            assert len(outcome.called) > case.config.max_fallbacks, f"{drawn}\n{outcome}"
            exhausted += 1
            break

    assert better > 0, "no request was answered by the contract alone: these worlds show nothing"
    assert exhausted <= WORLDS // 100


def _first(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """As many as are looked at: what a circle that is walked without a record of attempts may do has no end."""
    return (outcome for _, outcome in zip(range(MOST_OUTCOMES), outcomes, strict=False))


@pytest.mark.parametrize("version", RELEASES)
def test_a_chain_costs_what_it_costs_on_stock_and_is_nobody_else_s(version: str) -> None:
    """Calls are held to stock's where the chain stands under the name as sent, and keys to the caller's own names."""
    release = release_at(Version(version), ["gpt-4.1"])
    derived = 0
    for number in range(WORLDS):
        drawn = draw(SEED + RELEASES.index(version), number)
        case = ModelCase.of(drawn, release)
        after = case.outcome(Rules.CONTRACT, number % WAYS_TO_CHOOSE)
        walked = _walked(case, after)
        derived += bool(walked)
        for _, key, _ in walked:
            assert _is_the_callers(case, key), f"{key}\n{drawn}\n{after}"
        as_sent = written_out(drawn, walked, release)
        if as_sent is None or not _finds_one_chain_a_name(after):
            continue
        plain = ModelCase.of(as_sent, release).outcome(Rules.UPSTREAM, number % WAYS_TO_CHOOSE)
        assert len(after.called) <= len(plain.called), f"{drawn}\n{after}\n{plain}"

    assert derived > WORLDS // 100


def _walked(case: ModelCase, outcome: Outcome) -> list[tuple[str, str, str]]:
    """The chains that only the contract finds: the name as sent, the key, the list."""
    walked = []
    for lookup in outcome.lookups:
        looked_up = (lookup.model, case.request.model) if case.release.resumes_original else (lookup.model,)
        found, _ = find_chain(case.config, lookup.kind, looked_up, case.release)
        if lookup.key not in {None, found}:
            walked.append((lookup.model, str(lookup.key), lookup.kind.value))
    return walked


def _finds_one_chain_a_name(outcome: Outcome) -> bool:
    """Whether no name has found one chain as it was sent and another at a hop, which no configuration can say."""
    found = {(lookup.model, lookup.kind, lookup.key) for lookup in outcome.lookups}
    return len({(model, kind) for model, kind, _ in found}) == len(found)


def _is_the_callers(case: ModelCase, key: str) -> bool:
    """Whether a key is no team's internal name, or the caller's own team's, or the only team's that has it."""
    owners = {d.team_id for d in case.config.deployments if d.model_name == key}
    if case.request.admin:
        return len(owners) < 2
    return not owners or bool(owners & {None, case.request.team_id})


def test_every_way_to_pick_is_taken() -> None:
    """Two siblings of which one answers: both outcomes are seen."""
    deployments = tuple(Deployment(f"model_name_{n}", "team", "public") for n in range(2))
    config = Config(deployments, chains={Kind.GENERAL: [{"public": ["public"]}]})
    case = ModelCase(
        config, Request("public", "team"), {deployments[0].id: Failure.ERROR}, release_at(Version("1.83.0"), ())
    )
    assert [bool(outcome.answered_by) for outcome in case.outcomes(Rules.UPSTREAM)] == [False, True]
