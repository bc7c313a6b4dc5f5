"""Wheels of LiteLLM: the index they come from, the stock files in them, and patched ones."""
