"""Tests of the tool: no litellm needed, all trees, patches and ledgers are built in a temporary folder."""
