"""One request, walked through the steps in words: stock beside patched, every answer from the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from litellm_patch.doctor.callers import servable
from litellm_patch.doctor.reaching import FAILURES, Reached
from litellm_patch.doctor.targets import Names
from litellm_patch.model.names import CATCH_ALL, Kind, Rules, find_request_chain, lookup_names, routed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litellm_patch.doctor.settings import Settings
    from litellm_patch.model.names import Request, Routing


@dataclass(frozen=True)
class Walk:
    """How a request goes by one set of rules.

    Attributes:
        names: the names that its chain is looked up by, in order.
        found: for each list that holds chains, the name that finds one, and the chain; ``None`` and nothing without.
        steps: the same in words, a line each.
    """

    names: tuple[str, ...]
    found: dict[Kind, tuple[str | None, tuple[str, ...]]]
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """One request by both sets of rules.

    Attributes:
        request: the request.
        served_by: the internal names of the deployments that routing considers.
        routing: how it is routed, in words.
        walks: how it falls back.
    """

    request: Request
    served_by: tuple[str, ...]
    routing: tuple[str, ...]
    walks: dict[Rules, Walk]

    @property
    def loses(self) -> bool:
        """Whether a chain is there for it that stock does not find."""
        stock, patched = (self.walks[rules].found for rules in (Rules.UPSTREAM, Rules.CONTRACT))
        return any(stock[kind] != patched[kind] for kind in patched)


def explain(settings: Settings, release: Routing, request: Request) -> Explanation:
    """Walk a request through routing and the lookup of its chain, for the case that whatever serves it fails."""
    served = tuple(dict.fromkeys(d.model_name for d in routed(settings.config, request, release)))
    return Explanation(
        request,
        served,
        tuple(_routing(settings, release, request, served)),
        {rules: _walk(settings, release, request, rules) for rules in Rules},
    )


def _routing(settings: Settings, release: Routing, request: Request, served: tuple[str, ...]) -> Iterator[str]:
    target = settings.config.aliases.get(request.model)
    if target is not None:
        yield f"{request.model} is an alias of {target}, which is routed in its place (one step only)"
    if request.model in settings.ids:
        yield f"{request.model} is the id of a deployment, which is called by it"
    elif not served:
        name, names = target or request.model, Names(settings, release, ())
        near = None if names.known(name) else names.nearest(name)
        hint = f"; did you mean {near}?" if near else ""
        yield f"no deployment serves {name} for this caller: the proxy refuses such a request{hint}"
    elif not servable(settings, release, request):
        yield f"nothing serves the name, so it is routed to the first catch-all's target: {', '.join(served)}"
    else:
        yield f"routing considers {', '.join(served)}"


def _walk(settings: Settings, release: Routing, request: Request, rules: Rules) -> Walk:
    config, reached = settings.config, Reached(settings, release)
    names = lookup_names(config, request, release, rules)
    found = {}
    steps = [f"if that fails, a chain is looked up by: {', then '.join(names)}"]
    for kind in FAILURES:
        if not config.entries(kind):
            continue
        name, chain = find_request_chain(config, request, kind, release, rules)
        found[kind] = (name, chain or ())
        if name is None:
            steps.append(f"{kind.value}: no chain, so the caller gets the error")
            continue
        by = _finder(reached, kind, name)
        steps.append(f"{kind.value}: {by} answers: {', '.join(chain or ()) or 'it has no targets'}")
        for target in chain or ():
            if target == request.model:
                steps.append(f"{kind.value}: {target} is what failed, so it is skipped")
            elif not servable(settings, release, replace(request, model=target)):
                steps.append(f"{kind.value}: {target} cannot be served for this caller")
    if not found:
        steps.append("no list holds a chain, so the caller gets the error")
    return Walk(names, found, tuple(steps))


def _finder(reached: Reached, kind: Kind, name: str) -> str:
    """Say which chain a name finds, where its key is spelled otherwise too."""
    if name == CATCH_ALL:
        return "no name has its own chain, so the catch-all"
    key = next(iter(reached.config.entries(kind)[reached.entry_of(kind, name)]))
    return f"{name} has a chain, which" if key == name else f"{name} finds the chain of {key}, which"
