"""The verb port: carry the newest patch over to a release that the ledger lacks."""

from litellm_patch.port.porting import abort, go_on, port

__all__ = ["abort", "go_on", "port"]
