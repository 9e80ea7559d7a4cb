"""Poll all price lists at once, land the responses, and report the result for each list.

A list that fails is reported and does not stop the others; its last good snapshot stays the newest. Not
here: the formats (`prices.sources`), HTTP (`fetch`), where snapshots are (`prices.snapshots`), and
prices over time (`prices.book`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from densing_pipeline.addresses import shown
from densing_pipeline.fetch import FetchError, Limits, Response, client
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices.answers import NOT_MODIFIED, Asked, Request
from densing_pipeline.prices.snapshots import (
    RECEIVED,
    Held,
    PollResult,
    last_good,
    store_report,
    unreported,
)
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot, check_size
from densing_pipeline.prices.sources.source import Source
from densing_pipeline.prices.sources.values import SnapshotError
from densing_pipeline.settings import Settings
from densing_pipeline.text import error_text


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
        redirect_hosts=settings.allowed_redirect_hosts,
    )


def poll(
    settings: Settings,
    *,
    models: Mapping[str, Sequence[str]] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> list[PollResult]:
    """Ask every source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        models: by source, the models to ask for, in place of the source's own choice
            (`Source.wanted_models`).
        clock: gives the time of the poll; the system's if not given.

    Returns:
        One result per polled source, in the order of `SOURCES`; also landed as a report.
    """
    now = (clock or _utc_now)()
    zone = LandingZone(settings.landing_dir)
    if lost := unreported(zone):
        store_report(zone, lost, now)
    held = {name: last_good(zone, name) for name in SOURCES}
    try:
        found = asyncio.run(_ask_all(settings, held, models or {}))
    except FetchError as error:
        found = {
            name: Asked(error=error)
            for name, source in SOURCES.items()
            if source.wanted_models is None
        }
    shrunk = {name.strip() for name in settings.accept_shrunk.split(",")}
    results = [
        _landed(zone, SOURCES[name], asked, held[name], now, is_shrinking=name in shrunk)
        for name, asked in found.items()
    ]
    store_report(zone, results, now)
    return results


async def _ask_all(
    settings: Settings, held: Mapping[str, Held | None], models: Mapping[str, Sequence[str]]
) -> dict[str, Asked]:
    """The answers of each source, by name; an error of one source is kept in its own result.

    Raises:
        FetchError: nobody can be asked, such as through a proxy without a usable address.
    """
    limits = limits_of(settings)
    newest = {name: known.parsed.quotes for name, known in held.items() if known}
    async with client(limits) as opened:

        async def ask(name: str, source: Source) -> Asked | None:
            asked = Asked()
            try:
                wanted = _wanted(source, settings, newest, models)
                if wanted is None:
                    return None
                url, known = source.url(settings), held[name]
                copy = known.receipt if known and known.receipt.url == shown(url) else None
                request = Request(
                    opened,
                    url,
                    limits,
                    wanted,
                    etag=copy.etag if copy else None,
                    last_modified=copy.last_modified if copy else None,
                )
                asked.document = await source.fetch(request, asked)
            except Exception as error:
                asked.error = error
            return asked

        answers = await asyncio.gather(*(ask(name, source) for name, source in SOURCES.items()))
    return {name: asked for name, asked in zip(SOURCES, answers, strict=True) if asked}


def _wanted(
    source: Source,
    settings: Settings,
    newest: Mapping[str, pl.DataFrame],
    models: Mapping[str, Sequence[str]],
) -> Sequence[str] | None:
    """The models to ask a source for: none for a whole list, None if it is not to be polled."""
    if source.wanted_models is None:
        return ()
    return models.get(source.name) or source.wanted_models(settings, newest) or None


def _landed(
    zone: LandingZone,
    source: Source,
    asked: Asked,
    held: Held | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Land the answers and judge the list; every error becomes this source's result."""
    name = source.name
    status = asked.document.status if asked.document else getattr(asked.error, "status", None)
    try:
        for page in asked.received:
            _land(zone, name + RECEIVED, page, now)
        if asked.document is None:
            raise asked.error or FetchError("there is no answer")
        return _accepted(zone, source, asked, asked.document, held, now, is_shrinking=is_shrinking)
    except SnapshotError as error:
        outcome, message = "rejected", f"{error}; the last good list stays"
        if "taken for incomplete" in message:
            message += f" (if it is right, set DENSING_ACCEPT_SHRUNK={name} for one night)"
    except FetchError as error:
        outcome, message = "failed", str(error)
    except Exception as error:
        outcome, message = "failed", error_text(error)
    rows = held.parsed.rows if held else None
    good_at = held.receipt.fetched_at if held else None
    return PollResult(name, now, outcome, message, status, rows, rows, good_at=good_at)


def _accepted(
    zone: LandingZone,
    source: Source,
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
        parsed = source.read(answer.content, now.astimezone(UTC).date())
        is_compared = held and not source.is_partial and not is_shrinking
        check_size(parsed, held.parsed if held and is_compared else None)
    _land(zone, source.name, answer, now)
    is_same = held is not None and answer.content == held.content
    return PollResult(
        source.name,
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
