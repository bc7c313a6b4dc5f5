"""What the doctor knows of this release without importing it, against what is probed here."""

from __future__ import annotations

from dataclasses import replace

import litellm
from packaging.version import Version

from litellm_patch.model.abilities import PROVIDERS, release_at
from tests.names.release import litellm_version, release


def test_the_doctor_s_table_says_what_this_release_does() -> None:
    known = release_at(Version(litellm_version()), ["gpt-4.1"])
    assert replace(known, providers=release().providers) == release()


def test_the_doctor_s_providers_are_providers_here() -> None:
    names = {getattr(provider, "value", provider) for provider in litellm.provider_list}
    assert names >= PROVIDERS


def test_the_doctor_infers_providers_as_this_release_does() -> None:
    """By the beginning of a name, where LiteLLM looks the whole name up."""
    names = ("gpt-4o", "gpt-4.1", "o1", "text-embedding-3-small", "claude-sonnet-4-5", "prod")
    for name, provider in release_at(Version(litellm_version()), names).inferred.items():
        assert litellm.get_llm_provider(name)[1] == provider
