"""The ways to call a Router that look a chain up, each reduced to the text of its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litellm import Router

MESSAGES = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True)
class Call:
    """One way to call the Router.

    Attributes:
        name: what a test's id shows.
        provider: the protocol that the deployments speak for it.
        bucket: the argument that the proxy puts the caller's team in for this kind of call.
        send: sends a request and returns the whole answer as text.
        sync: whether it is one of the Router's synchronous methods.
    """

    name: str
    provider: str
    bucket: str
    send: Callable[..., Awaitable[str]] = field(repr=False)
    sync: bool = False

    async def __call__(self, router: Router, model: str, team_id: str | None, **request: Any) -> str:
        """Send a request as the proxy would for a key of the team."""
        caller = {self.bucket: {"user_api_key_team_id": team_id}} if team_id is not None else {}
        return await self.send(router, model=model, **caller, **request)


async def _acompletion(router: Router, **request: Any) -> str:
    response = await router.acompletion(messages=MESSAGES, **request)
    return str(response.choices[0].message.content)


async def _completion(router: Router, **request: Any) -> str:
    return str(router.completion(messages=MESSAGES, **request).choices[0].message.content)


async def _stream(router: Router, **request: Any) -> str:
    response = await router.acompletion(messages=MESSAGES, stream=True, **request)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in response if chunk and chunk.choices])


async def _sync_stream(router: Router, **request: Any) -> str:
    response = router.completion(messages=MESSAGES, stream=True, **request)
    return "".join([chunk.choices[0].delta.content or "" for chunk in response if chunk and chunk.choices])


async def _embedding(router: Router, **request: Any) -> str:
    response = await router.aembedding(input=["hello"], **request)
    return f"answer from {response.model}"


async def _messages(router: Router, **request: Any) -> str:
    response = await router.aanthropic_messages(messages=MESSAGES, max_tokens=16, **request)
    return "".join(block["text"] for block in response["content"])


async def _messages_stream(router: Router, **request: Any) -> str:
    response = await router.aanthropic_messages(messages=MESSAGES, max_tokens=16, stream=True, **request)
    return "".join([chunk.decode() if isinstance(chunk, bytes) else str(chunk) async for chunk in response])


async def _responses(router: Router, **request: Any) -> str:
    response = await router.aresponses(input="hello", **request)
    return "".join(content.text for item in response.output for content in item.content)


ACOMPLETION = Call("acompletion", "openai", "metadata", _acompletion)
COMPLETION = Call("completion", "openai", "metadata", _completion, sync=True)
STREAM = Call("stream", "openai", "metadata", _stream)
SYNC_STREAM = Call("sync-stream", "openai", "metadata", _sync_stream, sync=True)
EMBEDDING = Call("embedding", "openai", "metadata", _embedding)
MESSAGES_CALL = Call("messages", "anthropic", "litellm_metadata", _messages)
MESSAGES_STREAM = Call("messages-stream", "anthropic", "litellm_metadata", _messages_stream)
RESPONSES = Call("responses", "openai", "litellm_metadata", _responses)

CALLS = (ACOMPLETION, COMPLETION, STREAM, EMBEDDING, MESSAGES_CALL, MESSAGES_STREAM, RESPONSES)
