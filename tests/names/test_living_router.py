"""A Router that lives: deployments come, go and change, settings are updated, and requests are sent in between.

The model follows each step and must agree with the Router at every one of them, on both arms.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

import litellm
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from litellm.types.router import Deployment as RouterDeployment

from litellm_patch.model.names import CATCH_ALL, Chains, Config, Deployment, Kind, Request, Rules, predict
from tests.names.checks import check_the_answer, check_the_calls, check_the_error, check_the_teams, places_of
from tests.names.choosing import pick
from tests.names.release import capabilities, needs, release
from tests.names.running import Run, behaviours_of, caller_of, entry_of, names_called, send
from tests.names.world import build_router, model_entry
from tests.names.worlds import FAILURES, World, group_of
from upkeep.provider import HELD, Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from litellm import Router

    from upkeep.provider import Provider

T = TypeVar("T")

TEAMS = ("team-a", "team-b")
INTERNAL_NAMES = tuple(f"model_name_{team}_{number}" for team in TEAMS for number in (1, 2, 3))
# no name is both: up to some release, a Router takes a global model group that is gone for one that is there
GLOBAL_NAMES = ("global", "other")
PUBLIC_NAMES = ("gpt-4.1", "backup", *(["acme/*"] if capabilities().forgets_wildcards else []))
ALIASES = ("al", "al-2")
GROUPS = [*product([""], GLOBAL_NAMES), *product(TEAMS, PUBLIC_NAMES)]
KINDS = (Kind.GENERAL, Kind.CONTEXT_WINDOW)
"""The lists that every release lets its users update."""

model_names = st.sampled_from([*INTERNAL_NAMES, *GLOBAL_NAMES])
public_names = st.sampled_from(PUBLIC_NAMES)
all_names = model_names | public_names | st.sampled_from([*ALIASES, "acme/zeta", "nobody"])
any_request = st.builds(Request, all_names, st.sampled_from([*TEAMS, None]))
fates = st.sampled_from([Behaviour.ERROR, Behaviour.ERROR, Behaviour.CONTEXT_WINDOW, Behaviour.ANSWER])


class LivingRouter(RuleBasedStateMachine):
    """The Router and, beside it, the plain data that it should amount to."""

    def __init__(self, provider: Provider, rules: Rules, loop: asyncio.AbstractEventLoop, met: set[bool]) -> None:
        """Take what requests are sent to, whose rules hold, the loop that the Router lives in, and where to note."""
        super().__init__()
        self.provider, self.rules_of_arm, self.loop, self.met = provider, rules, loop, met
        self.deployments: dict[str, Deployment] = {}
        self.aliases: dict[str, str] = {}
        self.chains: dict[Kind, Chains] = {}
        self.fates: dict[tuple[str, str], Behaviour] = {}

    @initialize(
        there=st.dictionaries(model_names, public_names, min_size=5),
        fates=st.dictionaries(st.sampled_from(GROUPS), fates, min_size=2),
        data=st.data(),
    )
    def start(self, there: dict[str, str], fates: dict[tuple[str, str], Behaviour], data: st.DataObject) -> None:
        """A Router of nothing, to which all is added."""
        self.router = build_router(Config(()), self.provider.url, "openai")
        self.fates = fates
        for model_name, public_name in there.items():
            self.add_or_replace(model_name, public_name)
        self.set_chains(Kind.GENERAL, data)

    @rule(model_name=model_names, public_name=public_names)
    def add_or_replace(self, model_name: str, public_name: str) -> None:
        """A deployment is added or gets another public name: then the old one goes, and the new one comes last."""
        team = next((team for team in TEAMS if team in model_name), None)
        deployment = Deployment(model_name, team, public_name if team else None)
        entry = RouterDeployment(**entry_of(deployment, self.provider.url, "openai"))
        before = self.deployments.get(model_name)
        if before != deployment:
            self._change(self.router.upsert_deployment if before else self.router.add_deployment, deployment=entry)
            self.deployments.pop(model_name, None)
            self.deployments[model_name] = deployment

    @precondition(lambda self: self.deployments)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A deployment goes."""
        model_name = data.draw(st.sampled_from(list(self.deployments)))
        self._change(self.router.delete_deployment, id=f"id-of-{model_name}")
        del self.deployments[model_name]

    @rule(kind=st.sampled_from(KINDS), data=st.data())
    def set_chains(self, kind: Kind, data: st.DataObject) -> None:
        """A list of chains is another one, most often about deployments that are there."""
        names = self._names() | all_names
        keys = self._names() | st.sampled_from([*ALIASES, CATCH_ALL])
        chain = st.tuples(keys, st.lists(names, min_size=1, max_size=2))
        self._set_chains(kind, [{key: found} for key, found in data.draw(st.lists(chain, min_size=1, max_size=4))])

    @rule(aliases=st.dictionaries(st.sampled_from(ALIASES), all_names, max_size=2))
    def set_aliases(self, aliases: dict[str, str]) -> None:
        """The aliases are others."""
        self._change(self.router.update_settings, model_group_alias=dict(aliases))
        self.aliases = aliases

    @rule(group=st.sampled_from(GROUPS), fate=fates)
    def fail_or_recover(self, group: tuple[str, str], fate: Behaviour) -> None:
        """Deployments fail from now on, or answer again: siblings share their fate, as chance chooses among them."""
        self.fates[group] = fate

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Requests do what the model says."""
        for request in data.draw(st.lists(self._requests(), min_size=1, max_size=5)):
            world = self._world(request)
            outcome = predict(
                world.config, world.request, release(), self.rules_of_arm, world.failing, pick=pick(world.pick)
            )
            self.met.add(bool(outcome.answered_by))

            seen = self._do(send(world, self.router, self.provider))

            check_the_calls(seen, outcome)
            check_the_answer(world, seen, outcome)
            check_the_teams(world, seen)
            check_the_error(world, seen, outcome)
            assert not seen.changed

    @precondition(lambda self: self.deployments)
    @rule(data=st.data(), changes=st.dictionaries(model_names, public_names, min_size=1, max_size=3))
    def change_while_a_request_is_under_way(self, data: st.DataObject, changes: dict[str, str]) -> None:
        """When its deployment fails, what follows is looked up among what there is by then, or was when it began."""
        deployment = data.draw(st.sampled_from(list(self.deployments.values())))
        names = st.sampled_from([name for name in (deployment.model_name, deployment.public_name) if name])
        self.fail_or_recover(group_of(deployment), data.draw(fates))
        self._set_chains(Kind.GENERAL, [{data.draw(names): data.draw(st.lists(self._names(), min_size=1, max_size=2))}])
        world = self._world(Request(data.draw(names), deployment.team_id))
        if not places_of(world, world.request.model):
            return
        self.provider.reset(behaviours_of(world))
        self.provider.released.clear()
        taken = dict(self.deployments)
        try:
            task = self._do(_begin(self.router, world, self.provider))
            first = self.provider.hits[0].behaviour
            (held,) = names_called(world, self.provider)
            for model_name, public_name in changes.items():
                self.add_or_replace(model_name, public_name)
            if self.deployments:
                self.delete(data)
            world = self._world(world.request, self.deployments if capabilities().follows_changes else taken)
            self.provider.reset(behaviours_of(world))
        finally:
            self.provider.released.set()

        seen = self._do(self._end(world, task))

        if first is Behaviour.ANSWER:
            assert (seen.error, seen.called) == (None, ())
            return
        request = replace(world.request, failed=FAILURES[first], failed_at=self._known(held, world))
        outcome = predict(world.config, request, release(), self.rules_of_arm, world.failing, pick=pick(world.pick))
        check_the_calls(seen, outcome)
        check_the_answer(world, seen, outcome)
        check_the_teams(world, seen)

    @invariant()
    def the_router_has_the_same_deployments(self) -> None:
        """Else what a request does would mean nothing."""
        assert [entry["model_name"] for entry in self.router.model_list] == list(self.deployments)

    def teardown(self) -> None:
        """Each Router registers itself with litellm for good."""
        litellm.logging_callback_manager._reset_all_callbacks()

    def _known(self, model_name: str, world: World) -> str | None:
        """The name of the deployment that failed, unless the Router finds it by its id and it is gone."""
        there = any(deployment.model_name == model_name for deployment in world.config.deployments)
        return model_name if there or not release().tracks_attempts else None

    def _set_chains(self, kind: Kind, entries: Chains) -> None:
        self._change(self.router.update_settings, **{kind.value: [dict(entry) for entry in entries]})
        self.chains[kind] = entries

    def _names(self) -> st.SearchStrategy[str]:
        """The names of the deployments that are there."""
        found = [name for d in self.deployments.values() for name in (d.model_name, d.public_name) if name]
        return st.sampled_from(found) if found else st.just("nobody")

    def _requests(self) -> st.SearchStrategy[Request]:
        """Any request, and most often one that some deployment is there for."""
        there = [(name, d.team_id) for d in self.deployments.values() for name in (d.public_name, d.model_name)]
        fitting = [Request(name, team) for name, team in (*there, *product(self.aliases, TEAMS)) if name]
        return st.sampled_from(fitting) | st.sampled_from(fitting) | any_request if fitting else any_request

    def _world(self, request: Request, deployments: Mapping[str, Deployment] | None = None) -> World:
        deployments = self.deployments if deployments is None else deployments
        config = Config(tuple(deployments.values()), self.aliases, self.chains)
        fates = {name: self.fates.get(group_of(d), Behaviour.ANSWER) for name, d in deployments.items()}
        return World(config, {name: fate for name, fate in fates.items() if fate is not Behaviour.ANSWER}, request)

    def _change(self, change: Callable[..., object], **arguments: Any) -> None:
        async def make() -> None:
            change(**arguments)

        self._do(make())

    def _do(self, step: Coroutine[Any, Any, T]) -> T:
        """Take a step in the loop that the Router lives in, and wait for it."""
        return asyncio.run_coroutine_threadsafe(step, self.loop).result()

    async def _end(self, world: World, task: asyncio.Task[Any]) -> Run:
        answer, error = None, None
        try:
            answer = (await task).choices[0].message.content
        except Exception as raised:  # noqa: BLE001 - what is raised is part of what is seen
            error = raised
        return Run(names_called(world, self.provider), answer, error, ())


async def _begin(router: Router, world: World, provider: Provider) -> asyncio.Task[Any]:
    """Send a world's request, and wait until a deployment has it."""
    messages = [{"role": "user", "content": HELD}]
    call = router.acompletion(model=world.request.model, messages=messages, **caller_of(world))
    task: asyncio.Task[Any] = asyncio.ensure_future(call)
    while not provider.hits:
        assert not task.done(), "a deployment can be routed to, and none was called"
        await asyncio.sleep(0.001)
    return task


@pytest.mark.asyncio(loop_scope="session")
async def test_the_model_follows_a_living_router(rules: Rules, provider: Provider) -> None:
    """The machine runs in a thread of its own, so that a request stays under way in the loop while it goes on."""
    loop, met = asyncio.get_running_loop(), set[bool]()
    profile = settings()
    of_the_profile = settings(
        max_examples=profile.max_examples // 5,
        stateful_step_count=12,
        phases=[phase for phase in profile.phases if phase is not Phase.explain],
        suppress_health_check=list(HealthCheck),
    )

    def live() -> None:
        run_state_machine_as_test(lambda: LivingRouter(provider, rules, loop, met), settings=of_the_profile)  # type: ignore[arg-type]  # any callable will do

    await asyncio.to_thread(live)
    assert met == {True, False}, "drawn lives show nothing unless some requests are answered and some are not"


@needs("follows_changes")
@pytest.mark.fix
@pytest.mark.asyncio(loop_scope="session")
async def test_a_request_is_taken_over_by_what_came_while_it_was_under_way(provider: Provider) -> None:
    first, second = (
        Deployment(f"model_name_team-a_{n}", "team-a", name) for n, name in ((1, "gpt-4.1"), (2, "backup"))
    )
    config = Config((first, Deployment("other")), {}, {Kind.GENERAL: [{first.model_name: ["backup"]}]})
    router = build_router(config, provider.url, "openai")
    provider.reset({first.model_name: Behaviour.ERROR})
    provider.released.clear()
    try:
        task = await _begin(router, World(config, {}, Request("gpt-4.1", "team-a")), provider)
        router.add_deployment(deployment=RouterDeployment(**model_entry(second, provider.url, "openai")))
    finally:
        provider.released.set()

    await asyncio.wait([task])

    assert provider.models_called == (first.model_name, second.model_name)
    assert task.exception() is None
