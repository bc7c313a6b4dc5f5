"""A package index on loopback: the simple API in JSON, and wheels that are made on the spot."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from packaging.utils import parse_sdist_filename, parse_wheel_filename

from tests.patching.factory import digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PAGE = "/simple/litellm/"


def make_wheel(files: Mapping[str, bytes]) -> bytes:
    """Give a wheel with these files, the same bytes each time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return stream.getvalue()


@dataclass
class IndexAnswer:
    """What one path gives: `missing` bytes of the body never come, `stalls` sends nothing at all."""

    body: bytes
    status: int = 200
    kind: str = "application/octet-stream"
    missing: int = 0
    stalls: bool = False


@dataclass
class FakeIndex:
    """A running index, used as a context manager.

    Attributes:
        files: What the page says of each file; to be changed at will.
        answers: What each path gives; the page is made anew for each request, unless it is here.
        hits: The paths asked for, in order.
    """

    files: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, IndexAnswer] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)

    def __enter__(self) -> FakeIndex:  # noqa: PYI034 - Self needs 3.11, and nothing derives from it
        """Listen on a free port of the loopback interface."""
        self.released = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and wait for the server's thread."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The root of the simple API."""
        return f"http://127.0.0.1:{self._server.server_port}/simple/"

    @property
    def fetched(self) -> list[str]:
        """The files that were fetched, in order."""
        return [path.rpartition("/")[2] for path in self.hits if path != PAGE]

    def add(
        self, version: str, files: Mapping[str, bytes], tag: str = "py3-none-any", **said: object
    ) -> dict[str, Any]:
        """Put a wheel on the index, and give what the page says of it."""
        return self.add_file(f"litellm-{version}-{tag}.whl", make_wheel(files), **said)

    def add_file(self, name: str, body: bytes, **said: object) -> dict[str, Any]:
        """Put any file on the index, and give what the page says of it; `said` overrides."""
        self.answers[f"/files/{name}"] = IndexAnswer(body)
        entry = {
            "filename": name,
            "url": f"../../files/{name}",
            "hashes": {"sha256": digest(body)},
            "upload-time": "2020-01-02T03:04:05.678901Z",
            "yanked": False,
        } | said
        self.files.append(entry)
        return entry

    def entry(self, version: str) -> dict[str, Any]:
        """Give what the page says of the first wheel of a release."""
        return next(entry for entry in self.files if entry["filename"].startswith(f"litellm-{version}-"))

    def remove(self, version: str) -> None:
        """Take a release off the index."""
        self.files = [entry for entry in self.files if not entry["filename"].startswith(f"litellm-{version}-")]

    def answer(self, version: str) -> IndexAnswer:
        """Give the answer for the first wheel of a release."""
        return self.answers["/files/" + self.entry(version)["filename"]]

    def page(self) -> bytes:
        """Give the page as it is now."""
        versions = set()
        for entry in self.files:
            name = entry["filename"]
            parse = parse_wheel_filename if name.endswith(".whl") else parse_sdist_filename
            versions.add(str(parse(name)[1]))
        page = {"meta": {"api-version": "1.1"}, "name": "litellm", "versions": sorted(versions), "files": self.files}
        return json.dumps(page).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, index: FakeIndex) -> None:
        self.index = index
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Stay silent: the index keeps its own log."""

    def do_GET(self) -> None:
        """Give what the index has for the path."""
        index = cast("_Server", self.server).index
        index.hits.append(self.path)
        answer = index.answers.get(unquote(self.path)) or IndexAnswer(b"", 404)
        if self.path == PAGE and PAGE not in index.answers:
            answer = IndexAnswer(index.page(), kind="application/vnd.pypi.simple.v1+json")
        if answer.stalls:
            index.released.wait(10)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) - answer.missing])
