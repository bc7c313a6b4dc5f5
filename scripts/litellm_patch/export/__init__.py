"""The verb export: the newest patch as upstream can take it, a mailbox with its tests and a pull request."""

from litellm_patch.export.exporting import export

__all__ = ["export"]
