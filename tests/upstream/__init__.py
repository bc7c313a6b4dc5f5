"""A real HTTP upstream on loopback that speaks as much of the providers' protocols as LiteLLM needs here."""

from upstream.server import HELD, Behaviour, Hit, Upstream

__all__ = ["HELD", "Behaviour", "Hit", "Upstream"]
