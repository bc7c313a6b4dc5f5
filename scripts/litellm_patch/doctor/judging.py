"""What each chain of a configuration is worth: plain data in, plain data out, every answer from the model."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from litellm_patch.doctor.callers import SHOWN, describe
from litellm_patch.doctor.circles import Circles
from litellm_patch.doctor.reaching import Reached
from litellm_patch.doctor.settings import INTERNAL_PREFIX
from litellm_patch.doctor.targets import Names
from litellm_patch.model.names import CATCH_ALL, Kind, Rules, find_chain, find_request_chain, lookup_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from litellm_patch.doctor.callers import Reach
    from litellm_patch.doctor.settings import Settings
    from litellm_patch.doctor.targets import ChainTarget
    from litellm_patch.model.names import Routing


class KeyKind(Enum):
    """What the key of a chain is."""

    CATCH_ALL = "catch-all"
    ALIAS = "alias"
    GROUP = "model group"
    WILDCARD = "wildcard group"
    INTERNAL = "internal name"
    PUBLIC = "public name"
    TEAM_WILDCARD = "team's wildcard"
    CONCRETE = "name that a wildcard serves"
    DEPLOYMENT_ID = "deployment id"
    PREFIXED = "with or without a provider"
    UNKNOWN = "unknown"


class Verdict(Enum):
    """What a chain is worth, the worst first."""

    DEAD = "dead"
    DORMANT = "dead on stock, alive with the patch"
    PARTLY = "alive, but on stock dead for some requests"
    UNSEEN = "cannot be told, as not all models were seen"
    QUESTIONABLE = "alive, questionable target"
    ALIVE = "alive"


@dataclass(frozen=True)
class Judgement:
    """What a chain is worth.

    Attributes:
        kind: the list that it is in.
        index: where it is in there; the default fallbacks are behind the last.
        key: its key.
        key_kind: what the key is.
        owners: the teams whose name the key is.
        targets: the targets.
        today: the requests that reach it on stock.
        patched: the requests that reach it with the patch.
        verdict: what it is worth.
        notes: why, and what else is to be known, a line each.
    """

    kind: Kind
    index: int
    key: str
    key_kind: KeyKind
    owners: tuple[str, ...]
    targets: tuple[ChainTarget, ...]
    today: tuple[Reach, ...]
    patched: tuple[Reach, ...]
    verdict: Verdict
    notes: tuple[str, ...]

    def dead(self, rules: Rules) -> bool:
        """Whether it is dead for requests that it is there for, by these rules."""
        if rules is Rules.CONTRACT:
            return self.verdict is Verdict.DEAD
        return self.verdict in {Verdict.DEAD, Verdict.DORMANT, Verdict.PARTLY}

    @property
    def revived(self) -> bool:
        """Whether it is dead on stock, for all or for some, and the patch mends that."""
        return self.dead(Rules.UPSTREAM) and not self.dead(Rules.CONTRACT)


def judge(settings: Settings, release: Routing) -> tuple[Judgement, ...]:
    """Judge every chain of a configuration."""
    return _Judge(settings, release).judgements()


class _Judge:
    def __init__(self, settings: Settings, release: Routing) -> None:
        self.settings = settings
        self.config = settings.config
        self.release = release
        self.reached = Reached(settings, release)
        self.names = Names(settings, release, self.reached.requests)
        self.circles = Circles(self.reached)

    def judgements(self) -> tuple[Judgement, ...]:
        return tuple(
            self.judgement(kind, index, *next(iter(entry.items())))
            for kind in Kind
            for index, entry in enumerate(self.config.entries(kind))
        )

    def judgement(self, kind: Kind, index: int, key: str, targets: Sequence[str]) -> Judgement:
        today, patched = (self.reached.by(rules, kind, index) for rules in Rules)
        key_kind, owners = self.key_kind(key)
        notes: list[str] = []
        judged = self.names.targets(targets, patched or today)
        verdict = _verdict(today, patched)
        hidden = self.hidden_owner(key) if key_kind is KeyKind.UNKNOWN else None
        if hidden is not None:
            key_kind, owners, verdict = KeyKind.INTERNAL, (hidden,), Verdict.DORMANT
            notes.append("the proxy does not show which of the team's models has this name")
        elif verdict is Verdict.DEAD and key_kind is KeyKind.UNKNOWN and not self.settings.complete:
            verdict = Verdict.UNSEEN
            near = self.names.nearest(key)
            notes.append(f"it may be a model that could not be seen{f', or did you mean {near}?' if near else ''}")
        elif verdict is Verdict.DEAD:
            notes.append(self.why_dead(kind, index, key, key_kind))
        elif judged and all(self.useless(target, key, patched or today) for target in judged):
            verdict = Verdict.DEAD
            notes.append("requests reach it, and none of its targets can answer")
        if verdict is Verdict.PARTLY:
            known = set(today)
            gained = [reach for reach in patched if reach not in known and not reach.direct]
            notes.append(f"only with the patch: {describe(gained)}")
        doubts = tuple(self.doubts(kind, key, judged))
        if verdict is Verdict.ALIVE and doubts:
            verdict = Verdict.QUESTIONABLE
        notes += doubts
        circle = self.circles.of(kind, index)
        if circle:
            end = "names already tried are skipped"
            if not self.release.tracks_attempts:
                end = f"this release calls them again until max_fallbacks, {self.config.max_fallbacks}, ends it"
            notes.append(f"leads in a circle: {' -> '.join(circle)}; {end}")
        still = set(patched)
        gone = [reach for reach in today if reach not in still and not reach.direct and not reach.via]
        if gone:
            notes.append(f"with the patch, a more specific chain takes over for {describe(gone)}")
        return Judgement(kind, index, key, key_kind, owners, judged, today, patched, verdict, tuple(notes))

    def key_kind(self, key: str) -> tuple[KeyKind, tuple[str, ...]]:
        """What a key is, and whose: the first that it is, in the order in which the Router would take it."""
        named = self.config.by_model_name.get(key, ())
        internal = tuple(dict.fromkeys(d.team_id for d in named if d.team_id))
        public = tuple(dict.fromkeys(d.team_id for d in self.config.by_public_name.get(key, ()) if d.team_id))
        asked, spelled = self.asked
        wild = CATCH_ALL in key
        shared = any(d.team_id is None for d in named)
        kinds: tuple[tuple[object, KeyKind, tuple[str, ...]], ...] = (
            (key == CATCH_ALL, KeyKind.CATCH_ALL, ()),
            (key in self.config.aliases, KeyKind.ALIAS, ()),
            (shared, KeyKind.WILDCARD if wild else KeyKind.GROUP, ()),
            (internal, KeyKind.INTERNAL, internal),
            (public, KeyKind.TEAM_WILDCARD if wild else KeyKind.PUBLIC, public),
            (key in self.settings.ids, KeyKind.DEPLOYMENT_ID, ()),
            (key in asked, KeyKind.CONCRETE, ()),
            (spelled & {key, key.partition("/")[2]}, KeyKind.PREFIXED, ()),
        )
        return next(((kind, owners) for true, kind, owners in kinds if true), (KeyKind.UNKNOWN, ()))

    @functools.cached_property
    def asked(self) -> tuple[AbstractSet[str], AbstractSet[str]]:
        """All names that are sent, and the same with and without what is before their last slash."""
        asked = {reach.model for reach in self.reached.requests}
        return asked, asked | {name.rpartition("/")[2] for name in asked}

    def doubts(self, kind: Kind, key: str, targets: Sequence[ChainTarget]) -> Iterator[str]:
        """What is wrong with the targets of a chain."""
        for target in targets:
            if target.not_for:
                near = f"; did you mean {target.nearest}?" if target.nearest else ""
                whom = ", ".join(target.not_for[:SHOWN]) if self.names.known(target.name) else "anybody"
                yield f"target {target.name} cannot be served for {whom}{near}"
        if key in {target.name for target in targets}:
            yield f"target {key} is the key itself, so it is skipped"
        if not targets:
            instead = ", not the catch-all's targets" if key != CATCH_ALL and self.has_catch_all(kind) else ""
            yield f"it has no targets: its requests get the error{instead}"

    def useless(self, target: ChainTarget, key: str, reaches: Sequence[Reach]) -> bool:
        """Whether a target helps nobody: no name that there is, or the one that has failed each time."""
        itself = target.name == key and all(reach.model == key for reach in reaches)
        return itself or (bool(target.not_for) and not self.names.known(target.name))

    def has_catch_all(self, kind: Kind) -> bool:
        """Whether a catch-all answers where a list has no chain of a request's own."""
        key, _ = find_chain(self.config, kind, (), self.release)
        return key is not None

    def hidden_owner(self, key: str) -> str | None:
        """The team whose internal name a key is, where the proxy shows its models by their public names alone."""
        if self.settings.complete:
            return None
        return next((team for team in self.masked if key.startswith(f"{INTERNAL_PREFIX}{team}_")), None)

    @functools.cached_property
    def masked(self) -> Sequence[str]:
        return sorted({d.team_id for d in self.config.deployments if d.team_id and d.model_name == d.public_name})

    def why_dead(self, kind: Kind, index: int, key: str, key_kind: KeyKind) -> str:
        """Why nothing reaches a chain, patched or not."""
        if key_kind is KeyKind.CATCH_ALL:
            return self.why_a_catch_all_is_dead(kind, index)
        first = self.config.index(kind).first[key]
        if first != index:
            return f"entry {first + 1} has the same key and comes first"
        if key_kind is KeyKind.WILDCARD:
            return (
                "a wildcard group is not looked up for the names that it serves; write one entry for each name, or '*'"
            )
        if key_kind in {KeyKind.UNKNOWN, KeyKind.PREFIXED}:
            near = self.names.nearest(key)
            return f"no request has this name{f'; did you mean {near}?' if near else ''}"
        takers = self.takers(kind, key)
        if takers:
            return f"its requests find another chain first: {', '.join(takers)}"
        return "no caller can be routed to this name"

    def why_a_catch_all_is_dead(self, kind: Kind, index: int) -> str:
        """Why nothing reaches a catch-all."""
        last = self.reached.entry_of(kind, CATCH_ALL)
        if last != index:
            return f"a later catch-all takes precedence: entry {last + 1}"
        if self.release.exact_typed_lists and kind is not Kind.GENERAL:
            return "this release supports no catch-all in this list"
        return "every request finds its own chain first"

    def takers(self, kind: Kind, key: str) -> tuple[str, ...]:
        """The keys of the chains that the requests of a key find instead."""
        found: dict[str, None] = {}
        for reach in self.seekers.get(key, ()):
            taker, _ = find_request_chain(self.config, reach.request, kind, self.release, Rules.CONTRACT)
            if taker is not None:
                found[taker] = None
        return tuple(found)

    @functools.cached_property
    def seekers(self) -> Mapping[str, Sequence[Reach]]:
        """The requests whose chain may be keyed by a name."""
        found: dict[str, list[Reach]] = {}
        for reach in self.reached.requests:
            if not reach.direct:
                for name in lookup_names(self.config, reach.request, self.release, Rules.CONTRACT):
                    found.setdefault(name, []).append(reach)
        return found


def _verdict(today: Sequence[Reach], patched: Sequence[Reach]) -> Verdict:
    used_today, used_patched = ({reach for reach in found if not reach.direct} for found in (today, patched))
    if not used_today:
        return Verdict.DORMANT if used_patched else Verdict.DEAD
    return Verdict.PARTLY if any(not reach.via for reach in used_patched - used_today) else Verdict.ALIVE
