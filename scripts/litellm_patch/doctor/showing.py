"""What the doctor found, as tables for a person and as plain data for a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from litellm_patch.doctor.callers import describe, few
from litellm_patch.doctor.judging import Verdict
from litellm_patch.model.names import Rules
from litellm_patch.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from litellm_patch.doctor.callers import Reach
    from litellm_patch.doctor.explaining import Explanation
    from litellm_patch.doctor.judging import Judgement
    from litellm_patch.doctor.logs import Rescue, Tally
    from litellm_patch.doctor.verifying import Disagreement

WORTH = {
    Verdict.DEAD: ("dead", "dead"),
    Verdict.DORMANT: ("dead", "alive"),
    Verdict.PARTLY: ("partly", "alive"),
    Verdict.UNSEEN: ("unknown", "unknown"),
    Verdict.QUESTIONABLE: ("alive", "alive"),
    Verdict.ALIVE: ("alive", "alive"),
}
"""What a chain is worth on stock, and with the patch."""

_STYLES = {"dead": "red", "partly": "yellow", "unknown": "yellow", "alive": "green"}
_WIDE = 100  # columns that a row of chains needs
_RULES = {Rules.UPSTREAM: "stock", Rules.CONTRACT: "patched"}
_NEXT = {
    Verdict.DEAD: "correct or remove it",
    Verdict.UNSEEN: "check the key against the team's models",
    Verdict.QUESTIONABLE: "check its targets",
    Verdict.ALIVE: "nothing",
}


def next_step(found: Judgement, rules: Rules) -> str:
    """What to do about a chain, by what the proxy is."""
    return _NEXT.get(found.verdict, "apply the patch" if rules is Rules.UPSTREAM else "nothing: the patch is applied")


def chain_words(found: Judgement) -> str:
    """A chain on a line."""
    return f"{found.key} -> {', '.join(target.name for target in found.targets) or 'nothing'}"


def key_words(found: Judgement) -> str:
    """The list that a chain is in, and what its key is."""
    return f"{found.kind.value}, {found.key_kind.value}{f' of {few(found.owners)}' if found.owners else ''}"


def askers(found: Judgement) -> str:
    """The requests that a chain is there for, on stock or with the patch."""
    return describe(dict.fromkeys((*found.patched, *found.today)))


def cell(text: str, style: str = "") -> Text:
    """A cell of a table: no markup, nothing that moves the cursor."""
    return Text(printable(text), style)


def chain_table(judgements: Iterable[Judgement], rules: Rules) -> Table:
    """A row a chain."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("stock", "patched"):
        table.add_column(heading, no_wrap=True, min_width=len("unknown"))
    for heading in ("chain", "requests", "what to do"):
        table.add_column(heading, overflow="fold")
    for number, found in enumerate(judgements):
        if number:
            table.add_row()
        table.add_row(
            *(cell(word, _STYLES[word]) for word in WORTH[found.verdict]),
            cell(chain_words(found), "bold").append(f"\n{printable(key_words(found))}", "not bold dim"),
            cell(askers(found)),
            Text("\n").join(map(cell, (next_step(found, rules), *found.notes))),
        )
    return table


def fit(table: Table, width: int) -> Table:
    """Give a table for a terminal: in a narrow one, all about a chain but its worth is one column."""
    headings = [str(column.header) for column in table.columns]
    if width >= _WIDE or headings[:2] != list(_RULES.values()) or len(headings) == len(_RULES):
        return table
    narrow = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in headings[:2]:
        narrow.add_column(heading, no_wrap=True)
    narrow.add_column(headings[2], overflow="fold")
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        words = [text for text in cells if isinstance(text, Text)]
        more = (Text(f"{heading}: ").append_text(text) for heading, text in zip(headings[3:], words[3:], strict=False))
        narrow.add_row(*words[:2], Text("\n").join((*words[2:3], *more)))
    return narrow


def explanation_table(explanation: Explanation) -> Table:
    """Stock beside patched, a step a line."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for rules in Rules:
        table.add_column(_RULES[rules], overflow="fold", ratio=1)
    steps = [explanation.walks[rules].steps for rules in Rules]
    for number in range(max(map(len, steps))):
        table.add_row(*(cell(column[number]) if number < len(column) else "" for column in steps))
    return table


def log_table(tally: Tally, helpers: Mapping[str, Sequence[Rescue]] | None, most: int = 20) -> Table:
    """A row a model group, those with the most errors first.

    Args:
        tally: what was counted.
        helpers: the chains that would have served each group; ``None`` if the configuration is not known.
        most: how many rows; scripts get all.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("errors", justify="right")
    table.add_column("model group", overflow="fold")
    if helpers is not None:
        table.add_column("with the patch, served by", overflow="fold")
    for name, count in tally.groups.most_common(most):
        row = [cell(str(count)), cell(name)]
        if helpers is not None:
            words = "; ".join(map(_rescue, helpers[name]))
            row.append(cell(words or "no chain of this configuration", "green" if words else ""))
        table.add_row(*row)
    return table


def _rescue(rescue: Rescue) -> str:
    whom = f", for team {rescue.team_id}" if rescue.team_id else ""
    return f"{rescue.key} -> {', '.join(rescue.targets)} ({rescue.kind.value}{whom})"


def rescue_as_data(rescue: Rescue) -> dict[str, Any]:
    """A chain that would have served, for ``--json``."""
    targets = list(rescue.targets)
    return {"list": rescue.kind.value, "key": rescue.key, "targets": targets, "team": rescue.team_id}


def chains_as_data(judgements: Sequence[Judgement], rules: Rules) -> list[dict[str, Any]]:
    """The chains for ``--json``."""
    return [
        {
            "list": found.kind.value,
            "index": found.index,
            "key": found.key,
            "key_kind": found.key_kind.value,
            "owners": list(found.owners),
            "targets": [
                {"name": target.name, "not_for": list(target.not_for), "nearest": target.nearest}
                for target in found.targets
            ],
            "reached_on_stock": [_reach(reach) for reach in found.today],
            "reached_with_the_patch": [_reach(reach) for reach in found.patched],
            "verdict": found.verdict.name.lower(),
            "notes": list(found.notes),
            "next": next_step(found, rules),
        }
        for found in judgements
    ]


def explanation_as_data(explanation: Explanation) -> dict[str, Any]:
    """A walk for ``--json``."""
    return {
        "model": explanation.request.model,
        "team": explanation.request.team_id,
        "admin": explanation.request.admin,
        "served_by": list(explanation.served_by),
        "routing": list(explanation.routing),
        **{
            word: {
                "lookup_names": list(explanation.walks[rules].names),
                "chains": {
                    kind.value: {"key": key, "targets": list(targets)}
                    for kind, (key, targets) in explanation.walks[rules].found.items()
                },
                "steps": list(explanation.walks[rules].steps),
            }
            for rules, word in _RULES.items()
        },
    }


def disagreement_table(disagreements: Iterable[Disagreement]) -> Table:
    """A row a request for which a real Router did something else."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("request", "list", "answered, says the doctor, by", "answered by"):
        table.add_column(heading, overflow="fold")
    for found in disagreements:
        expected = " or ".join(found.expected) or "nobody"
        table.add_row(*map(cell, (describe([found.reach]), found.kind.value, expected, found.answered or "nobody")))
    return table


def disagreements_as_data(disagreements: Iterable[Disagreement]) -> list[dict[str, Any]]:
    """The same for ``--json``."""
    return [
        {
            "request": _reach(found.reach),
            "list": found.kind.value,
            "expected": list(found.expected),
            "answered_by": found.answered or None,
        }
        for found in disagreements
    ]


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "model": reach.model,
        "team": reach.team_id or None,
        "admin": reach.admin,
        "internal": reach.direct,
        "after": reach.via or None,
    }
