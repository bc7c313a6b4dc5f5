"""Apply, revert and verify the maintained patches against LiteLLM's Router.

Nothing in this package imports litellm: it must work on a tree whose litellm cannot be imported.
"""
