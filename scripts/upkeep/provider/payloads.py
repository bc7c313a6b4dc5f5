"""What the upstream sends, by path: whole answers and the events of a stream.

Every text names the model that wrote it, so that an answer tells who gave it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFUSAL_DETAILS = {"type": "refusal", "category": "safety", "explanation": "declined"}


def text_of(model: str) -> str:
    """The text that a model answers with."""
    return f"answer from {model}"


def answer(path: str, model: str, behaviour: str) -> Mapping[str, object]:
    """The body of a whole answer; the behaviour is the name of one of ``server.Behaviour``."""
    if path.endswith("/embeddings"):
        return {
            "object": "list",
            "model": model,
            "data": [{"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
    if path.endswith("/responses"):
        return _response(model, text_of(model))
    if path.endswith("/messages"):
        return _message(model, text_of(model), refused=behaviour == "REFUSAL")
    finish_reason = "content_filter" if behaviour == "CONTENT_FILTER" else "stop"
    if path.endswith("/chat/completions"):
        return _completion(model, text_of(model), finish_reason)
    return _text_completion(model, text_of(model), finish_reason)


def events(path: str, model: str, behaviour: str) -> Iterator[str]:
    """The server-sent events of a streamed answer, cut short where the behaviour breaks the stream."""
    if path.endswith("/messages"):
        yield from _message_events(model, behaviour)
    elif path.endswith("/responses"):
        yield from _response_events(model, behaviour)
    elif path.endswith("/chat/completions"):
        yield from _completion_events(model, behaviour)
    else:
        yield _sse(_text_completion(model, text_of(model), None))
        yield _sse(_text_completion(model, "", "stop"))
        yield "data: [DONE]\n\n"


def _sse(payload: Mapping[str, object], event: str | None = None) -> str:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(payload)}\n\n"


def _completion(model: str, text: str, finish_reason: str) -> Mapping[str, object]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": text}},
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    }


def _text_completion(model: str, text: str, finish_reason: str | None) -> Mapping[str, object]:
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish_reason, "text": text, "logprobs": None}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4},
    }


def _completion_events(model: str, behaviour: str) -> Iterator[str]:
    def chunk(delta: Mapping[str, object], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _sse(
            {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}
        )

    # without it there is no stream yet when it breaks, and litellm sees an error of the call itself
    yield chunk({"role": "assistant", "content": ""})
    if behaviour == "BREAK_EARLY":
        # old releases take a connection that just ends for the end of the answer
        yield _sse({"error": {"message": "the primary went down", "type": "server_error", "code": 500}})
        return
    first, *rest = text_of(model).split(" ")
    yield chunk({"content": first})
    if behaviour == "BREAK_LATE":
        return
    for word in rest:
        yield chunk({"content": f" {word}"})
    yield chunk({}, "content_filter" if behaviour == "CONTENT_FILTER" else "stop")
    yield "data: [DONE]\n\n"


def _response(model: str, text: str, status: str = "completed") -> Mapping[str, object]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": model,
        "output": [{"type": "message", "id": "msg_1", "status": status, "role": "assistant", "content": content}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 1, "output_tokens": 3, "total_tokens": 4},
    }


def _response_events(model: str, behaviour: str) -> Iterator[str]:
    started = {**_response(model, "", "in_progress"), "output": []}
    yield _sse({"type": "response.created", "sequence_number": 0, "response": started}, "response.created")
    if behaviour == "BREAK_EARLY":
        return
    delta = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": 1}
    kind = "response.output_text.delta"
    yield _sse({"type": kind, **delta, "delta": text_of(model)}, kind)
    if behaviour == "BREAK_LATE":
        return
    done = _response(model, text_of(model))
    yield _sse({"type": "response.completed", "sequence_number": 2, "response": done}, "response.completed")


def _message(model: str, text: str, *, refused: bool) -> Mapping[str, object]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [] if refused else [{"type": "text", "text": text}],
        "stop_reason": "refusal" if refused else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 3},
        **({"stop_details": REFUSAL_DETAILS} if refused else {}),
    }


def _message_events(model: str, behaviour: str) -> Iterator[str]:
    started = {**_message(model, "", refused=False), "content": [], "stop_reason": None}
    yield _sse({"type": "message_start", "message": started}, "message_start")
    if behaviour == "BREAK_EARLY":
        return
    if behaviour == "REFUSAL":
        delta = {"stop_reason": "refusal", "stop_sequence": None, "stop_details": REFUSAL_DETAILS}
        yield _sse({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}, "message_delta")
        yield _sse({"type": "message_stop"}, "message_stop")
        return
    block = {"type": "text", "text": ""}
    yield _sse({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
    text = {"type": "text_delta", "text": text_of(model)}
    yield _sse({"type": "content_block_delta", "index": 0, "delta": text}, "content_block_delta")
    if behaviour == "BREAK_LATE":
        return
    yield _sse({"type": "content_block_stop", "index": 0}, "content_block_stop")
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _sse({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 3}}, "message_delta")
    yield _sse({"type": "message_stop"}, "message_stop")
