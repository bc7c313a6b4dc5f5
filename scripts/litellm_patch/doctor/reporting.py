"""A configuration, a release and a question; the answer as data and as something to read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_patch.doctor.callers import caller_words
from litellm_patch.doctor.configuration import read_configuration
from litellm_patch.doctor.explaining import explain
from litellm_patch.doctor.judging import judge
from litellm_patch.doctor.logs import rescues
from litellm_patch.doctor.proxy import read_proxy
from litellm_patch.doctor.settings import read_settings
from litellm_patch.doctor.showing import (
    chain_table,
    chain_words,
    chains_as_data,
    disagreement_table,
    disagreements_as_data,
    explanation_as_data,
    explanation_table,
    log_table,
    rescue_as_data,
)
from litellm_patch.doctor.verifying import ask_interpreter, verify
from litellm_patch.errors import ConfigurationError, ProxyError
from litellm_patch.model.abilities import refuses_internal_targets, release_at
from litellm_patch.model.names import Kind, Request, Rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packaging.version import Version
    from rich.table import Table

    from litellm_patch.doctor.logs import Tally
    from litellm_patch.doctor.settings import Settings
    from litellm_patch.model.names import Routing


@dataclass(frozen=True)
class ProxyConfig:
    """A proxy.

    Attributes:
        settings: its configuration.
        version: its release of LiteLLM.
        rules: what its Router looks chains up by: whether it is patched.
    """

    settings: Settings
    version: Version
    rules: Rules

    @property
    def release(self) -> Routing:
        """How its release routes and matches."""
        config = self.settings.config
        names = {name for d in config.deployments for name in (d.model_name, d.public_name) if name}
        return release_at(self.version, names | set(config.aliases))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an operator should know, a line each."""
        config = self.settings.config
        targets = {
            target for kind in Kind for entry in config.entries(kind) for names in entry.values() for target in names
        }
        internal = sorted({d.model_name for d in config.deployments if d.team_id is not None} & targets)
        if not (internal and self.settings.checks_access and refuses_internal_targets(self.version)):
            return self.settings.remarks
        refused = (
            f"enforce_fallback_model_access refuses {', '.join(internal)} to keys and teams that are limited to public "
            f"names: LiteLLM {self.version} does not know whose they are; name the targets by their public names"
        )
        return (*self.settings.remarks, refused)


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes:
        make_data: for a script; made when it is asked for, as it can be large.
        shown: for a person; texts are lines.
        dead: whether something is dead as the proxy is now.
    """

    make_data: Callable[[], dict[str, Any]]
    shown: tuple[str | Table, ...]
    dead: bool


def read_running(url: str, key: str | None) -> tuple[Settings, str | None]:
    """Read the settings of a running proxy.

    Raises:
        LitellmPatchError: it cannot be asked, or its answers are not a proxy's.
    """
    seen = read_proxy(url, key)
    try:
        settings = read_settings(seen.raw, {})
    except ConfigurationError as error:
        raise ProxyError(f"the proxy's answer: {error.found}", "see that the URL is a LiteLLM proxy's") from None
    return settings.also(seen.remarks, complete=seen.complete), seen.version


def report_chains(proxy: ProxyConfig) -> Answer:
    """Judge every chain."""
    judgements = judge(proxy.settings, proxy.release)
    dead = [found for found in judgements if found.dead(proxy.rules)]
    end = f"{len(judgements)} chain(s), {len(dead)} of them dead" if judgements else "no fallback chains are configured"
    if dead and proxy.rules is Rules.UPSTREAM:
        end += f" or dead for some requests; the patch revives {sum(found.revived for found in judgements)}"
    table = (chain_table(judgements, proxy.rules),) if judgements else ()
    return _answer(proxy, lambda: {"chains": chains_as_data(judgements, proxy.rules)}, (*table, end), dead=bool(dead))


def chains_that_start(config: Path) -> Callable[[Version], list[str]]:
    """Read a configuration, and tell by release which of its chains only the patch lets fire, for some or for all."""
    settings = read_settings(read_configuration(config)[0], os.environ)

    def starting(version: Version) -> list[str]:
        judgements = judge(settings, ProxyConfig(settings, version, Rules.UPSTREAM).release)
        return [f"{chain_words(found)} ({found.kind.value})" for found in judgements if found.revived]

    return starting


def report_request(proxy: ProxyConfig, request: Request) -> Answer:
    """Walk one request through the steps."""
    explanation = explain(proxy.settings, proxy.release, request)
    who = caller_words(request.team_id, admin=request.admin)
    dead = explanation.loses and proxy.rules is Rules.UPSTREAM
    end = "stock does not find the chain of this request" if explanation.loses else "stock and patched do the same"
    lines = (f"{request.model} from {who}", *explanation.routing)
    return _answer(
        proxy, lambda: explanation_as_data(explanation), (*lines, explanation_table(explanation), end), dead=dead
    )


def report_log(proxy: ProxyConfig | None, tally: Tally) -> Answer:
    """Say what a log holds and, if the configuration is known, which chain would have helped."""
    release = proxy.release if proxy else None
    helpers = {name: rescues(proxy.settings, release, name) if proxy and release else () for name in tally.groups}
    errors = tally.groups.total() + tally.others
    end = f"{errors} failed lookup(s) in {tally.lines} line(s)"
    if errors:
        end += ", counted by request" if tally.by_request else ", counted by line: one request can be several"
    if 0 < tally.by_request < errors:
        end += f" but for {errors - tally.by_request} without a request's id"
    end += f", {tally.broken} of them broken and skipped" if tally.broken else ""
    end += f", {tally.others} of model groups beyond the first {len(tally.groups)}" if tally.others else ""
    data = {
        "lines": tally.lines,
        "broken": tally.broken,
        "errors": errors,
        "by_request": tally.by_request,
        "others": tally.others,
        "wordings": dict(tally.wordings),
        "groups": [
            {"model_group": name, "errors": count, "served_by": [rescue_as_data(found) for found in helpers[name]]}
            for name, count in tally.groups.most_common()
        ],
    }
    table = (log_table(tally, helpers if proxy else None),) if tally.groups else ()
    dead = proxy is not None and proxy.rules is Rules.UPSTREAM and any(helpers.values())
    if proxy is None:
        return Answer(lambda: data, (*table, end), dead)
    return _answer(proxy, lambda: data, (*table, end), dead=dead)


def report_verification(proxy: ProxyConfig, python: Path) -> tuple[Answer, int]:
    """Judge every chain, and compare the model's word with a real Router's.

    Returns:
        What each chain is worth and where the Router did something else, and for how many requests it did.

    Raises:
        VerificationError: the Router could not be asked.
    """
    found = verify(proxy.settings, proxy.release, proxy.rules, partial(ask_interpreter, python))
    chains = report_chains(proxy)
    many = len(found.disagreements)
    end = f"the real Router agrees with the doctor for {found.requests - many} of {found.requests} request(s)"
    table = (disagreement_table(found.disagreements),) if many else ()
    data = {"verified": found.requests, "disagreements": disagreements_as_data(found.disagreements)}
    return Answer(lambda: chains.make_data() | data, (*chains.shown, *table, end), chains.dead), many


def _answer(
    proxy: ProxyConfig, make_data: Callable[[], dict[str, Any]], shown: tuple[str | Table, ...], *, dead: bool
) -> Answer:
    patched = proxy.rules is Rules.CONTRACT
    told = {"release": str(proxy.version), "patched": patched, "remarks": list(proxy.remarks)}
    head = f"judged as LiteLLM {proxy.version}, {'patched' if patched else 'stock'}"
    remarks = (f"note: {remark}" for remark in proxy.remarks)
    return Answer(lambda: told | make_data(), (head, *remarks, *shown), dead)
