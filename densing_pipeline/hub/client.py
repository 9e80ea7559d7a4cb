"""Client of the Hub's HTTP API: addresses, access token, pagination and error classes.

Documents are fetched as price lists are (`fetch`), under the same kinds of bounds; `huggingface_hub`
gives the token and the addresses of files. Its `paginate` gives neither the bytes of a page nor the
address of the next one. Both are needed, to land the response and to resume a listing, so the
`Link` header is followed here.

Not here: which requests are made when (`poll`, `sweep`), and how responses are read (`records`).
"""

import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import httpx2
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
"""Fields of a model record that are requested; the Hub then sends no others."""

CLAIM_FIELDS = ("cardData", "evalResults", "sha", "siblings")
"""Fields of a model record that state scores: the card's metadata, the evaluation results (read and
verified by the Hub, those of open pull requests included), and the commit and files."""

FEW_FIELDS = ("createdAt", "lastModified", "library_name", "pipeline_tag", "tags")
"""Fields that say whether a record is new and may be a language model; a tenth of the bytes."""

MAX_CONFIG_BYTES = 4 * 2**20
"""Largest `config.json` that is read; real ones have some tens of KiB at most."""

LIMITS = Limits(read_s=30, answer_s=60, total_s=600, attempts=4, backoff_s=2, retry_after_s=300)
"""Default bounds of a request. `retry_after_s` is 300 because the Hub's rate limits are counted
over five minutes."""

BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105
"""Value of `X-Error-Message` when the Hub refuses the token rather than the repository."""

OK = 200
PARTIAL = 206
UNAUTHORISED = 401

REFUSALS = (UNAUTHORISED, 403, 404, 410, 451)
"""HTTP statuses of a repository that is missing, private, gated or taken down; the Hub does not
always distinguish these."""

TOKEN_REFUSED = "the token was refused (HTTP 401): renew HF_TOKEN; went on without it"  # noqa: S105
"""Remark on a night at the Hub whose token has expired, or is a wrong one."""


class HubError(RuntimeError):
    """A request to the Hub failed; the message says what an operator can do.

    Attributes:
        status: HTTP status, None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Store the message without secrets of addresses and without control characters."""
        super().__init__(clean(redact(message)))
        self.status = status


class OversizedError(HubError):
    """The answer is larger than allowed."""


class UnreachableError(HubError):
    """The Hub cannot be reached, or the time for it is used up; further requests would fail too."""


class RefusedError(HubError):
    """The Hub answered that the requested repository or file is missing, private or gated."""


@dataclass(frozen=True)
class Answer:
    """One response of the Hub.

    Attributes:
        url: address that was requested.
        content: body as received.
        status: HTTP status.
        etag: entity tag, if given.
        next_url: address of the next page, if there is one.
        size: bytes of the whole document, where only its beginning was asked for and that is known.
    """

    url: str
    content: bytes
    status: int
    etag: str | None
    next_url: str | None
    size: int | None = None


class Hub:
    """Client of the Hub at one endpoint with one token.

    Attributes:
        endpoint: address without a trailing slash, and without the values of a query.
        requests: requests made so far (a request that was retried counts once).
        remarks: messages for the operator about these requests.
        stated_at: the time that the Hub stated with its last answer; None if it stated none.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        limits: Limits | None = None,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set the endpoint, token and bounds.

        Args:
            endpoint: by default that of `huggingface_hub`, which honours `HF_ENDPOINT`. A user and
                password in it are sent in place of the token; a query is added to every request.
            token: by default that of `huggingface_hub` (`HF_TOKEN` or a stored login), if any.
            limits: bounds of one document; `LIMITS` if None.
            seconds: time for all documents together, counted from now; unlimited if None.
            clock: monotonic clock in seconds.
        """
        given = endpoint or constants.ENDPOINT
        parts = urlsplit(given)
        self.endpoint = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self.requests = 0
        self.remarks: list[str] = []
        self.stated_at: datetime | None = None
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
        """A client configured by the settings, with `seconds` for all documents together."""
        limits = replace(
            LIMITS,
            connect_s=settings.poll_connect_seconds,
            # Silence ends before the time of the whole answer does, for only after silence is the Hub asked again.
            read_s=min(LIMITS.read_s, settings.hub_answer_seconds / 2),
            answer_s=settings.hub_answer_seconds,
            redirect_hosts=settings.allowed_redirect_hosts,
        )
        return cls(settings.hub_endpoint, limits=limits, seconds=seconds)

    def list_url(
        self,
        sort: str,
        page_size: int,
        *,
        author: str | None = None,
        fields: tuple[str, ...] = EXPAND,
    ) -> str:
        """Address of a listing of models, highest `sort` first, `expand`ed to some fields.

        Args:
            sort: field to sort by.
            page_size: records asked for per page.
            author: namespace whose models are listed; of all if None.
            fields: fields of a record beside its ids.
        """
        query = {"sort": sort, "limit": page_size} | ({"author": author} if author else {})
        return f"{self.endpoint}/api/models?{urlencode(query | {'expand': fields}, doseq=True)}"

    def info_url(self, model_id: str) -> str:
        """Address of the record of one model with the hashes of its files.

        The Hub gives file hashes only in the whole record; a changed hash shows that weights were
        uploaded again.
        """
        return f"{self.endpoint}/api/models/{quote(model_id)}?blobs=true"

    def claims_url(self, model_id: str) -> str:
        """Address of the fields of one model's record that state scores."""
        query = urlencode({"expand": CLAIM_FIELDS}, doseq=True)
        return f"{self.endpoint}/api/models/{quote(model_id)}?{query}"

    def file_url(self, model_id: str, revision: str, name: str) -> str:
        """Address of a file of one revision."""
        return hf_hub_url(model_id, name, revision=revision, endpoint=self.endpoint)

    def config_url(self, model_id: str, revision: str) -> str:
        """Address of the `config.json` of one revision; listings carry only an extract of it."""
        return self.file_url(model_id, revision, "config.json")

    def following(self, page: Answer) -> str | None:
        """Address at this endpoint of the page after a page; None if it names none.

        Raises:
            HubError: the address is on another host, or is none.
        """
        if not page.next_url:
            return None
        try:
            bounded_http.redirect_target(httpx2.URL(self.endpoint), page.next_url, ())
        except bounded_http.BoundError as error:
            raise HubError(
                f"the next page is said to be at {shown(page.next_url)}, another host than "
                f"{shown(self.endpoint)}; not followed"
            ) from error
        return self.here(page.next_url)

    def here(self, place: str) -> str:
        """Address at this endpoint of a path and query; the host of a full address is ignored.

        So a listing can be resumed after the endpoint or its password has changed.
        """
        there, parts = urlsplit(self.endpoint), urlsplit(place)
        return urlunsplit((there.scheme, there.netloc, parts.path, parts.query, ""))

    def place(self, url: str) -> str:
        """Path and query of an address without the endpoint's own query, so without secrets."""
        parts = urlsplit(url)
        query = [pair for pair in parse_qsl(parts.query, True) if pair[0] not in self._query]
        return urlunsplit(("", "", parts.path, urlencode(query), ""))

    def get(self, url: str, max_bytes: int | None = None, first_bytes: int | None = None) -> Answer:
        """Fetch a document or its beginning; if the Hub refuses the token, fetch again without it.

        Args:
            url: its address.
            max_bytes: largest accepted size in bytes; that of the limits if None.
            first_bytes: if given, how many bytes of the document are asked for and read.

        Raises:
            RefusedError: the repository or file is missing, private or gated.
            OversizedError: the document is larger than `max_bytes`.
            UnreachableError: the Hub cannot be reached, or the time for it is used up.
            HubError: the response is unusable.
        """
        self.requests += 1
        where = shown(url).partition("?")[0]
        try:
            try:
                answer = self._fetch(url, max_bytes, first_bytes)
            except FetchError as error:
                if error.status != UNAUTHORISED or not (self._token and _refuses_token(error)):
                    raise
                self.remarks.append(TOKEN_REFUSED)
                self._token = None
                answer = self._fetch(url, max_bytes, first_bytes)
        except FetchError as error:
            if error.status in REFUSALS:
                raise RefusedError(f"{where}: HTTP {error.status}", error.status) from error
            if not error.is_reached:
                raise UnreachableError(
                    f"{shown(self.endpoint)} cannot be reached ({error}); check the network and "
                    "HF_ENDPOINT, or set DENSING_HUB_POLL=false"
                ) from error
            if error.status and error.status not in (OK, PARTIAL):
                raise HubError(f"{where}: HTTP {error.status}", error.status) from error
            kind = OversizedError if error.is_too_large else HubError
            raise kind(f"{where}: {error}") from error
        self.stated_at = answer.sent_at
        return Answer(
            url=url,
            content=answer.content,
            status=answer.status,
            etag=answer.etag,
            next_url=answer.next_url,
            size=answer.size,
        )

    def _find_token(self, given: str | None) -> str | None:
        try:
            return hub_library.token(given)
        except Exception as error:
            # `hub_library.token` may contact a server, whose response can raise any exception.
            self.remarks.append(f"no token could be found ({error_text(error)}); went on without")
            return None

    def _fetch(self, url: str, max_bytes: int | None, first_bytes: int | None) -> Response:
        """Fetch one document; connection errors are retried only once the Hub has answered before.

        So a machine without network fails within seconds, and a poll that has begun survives short
        outages.
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
            answer = self._client.fetch(asked, limits, self._token, first_bytes)
        except FetchError as error:
            self._reached = self._reached or error.status is not None
            raise
        self._reached = True
        return answer


class _Connections:
    """HTTP connections kept open between blocking calls; closed when the object is finalized."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._opened: list[bounded_http.AsyncClient] = []
        weakref.finalize(self, _close, self._opened)

    def fetch(
        self, url: str, limits: Limits, token: str | None, first_bytes: int | None
    ) -> Response:
        if not self._opened:
            self._opened.append(new_client(self._limits))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return bounded_http.run(
            fetch(self._opened[0], url, limits, headers=headers, first_bytes=first_bytes)
        )


def with_query(url: str, changes: Mapping[str, str | Sequence[str]]) -> str:
    """An address with other values of some query parameters, the others kept in their order."""
    parts = urlsplit(url)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        # The Hub writes lists as `expand[]` in some addresses.
        query.setdefault(name.removesuffix("[]"), []).append(value)
    return urlunsplit(parts._replace(query=urlencode(query | dict(changes), doseq=True)))


def _close(opened: list[bounded_http.AsyncClient]) -> None:
    while opened:
        # Not waited for: the garbage collector may be at work in the thread that would do it.
        bounded_http.start(opened.pop().aclose())


def _refuses_token(error: FetchError) -> bool:
    return error.headers.get("X-Error-Message") == BAD_TOKEN
