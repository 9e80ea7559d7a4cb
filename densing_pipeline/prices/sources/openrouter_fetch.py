"""The requests that only OpenRouter needs: further pages of its list, and one page for each model.

Not here: its formats (`openrouter_format`), and lists of one document (`polling.answers`).
"""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

import httpx2

from densing_pipeline.fetch import FetchError, Response, fetch, next_address
from densing_pipeline.polling.answers import (
    NOT_MODIFIED,
    REQUESTS_AT_ONCE,
    Asked,
    Request,
    fetch_document,
)
from densing_pipeline.prices.sources.openrouter_format import join_pages, next_page
from densing_pipeline.units import MIB

MOST_PAGES = 50


async def fetch_pages(request: Request, asked: Asked) -> Response:
    """The list with all its pages as one document.

    Of several pages no tag is kept: that the first one is unchanged says nothing of the others.

    Raises:
        FetchError: a page cannot be had, leads back, or the pages take too long or too much.
    """
    first = await fetch_document(request, asked)
    if first.status == NOT_MODIFIED:
        return first
    limits = request.limits
    try:
        async with asyncio.timeout(limits.total_s):
            return await _further_pages(first, request, asked)
    except TimeoutError as error:
        raise FetchError(
            f"not complete after {limits.total_s:g} s and {len(asked.received)} pages"
        ) from error


async def _further_pages(first: Response, request: Request, asked: Asked) -> Response:
    address, limits = httpx2.URL(first.url), request.limits
    pages, seen = [first.content], {address}
    while following := next_page(pages[-1]):
        address = next_address(address, following)
        if address in seen:
            raise FetchError(f"page {len(pages)} leads back to an earlier one: a loop")
        if len(pages) == MOST_PAGES:
            raise FetchError(f"more than {MOST_PAGES} pages")
        seen.add(address)
        page = await fetch(request.client, str(address), limits)
        asked.received.append(page)
        if page.content in pages:
            raise FetchError(f"page {len(pages) + 1} repeats an earlier one")
        pages.append(page.content)
        if sum(map(len, pages)) > limits.max_bytes:
            raise FetchError(f"pages larger than {limits.max_bytes / MIB:g} MiB together")
    if len(pages) == 1:
        return first
    return Response(first.url, first.status, join_pages(pages))


def model_url(url: str, address: str, model: str) -> str:
    """Address of a model's page below that of the list, whose query is kept.

    Args:
        url: address of the list.
        address: with `{url}` and `{model}`.
        model: its name, whatever characters it has.
    """
    base, question, query = url.partition("?")
    page = address.format(url=base.rstrip("/"), model=quote(model, safe="/:"))
    return page + question + query


async def fetch_each(
    request: Request, asked: Asked, address: str, check: Callable[[bytes], None]
) -> Response:
    """One page for each model of the request, as one document; failed models are counted in a remark.

    Args:
        request: names the models.
        asked: collects the pages.
        address: of a model's page, with `{url}` and `{model}`.
        check: raises if a page cannot stand beside others.

    Raises:
        FetchError: no page could be had.
        SnapshotError: no page could be had, and the first was refused by `check`.
    """
    at_once = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def one(model: str) -> Response:
        async with at_once:
            url = model_url(request.url, address, model)
            page = await fetch(request.client, url, request.limits)
        asked.received.append(page)
        check(page.content)
        return page

    tasks = [asyncio.create_task(one(model)) for model in request.models]
    _, late = await asyncio.wait(tasks, timeout=request.limits.total_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    pages: list[bytes] = []
    failed: list[tuple[str, BaseException]] = []
    for model, task in zip(request.models, tasks, strict=True):
        error = FetchError("not had in time") if task.cancelled() else task.exception()
        if error is None:
            pages.append(task.result().content)
        else:
            failed.append((model, error))
    if failed:
        model, error = failed[0]
        asked.remarks.append(
            f"{len(failed)} of {len(tasks)} models failed (first: {model}, {error})"
        )
    if not pages:
        raise failed[0][1]
    return Response(request.url, httpx2.codes.OK, join_pages(pages, is_one_too=True))
