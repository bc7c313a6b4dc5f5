"""The patch's function that derives names, asked directly."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tests.names.release import capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def asked(router: Any, metadata: Mapping[str, object], name: str) -> tuple[Any, ...]:
    """Its arguments, which differ between releases."""
    request = {"model": name, "metadata": metadata}
    if hasattr(router, "registry"):
        return router.registry(), request, (name,)
    handlers = import_module("litellm.router_utils.fallback_event_handlers")
    parameters = inspect.signature(handlers.derived_lookup_names).parameters
    if "lookup_groups" in parameters:
        return router, request, (name,)
    return (router, request, name, None) if "failed_name" in parameters else (router, request, name)


def lookup(router: Any) -> Callable[[Mapping[str, object], str], Any]:
    """It, for a caller's metadata and a name; the compiled one, where the Router is."""
    if not capabilities().python_matcher:
        compiled = getattr(router.registry(), "other_names", None)
        assert compiled, "the release is not patched"
        return lambda metadata, name: compiled(name, {"model": name, "metadata": metadata})
    handlers = import_module("litellm.router_utils.fallback_event_handlers")
    look = getattr(handlers, "derived_lookup_names", None)
    assert look, "the release is not patched"
    return lambda metadata, name: look(*asked(router, metadata, name))
