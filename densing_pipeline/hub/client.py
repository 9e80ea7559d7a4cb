"""Asking the Hub: one place for the client, its retries, the token and what errors mean.

The requests are made by `huggingface_hub` (session, waiting, `Retry-After`, token). Its `paginate`
hides the bytes of a page and where the next one is; to land what was received and to resume a
listing, the `Link` header is followed here.

Not here: what is asked when (`poll`, `sweep`), and what the answers mean (`records`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlparse

import httpx2
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

EXPAND = (
    "author", "cardData", "config", "createdAt", "disabled", "gated", "gguf", "lastModified",
    "library_name", "pipeline_tag", "private", "safetensors", "sha", "siblings", "tags",
)  # fmt: skip
"""The fields used of a model record; the Hub sends no others."""

TIMEOUT = httpx2.Timeout(30, connect=5)
"""Seconds for an answer, and for a connection."""

BROKEN_OFF = (httpx2.RemoteProtocolError, httpx2.ReadError)
"""A connection that was there and broke off, such as one kept alive for too long."""

BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105
"""What the Hub says in `X-Error-Message` when it refuses the token rather than the repository."""

UNAUTHORISED = 401

REFUSALS = (UNAUTHORISED, 403, 404, 410, 451)
"""Missing, private, gated or taken down; which of them the Hub does not always tell."""


class HubError(RuntimeError):
    """The Hub did not answer as it should; the message says what an operator can do.

    Attributes:
        status: HTTP status, None if there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        """Say what happened."""
        super().__init__(message)
        self.status = status


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
        endpoint: address without a trailing slash.
        requests: requests made so far (a request that was retried counts once).
        remarks: what an operator needs to know about them.
    """

    def __init__(self, endpoint: str | None = None, token: str | None = None) -> None:
        """Use an endpoint and token.

        Args:
            endpoint: by default that of `huggingface_hub`, which honours `HF_ENDPOINT`.
            token: by default that of `huggingface_hub` (`HF_TOKEN` or a stored login), if any.
        """
        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.requests = 0
        self.remarks: list[str] = []
        self._headers = build_hf_headers(token=token, library_name="densing-pipeline")
        self._reached = False

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
        following: str | None = url
        while following:
            page = self.get(following)
            yield page
            following = page.next_url
            if following and _origin(following) != _origin(self.endpoint):
                raise HubError(f"the next page is said to be at {_origin(following)}; not followed")

    def get(self, url: str) -> Answer:
        """Ask once, with the client's retries; go on without the token if it is refused.

        Raises:
            RefusedError: the repository or file is missing, private or gated.
            HubError: there was no usable answer.
        """
        self.requests += 1
        try:
            response = self._backoff(url)
            if response.status_code == UNAUTHORISED and _refuses_token(response.headers):
                if "authorization" in self._headers:
                    self.remarks.append(
                        "the token was refused (HTTP 401): renew HF_TOKEN; went on without it"
                    )
                    self._headers = build_hf_headers(token=False, library_name="densing-pipeline")
                response = self._backoff(url)
            hf_raise_for_status(response)
        except HfHubHTTPError as error:
            status = error.response.status_code
            kind = RefusedError if status in REFUSALS else HubError
            raise kind(f"{url.partition('?')[0]}: HTTP {status}", status) from error
        except OfflineModeIsEnabled as error:
            raise HubError("HF_HUB_OFFLINE is set: unset it to poll") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise HubError(
                f"{self.endpoint} cannot be reached ({type(error).__name__}: {error}); check the "
                "network and HF_ENDPOINT, or set DENSING_HUB_POLL=false"
            ) from error
        return Answer(
            url=url,
            content=response.content,
            status=response.status_code,
            etag=response.headers.get("etag"),
            next_url=response.links.get("next", {}).get("url"),
        )

    def _backoff(self, url: str) -> httpx2.Response:
        """The client's own retries; until the Hub has answered once, none for being out of reach.

        So a machine without network learns it in seconds, and a night that has begun is patient.
        """
        patience: dict[str, Any] = {} if self._reached else {"retry_on_exceptions": BROKEN_OFF}
        response = http_backoff("GET", url, headers=self._headers, timeout=TIMEOUT, **patience)
        self._reached = True
        return response


def _refuses_token(headers: Mapping[str, str]) -> bool:
    return headers.get("X-Error-Message") == BAD_TOKEN


def _origin(url: str) -> tuple[str, str]:
    parts = urlparse(url)
    return parts.scheme, parts.netloc
