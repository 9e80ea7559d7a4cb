"""A night's poll: ask all price lists at once, land what they send, and say what came of it.

A source that fails is reported and stops nothing; its last good snapshot stays the newest one. Not
here: the formats (`prices.sources`), HTTP (`fetch`), where snapshots are (`prices.snapshots`), and
prices over time (`prices.book`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx2

from densing_pipeline.fetch import FetchError, Limits, Response, client, fetch
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.answers import Asked
from densing_pipeline.prices.snapshots import (
    RECEIVED,
    Held,
    PollResult,
    last_good,
    store_report,
    unreported,
)
from densing_pipeline.prices.sources import (
    PARSERS,
    genai,
    litellm,
    llm_prices,
    modelsdev,
    openrouter,
)
from densing_pipeline.prices.sources.openrouter_fetch import endpoints, further_pages
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, check_size
from densing_pipeline.prices.sources.values import SnapshotError
from densing_pipeline.settings import Settings

NOT_MODIFIED = 304


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
    settings: Settings,
    *,
    candidates: Sequence[str] = (),
    clock: Callable[[], datetime] | None = None,
) -> list[PollResult]:
    """Ask every source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        candidates: ids of the OpenRouter models whose sellers are asked for (`sellers_wanted`).
        clock: gives the time of the poll; the system's if not given.

    Returns:
        One result per source, in the order of `PARSERS`; also landed as a report.
    """
    now = (clock or _utc_now)()
    zone = LandingZone(settings.landing_dir)
    if lost := unreported(zone):
        store_report(zone, lost, now)
    urls = {
        name: url
        for name, url in urls_of(settings).items()
        if name != openrouter.ENDPOINTS or candidates
    }
    held = {name: last_good(zone, name) for name in urls}
    found = asyncio.run(_ask_all(urls, held, candidates, limits_of(settings)))
    shrunk = {name.strip() for name in settings.accept_shrunk.split(",")}
    results = [
        _landed(zone, name, found[name], held[name], now, is_shrinking=name in shrunk)
        for name in PARSERS
        if name in urls
    ]
    store_report(zone, results, now)
    return results


async def _ask_all(
    urls: Mapping[str, str],
    held: Mapping[str, Held | None],
    candidates: Sequence[str],
    limits: Limits,
) -> dict[str, Asked]:
    """What came of asking each source; whatever goes wrong stays with that source."""
    async with client(limits) as opened:

        async def ask(name: str, url: str) -> Asked:
            asked = Asked()
            try:
                if name == openrouter.ENDPOINTS:
                    asked.document = await endpoints(opened, url, candidates, limits, asked)
                else:
                    asked.document = await _list(opened, name, url, held[name], limits, asked)
            except Exception as error:
                asked.error = error
            return asked

        answers = await asyncio.gather(*(ask(name, url) for name, url in urls.items()))
    return dict(zip(urls, answers, strict=True))


async def _list(
    opened: httpx2.AsyncClient,
    name: str,
    url: str,
    held: Held | None,
    limits: Limits,
    asked: Asked,
) -> Response:
    """A list, with all its pages if it has several."""
    known = held.receipt if held and held.receipt.url == url else None
    first = await fetch(
        opened,
        url,
        limits,
        etag=known.etag if known else None,
        last_modified=known.last_modified if known else None,
    )
    if first.status == NOT_MODIFIED:
        return first
    asked.received.append(first)
    if name != openrouter.NAME:
        return first
    try:
        async with asyncio.timeout(limits.total_s):
            return await further_pages(opened, first, limits, asked)
    except TimeoutError as error:
        raise FetchError(
            f"not complete after {limits.total_s:g} s and {len(asked.received)} pages"
        ) from error


def _landed(
    zone: LandingZone,
    name: str,
    asked: Asked,
    held: Held | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Land what came and say what it is; whatever goes wrong stays with this source."""
    status = asked.document.status if asked.document else getattr(asked.error, "status", None)
    try:
        for page in asked.received:
            _land(zone, name + RECEIVED, page, now)
        if asked.document is None:
            raise asked.error or FetchError("there is no answer")
        return _accepted(zone, name, asked, asked.document, held, now, is_shrinking=is_shrinking)
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
    asked: Asked,
    answer: Response,
    held: Held | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Accept a document as a snapshot.

    Raises:
        SnapshotError: it is unusable, or too small to be believed.
    """
    if answer.status == NOT_MODIFIED:
        if held is None:
            raise FetchError("answered 304, but there is no copy to keep", status=answer.status)
        # A 304 need not repeat the tags of the copy it confirms.
        known = held.receipt
        answer = replace(
            answer,
            content=held.content,
            etag=answer.etag or known.etag,
            last_modified=answer.last_modified or known.last_modified,
        )
        parsed = held.parsed
    else:
        parsed = PARSERS[name](answer.content, now.astimezone(UTC).date())
        is_compared = held and name != openrouter.ENDPOINTS and not is_shrinking
        check_size(parsed, held.parsed if held and is_compared else None)
    _land(zone, name, answer, now)
    is_same = held is not None and answer.content == held.content
    return PollResult(
        name,
        now,
        "unchanged" if is_same else "ok",
        _summary(parsed, asked.remarks, is_same=is_same),
        answer.status,
        parsed.rows,
        held.parsed.rows if held else None,
        parsed.quarantined.height,
        now,
    )


def _land(zone: LandingZone, source: str, answer: Response, now: datetime) -> None:
    zone.store(
        source,
        answer.url,
        answer.content,
        now,
        status=answer.status,
        etag=answer.etag,
        last_modified=answer.last_modified,
    )


def _summary(parsed: ParsedSnapshot, remarks: Sequence[str], *, is_same: bool) -> str:
    parts = ["the same list as before" if is_same else f"{parsed.rows} prices"]
    if parsed.quarantined.height:
        key, column, _, reason = parsed.quarantined.row(0)
        parts.append(f"{parsed.quarantined.height} quarantined (first: {key}, {column}: {reason})")
    if parsed.left_out.height:
        parts.append(f"{parsed.left_out.height} left out, not priced per token of text")
    parts += remarks
    return "; ".join(parts)


def _utc_now() -> datetime:
    return datetime.now(UTC)
