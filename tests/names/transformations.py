"""Changes of a world that mean nothing for the request, by the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_patch.model.names import CATCH_ALL, Chains, Deployment, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.names.worlds import World

# as long as what it replaces: the longest of several wildcards wins, so a length is no mere name. The model group
# gpt-4.1 stays, as the Router knows whose it is and matches it to a key with that provider before it
NEW_NAMES = {
    "team-a": "crew-x",
    "team-b": "crew-y",
    "team-c": "crew-z",
    "backup": "second",
    "global": "public",
    "other": "spare",
    "acme": "emca",
    "nobody": "no-one",
    "al-2": "la-2",
}
FOREIGN_TEAM = "team-z"


def renamed(name: str) -> str:
    """A name after everything was renamed.

    Args:
        name: any name of a world, a team's or a deployment's.

    Returns:
        The new one, different for different names and alike for parts that are alike.
    """
    for old, new in NEW_NAMES.items():
        name = name.replace(old, new)
    return name


def rename_everything(world: World) -> World:
    """Rename teams, deployments, aliases and keys, all alike."""
    config, request = world.config, world.request
    return replace(
        world,
        config=replace(
            config,
            deployments=tuple(_rename_deployment(d) for d in config.deployments),
            aliases={renamed(alias): renamed(target) for alias, target in config.aliases.items()},
            chains=_map_chains(config.chains, _rename_entries),
            default_fallbacks=tuple(map(renamed, config.default_fallbacks)),
        ),
        behaviours={renamed(name): behaviour for name, behaviour in world.behaviours.items()},
        request=replace(
            request,
            model=renamed(request.model),
            team_id=request.team_id and renamed(request.team_id),
            chains=_map_chains(request.chains, _rename_entries),
            targets=request.targets and tuple(map(renamed, request.targets)),
        ),
        objects=frozenset(map(renamed, world.objects)),
    )


def reverse_unrelated_entries(world: World) -> World:
    """Turn each list around whose keys have nothing to do with each other."""
    return replace(
        world,
        config=replace(world.config, chains=_map_chains(world.config.chains, _reverse)),
        request=replace(world.request, chains=_map_chains(world.request.chains, _reverse)),
    )


def add_a_foreign_team(world: World) -> World:
    """Add a team with a deployment under each public name there is, and chains keyed by their internal names.

    Not for a proxy admin, whom routing refuses a public name that two teams have.
    """
    if world.request.admin:
        return world
    config = world.config
    public_names = sorted({d.public_name for d in config.deployments if d.public_name})
    foreign = tuple(
        Deployment(f"model_name_{FOREIGN_TEAM}_{number}", FOREIGN_TEAM, public_name)
        for number, public_name in enumerate(public_names)
    )
    entries = [{d.model_name: [world.request.model, foreign[0].model_name]} for d in foreign]
    # a list that is not configured stays so: an empty one and none are not the same to the Router
    chains = {kind: [*entries, *found] for kind, found in config.chains.items() if found}
    return replace(world, config=replace(config, deployments=(*foreign, *config.deployments), chains=chains))


def keyed_by_one_name(world: World) -> World:
    """Leave one entry in each list, keyed by a name of the caller's own if there is one: a world to swap keys in."""
    swaps = _swaps(world)

    def cut(entries: Chains) -> Chains:
        return [entry for entry in entries if next(iter(entry)) in swaps][:1] or entries[:1]

    # and nothing else brought along: the walk of a client-side list looks nothing up
    request = replace(world.request, chains=_map_chains(world.request.chains, cut), targets=None)
    return replace(world, config=replace(world.config, chains=_map_chains(world.config.chains, cut)), request=request)


def swap_public_and_internal_keys(world: World) -> World:
    """Key each chain by the internal name where it was keyed by the public one, and the other way round.

    Only where the two belong to each other alone, and to the caller: for someone else they are different names. And
    only in lists of one entry: with more, it would begin to matter which name comes first.
    """
    swaps = _swaps(world)

    def swap(entries: Chains) -> Chains:
        if len(entries) != 1:
            return entries
        return [{swaps.get(key, key): targets for key, targets in entry.items()} for entry in entries]

    return replace(
        world,
        config=replace(world.config, chains=_map_chains(world.config.chains, swap)),
        request=replace(world.request, chains=_map_chains(world.request.chains, swap)),
    )


MEANINGLESS: Mapping[str, Callable[[World], World]] = {
    "rename everything": rename_everything,
    "reverse unrelated entries": reverse_unrelated_entries,
    "add a foreign team": add_a_foreign_team,
}
"""Those that mean nothing on stock either."""


def _swaps(world: World) -> dict[str, str]:
    """For each deployment whose two names mean just it, to the caller: the one name for the other."""
    swaps = {}
    for deployment in world.config.deployments:
        public_name = deployment.public_name
        if deployment.team_id == world.request.team_id and public_name and _means_one(public_name, deployment, world):
            swaps[deployment.model_name] = public_name
            swaps[public_name] = deployment.model_name
    return swaps


def _means_one(public_name: str, deployment: Deployment, world: World) -> bool:
    spellings = {public_name, f"openai/{public_name}", public_name.removeprefix("openai/")}
    others = [d for d in world.config.deployments if d.team_id in {None, deployment.team_id} and d != deployment]
    return not spellings & {*world.config.aliases, *(n for d in others for n in (d.model_name, d.public_name))}


def _map_chains(chains: Mapping[Kind, Chains], change: Callable[[Chains], Chains]) -> dict[Kind, Chains]:
    return {kind: change(entries) for kind, entries in chains.items()}


def _rename_deployment(deployment: Deployment) -> Deployment:
    return replace(
        deployment,
        model_name=renamed(deployment.model_name),
        team_id=deployment.team_id and renamed(deployment.team_id),
        public_name=deployment.public_name and renamed(deployment.public_name),
    )


def _rename_entries(entries: Chains) -> Chains:
    return [
        {renamed(key): [renamed(target) for target in targets] for key, targets in entry.items()} for entry in entries
    ]


def _reverse(entries: Chains) -> Chains:
    """In reverse, unless the first or the last of several counts: with another spelling of one key, or two alike."""
    bare = [key.rpartition("/")[2] if key != CATCH_ALL else key for entry in entries for key in entry]
    return list(reversed(entries)) if len(set(bare)) == len(bare) else entries
