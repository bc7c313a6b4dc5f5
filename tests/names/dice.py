"""The choice among equal deployments, made a function of their number, so that a test can repeat it."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import litellm
from litellm.router_strategy import simple_shuffle

from tests.names.choosing import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = str(Path(litellm.__file__).parent)

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
    """Let the installed litellm choose with `DICE` from now on.

    From 1.110 on its compiled Router calls ``random.randrange``, from a call that litellm made or from a thread of its
    own; who else calls that gets the real one.
    """
    simple_shuffle.random = DICE
    draw = random.randrange

    def randrange(*arguments: Any, **options: Any) -> int:
        return DICE.choice(range(*arguments)) if _asked_by_litellm() else draw(*arguments, **options)

    random.randrange = randrange


def _asked_by_litellm() -> bool:
    """Whether who called our caller is litellm, or no Python at all."""
    caller = sys._getframe(1).f_back
    return caller is None or caller.f_code.co_filename.startswith(PACKAGE)
