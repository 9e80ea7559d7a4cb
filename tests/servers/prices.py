"""A price list server on loopback that answers as told: well, badly, or as recorded.

    with PriceServer() as server:
        server.answer("/models", Reply(body), Reply(status=500))

The replies of a path are given in turn, the last one for ever. What was asked is in `requests`, and `now` is the
time that the server states; it states none if that is None.
"""

import gzip
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import urlparse

from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.score_sources.source import ScoreSource
from densing_pipeline.score_sources.sources import SOURCES as SCORE_SOURCES
from tests.servers.loopback import LoopbackServer

CHUNK = b"x" * 65536


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        body: the document.
        status: HTTP status.
        headers: further headers; an ETag is honoured, that is, answered with 304 if it is named.
        sent: bytes of the body that are really sent, all by default.
        is_gzip: send it compressed; `sent` then counts compressed bytes.
        is_endless: go on sending after the body until the client hangs up.
        drip_s: seconds between single bytes of the body.
        after: the answer comes when as many requests have been made as this barrier waits for.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    is_gzip: bool = False
    is_endless: bool = False
    drip_s: float = 0
    after: threading.Barrier | None = None


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    path: str
    headers: Mapping[str, str]


class PriceServer:
    """The server; it listens as long as the context lasts."""

    def __init__(self) -> None:
        """Take a free port."""
        self.requests: list[Request] = []
        self.now: datetime | None = None
        self._replies: dict[str, list[Reply]] = defaultdict(list)
        self._stopped = threading.Event()
        self._server = _Server(
            _handler(self._reply, self.requests, self._stopped, lambda: self.now)
        )

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str = "") -> str:
        """Address of a path on this server."""
        return f"{self._server.url}{path}"

    def answer(self, path: str, *replies: Reply) -> str:
        """Set the replies of a path; returns its address."""
        self._replies[path] = list(replies)
        return self.url(path)

    def asked(self, path: str) -> list[Request]:
        """What was asked of a path, in order."""
        return [request for request in self.requests if request.path == path]

    def __enter__(self) -> Self:
        """Start to answer."""
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and drop what is being sent."""
        self._stopped.set()
        self._server.stop()

    def _reply(self, path: str) -> Reply:
        replies = self._replies.get(path, [])
        if not replies:
            return Reply(b"no such page", status=404)
        return replies.pop(0) if len(replies) > 1 else replies[0]


def addresses(url: str) -> dict[str, Any]:
    """Settings that point every declared price list and score source at one server, each at the path of its name.

    A list that shares another's address shares its path: the sellers of a model of OpenRouter are at
    `/openrouter/<model>/endpoints`.
    """
    paths: dict[str, Any] = {}
    declared: list[tuple[str, Source | ScoreSource]] = [*SOURCES.items(), *SCORE_SOURCES.items()]
    for name, source in declared:
        paths.setdefault(source.address_setting, f"{url}/{name}")
    return paths


class _Server(LoopbackServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error here."""


def _handler(
    reply: Callable[[str], Reply],
    requests: list[Request],
    stopped: threading.Event,
    now: Callable[[], datetime | None],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlparse(self.path)
            path = f"{url.path}?{url.query}" if url.query else url.path
            requests.append(Request(path, {k.lower(): v for k, v in self.headers.items()}))
            found = reply(path)
            if found.after:
                found.after.wait()
            tag = found.headers.get("ETag")
            if tag and self.headers.get("If-None-Match") == tag:
                self.send_response(304)
                self.send_header("ETag", tag)
                self.end_headers()
                return
            self._send(found)

        def _send(self, found: Reply) -> None:
            content = gzip.compress(found.body) if found.is_gzip else found.body
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            if found.is_gzip:
                self.send_header("Content-Encoding", "gzip")
            if found.is_endless or found.sent is not None:
                self.send_header("Connection", "close")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            content = content[: found.sent]
            if found.drip_s:
                for position in range(len(content)):
                    self.wfile.write(content[position : position + 1])
                    if stopped.wait(found.drip_s):
                        return
            else:
                self.wfile.write(content)
            while found.is_endless and not stopped.is_set():
                self.wfile.write(CHUNK)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

        def send_response(self, code: int, message: str | None = None) -> None:
            """Begin an answer, with the server's time if a test has set it."""
            self.send_response_only(code, message)
            if told := now():
                self.send_header("Date", self.date_time_string(told.timestamp()))

    return Handler
