"""Whatever the list and the name, the linear matcher finds what stock's finds; and this would notice if it did not."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import litellm
from hypothesis import Phase, event, example, given, settings
from hypothesis import strategies as st

from tests.matching.matchers import FUNCTION, MODULE, Matcher, load, lookups, outcome, providers
from upkeep.mutants.generate import mutants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from upkeep.mutants.generate import Mutant

    _Drawn = tuple[list[Any], str, list[str], tuple[object, ...]]

# a lookup takes next to nothing, so there can be more of them than the profile asks of the other tests
four_times = settings(max_examples=4 * settings().max_examples)
HELPERS = {FUNCTION, "_stripped_model_groups"}
OPENAI = litellm.LlmProviders.OPENAI
# fallbacks, a name, and providers beside LiteLLM's own
EXAMPLES: list[tuple[list[Any], str, list[str]]] = [
    ([{"gpt-4": ["x"]}], "openai/gpt-4", []),
    ([{"gpt-4": ["x"]}, {"gpt-4": ["y"]}], "openai/gpt-4", []),
    ([{"openai/gpt-4": ["x"]}], "gpt-4", []),
    ([{"openai/gpt-4": ["x"]}, {"gpt-4": ["y"]}], "gpt-4", []),
    ([{"openai/gpt-4": ["x"]}, {"gpt-4": ["y"]}], "azure/openai/gpt-4", []),
    ([{"x/y": ["z"]}, {"x/openai/y": ["w"]}], "openai/x/openai/y", []),
    ([{"x/y": ["z"]}], "x/openai/y", []),
    ([{"*": ["x"]}, {"gpt-4": ["y"]}, {"*": ["z"]}], "openai/gpt-4", []),
    ([{"*": ["x"]}], "openai/*", []),
    (["first", {"gpt-4": ["x"]}, "second"], "gpt-4", []),
    (["first", {"gpt-4": ["x"]}, "second"], "openai/gpt-4", []),
    ([{"openai": ["x"]}], "openai", []),
    ([{OPENAI: ["x"]}], "azure/openai", []),
    ([{"": ["x"]}], "openai/", []),
    ([{"a": ["x"]}], "acme/a", ["acme"]),
    ([{"west/a": ["x"]}, {"a": ["y"]}], "acme/west/a", ["acme", "acme/west"]),
    ([{"openai/gpt-4": ["x"]}, {"a": ["y"]}], "a", []),
    ([], "openai/gpt-4", []),
]
# changes that no list and no name can tell from the right code, by operator and what they change, and why
_NEVER = "without a slash no name begins with a provider's prefix, so this saves time alone"
_DEFINITION = "defines the old helper beside the new one"
HARMLESS = {
    ("skip_a_check", "if '/' not in model_group:"): _NEVER,
    ("drop_a_statement", "if '/' not in model_group: / return ()"): _NEVER,
    ("skip_a_check", "_stripped_model_groups(model_group) if fallbacks else []"): "an empty list has no key to compare",
    ("forget_a_hunk", "def _stripped_model_groups(model_group: str) -> list:"): _DEFINITION,
    ("forget_a_hunk", "def _stripped_model_groups(model_group: str) -> tuple[str, ...]:"): _DEFINITION,
    ("forget_a_hunk", "- the fallback keys that match model_group once a provider is stripped from it"): "a docstring",
}

if sys.version_info < (3, 11):
    # there a member of an enumeration of texts is written as its value
    HARMLESS["skip_a_check", "p.value if isinstance(p, Enum) else p"] = "the value is what the f-string has anyway"


@contextmanager
def knowing(more: Sequence[str]) -> Iterator[None]:
    """Let LiteLLM know custom providers beside its own."""
    with patch.object(litellm, "provider_list", [*litellm.provider_list, *more]):
        yield


def with_examples(test: Callable[..., None]) -> Callable[..., None]:
    """Pin the examples to a test of a lookup."""
    for fallbacks, name, more in EXAMPLES:
        for frozen in (False, True):
            test = example(lookup=(fallbacks, name), more=more, frozen=frozen)(test)
    return test


@with_examples
@four_times
@given(lookup=lookups(), more=providers, frozen=st.booleans())
def test_it_finds_what_stock_finds(
    lookup: tuple[list[Any], str], more: list[str], *, frozen: bool, stock: Matcher, linear: Matcher
) -> None:
    fallbacks, name = lookup
    given_list = tuple(fallbacks) if frozen else fallbacks
    event(f"{_kind(outcome(stock, given_list, name))} of {'a tuple' if frozen else 'a list'}")

    with knowing(more):
        assert outcome(linear, given_list, name) == outcome(stock, given_list, name)


def test_each_wrong_matcher_is_noticed(stock: Matcher, stock_source: str, series_source: str) -> None:
    """Else the test above would find nothing whatever the patch did."""
    drawn = _drawn(stock)
    kept: list[Mutant] = []
    noticed: set[str] = set()
    for mutant in mutants(MODULE, stock_source, series_source):
        if mutant.function in HELPERS:
            if _is_noticed(load(series_source, mutant.code), drawn):
                noticed.add(mutant.function)
            else:
                kept.append(mutant)

    assert noticed == HELPERS
    assert [mutant.key for mutant in kept if (mutant.operator, mutant.before) not in HARMLESS] == []


def _drawn(stock: Matcher) -> list[_Drawn]:
    """Lists, names and custom providers as the property draws them, with what stock does: one run for all mutants."""
    kept: list[_Drawn] = []
    for fallbacks, name, more in EXAMPLES:
        with knowing(more):
            kept.append((fallbacks, name, more, outcome(stock, fallbacks, name)))

    @settings(four_times, phases=[Phase.generate])
    @given(lookups(), providers)
    def keep(lookup: tuple[list[Any], str], more: list[str]) -> None:
        with knowing(more):
            kept.append((*lookup, more, outcome(stock, *lookup)))

    keep()
    return kept


def _is_noticed(wrong: Matcher, drawn: Sequence[_Drawn]) -> bool:
    for fallbacks, name, more, expected in drawn:
        with knowing(more):
            if outcome(wrong, fallbacks, name) != expected:
                return True
    return False


def _kind(seen: tuple[object, ...]) -> str:
    if isinstance(seen[0], type):
        return seen[0].__name__
    return "nothing" if seen[0] is None else "a plain string" if seen[1] is None else "a chain"
