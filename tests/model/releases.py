"""Releases as data: one that can do everything and one that can do nothing, and any between."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from litellm_patch.model.names import Routing

ABILITIES = tuple(field.name for field in fields(Routing) if field.type == "bool")
INFERRED = {"gpt-4.1": "openai"}
EVERYTHING: dict[str, Any] = dict.fromkeys(ABILITIES, True)
NOTHING: dict[str, Any] = dict.fromkeys(ABILITIES, False)
ABLE = Routing(**EVERYTHING, inferred=INFERRED)
PLAIN = Routing(**NOTHING)


def releases() -> st.SearchStrategy[Routing]:
    """Any combination of what releases can do: what is true of the model must not depend on it."""
    return st.builds(Routing, inferred=st.sampled_from([{}, INFERRED]), **dict.fromkeys(ABILITIES, st.booleans()))
