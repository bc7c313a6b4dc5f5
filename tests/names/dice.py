"""The choice among equal deployments, made a function of their number, so that a test can repeat it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from litellm.router_strategy import simple_shuffle

from tests.names.choosing import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Dice:
    """What LiteLLM's simple shuffle chooses with, in place of its `random`; ``seed`` numbers the ways to choose."""

    def __init__(self) -> None:
        """Take the first way."""
        self.seed = 0

    def choice(self, deployments: Sequence[T]) -> T:
        """Choose one of the Router's deployments."""
        chosen: T = pick(self.seed)(deployments)
        return chosen


DICE = Dice()


def install() -> None:
    """Let the installed litellm choose with `DICE` from now on."""
    simple_shuffle.random = DICE
