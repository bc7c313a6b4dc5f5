"""What a world is about, in a few words each: shown by Hypothesis, and all of them must be reached by what is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_patch.model.names import (
    CATCH_ALL,
    Failure,
    Kind,
    Lookup,
    Request,
    Routing,
    Rules,
    lookup_names,
    predict,
    routed,
)
from tests.names.choosing import pick
from tests.names.worlds import FATES, STRANGER, Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.names.worlds import World

STEPS = ("requested name", "alias target", "internal name", "public name", "original request", "catch-all", "nothing")


def labels(world: World, release: Routing) -> frozenset[str]:
    """What there is to see in a world by the contract's rules.

    Args:
        world: a configuration and a request.
        release: how the release behaves.

    Returns:
        The labels; see ``possible`` for all there are.
    """
    parts = _of_the_configuration(world), _of_the_request(world, release), _of_the_outcome(world, release)
    return frozenset(label for part in parts for label in part)


def possible(release: Routing) -> frozenset[str]:
    """All labels that some world of a release can have.

    Args:
        release: how the release behaves.

    Returns:
        The labels.
    """
    chains = {f"{kind.value}: {step}" for kind in Kind for step in STEPS}
    found = {
        *chains,
        *(f"{call}: {fate.value}" for call, fates in FATES.items() for fate in fates),
        *(f"team in {bucket.name}" for bucket in Bucket),
        *("own team", "stranger", "no team", "admin", "admin served from a team", "another team's name"),
        *("alias in object form", "lists brought along", "client-side list", "default fallbacks", "wildcard"),
        *("one internal name of several", "siblings", "alias among the targets"),
        *("a chain that lists its own key", "chains that list each other's keys"),
        *("routed to the default", "answered", "unanswered", "arms differ", "depth exhausted"),
        *("cut answer delivered", "cut answer recovered", "refusal delivered", "refusal recovered"),
    }
    gone = set()
    if not release.resumes_original:
        gone |= {f"{kind.value}: original request" for kind in Kind}
    if release.exact_typed_lists:
        gone |= {f"{kind.value}: catch-all" for kind in Kind if kind is not Kind.GENERAL}
    if not release.refusals_fall_back:
        gone |= {"refusal recovered"}
    if not release.admin_across_teams:
        gone |= {"admin served from a team"}
    if release.context_window_falls_through:
        gone |= {f"{Kind.CONTEXT_WINDOW.value}: nothing"}
    return frozenset(found - gone)


def _of_the_configuration(world: World) -> Iterator[str]:
    owned = [d for d in world.config.deployments if d.team_id is not None]
    names = {(d.team_id, d.public_name, d.model_name) for d in owned}
    if len(names) < len(owned):
        yield "one internal name of several"
    if len({(team, public) for team, public, _ in names}) < len(names):
        yield "siblings"
    for kind in Kind:
        entries = world.config.entries(kind)
        listed = {(key, target) for entry in entries for key, targets in entry.items() for target in targets}
        if any(target in world.config.aliases for _, target in listed):
            yield "alias among the targets"
        if any(key == target for key, target in listed):
            yield "a chain that lists its own key"
        if any(key != target and (target, key) in listed for key, target in listed):
            yield "chains that list each other's keys"


def _of_the_request(world: World, release: Routing) -> Iterator[str]:
    request, config = world.request, world.config
    yield f"team in {world.bucket.name}"
    yield _caller(request)
    served = routed(config, request, release)
    if request.admin and any(d.team_id is not None for d in served):
        yield "admin served from a team"
    named = [d for d in config.deployments if d.model_name == request.model]
    if named and not any(d.usable_by(request.team_id) for d in named):
        yield "another team's name"
    if request.model in world.objects:
        yield "alias in object form"
    if any("*" in (d.public_name or d.model_name) for d in served):
        yield "wildcard"
    if served and served != routed(replace(config, chains={}, default_fallbacks=()), request, release):
        yield "routed to the default"
    if request.chains:
        yield "lists brought along"
    if request.targets is not None:
        yield "client-side list"
    if config.default_fallbacks:
        yield "default fallbacks"


def _of_the_outcome(world: World, release: Routing) -> Iterator[str]:
    outcome = predict(world.config, world.request, release, Rules.CONTRACT, world.failing, pick=pick(world.pick))
    yield "answered" if outcome.answered_by else "unanswered"
    if outcome != predict(world.config, world.request, release, Rules.UPSTREAM, world.failing, pick=pick(world.pick)):
        yield "arms differ"
    if len(outcome.lookups) > world.config.max_fallbacks:
        yield "depth exhausted"
    for lookup in outcome.lookups:
        yield f"{lookup.kind.value}: {_step(world, lookup, release)}"
    for group in outcome.called:
        served = routed(world.config, replace(world.request, model=group), release)
        for deployment in [pick(world.pick)(served)] if served else []:
            if deployment.id in world.behaviours:
                yield f"{world.call}: {world.behaviours[deployment.id].value}"
            what = {Failure.CUT: "cut answer", Failure.REFUSED: "refusal"}.get(
                world.failing.get(deployment.id, Failure.ERROR)
            )
            if what:
                yield f"{what} {'delivered' if group in outcome.delivered else 'recovered'}"


def _caller(request: Request) -> str:
    if request.team_id is None:
        return "admin" if request.admin else "no team"
    return "stranger" if request.team_id == STRANGER else "own team"


def _step(world: World, lookup: Lookup, release: Routing) -> str:
    """The step of the contract that gave a lookup the name which found its chain."""
    hop = replace(world.request, model=lookup.model)
    if lookup.key is None:
        return "nothing"
    if lookup.key == CATCH_ALL:
        return "catch-all"
    if lookup.key == lookup.model:
        return "requested name"
    if lookup.key not in lookup_names(world.config, hop, release, Rules.CONTRACT):
        return "original request"
    if lookup.key == world.config.aliases.get(lookup.model):
        return "alias target"
    internal = {deployment.model_name for deployment in routed(world.config, hop, release)}
    return "internal name" if lookup.key in internal else "public name"
