"""What every run of a world is held to, each check quoting the sentence of the contract that it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_patch.model.names import Kind, routed
from tests.names.release import ERROR_TEXTS, capabilities, release
from tests.names.running import text_of
from upkeep.provider import Behaviour

if TYPE_CHECKING:
    from litellm_patch.model.names import Outcome
    from tests.names.running import Run
    from tests.names.worlds import World

ERROR_TYPES = {
    Behaviour.ERROR: "InternalServerError",
    Behaviour.RATE_LIMIT: "RateLimitError",
    Behaviour.LATE: "Timeout",
    Behaviour.CONTEXT_WINDOW: "ContextWindowExceededError",
    Behaviour.CONTENT_POLICY: "ContentPolicyViolationError",
    Behaviour.CONTENT_FILTER: "ContentPolicyViolationError",
}


def check_the_calls(seen: Run, outcome: Outcome) -> None:
    """The model groups are called in the order of the chains, as often as there, and routed as always."""
    assert seen.called == outcome.hit, (seen, outcome)


def check_the_answer(world: World, seen: Run, outcome: Outcome) -> None:
    """The first lookup name that has a chain of its own wins."""
    assert (seen.error is None) == bool(outcome.answered_by), (seen, outcome)
    if outcome.answered_by:
        last = seen.called[-1]
        assert last.partition("#")[0] in outcome.answered_by
        assert world.behaviours.get(last) is Behaviour.REFUSAL or text_of(last) in str(seen.answer)


def check_the_teams(world: World, seen: Run) -> None:
    """Another team's names never enter, whatever the answer looks like: this is what the provider saw."""
    teams = {d.id: d.team_id for d in world.config.deployments}
    called = {teams[name] for name in seen.called} - {None, world.request.team_id}
    assert not called or (world.request.admin and capabilities().admin_across_teams)


def check_the_error(world: World, seen: Run, outcome: Outcome) -> None:
    """The messages and the types of the errors when there is no chain stay exactly as they are."""
    met = [world.behaviours.get(called) for called in seen.called]
    first = met[0] if met and places_of(world, world.request.model) else None
    if seen.error is None or first not in ERROR_TYPES or world.call not in {"acompletion", "stream", "embedding"}:
        return
    if Behaviour.BREAK_EARLY in met:
        return  # then it is the error of that stream, which an earlier walk took for an answer
    assert type(seen.error).__name__ == ERROR_TYPES[first]
    general = world.request.chains.get(Kind.GENERAL, world.config.entries(Kind.GENERAL))
    first_lookup = next(iter(outcome.lookups), None)
    if general and first_lookup and first_lookup.kind is Kind.GENERAL and first_lookup.key is None:
        assert any(text.format(name=world.request.model) in str(seen.error) for text in ERROR_TEXTS)


def places_of(world: World, group: str) -> set[str]:
    """Where routing may send a request for a model group."""
    return {d.model_name for d in routed(world.config, replace(world.request, model=group), release())}
