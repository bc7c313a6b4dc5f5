"""How each release routes and matches, by the first release that does so: what the model needs to know of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from litellm_patch.model.names import Routing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SINCE: Mapping[str, str] = {
    "team_before_global": "1.83.3",
    "default_knows_teams": "1.83.3",
    "admin_across_teams": "1.94.0",
    "tracks_attempts": "1.97.0",
    "refusals_fall_back": "1.101.0",
    "resumes_original": "1.104.0",
    "gates_skip_attempted": "1.104.0",
    "team_wildcard_first": "1.108.4",
    "context_window_falls_through": "1.110.0",
    "admin_by_first_name": "1.110.0",
    "streams_forget_attempts": "1.110.0",
    "original_in_any_bucket": "1.110.0",
    "own_lists_route": "1.110.0",
}
"""Ability -> the first release that has it; all later ones keep it. ``tests/names`` holds this against each release."""

UNTIL: Mapping[str, str] = {"exact_typed_lists": "1.104.0"}
"""Ability -> the first release that has it no more."""

PREFIXED_KEYS_SINCE = "1.104.0"
"""The first release in which a bare name finds the key that is the same with its provider before it."""

REFUSES_INTERNAL_TARGETS = (("1.100.0", "1.104.4"), ("1.105.0", "1.105.2"), ("1.106.0", "1.106.1"))
"""Where ``enforce_fallback_model_access`` is there, but does not know that who may call a team's public name may call
the internal one: from the first release to before the second. ``tests/proxy`` holds this against the real proxy."""

PROVIDERS = frozenset({
    *("a2a", "a2a_agent", "ai21", "ai21_chat", "aiml", "aiohttp_openai", "amazon_nova", "anthropic"),
    *("anthropic_text", "apertis", "assemblyai", "auto_router", "aws_polly", "azure", "azure_ai", "azure_text"),
    *("baseten", "bedrock", "bedrock_mantle", "black_forest_labs", "bytez", "cerebras", "charity_engine"),
    *("chatgpt", "chutes", "clarifai", "cloudflare", "codestral", "cohere", "cohere_chat", "cometapi"),
    *("compactifai", "cursor", "custom", "custom_openai", "dashscope", "databricks", "datarobot", "deepgram"),
    *("deepinfra", "deepseek", "docker_model_runner", "dotprompt", "elevenlabs", "empower", "fal_ai"),
    *("featherless_ai", "fireworks_ai", "friendliai", "galadriel", "gemini", "gigachat", "github"),
    *("github_copilot", "gradient_ai", "groq", "helicone", "heroku", "hosted_vllm", "huggingface", "humanloop"),
    *("hyperbolic", "infinity", "jina_ai", "lambda_ai", "langfuse", "langgraph", "lemonade", "litellm_agent"),
    *("litellm_proxy", "llamafile", "lm_studio", "manus", "maritalk", "meta_llama", "milvus", "minimax"),
    *("mistral", "moonshot", "morph", "nano-gpt", "nebius", "nlp_cloud", "novita", "nscale", "nvidia_nim"),
    *("oci", "ollama", "ollama_chat", "oobabooga", "openai", "openai_like", "openrouter", "ovhcloud"),
    *("perplexity", "petals", "pg_vector", "poe", "predibase", "publicai", "ragflow", "recraft", "replicate"),
    *("runwayml", "s3_vectors", "sagemaker", "sagemaker_chat", "sagemaker_nova", "sambanova", "sap"),
    *("snowflake", "stability", "synthetic", "text-completion-codestral", "text-completion-openai"),
    *("together_ai", "topaz", "triton", "v0", "vercel_ai_gateway", "vertex_ai", "vertex_ai_beta", "vllm"),
    *("volcengine", "voyage", "wandb", "watsonx", "watsonx_text", "xai", "xiaomi_mimo", "xinference", "zai"),
})  # fmt: skip
"""Providers that LiteLLM strips from a name before it looks for its key: those that every supported release knows."""

_INFERRED = (("openai", ("gpt-", "o1", "o3", "o4", "text-embedding-")), ("anthropic", ("claude-",)))


def refuses_internal_targets(version: Version) -> bool:
    """Whether the check of fallback targets, where names limit a team, refuses its own model by the internal name."""
    return any(Version(first) <= version < Version(end) for first, end in REFUSES_INTERNAL_TARGETS)


def release_at(version: Version, names: Iterable[str]) -> Routing:
    """How a release routes and matches.

    Args:
        version: the release; what the table says of the nearest one before is taken for any other.
        names: the bare names whose provider may have to be inferred: LiteLLM does it by its list of models, here the
            beginning of the name decides.
    """
    inferred = {}
    if version >= Version(PREFIXED_KEYS_SINCE):
        inferred = {name: provider for name in names if "/" not in name for provider in _provider_of(name)}
    abilities = {ability: version >= Version(first) for ability, first in SINCE.items()}
    abilities |= {ability: version < Version(first) for ability, first in UNTIL.items()}
    return Routing(**abilities, providers=PROVIDERS, inferred=inferred)


def _provider_of(name: str) -> Iterable[str]:
    return (provider for provider, beginnings in _INFERRED if name.startswith(beginnings))
