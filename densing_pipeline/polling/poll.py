"""Poll several sources at once, land the responses, and report the result for each.

A source that fails is reported and does not stop the others; its last good snapshot stays the newest.
Not here: HTTP (`fetch`), and what is in the landing zone afterwards (`polling.landed`).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from densing_pipeline.addresses import shown
from densing_pipeline.fetch import FetchError, Limits, Response, client
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.answers import NOT_MODIFIED, Asked, Request
from densing_pipeline.polling.landed import (
    RECEIVED,
    REFUSED,
    UNCHANGED_FOR,
    Held,
    PollResult,
    days_unchanged,
    days_without_whole_answer,
    last_good,
    nights_refused,
    store_report,
    unreported,
)
from densing_pipeline.polling.source import DocumentT, ShapeError, SnapshotError, Source
from densing_pipeline.settings import Settings
from densing_pipeline.text import error_text

NIGHTS_TO_TAKE = 3
"""Nights on which a document must have the same new shape to be taken though it lost much."""

LONGEST_UNCHANGED_DAYS = 14
"""Days after which a list that never changes is asked for as a whole, and reported."""

Choose = Callable[[Mapping[str, Held[DocumentT] | None]], Sequence[str] | None]
"""Chooses the models to ask a source for, given the last good snapshot of each source, by name; None
if it is not to be asked."""


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
    sources: Mapping[str, Source[DocumentT]],
    reports: str,
    now: datetime,
    choose: Mapping[str, Choose[DocumentT]] | None = None,
) -> list[PollResult]:
    """Ask every source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        sources: the sources, by name.
        reports: name under which the reports of these polls are landed.
        now: time of the poll.
        choose: by name, how to choose the models that a source is asked for; other sources are asked
            for their whole document.

    Returns:
        One result per polled source, in the order of `sources`; also landed as a report.
    """
    choose = choose or {}
    zone = LandingZone(settings.landing_dir)
    if lost := unreported(zone, sources, reports):
        store_report(zone, reports, lost, now)
    held = {name: last_good(zone, source) for name, source in sources.items()}
    try:
        found = asyncio.run(_ask_all(settings, sources, held, choose, zone, now))
    except FetchError as error:
        found = {name: Asked(error=error) for name in sources if name not in choose}
    shrunk = {name.strip() for name in settings.accept_shrunk.split(",")}
    results = [
        _landed(zone, sources[name], asked, held[name], now, is_shrinking=name in shrunk)
        for name, asked in found.items()
    ]
    store_report(zone, reports, results, now)
    return results


async def _ask_all(
    settings: Settings,
    sources: Mapping[str, Source[DocumentT]],
    held: Mapping[str, Held[DocumentT] | None],
    choose: Mapping[str, Choose[DocumentT]],
    zone: LandingZone,
    now: datetime,
) -> dict[str, Asked]:
    """The answers of each source, by name; an error of one source is kept in its own result.

    Raises:
        FetchError: nobody can be asked, such as through a proxy without a usable address.
    """
    limits = limits_of(settings)
    async with client(limits) as opened:

        async def ask(name: str, source: Source[DocumentT]) -> Asked | None:
            asked = Asked()
            try:
                wanted = choose[name](held) if name in choose else ()
                if wanted is None:
                    return None
                url, known = source.url(settings), held[name]
                copy = known.receipt if known and known.receipt.url == shown(url) else None
                # A tag may lie: a server that never sends the list again is asked without it.
                if days_without_whole_answer(zone, name, now) > LONGEST_UNCHANGED_DAYS:
                    copy = None
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

        answers = await asyncio.gather(*(ask(name, source) for name, source in sources.items()))
    return {name: asked for name, asked in zip(sources, answers, strict=True) if asked}


def _landed(
    zone: LandingZone,
    source: Source[DocumentT],
    asked: Asked,
    held: Held[DocumentT] | None,
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
        if "taken for" in message:
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
    source: Source[DocumentT],
    asked: Asked,
    answer: Response,
    held: Held[DocumentT] | None,
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Accept a document as a snapshot.

    Raises:
        SnapshotError: it is unusable, or differs too much from the one before to be believed.
    """
    remarks = []
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
        try:
            source.check(parsed, held.parsed if held and not is_shrinking else None)
        except ShapeError as error:
            _land(zone, source.name + REFUSED, answer, now)
            since = held.receipt.fetched_at if held else now
            if nights_refused(zone, source, parsed, since, now) < NIGHTS_TO_TAKE:
                raise
            remarks.append(
                f"the same for {NIGHTS_TO_TAKE} nights, so it is taken although: {error}"
            )
    _land(zone, source.name, answer, now)
    is_same = held is not None and answer.content == held.content
    if (
        held
        and is_same
        and (days := days_unchanged(zone, held.receipt, now)) > LONGEST_UNCHANGED_DAYS
    ):
        remarks.append(f"{UNCHANGED_FOR} {days} days")
    return PollResult(
        source.name,
        now,
        "unchanged" if is_same else "ok",
        "; ".join(
            [
                "the same list as before" if is_same else parsed.size,
                *parsed.remarks,
                *asked.remarks,
                *remarks,
            ]
        ),
        answer.status,
        parsed.rows,
        held.parsed.rows if held else None,
        parsed.rows_quarantined,
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
