"""Two teams with one public name, side by side under load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proxy.crowd import Ask, ask_all, strangers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.proxy.arms import Arm, Arms
    from tests.proxy.conftest import Table

# of each team as many for the model that fails as for the one that answers
ASKS = [
    Ask(team, model, number) for number in range(75) for team in ("alpha", "beta") for model in ("shared", "backup")
]


def test_nothing_of_one_team_reaches_the_other(teams: Arms, table: Table) -> None:
    stock, patched = teams.both(_load)

    table.add(f"{len(ASKS)} requests of two teams, half of them to a model that fails", _said(stock), _said(patched))
    assert strangers(teams.stock.provider.hits) == []
    assert strangers(teams.patched.provider.hits) == []
    for ask, of_stock, of_patched in zip(ASKS, stock, patched, strict=True):
        answer = f"answer from ANSWER.{ask.team}-backup"
        assert of_patched == answer
        assert of_stock == ("500" if ask.model == "shared" else answer)
    assert len(teams.stock.provider.hits) == len(ASKS)
    assert len(teams.patched.provider.hits) == len(ASKS) * 3 // 2


def _load(arm: Arm) -> list[str]:
    arm.provider.reset(arm.provider.behaviours)
    return ask_all(arm.proxy.url, ASKS)


def _said(answers: Sequence[str]) -> str:
    return f"{sum(answer.startswith('answer') for answer in answers)} answered"
