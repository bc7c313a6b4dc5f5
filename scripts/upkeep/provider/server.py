"""The server: one behaviour for each model name, and a log of what was called.

It answers OpenAI's ``/chat/completions``, ``/completions``, ``/embeddings`` and ``/responses`` and Anthropic's
``/messages``, plain and streamed. Standard library only, so that it runs in any environment a litellm is installed in.
"""

from __future__ import annotations

import io
import json
import math
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast

from upkeep.provider import payloads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType


HELD = "wait until you are told to go on"


class Behaviour(Enum):
    """How the provider treats a model: the answer, or the way in which it fails."""

    ANSWER = "answer"
    ERROR = "error"
    RATE_LIMIT = "rate limit"
    LATE = "no answer until the client gives up"
    CONTEXT_WINDOW = "context window exceeded"
    CONTENT_POLICY = "content policy violation"
    CONTENT_FILTER = "answer cut by a content filter"
    REFUSAL = "safeguard refusal"
    RESET = "connection reset"
    BREAK_EARLY = "stream broken before the first text"
    BREAK_LATE = "stream broken after the first text"


REJECTIONS: Mapping[Behaviour, tuple[int, str]] = {
    Behaviour.ERROR: (500, "the primary is down"),
    Behaviour.RATE_LIMIT: (429, "the primary is busy"),
    Behaviour.CONTEXT_WINDOW: (400, "This model's maximum context length is 10 tokens."),
    Behaviour.CONTENT_POLICY: (400, "The request was rejected as a result of the safety system."),
}


@dataclass(frozen=True)
class Hit:
    """One request that reached the provider: the path, the model it names, the behaviour it met, what else it said."""

    path: str
    model: str
    behaviour: Behaviour
    body: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass
class Provider:
    """A running provider, used as a context manager.

    Attributes:
        behaviours: what each model does; a model that is not listed answers.
        hits: what was called, in order.
        calls: how many calls it behaves so for; from then on every model answers.
        pause: seconds after each event of a stream that breaks, for a client that would read two at once or one by one.
        released: set unless requests that say ``HELD`` have to wait. How they fare is decided when they come in.
    """

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    calls: float = math.inf
    pause: float = 0.0
    released: threading.Event = field(default_factory=_set_event)

    def __enter__(self) -> Provider:  # noqa: PYI034 - Self needs 3.11, and nothing derives from it
        """Listen on a free port of the loopback interface."""
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and wait for the server's thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The root that paths such as ``/v1/chat/completions`` are added to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def reset(self, behaviours: Mapping[str, Behaviour], calls: float = math.inf) -> None:
        """Forget what was called and behave in another way from now on, or for some calls."""
        self.behaviours, self.calls = dict(behaviours), calls
        self.hits.clear()

    @property
    def models_called(self) -> tuple[str, ...]:
        """The models called since the last reset, in order."""
        return tuple(hit.model for hit in self.hits)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # hundreds of connections come at once in a load test; one that finds no room is tried again a second later
    request_queue_size = 1024

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_close(self) -> None:
        """Close the connections too: clients keep them open, and would be served on."""
        super().server_close()
        for connection in tuple(self.connections):
            with suppress(OSError):  # it may have ended by itself
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # headers and body leave together, at once: else each answer waits 40 ms for a delayed acknowledgement
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Note the connection."""
        super().setup()
        cast("_Server", self.server).connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        cast("_Server", self.server).connections.discard(self.connection)
        super().finish()

    def log_message(self, *args: object) -> None:
        """Stay silent: the provider keeps its own log."""

    def do_POST(self) -> None:
        """Answer, reject or break, as the model's behaviour says."""
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        provider = cast("_Server", self.server).provider
        model = str(body["model"])
        recovered = len(provider.hits) >= provider.calls
        behaviour = Behaviour.ANSWER if recovered else provider.behaviours.get(model, Behaviour.ANSWER)
        provider.hits.append(Hit(self.path, model, behaviour, body))
        if HELD in json.dumps(body):
            provider.released.wait(timeout=60)
        if behaviour is Behaviour.LATE:
            self.close_connection = True
            self.rfile.read(1)  # ends when the client closes the connection
        elif behaviour is Behaviour.RESET:
            self._reset()
        elif behaviour in REJECTIONS:
            self._reject(*REJECTIONS[behaviour])
        elif body.get("stream"):
            self._stream(payloads.events(self.path, model, behaviour.name), broken=behaviour.name.startswith("BREAK"))
        else:
            self._send(200, payloads.answer(self.path, model, behaviour.name))

    def _reset(self) -> None:
        """Close so that the client gets a reset and no end of the stream: nothing may hold the connection."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.wfile = io.BytesIO()  # flushed by the caller

    def _reject(self, status: int, message: str) -> None:
        kind = "api_error" if status >= HTTP_SERVER_ERROR else "invalid_request_error"
        self._send(status, {"type": "error", "error": {"message": message, "type": kind, "code": None, "param": None}})

    def _send(self, status: int, payload: Mapping[str, object]) -> None:
        content = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        # OpenAI's client obeys it; without it, it retries a 500 on its own for embeddings, whatever litellm asks for
        self.send_header("x-should-retry", "false")
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: Iterator[str], *, broken: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            content = event.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            self.wfile.flush()
            if broken:
                time.sleep(cast("_Server", self.server).provider.pause)
        if broken:
            # the chunk that ends the body never comes, so the client sees the connection break
            self.close_connection = True
            with suppress(OSError):  # it may be the client that closed it first
                self.connection.shutdown(socket.SHUT_WR)
        else:
            self.wfile.write(b"0\r\n\r\n")


HTTP_SERVER_ERROR = 500
