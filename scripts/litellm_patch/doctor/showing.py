"""What the doctor found, as tables for a person and as plain data for a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from litellm_patch.doctor.callers import describe
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

STYLES = {
    Verdict.DEAD: "red",
    Verdict.DORMANT: "red",
    Verdict.PARTLY: "yellow",
    Verdict.UNSEEN: "yellow",
    Verdict.QUESTIONABLE: "yellow",
    Verdict.ALIVE: "green",
}
_RULES = {Rules.UPSTREAM: "stock", Rules.CONTRACT: "patched"}


def cell(text: str, style: str = "") -> Text:
    """A cell of a table: no markup, nothing that moves the cursor."""
    return Text(printable(text), style)


def chain_table(judgements: Iterable[Judgement]) -> Table:
    """A row a chain."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("chain", "its key is", "reached on stock by", "with the patch by", "verdict"):
        table.add_column(heading, overflow="fold")
    for number, found in enumerate(judgements):
        if number:
            table.add_row()
        chain = f"{found.key} -> {', '.join(target.name for target in found.targets) or 'nothing'}"
        whose = f" of {', '.join(found.owners)}" if found.owners else ""
        verdict = Text(found.verdict.value, STYLES[found.verdict])
        for note in found.notes:
            verdict.append(f"\n{printable(note)}", "default")
        table.add_row(
            cell(chain).append(f"\n{found.kind.value}", "dim"),
            cell(f"{found.key_kind.value}{whose}"),
            cell(describe(found.today)),
            cell(describe(found.patched)),
            verdict,
        )
    return table


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


def chains_as_data(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
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
