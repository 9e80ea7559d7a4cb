"""The requests that only OpenRouter needs: further pages of its list, and the sellers of single models.

Not here: its formats (`openrouter`), and asking for lists of one document (`prices.poll`).
"""

import asyncio
from collections.abc import Sequence

import httpx2
import polars as pl

from densing_pipeline.fetch import FetchError, Limits, Response, fetch, next_address
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.answers import AT_ONCE, Asked
from densing_pipeline.prices.snapshots import last_good
from densing_pipeline.prices.sources import openrouter
from densing_pipeline.prices.sources.openrouter_candidates import seller_candidates
from densing_pipeline.settings import Settings


def sellers_wanted(settings: Settings) -> list[str]:
    """The OpenRouter models whose sellers are asked for, from the newest list and stored tables.

    None before the first night has made the tables.
    """
    held = last_good(LandingZone(settings.landing_dir), openrouter.NAME)
    paths = [
        settings.tables_dir / f"{name}.parquet" for name in ("model_links", "level_memberships")
    ]
    if held is None or not all(path.exists() for path in paths):
        return []
    links, members = map(pl.read_parquet, paths)
    return seller_candidates(held.parsed.quotes, links, members, settings.openrouter_endpoints)


async def further_pages(
    opened: httpx2.AsyncClient, first: Response, limits: Limits, asked: Asked
) -> Response:
    """The list with all its pages as one document.

    Of several pages no tag is kept: that the first one is unchanged says nothing of the others.
    """
    address = httpx2.URL(first.url)
    pages, seen = [first.content], {address}
    while following := openrouter.next_page(pages[-1]):
        address = next_address(address, following)
        if address in seen:
            raise FetchError(f"page {len(pages)} leads back to an earlier one: a loop")
        if len(pages) == openrouter.MOST_PAGES:
            raise FetchError(f"more than {openrouter.MOST_PAGES} pages")
        seen.add(address)
        page = await fetch(opened, str(address), limits)
        asked.received.append(page)
        if page.content in pages:
            raise FetchError(f"page {len(pages) + 1} repeats an earlier one")
        pages.append(page.content)
        if sum(map(len, pages)) > limits.max_bytes:
            raise FetchError(f"pages larger than {limits.max_bytes / 2**20:g} MiB together")
    if len(pages) == 1:
        return first
    return Response(first.url, first.status, openrouter.join_pages(pages))


async def endpoints(
    opened: httpx2.AsyncClient, url: str, candidates: Sequence[str], limits: Limits, asked: Asked
) -> Response:
    """The sellers of some models, as one document; models whose page cannot be had are named."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(model: str) -> Response:
        async with at_once:
            page = await fetch(opened, f"{url.rstrip('/')}/{model}/endpoints", limits)
        asked.received.append(page)
        openrouter.check_endpoints(page.content)
        return page

    tasks = [asyncio.create_task(one(model)) for model in candidates]
    _, late = await asyncio.wait(tasks, timeout=limits.total_s)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    pages: list[bytes] = []
    failed: list[tuple[str, BaseException]] = []
    for model, task in zip(candidates, tasks, strict=True):
        error = FetchError("not had in time") if task.cancelled() else task.exception()
        if error is None:
            pages.append(task.result().content)
        else:
            failed.append((model, error))
    if failed:
        model, error = failed[0]
        asked.remarks.append(
            f"{len(failed)} of {len(candidates)} models failed (first: {model}, {error})"
        )
    if not pages:
        raise failed[0][1]
    return Response(url, httpx2.codes.OK, openrouter.join_pages(pages, is_one_too=True))
