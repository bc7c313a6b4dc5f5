"""A proxy's stand-in on loopback: what real ones answered, and every way to refuse; it notes what it was asked."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.doctor.clinic import SECRETS

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

KEY = "sk-the-master-key"
CALLBACKS = [{"name": "langfuse", "variables": {"LANGFUSE_SECRET_KEY": SECRETS[1]}, "type": "success"}]
Answers = dict[str, tuple[int, Any]]
NO_DATABASE = (500, {"detail": {"error": "DB not connected. See https://docs.litellm.ai/docs/proxy/virtual_keys"}})
# what a proxy without a database says to a key that is not its own
WRONG_KEY = (400, {"error": {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}})
MISSING = (404, {"detail": "Not Found"})
NO_CHAIN = (404, {"detail": {"error": "No general fallbacks configured for model 'gpt-4o'"}})


class StandIn:
    """A server for one test."""

    def __init__(self, answers: Answers) -> None:
        """Take the answers, by path with its query or without; what is not there is missing."""
        self.answers = answers
        self.asked: list[str] = []
        self.methods: set[str] = set()
        stand_in = self

        class StandInHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand_in.methods.add(self.command)
                stand_in.asked.append(self.path)
                if self.headers.get("Authorization") != f"Bearer {KEY}":
                    status, body = stand_in.answers.get("wrong key", WRONG_KEY)
                else:
                    found = stand_in.answers.get(self.path) or stand_in.answers.get(self.path.partition("?")[0])
                    status, body = found or (NO_CHAIN if self.path.startswith("/fallback/") else MISSING)
                if status == 0:
                    return  # without an answer
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - as the library wants it

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), StandInHandler)

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()


def entry(name: str, number: int, team: str | None = None, public: str | None = None) -> dict[str, Any]:
    """A deployment as the endpoints show it."""
    owner = {"team_id": team, "team_public_model_name": public} if team else {}
    return {
        "model_name": name,
        "litellm_params": {"api_key": SECRETS[0], "model": f"openai/{name}"},
        "model_info": {"id": f"id-{number}", "db_model": False, "key": name, "max_tokens": 16384, **owner},
    }


SHARED = [entry("gpt-4o", 3), entry("claude", 4)]
FALLBACKS = [{"model_name_acme_1": ["backup"]}, {"gpt-4o": ["claude"]}, {"gpt-40": ["claude"]}, {"*": ["claude"]}]


def proxy_1_83(database: bool = True) -> Answers:  # noqa: FBT001, FBT002
    """What the proxy of 1.83.0 answers: no content policy list and, without a database, no team's models."""
    settings = {
        "routing_strategy": "simple-shuffle",
        "fallbacks": FALLBACKS,
        "context_window_fallbacks": None,
        "model_group_alias": {"prod": "gpt-4o"},
    }
    owned = [entry("model_name_acme_1", 1, "acme", "gpt-4.1"), entry("model_name_acme_2", 2, "acme", "backup")]
    return {
        "/health/readiness": (200, {"status": "healthy", "db": "Not connected", "litellm_version": "1.83.0"}),
        "/get/config/callbacks": (200, {"callbacks": CALLBACKS, "router_settings": settings}),
        "/router/settings": (200, {"fields": [], "current_values": {"max_fallbacks": 5, "redis_password": SECRETS[0]}}),
        "/v2/model/info": (200, {"data": [*owned, *SHARED], "total_pages": 1}) if database else NO_DATABASE,
        "/v1/model/info": (200, {"data": [{**SHARED[0], "model_name": "prod"}, SHARED[0], *SHARED]}),
        "/fallback/claude?fallback_type=content_policy": (
            200,
            {"model": "claude", "fallback_models": ["gpt-4o"], "fallback_type": "content_policy"},
        ),
    }


def proxy_1_109() -> Answers:
    """What the proxy of 1.109.1 answers: no internal names, all lists, and no release."""
    settings = {"fallbacks": FALLBACKS, "model_group_alias": {"prod": "gpt-4o"}, "context_window_fallbacks": None}
    owned = [entry("gpt-4.1", 1, "acme", "gpt-4.1"), entry("backup", 2, "acme", "backup")]
    return {
        "/health/readiness": (200, {"status": "healthy", "db": "Not connected"}),
        "/get/config/callbacks": (200, {"status": "success", "callbacks": [], "router_settings": settings}),
        "/router/settings": (200, {"current_values": {"content_policy_fallbacks": [{"claude": ["gpt-4o"]}]}}),
        "/v2/model/info": NO_DATABASE,
        "/v1/model/info": (200, {"data": [*owned, *SHARED]}),
    }
