"""A night's poll: ask all price lists at once, land what they send, and say what came of it.

A source that fails is reported and stops nothing; its last good snapshot stays the newest one. Not
here: the formats (`prices.sources`), HTTP (`fetch`), where snapshots are (`prices.snapshots`), and
prices over time (`prices.book`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urljoin

import httpx
import polars as pl

from densing_pipeline.fetch import FetchError, Limits, Response, client, fetch
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.near import near_frontier
from densing_pipeline.prices.snapshots import (
    RECEIVED,
    Held,
    PollResult,
    last_good,
    store_report,
)
from densing_pipeline.prices.sources import (
    PARSERS,
    genai,
    litellm,
    llm_prices,
    modelsdev,
    openrouter,
)
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, SnapshotError, check_size
from densing_pipeline.settings import Settings

NOT_MODIFIED = 304
AT_ONCE = 4
"""Requests to one host at a time."""


def limits_of(settings: Settings) -> Limits:
    """The bounds of a poll."""
    return Limits(
        connect_s=settings.poll_connect_seconds,
        read_s=settings.poll_read_seconds,
        total_s=settings.poll_total_seconds,
        max_bytes=settings.poll_max_bytes,
        attempts=settings.poll_attempts,
        backoff_s=settings.poll_backoff_seconds,
        retry_after_s=settings.poll_retry_after_seconds,
    )


def urls_of(settings: Settings) -> dict[str, str]:
    """Address of each source by its name."""
    return {
        openrouter.NAME: settings.openrouter_url,
        openrouter.ENDPOINTS: settings.openrouter_url,
        litellm.NAME: settings.litellm_url,
        modelsdev.NAME: settings.models_dev_url,
        genai.NAME: settings.genai_prices_url,
        llm_prices.NAME: settings.llm_prices_url,
    }


def poll(
    settings: Settings, *, near: Sequence[str] = (), clock: Callable[[], datetime] | None = None
) -> list[PollResult]:
    """Ask every source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        near: ids of the OpenRouter models whose sellers are asked for (`sellers_wanted`).
        clock: gives the time of the poll; the system's if not given.

    Returns:
        One result per source, in the order of `PARSERS`; also landed as a report.
    """
    now = (clock or _utc_now)()
    zone = LandingZone(settings.landing_dir)
    urls = {
        name: url for name, url in urls_of(settings).items() if name != openrouter.ENDPOINTS or near
    }
    held = {name: last_good(zone, name) for name in urls}
    found = asyncio.run(_ask_all(urls, held, near, limits_of(settings)))
    shrunk = {name.strip() for name in settings.accept_shrunk.split(",")}
    results = [
        _landed(zone, name, found[name], held[name], now, is_shrinking=name in shrunk)
        for name in PARSERS
        if name in urls
    ]
    store_report(zone, results, now)
    return results


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
    return near_frontier(held.parsed.quotes, links, members, settings.openrouter_endpoints)


async def _ask_all(
    urls: Mapping[str, str], held: Mapping[str, Held | None], near: Sequence[str], limits: Limits
) -> dict[str, Response | Exception]:
    """The answer of each source, or why there is none."""
    async with client(limits) as opened:
        asked = [_ask(opened, name, url, held[name], near, limits) for name, url in urls.items()]
        found = await asyncio.gather(*asked, return_exceptions=True)
    answers: dict[str, Response | Exception] = {}
    for name, answer in zip(urls, found, strict=True):
        if isinstance(answer, BaseException) and not isinstance(answer, Exception):
            raise answer
        answers[name] = answer
    return answers


async def _ask(
    opened: httpx.AsyncClient,
    name: str,
    url: str,
    held: Held | None,
    near: Sequence[str],
    limits: Limits,
) -> Response:
    if name == openrouter.ENDPOINTS:
        return await _endpoints(opened, url, near, limits)
    known = held.receipt if held and held.receipt.url == url else None
    first = await fetch(
        opened,
        url,
        limits,
        etag=known.etag if known else None,
        last_modified=known.last_modified if known else None,
    )
    if name != openrouter.NAME or first.status == NOT_MODIFIED:
        return first
    return await _further_pages(opened, first, limits)


async def _further_pages(opened: httpx.AsyncClient, first: Response, limits: Limits) -> Response:
    """The list with all its pages as one document.

    Of several pages no tag is kept: that the first one is unchanged says nothing of the others.
    """
    pages, seen, address = [first.content], {first.url}, first.url
    while following := openrouter.next_page(pages[-1]):
        address = urljoin(address, following)
        if httpx.URL(address).host != httpx.URL(first.url).host:
            raise FetchError(
                f"the next page is at {httpx.URL(address).host}, another host: refused"
            )
        if address in seen:
            raise FetchError(f"page {len(pages)} leads back to an earlier one: a loop")
        if len(pages) == openrouter.MOST_PAGES:
            raise FetchError(f"more than {openrouter.MOST_PAGES} pages")
        seen.add(address)
        pages.append((await fetch(opened, address, limits)).content)
        if sum(map(len, pages)) > limits.max_bytes:
            raise FetchError(f"pages larger than {limits.max_bytes / 2**20:g} MiB together")
    if len(pages) == 1:
        return first
    return Response(first.url, first.status, openrouter.join_pages(pages))


async def _endpoints(
    opened: httpx.AsyncClient, url: str, near: Sequence[str], limits: Limits
) -> Response:
    """The providers of some models, as one document; a model that is gone is passed over."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(model: str) -> bytes | FetchError:
        async with at_once:
            try:
                address = f"{url.rstrip('/')}/{model}/endpoints"
                return (await fetch(opened, address, limits)).content
            except FetchError as error:
                return error

    found = await asyncio.gather(*(one(model) for model in near))
    pages = [page for page in found if isinstance(page, bytes)]
    if not pages:
        raise next(error for error in found if isinstance(error, FetchError))
    return Response(url, httpx.codes.OK, b'{"pages":[' + b",".join(pages) + b"]}")


def _landed(
    zone: LandingZone,
    name: str,
    answer: Response | Exception,
    held: Held | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Land an answer and say what it is; whatever goes wrong stays with this source."""
    status = answer.status if isinstance(answer, Response | FetchError) else None
    try:
        if isinstance(answer, Exception):
            raise answer
        return _accepted(zone, name, answer, held, now, is_shrinking=is_shrinking)
    except SnapshotError as error:
        outcome, message = "rejected", f"{error}; the last good list stays"
        if "taken for incomplete" in message:
            message += f" (if it is right, set DENSING_ACCEPT_SHRUNK={name} for one night)"
    except FetchError as error:
        outcome, message = "failed", str(error)
    except Exception as error:
        outcome, message = "failed", f"{type(error).__name__}: {error}"
    rows = held.parsed.rows if held else None
    good_at = held.receipt.fetched_at if held else None
    return PollResult(name, now, outcome, message, status, rows, rows, good_at=good_at)


def _accepted(
    zone: LandingZone,
    name: str,
    answer: Response,
    held: Held | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Land a document, and accept it as a snapshot.

    Raises:
        SnapshotError: it is unusable, or too small to be believed.
    """
    tags = {"etag": answer.etag, "last_modified": answer.last_modified}
    if answer.status == NOT_MODIFIED:
        if held is None:
            raise FetchError("answered 304, but there is no copy to keep", status=answer.status)
        # A 304 need not repeat the tags of the copy it confirms.
        tags = {key: tag or getattr(held.receipt, key) for key, tag in tags.items()}
        content, parsed = held.content, held.parsed
    else:
        content = answer.content
        zone.store(name + RECEIVED, answer.url, content, now, status=answer.status, **tags)
        parsed = PARSERS[name](content, now.astimezone(UTC).date())
        previous = held.parsed.rows if held and name != openrouter.ENDPOINTS else None
        check_size(parsed, None if is_shrinking else previous)
    zone.store(name, answer.url, content, now, status=answer.status, **tags)
    is_same = held is not None and content == held.content
    return PollResult(
        name,
        now,
        "unchanged" if is_same else "ok",
        _summary(parsed, is_same=is_same),
        answer.status,
        parsed.rows,
        held.parsed.rows if held else None,
        parsed.quarantined.height,
        now,
    )


def _summary(parsed: ParsedSnapshot, *, is_same: bool) -> str:
    parts = ["the same list as before" if is_same else f"{parsed.rows} prices"]
    if parsed.quarantined.height:
        key, column, _, reason = parsed.quarantined.row(0)
        parts.append(f"{parsed.quarantined.height} quarantined (first: {key}, {column}: {reason})")
    if parsed.left_out.height:
        parts.append(f"{parsed.left_out.height} left out, not priced per token of text")
    return "; ".join(parts)


def _utc_now() -> datetime:
    return datetime.now(UTC)
