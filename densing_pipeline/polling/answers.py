"""The request to one source, its answers, and the document they make.

Not here: who is asked and what becomes of the answers (`polling.poll`), and the requests that one list
alone needs (such as `prices.sources.openrouter_fetch`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2

from densing_pipeline.fetch import Limits, Response, fetch

REQUESTS_AT_ONCE = 4
"""Requests to one host at a time."""

NOT_MODIFIED = 304


@dataclass(frozen=True)
class Request:
    """What one source is asked for in one poll.

    Attributes:
        client: the open HTTP client.
        url: address of the list.
        limits: bounds in time and size, of each document and of all pages of a list together.
        models: names of the models asked for, of a list that is asked model by model.
        etag: entity tag of the last good list from this address, if it had one.
        last_modified: its date, if it had one.
        held: the last good document from this address; empty if there is none.
    """

    client: httpx2.AsyncClient
    url: str
    limits: Limits
    models: Sequence[str] = ()
    etag: str | None = None
    last_modified: str | None = None
    held: bytes = b""


@dataclass
class Asked:
    """The answers of one source.

    Attributes:
        received: every complete answer, to be landed as it was received.
        document: the list that the answers make, if it is whole.
        error: why there is no document.
        remarks: further remarks for the operator.
    """

    received: list[Response] = field(default_factory=list)
    document: Response | None = None
    error: Exception | None = None
    remarks: list[str] = field(default_factory=list)


async def fetch_document(request: Request, asked: Asked) -> Response:
    """Ask for a list that is one document; the answer has status 304 if the last good list is current.

    Raises:
        FetchError: there is no complete document.
    """
    answer = await fetch(
        request.client,
        request.url,
        request.limits,
        etag=request.etag,
        last_modified=request.last_modified,
    )
    if answer.status != NOT_MODIFIED:
        asked.received.append(answer)
    return answer
