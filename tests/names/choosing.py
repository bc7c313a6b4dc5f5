"""The ways to choose among equal deployments, numbered: the same for the model and for the Router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pick(seed: int) -> Callable[[Sequence[Any]], Any]:
    """A way to choose.

    Args:
        seed: its number.

    Returns:
        What chooses one of several, in the order of the model list.
    """
    return lambda deployments: deployments[seed % len(deployments)]
