"""HTTP under bounds: no server decides how long it takes, how much it sends, or who is asked next.

Every request of this project goes through `send`: the documents of `fetch`, and what the library
`huggingface_hub` asks by itself (`blocking_client`). Time runs from the request to the last byte, so a
server that sends a byte now and then is given up; bytes are counted as sent and as decoded, so a small
answer cannot expand without end; a redirect is followed on the host that was asked, or to hosts that
are allowed.

Not here: retries, and what an answer means (`fetch`).
"""

import asyncio
import atexit
import os
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeVar

import httpx2
from httpx2 import AsyncClient as AsyncClient

from densing_pipeline.addresses import redact_logs, shown
from densing_pipeline.units import MIB

REDIRECTS = 3
"""Redirects followed for one document."""

GZIP_MEMBERS = 64
"""Streams a compressed document may be made of, one after another."""

REDIRECTING = frozenset({301, 302, 303, 307, 308})
DEFAULT_PORTS = {"http": 80, "https": 443}
LOGGERS = ("httpx2", "huggingface_hub.utils._http", "huggingface_hub.file_download")
"""Loggers whose records name the address that is asked."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Bounds:
    """How long an answer may take, how large it may be, and where it may come from.

    Attributes:
        connect_s: seconds to open a connection.
        read_s: seconds between two pieces of an answer.
        answer_s: seconds from the request to the last byte of its answer.
        slowest_bytes_per_s: for large files: each so many bytes received give a second more.
        max_bytes: size of an answer, as sent and as decoded.
        redirect_hosts: hosts besides the one asked to which a redirect may lead: `host` (https only),
            `*.domain` for all below a domain, or `host:port`.
        is_cut: whether only the beginning of an answer is read: it may then be stated to be larger.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    answer_s: float = 120.0
    slowest_bytes_per_s: float | None = None
    max_bytes: int = 64 * MIB
    redirect_hosts: tuple[str, ...] = ()
    is_cut: bool = False


class BoundError(httpx2.TransportError):
    """An answer is beyond its bounds or damaged; asking again at once does not help."""


class DamagedError(BoundError):
    """What came cannot be decoded; it may be whole the next time."""


class TooLargeError(BoundError):
    """An answer is larger than allowed, as sent or as decoded."""

    def __init__(self, max_bytes: int) -> None:
        """Name the bound."""
        super().__init__(f"larger than {max_bytes / MIB:g} MiB")


class Answer:
    """One answer, of which status and headers are there and the rest is read under the bounds.

    Attributes:
        status: HTTP status.
        headers: as received; without `Content-Encoding`, and the length that belongs to it, where the
            content is decoded here.
    """

    def __init__(self, response: httpx2.Response, bounds: Bounds, started: float) -> None:
        """Take over an open response to a request that was sent at an instant of the loop's clock."""
        self.status = response.status_code
        self.reason = response.reason_phrase
        self.headers = response.headers.copy()
        self._response, self._bounds, self._started = response, bounds, started
        self._coding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if self._coding != "identity" and response.request.method != "HEAD":
            del self.headers["Content-Encoding"]
            self.headers.pop("Content-Length", None)

    @property
    def next_url(self) -> str | None:
        """Address of the next page, as the `Link` header has it."""
        return self._response.links.get("next", {}).get("url")

    async def content(self) -> AsyncIterator[bytes]:
        """The decoded content, piece by piece; nothing if nothing is sent, whatever its coding.

        Raises:
            BoundError: it takes too long, is too large, or has another coding than was asked for.
            DamagedError: it is no gzip, or ends early.
            httpx2.TransportError: the connection broke.
        """
        if self._coding == "identity":
            async for piece in self._received():
                yield piece
            return
        gunzip, is_empty = _Gunzip(self._bounds.max_bytes), True
        async for piece in self._received():
            is_empty = is_empty and not piece
            if piece and self._coding not in ("gzip", "x-gzip"):
                raise BoundError(f"sent with coding {self._coding!r}, but gzip was asked for")
            for part in gunzip.decoded(piece):
                yield part
        if not is_empty and not gunzip.is_whole:
            raise DamagedError("truncated or damaged gzip")

    async def read(self) -> bytes:
        """The whole decoded content; raises as `content` does."""
        whole = bytearray()
        async for piece in self.content():
            whole += piece
        return bytes(whole)

    async def beginning(self, size: int) -> bytes:
        """The first bytes of the decoded content, or all of it if it is smaller; raises as `content` does."""
        begun = bytearray()
        async for piece in self.content():
            begun += piece
            if len(begun) >= size:
                break
        return bytes(begun[:size])

    async def aclose(self) -> None:
        """End the response, whether or not it was read."""
        await self._response.aclose()

    async def _received(self) -> AsyncIterator[bytes]:
        """Pieces as sent, counted and in time."""
        received, pieces = 0, self._response.aiter_raw()
        while True:
            allowed = self._bounds.answer_s
            if self._bounds.slowest_bytes_per_s:
                allowed += received / self._bounds.slowest_bytes_per_s
            try:
                async with asyncio.timeout_at(self._started + allowed):
                    piece = await anext(pieces, None)
            except TimeoutError as error:
                raise BoundError(f"not complete after {allowed:g} s") from error
            if piece is None:
                return
            received += len(piece)
            if received > self._bounds.max_bytes:
                raise TooLargeError(self._bounds.max_bytes)
            yield piece


async def send(client: httpx2.AsyncClient, request: httpx2.Request, bounds: Bounds) -> Answer:
    """Send a request; the caller reads or closes the answer, and follows redirects.

    Raises:
        BoundError: there is no answer in time, it is announced as too large, or it redirects to a host
            that is not allowed.
        httpx2.TransportError: the connection broke or was not made.
    """
    if request.headers.get("Accept-Encoding") != "identity":
        request.headers["Accept-Encoding"] = "gzip"
    request.extensions["timeout"] = timeout(bounds).as_dict()
    started = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(bounds.answer_s):
            response = await client.send(request, stream=True, follow_redirects=False)
    except TimeoutError as error:
        raise BoundError(f"not complete after {bounds.answer_s:g} s") from error
    try:
        if response.status_code in REDIRECTING and "Location" in response.headers:
            redirect_target(request.url, response.headers["Location"], bounds.redirect_hosts)
        length = response.headers.get("Content-Length", "")
        # Without content it states the length of the document (RFC 9110, section 8.6).
        has_content = request.method != "HEAD" and response.status_code != httpx2.codes.NOT_MODIFIED
        is_size = has_content and length.isdecimal() and len(length) < 20
        if is_size and int(length) > bounds.max_bytes and not bounds.is_cut:
            raise TooLargeError(bounds.max_bytes)
        return Answer(response, bounds, started)
    except BaseException:
        await response.aclose()
        raise


def redirect_target(url: httpx2.URL, location: str, hosts: tuple[str, ...]) -> httpx2.URL:
    """Where a redirect leads.

    Raises:
        BoundError: it leads to a host, port or scheme that is not allowed, or nowhere.
    """
    try:
        target = url.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise BoundError("led to what is not an address") from error
    if not target.host or not _is_allowed(url, target, hosts):
        raise BoundError(
            f"led to {shown(f'{target.scheme}://{target.netloc.decode()}')}, another host: "
            "refused; if the source has moved, set its address anew, or allow the host with "
            "DENSING_REDIRECT_HOSTS"
        )
    return target


def same_origin(one: httpx2.URL, other: httpx2.URL) -> bool:
    """Whether two addresses have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def timeout(bounds: Bounds) -> httpx2.Timeout:
    """The bounds that the HTTP library keeps by itself."""
    return httpx2.Timeout(bounds.read_s, connect=bounds.connect_s)


def trusted() -> ssl.SSLContext:
    """The certificates that are trusted; read once, for that takes longer than many a request."""
    return _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The library's own choice, which follows these two variables."""
    return httpx2.create_ssl_context()


def blocking_client(bounds: Bounds, **options: Any) -> httpx2.Client:
    """A client for code that does not know of bounds, such as `huggingface_hub`.

    Args:
        bounds: apply to each of its requests.
        **options: further arguments of `httpx2.Client`.
    """
    redact_logs(LOGGERS)
    return httpx2.Client(
        transport=_BlockingTransport(bounds),
        follow_redirects=True,
        max_redirects=REDIRECTS,
        timeout=timeout(bounds),
        **options,
    )


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine on the event loop that this module keeps in a thread of its own."""
    result = asyncio.run_coroutine_threadsafe(work, _Loop.current().loop)
    try:
        return result.result()
    except BaseException:
        result.cancel()
        raise


def start(work: Coroutine[Any, Any, Any]) -> None:
    """Have a coroutine done on that event loop, without waiting: for finalizers, which run anywhere."""
    asyncio.run_coroutine_threadsafe(work, _Loop.current().loop)


class _BlockingTransport(httpx2.BaseTransport):
    """Sends the requests of a blocking client through `send`."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds, self._client = bounds, httpx2.AsyncClient(verify=trusted())
        self._thread = _Loop.current().thread

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = httpx2.Request(
            request.method, request.url, headers=request.headers, content=request.read()
        )
        answer = run(send(self._client, asked, self._bounds))
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Pieces(answer))

    def close(self) -> None:
        # In a forked process the thread is not there, and nothing of the client is its own.
        if self._thread.is_alive():
            run(self._client.aclose())


class _Pieces(httpx2.SyncByteStream):
    """The content of an answer for a blocking reader."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._answer.content()
        while (piece := run(_next(pieces))) is not None:
            yield piece

    def close(self) -> None:
        run(self._answer.aclose())


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


class _Loop:
    """An event loop in a daemon thread, for blocking callers; each process has its own."""

    _current: "_Loop | None" = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="http", daemon=True)
        self.thread.start()

    @classmethod
    def current(cls) -> "_Loop":
        with cls._lock:
            if cls._current is None:
                cls._current = cls()
            return cls._current

    @classmethod
    def forget(cls) -> None:
        """After a fork: the thread stayed with the parent."""
        cls._current, cls._lock = None, threading.Lock()

    @classmethod
    def stop(cls) -> None:
        if (current := cls._current) is not None:
            current.loop.call_soon_threadsafe(current.loop.stop)
            current.thread.join(1)


os.register_at_fork(after_in_child=_Loop.forget)
atexit.register(_Loop.stop)


class _Gunzip:
    """Decodes gzip as it comes, one MiB at a time, and notices where it ends.

    Done here, because the HTTP library takes a gzip stream that ends early for a whole one.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size, self._members = most, 0, 1
        self._inflate = _member()

    @property
    def is_whole(self) -> bool:
        """Whether the last member was complete."""
        return bool(self._inflate.eof)

    def decoded(self, data: bytes) -> Iterator[bytes]:
        """What a further piece gives."""
        while True:
            if self._inflate.eof:
                if not data:
                    return
                self._members += 1
                if self._members > GZIP_MEMBERS:
                    raise BoundError(f"gzip of more than {GZIP_MEMBERS} members")
                self._inflate = _member()
            try:
                piece = self._inflate.decompress(data, MIB)
            except zlib.error as error:
                raise DamagedError(f"damaged gzip ({error})") from error
            self._size += len(piece)
            if self._size > self._most:
                raise TooLargeError(self._most)
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            if not data and len(piece) < MIB and not self._inflate.eof:
                return


def _member() -> Any:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def _is_allowed(url: httpx2.URL, target: httpx2.URL, hosts: tuple[str, ...]) -> bool:
    if same_origin(url, target):
        return True
    if target.scheme not in ("https", url.scheme) or target.scheme not in DEFAULT_PORTS:
        return False
    port = target.port or DEFAULT_PORTS[target.scheme]
    is_plain = (target.scheme, port) == ("https", DEFAULT_PORTS["https"])
    if is_plain and url.scheme == "http" and target.host == url.host:
        return True
    names = [f"{target.host}:{port}", *([target.host] if is_plain else [])]
    return any(fnmatchcase(name, host.lower()) for name in names for host in hosts)
