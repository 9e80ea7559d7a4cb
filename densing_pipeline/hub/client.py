"""Asking the Hub: one place for addresses, the token, and what errors mean.

Documents are fetched as price lists are (`fetch`), under the same kinds of bounds; `huggingface_hub`
gives the token and the addresses of files. Its `paginate` hides the bytes of a page and where the next
one is; to land what was received and to resume a listing, the `Link` header is followed here.

Not here: what is asked when (`poll`, `sweep`), and what the answers mean (`records`).
"""

import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from huggingface_hub import constants, hf_hub_url

from densing_pipeline import bounded_http, hub_library
from densing_pipeline.addresses import redact, shown
from densing_pipeline.fetch import FetchError, Limits, Response, fetch, new_client
from densing_pipeline.settings import Settings
from densing_pipeline.text import clean, error_text

EXPAND = (
    "author", "cardData", "config", "createdAt", "disabled", "gated", "gguf", "lastModified",
    "library_name", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags",
)  # fmt: skip
"""The fields used of a model record; the Hub sends no others."""

MAX_CONFIG_BYTES = 4 * 2**20
"""Largest `config.json` that is read; real ones have some tens of KiB at most."""

LIMITS = Limits(read_s=30, answer_s=60, total_s=600, attempts=4, backoff_s=2, retry_after_s=300)
"""Bounds where no settings are given; the Hub's rate limits are counted over five minutes."""

BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105
"""What the Hub says in `X-Error-Message` when it refuses the token rather than the repository."""

OK = 200
UNAUTHORISED = 401

REFUSALS = (UNAUTHORISED, 403, 404, 410, 451)
"""Missing, private, gated or taken down; which of them the Hub does not always tell."""


class HubError(RuntimeError):
    """The Hub did not answer as it should; the message says what an operator can do.

    Attributes:
        status: HTTP status, None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Say what happened; the message keeps no secret of an address and no control character."""
        super().__init__(clean(redact(message)))
        self.status = status


class OversizedError(HubError):
    """The answer is larger than allowed."""


class UnreachableError(HubError):
    """The Hub cannot be reached, or its time is used up: asking for anything else is no use."""


class RefusedError(HubError):
    """The Hub answered that the thing asked for is missing, private or gated."""


@dataclass(frozen=True)
class Answer:
    """One response.

    Attributes:
        url: address that was asked.
        content: body as received.
        status: HTTP status.
        etag: entity tag, if given.
        next_url: address of the next page, if there is one.
    """

    url: str
    content: bytes
    status: int
    etag: str | None
    next_url: str | None


class Hub:
    """The Hub at one endpoint, asked with one token.

    Attributes:
        endpoint: address without a trailing slash, and without the values of a query.
        requests: requests made so far (a request that was retried counts once).
        remarks: what an operator needs to know about them.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        limits: Limits | None = None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use an endpoint and token.

        Args:
            endpoint: by default that of `huggingface_hub`, which honours `HF_ENDPOINT`. A user and
                password in it are sent in place of the token; a query is added to every request.
            token: by default that of `huggingface_hub` (`HF_TOKEN` or a stored login), if any.
            limits: bounds of one document; `LIMITS` if None.
            seconds: time for all documents together, from now on; without end if None.
            clock: gives seconds.
        """
        given = endpoint or constants.ENDPOINT
        parts = urlsplit(given)
        self.endpoint = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self.requests = 0
        self.remarks: list[str] = []
        self._query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._token = self._find_token(token)
        limits = limits or LIMITS
        hosts = (*limits.redirect_hosts, *hub_library.redirect_hosts(given))
        self._limits = replace(limits, redirect_hosts=hosts)
        self._seconds, self._clock = seconds, clock
        self._ends = None if seconds is None else clock() + seconds
        self._reached = False
        self._client = _Connections(self._limits)

    @classmethod
    def of(cls, settings: Settings, seconds: float | None = None) -> Self:
        """The Hub as an installation asks it, for so many seconds."""
        limits = replace(
            LIMITS,
            connect_s=settings.poll_connect_seconds,
            answer_s=settings.hub_answer_seconds,
            redirect_hosts=settings.allowed_redirect_hosts,
        )
        return cls(settings.hub_endpoint, limits=limits, seconds=seconds)

    def list_url(self, sort: str, page_size: int) -> str:
        """Address of a listing of models, `expand`ed to the fields used, highest `sort` first."""
        query = {"sort": sort, "limit": page_size, "expand": EXPAND}
        return f"{self.endpoint}/api/models?{urlencode(query, doseq=True)}"

    def info_url(self, model_id: str) -> str:
        """Address of the record of one model with the hashes of its files.

        The Hub gives those with the whole record only, which tells weights uploaded anew.
        """
        return f"{self.endpoint}/api/models/{quote(model_id)}?blobs=true"

    def config_url(self, model_id: str, revision: str) -> str:
        """Address of the `config.json` of one revision; listings carry only an extract of it."""
        return hf_hub_url(model_id, "config.json", revision=revision, endpoint=self.endpoint)

    def pages(self, url: str) -> Iterator[Answer]:
        """A listing page by page, each asked for when it is needed.

        Raises:
            HubError: a page could not be had; those before it stand.
        """
        following: str | None = self.here(url) if url else None
        while following:
            page = self.get(following)
            yield page
            following = page.next_url
            if following and _origin(following) != _origin(self.endpoint):
                scheme, host = _origin(following)
                raise HubError(f"the next page is said to be at {scheme}://{host}; not followed")
            following = following and self.here(following)

    def here(self, place: str) -> str:
        """Address of a place at this endpoint: a path and query, or an address whose host is ignored.

        Listings are resumed so, also after the endpoint's password has changed.
        """
        there, parts = urlsplit(self.endpoint), urlsplit(place)
        return urlunsplit((there.scheme, there.netloc, parts.path, parts.query, ""))

    def place(self, url: str) -> str:
        """Path and query of an address, without the query of the endpoint: fit to be written down."""
        parts = urlsplit(url)
        query = [pair for pair in parse_qsl(parts.query, True) if pair[0] not in self._query]
        return urlunsplit(("", "", parts.path, urlencode(query), ""))

    def get(self, url: str, max_bytes: int | None = None) -> Answer:
        """Ask for a document; go on without the token if it is refused.

        Args:
            url: its address.
            max_bytes: largest size; that of the limits if None.

        Raises:
            RefusedError: the repository or file is missing, private or gated.
            OversizedError: it is larger than allowed.
            UnreachableError: the Hub cannot be reached, or the time for it is used up.
            HubError: there was no usable answer.
        """
        self.requests += 1
        where = shown(url).partition("?")[0]
        try:
            try:
                answer = self._fetch(url, max_bytes)
            except FetchError as error:
                if error.status != UNAUTHORISED or not (self._token and _refuses_token(error)):
                    raise
                self.remarks.append(
                    "the token was refused (HTTP 401): renew HF_TOKEN; went on without it"
                )
                self._token = None
                answer = self._fetch(url, max_bytes)
        except FetchError as error:
            if error.status in REFUSALS:
                raise RefusedError(f"{where}: HTTP {error.status}", error.status) from error
            if not error.is_reached:
                raise UnreachableError(
                    f"{shown(self.endpoint)} cannot be reached ({error}); check the network and "
                    "HF_ENDPOINT, or set DENSING_HUB_POLL=false"
                ) from error
            if error.status and error.status != OK:
                raise HubError(f"{where}: HTTP {error.status}", error.status) from error
            kind = OversizedError if error.is_too_large else HubError
            raise kind(f"{where}: {error}") from error
        return Answer(
            url=url,
            content=answer.content,
            status=answer.status,
            etag=answer.etag,
            next_url=answer.next_url,
        )

    def _find_token(self, given: str | None) -> str | None:
        try:
            return hub_library.token(given)
        except Exception as error:
            # Finding one may ask a server, which may answer anything.
            self.remarks.append(f"no token could be found ({error_text(error)}); went on without")
            return None

    def _fetch(self, url: str, max_bytes: int | None) -> Response:
        """One document; until the Hub has answered once, being out of reach is not retried.

        So a machine without network learns it in seconds, and a night that has begun is patient.
        """
        if constants.is_offline_mode():
            raise UnreachableError("HF_HUB_OFFLINE is set: unset it to poll")
        left = float("inf") if self._ends is None else self._ends - self._clock()
        if left <= 0:
            raise UnreachableError(
                f"the time for the Hub is used up after {self._seconds:g} s "
                "(DENSING_HUB_POLL_SECONDS); the rest waits for the next night"
            )
        limits = replace(
            self._limits,
            total_s=min(self._limits.total_s, left),
            max_bytes=max_bytes or self._limits.max_bytes,
            retries_unreachable=self._reached,
        )
        given = {name for name, _ in parse_qsl(urlsplit(url).query, True)}
        missing = {name: value for name, value in self._query.items() if name not in given}
        asked = url + ("&" if given else "?") + urlencode(missing) if missing else url
        try:
            answer = self._client.fetch(asked, limits, self._token)
        except FetchError as error:
            self._reached = self._reached or error.status is not None
            raise
        self._reached = True
        return answer


class _Connections:
    """Connections to one host that are kept open between blocking calls, and closed with their owner."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._opened: list[bounded_http.AsyncClient] = []
        weakref.finalize(self, _close, self._opened)

    def fetch(self, url: str, limits: Limits, token: str | None) -> Response:
        if not self._opened:
            self._opened.append(new_client(self._limits))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return bounded_http.run(fetch(self._opened[0], url, limits, headers=headers))


def _close(opened: list[bounded_http.AsyncClient]) -> None:
    while opened:
        # Not waited for: the garbage collector may be at work in the thread that would do it.
        bounded_http.start(opened.pop().aclose())


def _refuses_token(error: FetchError) -> bool:
    return error.headers.get("X-Error-Message") == BAD_TOKEN


def _origin(url: str) -> tuple[str, str]:
    """Scheme and host with port, without user and password."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()
