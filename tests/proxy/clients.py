"""The ways to call a proxy, each with the provider's own client, reduced to what a caller sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROMPT = "hello"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
# for a machine that others work on too
PATIENCE_IN_SECONDS = 120.0


@dataclass(frozen=True)
class Reply:
    """What a caller gets.

    Attributes:
        status: the HTTP status.
        text: the text of the answer, or of the error.
        headers: the headers, names in lower case.
        broken: what ended a stream that had begun, or ``None``.
    """

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    broken: str | None = None


@dataclass(frozen=True)
class ClientCall:
    """One way to call: its name, and how to send a request to a root with a key and the name of a model."""

    name: str
    send: Callable[..., Reply] = field(repr=False)

    def __call__(self, url: str, key: str, model: str, **body: Any) -> Reply:
        """Send a request.

        Args:
            url: the proxy's root.
            key: the caller's key.
            model: the model's name.
            body: what else goes into the body.

        Returns:
            What comes back, an error too.
        """
        try:
            return self.send(url, key, model, body)
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            return Reply(error.status_code, error.response.text, dict(error.response.headers))


def _openai(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=PATIENCE_IN_SECONDS)


def _anthropic(url: str, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=key, max_retries=0, timeout=PATIENCE_IN_SECONDS)


def _read(raw: Any, text_of: Callable[[Any], str | None]) -> Reply:
    """Read a stream to its end; what breaks it comes after the headers said 200."""
    parts: list[str] = []
    broken = None
    try:
        parts.extend(text_of(event) or "" for event in raw.parse())
    except (openai.APIError, anthropic.APIError) as error:
        broken = error.message
    return Reply(raw.status_code, "".join(parts), dict(raw.headers), broken)


def _chat(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).chat.completions.with_raw_response.create(model=model, messages=MESSAGES, extra_body=body)
    return Reply(raw.status_code, raw.parse().choices[0].message.content or "", dict(raw.headers))


def _chat_stream(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).chat.completions.with_raw_response.create(
        model=model, messages=MESSAGES, stream=True, extra_body=body
    )
    return _read(raw, lambda chunk: chunk.choices[0].delta.content if chunk.choices else None)


def _completions(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).completions.with_raw_response.create(model=model, prompt=PROMPT, extra_body=body)
    return Reply(raw.status_code, raw.parse().choices[0].text, dict(raw.headers))


def _embeddings(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).embeddings.with_raw_response.create(model=model, input=[PROMPT], extra_body=body)
    # what embedding it was is told by the model alone
    return Reply(raw.status_code, f"answer from {raw.parse().model}", dict(raw.headers))


def _responses(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).responses.with_raw_response.create(model=model, input=PROMPT, extra_body=body)
    return Reply(raw.status_code, raw.parse().output_text, dict(raw.headers))


def _responses_stream(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _openai(url, key).responses.with_raw_response.create(model=model, input=PROMPT, stream=True, extra_body=body)
    return _read(raw, lambda event: event.delta if event.type == "response.output_text.delta" else None)


def _messages(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _anthropic(url, key).messages.with_raw_response.create(
        model=model, messages=MESSAGES, max_tokens=16, extra_body=body
    )
    return Reply(
        raw.status_code, "".join(block.text for block in raw.parse().content if block.type == "text"), dict(raw.headers)
    )


def _messages_stream(url: str, key: str, model: str, body: Mapping[str, Any]) -> Reply:
    raw = _anthropic(url, key).messages.with_raw_response.create(
        model=model, messages=MESSAGES, max_tokens=16, stream=True, extra_body=body
    )
    return _read(raw, lambda event: getattr(event.delta, "text", None) if event.type == "content_block_delta" else None)


def send_raw(url: str, key: str, path: str, content: bytes) -> Reply:
    """Send bytes that no client would.

    Args:
        url: the proxy's root.
        key: the caller's key.
        path: such as ``/v1/chat/completions``.
        content: the body.

    Returns:
        What comes back.
    """
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    response = requests.post(f"{url}{path}", data=content, headers=headers, timeout=PATIENCE_IN_SECONDS)
    return Reply(response.status_code, response.text, {name.lower(): value for name, value in response.headers.items()})


CHAT = ClientCall("chat", _chat)
CHAT_STREAM = ClientCall("chat-stream", _chat_stream)
COMPLETIONS = ClientCall("completions", _completions)
EMBEDDINGS = ClientCall("embeddings", _embeddings)
RESPONSES = ClientCall("responses", _responses)
RESPONSES_STREAM = ClientCall("responses-stream", _responses_stream)
MESSAGES_CALL = ClientCall("messages", _messages)
MESSAGES_STREAM = ClientCall("messages-stream", _messages_stream)
