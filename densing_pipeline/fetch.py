"""Polite HTTP: one document, complete and bounded in time and size, or an error that says why not.

Conditional requests, `Retry-After`, few retries with jitter, and no redirect to another host. Not
here: what a document means, and where it is kept (`landing`).
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import httpx
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

USER_AGENT = f"densing-pipeline/{version('densing-pipeline')}"
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass by themselves."""

REDIRECTS = 3
"""Redirects followed, all on the host that was asked."""

GZIP_MEMBERS = 64
"""Streams a compressed document may be made of, one after another."""

_REDIRECTING = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Limits:
    """How long and how much a source may take.

    Attributes:
        connect_s: to open a connection.
        read_s: between two pieces of a response.
        total_s: for a document in all, with retries and waits.
        max_bytes: size of a document, as sent and as decoded.
        attempts: requests for one document.
        backoff_s: longest wait before the first retry; doubles with each, and is drawn at random.
        retry_after_s: longest `Retry-After` that is waited for; a longer one ends the attempts.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    total_s: float = 120.0
    max_bytes: int = 64 * 2**20
    attempts: int = 3
    backoff_s: float = 2.0
    retry_after_s: float = 60.0


@dataclass(frozen=True)
class Response:
    """A complete document.

    Attributes:
        url: the address asked, before redirects.
        status: 200, or 304 where the copy the request named is still current.
        content: decoded bytes; empty with 304.
        etag: to send with the next request.
        last_modified: to send with the next request.
    """

    url: str
    status: int
    content: bytes
    etag: str | None = None
    last_modified: str | None = None


class FetchError(RuntimeError):
    """A document could not be had; the message is for the operator.

    Attributes:
        status: HTTP status, if there was an answer.
        is_passing: whether asking again may help.
        retry_after_s: seconds the server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        is_passing: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """Describe the failure."""
        super().__init__(message)
        self.status = status
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s


@asynccontextmanager
async def client(limits: Limits) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps connections open and introduces itself."""
    timeout = httpx.Timeout(limits.read_s, connect=limits.connect_s)
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
    async with httpx.AsyncClient(timeout=timeout, headers=headers) as opened:
        yield opened


async def fetch(
    opened: httpx.AsyncClient,
    url: str,
    limits: Limits,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
) -> Response:
    """Get a document.

    Args:
        opened: from `client`.
        url: its address.
        limits: bounds in time and size.
        etag: entity tag of the copy at hand; the answer is then 304 if it is current.
        last_modified: date of the copy at hand, used alike.

    Raises:
        FetchError: there is no complete document, after retries where they may help.
    """
    conditions = {
        name: value
        for name, value in (("If-None-Match", etag), ("If-Modified-Since", last_modified))
        if value
    }
    retrying = AsyncRetrying(
        stop=stop_after_attempt(limits.attempts),
        wait=lambda state: _wait(state, limits),
        retry=retry_if_exception(lambda error: _is_retried(error, limits)),
        reraise=True,
    )
    last: FetchError | None = None
    try:
        async with asyncio.timeout(limits.total_s):
            async for attempt in retrying:
                with attempt:
                    try:
                        return await _request(opened, url, conditions, limits)
                    except FetchError as error:
                        last = error
                        raise
    except TimeoutError as error:
        before = f"; before that: {last}" if last else ""
        raise FetchError(
            f"not complete after {limits.total_s:g} s{before}", status=last.status if last else None
        ) from error
    raise AssertionError("tenacity ends with a result or an error")


async def _request(
    opened: httpx.AsyncClient, url: str, conditions: Mapping[str, str], limits: Limits
) -> Response:
    """One attempt, with redirects on the same host."""
    address = httpx.URL(url)
    for _ in range(REDIRECTS + 1):
        try:
            async with opened.stream("GET", address, headers=conditions) as answer:
                if answer.status_code not in _REDIRECTING:
                    return await _read(url, answer, conditions, limits)
                address = _redirected(address, answer)
        except httpx.InvalidURL as error:
            raise FetchError(f"{address}: not an address ({error})") from error
        except httpx.TimeoutException as error:
            raise FetchError(
                f"no answer in time ({type(error).__name__})", is_passing=True
            ) from error
        except httpx.TransportError as error:
            what = str(error) or type(error).__name__
            raise FetchError(f"connection failed: {what}", is_passing=True) from error
    raise FetchError(f"more than {REDIRECTS} redirects", status=answer.status_code)


async def _read(
    url: str, answer: httpx.Response, conditions: Mapping[str, str], limits: Limits
) -> Response:
    """The document of an answer that is no redirect."""
    status = answer.status_code
    tags = {
        "etag": answer.headers.get("ETag"),
        "last_modified": answer.headers.get("Last-Modified"),
    }
    if status == httpx.codes.NOT_MODIFIED and conditions:
        return Response(url, status, b"", **tags)
    if status != httpx.codes.OK:
        wait = _retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
        asked = "" if wait is None else f", which asks to wait {wait:g} s"
        raise FetchError(
            f"answered {status} {answer.reason_phrase}".strip() + asked,
            status=status,
            is_passing=status in RETRIED,
            retry_after_s=wait,
        )
    raw = bytearray()
    async for chunk in answer.aiter_raw():
        raw += chunk
        if len(raw) > limits.max_bytes:
            raise FetchError(_too_large(limits), status=status)
    return Response(url, status, _decoded(bytes(raw), answer, limits), **tags)


def _decoded(raw: bytes, answer: httpx.Response, limits: Limits) -> bytes:
    """The bytes without their transfer coding.

    Decoded here, because the client neither notices that a gzip stream ends early nor bounds what
    a small one expands to.
    """
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    status = answer.status_code
    if coding == "identity":
        return raw
    if coding not in ("gzip", "x-gzip"):
        raise FetchError(f"sent with coding {coding!r}, but gzip was asked for", status=status)
    content = bytearray()
    for _ in range(GZIP_MEMBERS):
        inflated = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            content += inflated.decompress(raw, limits.max_bytes + 1 - len(content))
        except zlib.error as error:
            raise FetchError(f"damaged gzip ({error})", status=status, is_passing=True) from error
        if len(content) > limits.max_bytes:
            raise FetchError(_too_large(limits), status=status)
        if not inflated.eof:
            raise FetchError("truncated or damaged gzip", status=status, is_passing=True)
        if not inflated.unused_data:
            return bytes(content)
        raw = inflated.unused_data
    raise FetchError(f"gzip of more than {GZIP_MEMBERS} members", status=status)


def next_address(address: httpx.URL, following: str) -> httpx.URL:
    """Where a document says it goes on; nothing but the origin that was asked is trusted.

    Raises:
        FetchError: the address is none, or of another scheme, host or port.
    """
    try:
        target = address.join(following).copy_with(fragment=None)
    except (httpx.InvalidURL, TypeError) as error:
        raise FetchError(f"the next page is at {following!r}: not an address") from error
    if (target.scheme, target.netloc) != (address.scheme, address.netloc):
        raise FetchError(
            f"the next page is at {target.scheme}://{target.netloc.decode()}, not at "
            f"{address.scheme}://{address.netloc.decode()}: another host: refused"
        )
    return target


def _redirected(address: httpx.URL, answer: httpx.Response) -> httpx.URL:
    target = address.join(answer.headers.get("Location", ""))
    is_upgrade = (address.scheme, target.scheme) == ("http", "https")
    same_port = target.port == address.port or (is_upgrade and target.port is None)
    if (
        target.host != address.host
        or not same_port
        or target.scheme not in ("https", address.scheme)
    ):
        raise FetchError(
            f"redirected to {target.scheme}://{target.netloc.decode()}, another host: refused; if "
            "the source has moved, set its DENSING_*_URL",
            status=answer.status_code,
        )
    return target


def _is_retried(error: BaseException, limits: Limits) -> bool:
    return (
        isinstance(error, FetchError)
        and error.is_passing
        and (error.retry_after_s or 0) <= limits.retry_after_s
    )


def _wait(state: RetryCallState, limits: Limits) -> float:
    """What the server asks for, and a random delay so that clients do not return together."""
    jitter = wait_random_exponential(multiplier=limits.backoff_s, max=limits.retry_after_s)(state)
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, FetchError) else None
    return jitter if asked is None else asked + min(jitter, limits.backoff_s)


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds of a `Retry-After` header, which is a number or a date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _too_large(limits: Limits) -> str:
    return f"larger than {limits.max_bytes / 2**20:g} MiB"
