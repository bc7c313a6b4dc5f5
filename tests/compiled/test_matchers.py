"""The optional patch of the compiled releases: whatever the list and the names, what is found stays the same.

The real compiler builds the real files of a release; what takes part of them is a small program of our own.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from litellm_patch.patching.ledger import bundled_folder, load_ledger
from upkeep.compiled.matchers import MATCHERS, MATCHING, Matchers, matcher_sources, matchers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RELEASE = next(release for release in reversed(load_ledger(bundled_folder()).compiled) if MATCHING in release.options)
PROVIDERS = ["openai", "azure", "vertex_ai", "acme", "acme/west", ""]
# a mutant of the patched file -> the text that it replaces, and by what
MUTANTS = {
    "a provider need not end": ("rest.starts_with('/')", "!rest.is_empty()"),
    "one provider is enough": (
        ".filter(|provider| prefixes(provider))\n            .map(|provider| group",
        ".filter(|provider| prefixes(provider)).take(1)\n            .map(|provider| group",
    ),
    "the first occurrence only": (
        'group.replace(&format!("{provider}/"), ""))\n            .collect()',
        'group.replacen(&format!("{provider}/"), "", 1))\n            .collect()',
    ),
    "the first of two spellings": ("stripped = Some(value);", "stripped = stripped.or(Some(value));"),
    "a star of any name ends it": ("Some(found) if found.generic => star = Some(found.targets),", ""),
    "bare names count as keyed": (".filter(|entry| matches!(entry, Entry::Dict(_)));", ".filter(|_| true);"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo: install Rust from https://rustup.rs"),
]

segments = st.sampled_from([*PROVIDERS, "gpt-4", "a", "*", "openai"])
names = st.lists(segments, min_size=1, max_size=4).map("/".join)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[object], list[str], dict[str, object]]:
    """A list of fallbacks, the names of a request, and what Python hands over with them."""
    wanted = draw(st.lists(names, min_size=1, max_size=3))
    near = [near for name in wanted for near in _near(name)]
    keys = st.sampled_from(near) | st.sampled_from(near) | names | st.just("*")
    targets = st.lists(names | st.just({"model": "a"}) | st.none(), max_size=2) | st.sampled_from(["ab", "", None, 5])
    entries = st.dictionaries(keys, targets, min_size=1, max_size=1)
    odd: st.SearchStrategy[object] = st.dictionaries(keys, targets, max_size=2) | names | st.sampled_from([None, [], 5])
    prefixed = {name: f"{draw(st.sampled_from(PROVIDERS))}/{name}" for name in wanted if draw(st.booleans())}
    given_keys: dict[str, object] = {"providers": PROVIDERS, "provider_prefixed": prefixed, "param_keys": ["model"]}
    return draw(st.lists(entries | entries | entries | odd, max_size=6)), wanted, given_keys


def _near(name: str) -> list[str]:
    parts = name.split("/")
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    return [
        name,
        *tails,
        *(name.replace(f"{part}/", "") for part in PROVIDERS),
        *(f"{part}/{name}" for part in PROVIDERS),
    ]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return matcher_sources(RELEASE)


@pytest.fixture(scope="module")
def built(sources: dict[str, str]) -> Iterator[Matchers]:
    with matchers(sources) as found:
        yield found


def find_difference(asked: Matchers, examples: int = 1500) -> Callable[[], None]:
    """A property test that holds each matcher against stock's."""

    @settings(
        max_examples=examples, deadline=None, phases=(Phase.explicit, Phase.generate), derandomize=True, database=None
    )
    @given(questions())
    @example(([{"*": ["a"]}, {"gpt-4": ["b"]}], ["x", "openai/gpt-4"], {"providers": PROVIDERS}))
    def test(question: tuple[list[object], list[str], dict[str, object]]) -> None:
        answers = asked.ask(*question)
        assert {(str(answer.chain), str(answer.keyed)) for answer in answers.values()} == {
            (str(answers["stock"].chain), str(answers["stock"].keyed))
        }

    return test


def test_what_is_found_stays_the_same(built: Matchers) -> None:
    find_difference(built)()


@pytest.mark.parametrize("mutant", MUTANTS)
def test_another_result_would_be_noticed(mutant: str, sources: dict[str, str]) -> None:
    before, after = MUTANTS[mutant]
    assert sources["alone"].count(before) == 1
    with (
        matchers({**sources, "alone": sources["alone"].replace(before, after)}) as found,
        pytest.raises(AssertionError),
    ):
        find_difference(found)()


@pytest.mark.parametrize("name", ["gpt-4", "openai/gpt-4", "nobody"])
def test_a_key_costs_no_memory(built: Matchers, name: str) -> None:
    def allocations(chains: int) -> dict[str, int]:
        fallbacks = [*({f"other-{number}": ["a"]} for number in range(chains)), {"gpt-4": ["a"]}]
        keys = {"providers": [*PROVIDERS, *(f"provider-{number}" for number in range(100))]}
        return {name: answer.allocations for name, answer in built.ask(fallbacks, [name, f"{name}-2"], keys).items()}

    few, many = allocations(10), allocations(1000)
    assert many["stock"] > 50 * few["stock"], "stock is known to make a string a provider and key"
    assert all(many[matcher] == few[matcher] for matcher in MATCHERS if matcher != "stock")
