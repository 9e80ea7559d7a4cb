"""One document over HTTP, complete and bounded in time and size, or an error that says why not.

Conditional requests, `Retry-After`, few retries with jitter. Not here: the bounds of one answer
(`bounded_http`), what a document means, and where it is kept (`landing`).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import httpx2
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from densing_pipeline import clock
from densing_pipeline.addresses import redact, redact_logs, shown
from densing_pipeline.bounded_http import (
    LOGGERS,
    REDIRECTING,
    REDIRECTS,
    Answer,
    BoundError,
    Bounds,
    DamagedError,
    TooLargeError,
    redirect_target,
    same_origin,
    send,
    timeout,
    trusted,
)
from densing_pipeline.text import clean
from densing_pipeline.units import MIB

USER_AGENT = f"densing-pipeline/{version('densing-pipeline')}"
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may pass by themselves."""

_RANGE = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")
"""What a server says of a range from the first byte on: its last byte, and the size of the document."""

_SPENT = re.compile(r"r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,9})")

LONGEST_TAG = 1000
"""Characters of an entity tag that is kept."""

OWN_HEADERS = ("authorization",)
"""Headers for the host that is asked, and for no other that it redirects to."""


@dataclass(frozen=True)
class Limits:
    """How long and how much a source may take.

    Attributes:
        connect_s: to open a connection.
        read_s: between two pieces of a response.
        answer_s: for one answer, from the request to its last byte; `total_s` if None.
        total_s: for a document in all, with retries and waits.
        max_bytes: size of a document, as sent and as decoded.
        attempts: requests for one document.
        backoff_s: longest wait before the first retry; doubles with each, and is drawn at random.
        retry_after_s: longest `Retry-After` that is waited for; a longer one ends the attempts.
        retries_unreachable: whether a host that cannot be reached is asked again.
        redirect_hosts: as in `Bounds`.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    answer_s: float | None = None
    total_s: float = 120.0
    max_bytes: int = 64 * MIB
    attempts: int = 3
    backoff_s: float = 2.0
    retry_after_s: float = 60.0
    retries_unreachable: bool = True
    redirect_hosts: tuple[str, ...] = ()

    @property
    def bounds(self) -> Bounds:
        """The bounds of a single answer."""
        return Bounds(
            connect_s=self.connect_s,
            read_s=self.read_s,
            answer_s=self.answer_s or self.total_s,
            max_bytes=self.max_bytes,
            redirect_hosts=self.redirect_hosts,
        )


@dataclass(frozen=True)
class Response:
    """A complete document.

    Attributes:
        url: the address asked, before redirects.
        status: 200, or 304 where the copy the request named is still current; 206 where only the
            beginning of the document was asked for and sent.
        content: decoded bytes; empty with 304.
        etag: to send with the next request.
        last_modified: to send with the next request.
        next_url: address of the next page, if the `Link` header names one; a relative reference
            is resolved against the address that answered, after redirects (RFC 8288, section 3.2).
        size: bytes of the whole document, where only its beginning was asked for and the server
            states it.
        sent_at: when the answer was sent, by the server's clock, if it says so; of one from a cache, with the
            time it has been there (RFC 9110, section 6.6.1; RFC 9111, section 5.1).
    """

    url: str
    status: int
    content: bytes
    etag: str | None = None
    last_modified: str | None = None
    next_url: str | None = None
    size: int | None = None
    sent_at: datetime | None = field(default=None, compare=False)


class FetchError(RuntimeError):
    """A document could not be had; the message is for the operator.

    The message holds no secret of an address and no control character, whatever it is made of.

    Attributes:
        status: HTTP status, if there was an answer.
        headers: of the answer, if there was one.
        is_passing: whether asking again may help.
        is_reached: whether the host could be reached.
        is_too_large: whether the document is beyond its bound in size.
        retry_after_s: seconds the server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        is_passing: bool = False,
        is_reached: bool = True,
        is_too_large: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        """Describe the failure."""
        super().__init__(clean(redact(message)))
        self.status = status
        self.headers = headers or {}
        self.is_passing = is_passing
        self.is_reached = is_reached
        self.is_too_large = is_too_large
        self.retry_after_s = retry_after_s


@asynccontextmanager
async def client(limits: Limits) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that keeps connections open and introduces itself.

    Raises:
        FetchError: a proxy named in the environment has no usable address.
    """
    async with new_client(limits) as opened:
        yield opened


def new_client(limits: Limits) -> httpx2.AsyncClient:
    """As `client`, for the caller to close."""
    redact_logs(LOGGERS)
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
    try:
        return httpx2.AsyncClient(timeout=timeout(limits.bounds), headers=headers, verify=trusted())
    except (ValueError, httpx2.InvalidURL, ImportError):
        # Its text would repeat the address, and the cause would be kept with it.
        raise FetchError(
            "a proxy cannot be used: HTTP_PROXY, HTTPS_PROXY or ALL_PROXY is not an address that "
            "starts with http:// or https://"
        ) from None


async def fetch(
    opened: httpx2.AsyncClient,
    url: str,
    limits: Limits,
    *,
    etag: str | None = None,
    last_modified: str | None = None,
    headers: Mapping[str, str] | None = None,
    first_bytes: int | None = None,
) -> Response:
    """Get a document, or its beginning.

    Args:
        opened: from `client`.
        url: its address.
        limits: bounds in time and size.
        etag: entity tag of the copy at hand; the answer is then 304 if it is current.
        last_modified: date of the copy at hand, used alike.
        headers: further headers of the request.
        first_bytes: if given, only so many bytes from the first on are asked for, and no more are
            read from a server that sends the whole document.

    Raises:
        FetchError: there is no complete document, after retries where they may help.
    """
    conditions = {
        name: value
        for name, value in (("If-None-Match", etag), ("If-Modified-Since", last_modified))
        if value
    }
    if first_bytes is not None:
        # The coding of a part would be another document's.
        conditions |= {"Range": f"bytes=0-{first_bytes - 1}", "Accept-Encoding": "identity"}
    asked = _Asked(
        url,
        {**(headers or {}), **conditions},
        is_conditional=bool(etag or last_modified),
        first_bytes=first_bytes,
    )
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
                        return await _request(opened, asked, limits)
                    except FetchError as error:
                        last = error
                        raise
    except TimeoutError as error:
        before = f"; before that: {last}" if last else ""
        raise FetchError(
            f"not complete after {limits.total_s:g} s{before}", status=last.status if last else None
        ) from error
    raise AssertionError("tenacity ends with a result or an error")


@dataclass(frozen=True)
class _Asked:
    """What is asked for: the address, the headers, whether 304 is an answer, and how much of it."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    is_conditional: bool
    first_bytes: int | None

    def bounds(self, limits: Limits) -> Bounds:
        """The bounds of an answer."""
        if self.first_bytes is None:
            return limits.bounds
        # The last piece of an answer that is cut off may reach beyond what is read.
        return replace(limits.bounds, max_bytes=self.first_bytes + MIB, is_cut=True)


async def _request(opened: httpx2.AsyncClient, asked: _Asked, limits: Limits) -> Response:
    """One attempt, with redirects to hosts that are allowed."""
    status: int | None = None
    try:
        address, headers = httpx2.URL(asked.url), dict(asked.headers)
        for _ in range(REDIRECTS + 1):
            request = opened.build_request("GET", address, headers=headers)
            answer = await send(opened, request, asked.bounds(limits))
            try:
                status = answer.status
                if status not in REDIRECTING:
                    return await _read(asked, answer, address)
                location = answer.headers.get("Location", "")
                target = redirect_target(address, location, limits.redirect_hosts)
            finally:
                await answer.aclose()
            if not same_origin(address, target):
                headers = {k: v for k, v in headers.items() if k.lower() not in OWN_HEADERS}
            elif not target.userinfo:
                # Many servers redirect to a whole address, which has no user and password.
                target = target.copy_with(userinfo=address.userinfo)
            address = target
    except httpx2.InvalidURL:
        # Its text would repeat a part of the address.
        raise FetchError(f"{shown(asked.url)} is not an address") from None
    except BoundError as error:
        raise FetchError(
            str(error),
            status=status,
            is_passing=isinstance(error, DamagedError),
            is_too_large=isinstance(error, TooLargeError),
        ) from error
    except httpx2.TimeoutException as error:
        raise FetchError(
            f"no answer in time ({type(error).__name__})",
            is_passing=True,
            is_reached=not isinstance(error, httpx2.ConnectTimeout),
        ) from error
    except httpx2.UnsupportedProtocol:
        raise FetchError(
            f"{shown(asked.url)} is not an address that starts with https://"
        ) from None
    except httpx2.TransportError as error:
        what = str(error) or type(error).__name__
        raise FetchError(
            f"connection failed: {what}",
            is_passing=True,
            is_reached=not isinstance(error, httpx2.ConnectError | httpx2.ProxyError),
        ) from error
    except FetchError:
        raise
    except Exception as error:
        # Whatever a server makes the library do, it is the failure of this document.
        raise FetchError(
            f"an answer that cannot be handled ({type(error).__name__}: {error})", status=status
        ) from error
    raise FetchError(f"more than {REDIRECTS} redirects", status=status)


async def _read(asked: _Asked, answer: Answer, address: httpx2.URL) -> Response:
    """The document of an answer that is no redirect, from the address that gave it."""
    status, headers = answer.status, answer.headers
    etag, modified = _tag(headers, "ETag"), _tag(headers, "Last-Modified")
    if status == httpx2.codes.NOT_MODIFIED and asked.is_conditional:
        return Response(asked.url, status, b"", etag, modified, sent_at=_sent_at(headers))
    is_part = status == httpx2.codes.PARTIAL_CONTENT and asked.first_bytes is not None
    if status != httpx2.codes.OK and not is_part:
        wait = _retry_after(headers, clock.now())
        told = "" if wait is None else f", which asks to wait {wait:g} s"
        raise FetchError(
            f"answered {status} {answer.reason}".strip() + told,
            status=status,
            headers=headers,
            is_passing=status in RETRIED,
            retry_after_s=wait,
        )
    if asked.first_bytes is not None:
        content, size = await _beginning(answer, asked.first_bytes)
        return Response(asked.url, status, content, etag, modified, size=size)
    content = await answer.read()
    following = _resolved(address, answer.next_url)
    return Response(
        asked.url, status, content, etag, modified, next_url=following, sent_at=_sent_at(headers)
    )


async def _beginning(answer: Answer, first_bytes: int) -> tuple[bytes, int | None]:
    """The first bytes of a document, and its size if the server states it.

    A server may send these bytes alone, or the whole document, which is then cut off.

    Raises:
        FetchError: the server sends another part, or another number of bytes, than it says.
    """
    if answer.status == httpx2.codes.OK:
        length = answer.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() and len(length) < 19 else None
    else:
        stated = answer.headers.get("Content-Range", "")
        told = _RANGE.fullmatch(stated.strip())
        size = int(told[2]) if told else 0
        if told is None or int(told[1]) + 1 != min(first_bytes, size):
            raise FetchError(
                f"answered with the range {stated[:60]!r}, not the first {first_bytes} bytes",
                status=answer.status,
            )
    content = await answer.beginning(first_bytes)
    if size is not None and len(content) != min(first_bytes, size):
        raise FetchError(
            f"sent {len(content)} bytes of {min(first_bytes, size)}",
            status=answer.status,
            is_passing=True,
        )
    return content, size


def _resolved(address: httpx2.URL, following: str | None) -> str | None:
    """A reference of an answer as a whole address; as it is, if it is none: whoever follows it says so."""
    try:
        return following and str(address.join(following))
    except (httpx2.InvalidURL, TypeError, ValueError):
        return following


def next_address(address: httpx2.URL, following: str) -> httpx2.URL:
    """Where a document says it goes on; nothing but the origin that was asked is trusted.

    Raises:
        FetchError: the address is none, or of another scheme, host or port.
    """
    try:
        target = address.join(following).copy_with(fragment=None)
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise FetchError(f"the next page is at {following!r}: not an address") from None
    if not same_origin(address, target):
        raise FetchError(f"the next page is at {target}, not at {address}: another host: refused")
    return target


def _tag(headers: Mapping[str, str], name: str) -> str | None:
    """A header that is to be sent back; None if no request could carry it."""
    value = headers.get(name)
    return value if value and value.isascii() and len(value) <= LONGEST_TAG else None


def _sent_at(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was sent: `Date`, plus `Age`, the seconds that a cache has kept it."""
    try:
        moment = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, OverflowError):
        return None
    age = headers.get("Age", "").strip()
    kept = int(age) if age.isdecimal() and len(age) < 9 else 0
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC) + timedelta(seconds=kept)


def _is_retried(error: BaseException, limits: Limits) -> bool:
    return (
        isinstance(error, FetchError)
        and error.is_passing
        and (error.is_reached or limits.retries_unreachable)
        and (error.retry_after_s or 0) <= limits.retry_after_s
    )


def _wait(state: RetryCallState, limits: Limits) -> float:
    """What the server asks for, and a random delay so that clients do not return together."""
    jitter = wait_random_exponential(multiplier=limits.backoff_s, max=limits.retry_after_s)(state)
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, FetchError) else None
    return jitter if asked is None else asked + min(jitter, limits.backoff_s)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait: of `Retry-After`, a number or a date (RFC 9110, section 10.2.3), or of `RateLimit`.

    The latter is an IETF draft that the Hub follows: `"api";r=0;t=55` has nothing left for 55 s.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        spent = _SPENT.search(headers.get("RateLimit", ""))
        return float(spent[1]) if spent else None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
