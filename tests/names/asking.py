"""The patch's function that derives names, asked directly."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
