"""Matchers, and lists and names to hold them against each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import litellm
from hypothesis import strategies as st

if TYPE_CHECKING:
    from types import CodeType

Matcher = Callable[[Any, str], tuple[Any, "int | None"]]

MODULE = "litellm.router_utils.fallback_event_handlers"
FUNCTION = "get_fallback_model_group"

# a custom provider may be called anything, and an empty or nested name is a prefix of its own
ODD_PROVIDERS = ("acme", "acme/west", "west", "")
PROVIDERS = ("openai", "azure", "vertex_ai", "bedrock")
MODELS = ("gpt-4.1", "gpt-4", "a", "*", "", "openai", "claude-3-5-sonnet-20240620")

segments = st.sampled_from((*PROVIDERS, *ODD_PROVIDERS, *MODELS))
names = st.lists(segments, min_size=1, max_size=4).map("/".join)
providers = st.lists(st.sampled_from(ODD_PROVIDERS), max_size=2)


def load(source: str, change: CodeType | None = None) -> Matcher:
    """Run a text of the module beside the installed one, and give its matcher.

    Args:
        source: the whole file.
        change: another definition of one of its functions.

    Returns:
        The matcher, whose helpers are those of the same text.
    """
    namespace: dict[str, Any] = {"__name__": MODULE, "__file__": MODULE}
    exec(compile(source, MODULE, "exec", dont_inherit=True), namespace)  # noqa: S102 - a release's own code
    if change is not None:
        exec(change, namespace)  # noqa: S102 - and a mutant of it
    matcher: Matcher = namespace[FUNCTION]
    return matcher


def keys_for(name: str) -> st.SearchStrategy[Any]:
    """Keys that a name may match: itself, parts of it, with and without a provider; and what only looks like it."""
    parts = name.split("/")
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    stripped = [name.replace(f"{part}/", "") for part in parts]
    near = st.sampled_from([name, *tails, *stripped, *(f"{provider}/{name}" for provider in PROVIDERS)])
    # its own hash is that of its name, but it equals the text of its value
    members = st.sampled_from([member for member in litellm.LlmProviders if member.value in PROVIDERS])
    return near | near | names | st.just("*") | members | st.sampled_from([None, 5])


@st.composite
def lookups(draw: st.DrawFn) -> tuple[list[Any], str]:
    """A list of fallbacks and a name to look up in it."""
    name = draw(names)
    keys = keys_for(name)
    targets = st.lists(names, max_size=2)
    entries = st.dictionaries(keys, targets, min_size=1, max_size=1)
    odd = st.dictionaries(keys, targets, max_size=2) | names | st.none() | st.tuples(names)
    return draw(st.lists(entries | entries | entries | odd, max_size=8)), name


def outcome(matcher: Matcher, fallbacks: list[Any] | tuple[Any, ...], name: str) -> tuple[object, ...]:
    """All that a lookup does: which very list it finds, or what it raises, and what it leaves of the fallbacks."""
    copied = fallbacks[:]
    try:
        found, index = matcher(copied, name)
    except Exception as error:  # noqa: BLE001 - malformed lists raise, and go on to raise the same
        return type(error), str(error), copied
    chains = [chain for item in fallbacks if isinstance(item, dict) for chain in item.values()]
    which = next((number for number, chain in enumerate(chains) if chain is found), None)
    return found, which, index, copied
