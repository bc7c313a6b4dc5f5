"""A real HTTP provider on loopback that speaks as much of the real ones' protocols as LiteLLM needs here."""

from upkeep.provider.server import HELD, Behaviour, Hit, Provider

__all__ = ["HELD", "Behaviour", "Hit", "Provider"]
