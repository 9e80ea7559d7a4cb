"""Poll several sources at once, land the responses, and report the result for each.

A source that fails is reported and does not stop the others; its last good snapshot stays the newest.
Not here: HTTP (`fetch`), and what is in the landing zone afterwards (`polling.landed`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Generic

from densing_pipeline.addresses import shown
from densing_pipeline.bounded_http import AsyncClient
from densing_pipeline.fetch import FetchError, Limits, Response, client
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.answers import NOT_MODIFIED, Asked, Request
from densing_pipeline.polling.judging import judged, with_remedy
from densing_pipeline.polling.landed import (
    LONGEST_UNCHANGED_DAYS,
    RECEIVED,
    REFUSED,
    UNCHANGED_FOR,
    Held,
    PollResult,
    days_unchanged,
    days_without_whole_answer,
    last_good,
    store_report,
    unreported,
)
from densing_pipeline.polling.source import DocumentT, SnapshotError, Source
from densing_pipeline.settings import Settings
from densing_pipeline.text import error_text

LARGEST_CLOCK_ERROR = timedelta(days=1)
"""By how much our clock may differ from the servers' before theirs is taken for the time of the poll."""

Opened = Callable[[Limits], AbstractAsyncContextManager[AsyncClient]]
"""Opens a client that asks within bounds."""

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
    opened: Opened = client,
) -> list[PollResult]:
    """Ask every source, land what they send, and report.

    Args:
        settings: addresses, limits, landing zone.
        sources: the sources, by name.
        reports: name under which the reports of these polls are landed.
        now: time of the poll.
        choose: by name, how to choose the models that a source is asked for; other sources are asked
            for their whole document.
        opened: opens the client that asks.

    Returns:
        One result per polled source, in the order of `sources`; also landed as a report.
    """
    choose = choose or {}
    zone = LandingZone(settings.landing_dir)
    if lost := unreported(zone, sources, reports):
        store_report(zone, reports, lost, now)
    held = {name: last_good(zone, source, now) for name, source in sources.items()}
    try:
        found = asyncio.run(_ask_all(settings, sources, held, choose, zone, now, opened))
    except FetchError as error:
        found = {name: Asked(error=error) for name in sources if name not in choose}
    ahead = _ahead(found.values(), now)
    if ahead:
        now -= ahead
        held = {name: last_good(zone, source, now) for name, source in sources.items()}
    read = {
        name: _received(zone, sources[name], asked, held[name], now)
        for name, asked in found.items()
    }
    newest = {name: known.parsed for name, known in held.items() if known}
    results = dict[str, PollResult]()
    # What is refused is judged again when the others are known, which may bear it out.
    for name in [*read, *read]:
        document, before = read[name], results.get(name)
        if before and (before.outcome != "rejected" or document.parsed is None):
            continue
        others = {other: parsed for other, parsed in newest.items() if other != name}
        results[name] = _result(
            zone, sources[name], found[name], document, held[name], others, now,
            is_shrinking=name in settings.accepted_lists,
        )  # fmt: skip
        if document.parsed is not None and results[name].outcome in ("ok", "unchanged"):
            newest[name] = document.parsed
    if ahead:
        told = f"this machine's clock is {clock_error(ahead)} the servers'; theirs counts"
        results = {
            name: replace(result, message=f"{result.message}; {told}")
            for name, result in results.items()
        }
    store_report(zone, reports, list(results.values()), now)
    return list(results.values())


def _ahead(answers: Iterable[Asked], now: datetime) -> timedelta | None:
    """By how much our clock is ahead of all servers that say what time it is, negative if behind; None if it is right.

    A document that landed under a day that has not come would stay the newest one until then, and one under a
    day long past would be taken for what was known then.
    """
    stated = [
        answer.sent_at
        for asked in answers
        for answer in (*asked.received, asked.document)
        if answer is not None and answer.sent_at is not None
    ]
    if not stated or abs(now - max(stated)) <= LARGEST_CLOCK_ERROR:
        return None
    return now - max(stated)


def clock_error(ahead: timedelta) -> str:
    """In words by how much a clock is wrong, such as `3 days ahead of`."""
    return f"{abs(ahead).days} days {'ahead of' if ahead > timedelta() else 'behind'}"


async def _ask_all(
    settings: Settings,
    sources: Mapping[str, Source[DocumentT]],
    held: Mapping[str, Held[DocumentT] | None],
    choose: Mapping[str, Choose[DocumentT]],
    zone: LandingZone,
    now: datetime,
    opened: Opened,
) -> dict[str, Asked]:
    """The answers of each source, by name; an error of one source is kept in its own result.

    Raises:
        FetchError: nobody can be asked, such as through a proxy without a usable address.
    """
    limits = limits_of(settings)
    async with opened(limits) as asking:

        async def ask(name: str, source: Source[DocumentT]) -> Asked | None:
            asked = Asked()
            try:
                wanted = choose[name](held) if name in choose else ()
                if wanted is None:
                    return None
                url, known = source.url(settings), held[name]
                is_same = known is not None and known.receipt.url == shown(url)
                copy = known.receipt if known and is_same else None
                # A tag may lie: a server that never sends the list again is asked without it.
                if days_without_whole_answer(zone, name, now) > LONGEST_UNCHANGED_DAYS:
                    copy = None
                request = Request(
                    asking,
                    url,
                    limits,
                    wanted,
                    etag=copy.etag if copy else None,
                    last_modified=copy.last_modified if copy else None,
                    held=known.content if known and is_same else b"",
                )
                asked.document = await source.fetch(request, asked)
            except Exception as error:
                asked.error = error
            return asked

        answers = await asyncio.gather(*(ask(name, source) for name, source in sources.items()))
    return {name: asked for name, asked in zip(sources, answers, strict=True) if asked}


@dataclass(frozen=True)
class _Received(Generic[DocumentT]):
    """What a source sent: the document with what it says, or why there is none."""

    answer: Response | None = None
    parsed: DocumentT | None = None
    error: Exception | None = None


def _received(
    zone: LandingZone,
    source: Source[DocumentT],
    asked: Asked,
    held: Held[DocumentT] | None,
    now: datetime,
) -> _Received[DocumentT]:
    """Land the answers and read the document; any error is kept for the result of this source."""
    try:
        for page in asked.received:
            _land(zone, source.name + RECEIVED, page, now)
        answer = asked.document
        if answer is None:
            raise asked.error or FetchError("there is no answer")
        if answer.status != NOT_MODIFIED:
            return _Received(answer, source.read(answer.content, now.astimezone(UTC).date()))
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
        return _Received(answer, held.parsed)
    except Exception as error:
        return _Received(error=error)


def _result(
    zone: LandingZone,
    source: Source[DocumentT],
    asked: Asked,
    received: _Received[DocumentT],
    held: Held[DocumentT] | None,
    others: Mapping[str, DocumentT],
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Judge the list and accept it as a snapshot; every error becomes this source's result."""
    name = source.name
    status = asked.document.status if asked.document else getattr(asked.error, "status", None)
    try:
        if received.answer is None or received.parsed is None:
            raise received.error or FetchError("there is no answer")
        return _accepted(
            zone, source, asked, received.answer, received.parsed, held, others, now,
            is_shrinking=is_shrinking,
        )  # fmt: skip
    except SnapshotError as error:
        outcome, message = "rejected", f"{with_remedy(name, error)}; the last good list stays"
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
    parsed: DocumentT,
    held: Held[DocumentT] | None,
    others: Mapping[str, DocumentT],
    now: datetime,
    *,
    is_shrinking: bool,
) -> PollResult:
    """Accept a document as a snapshot.

    Raises:
        SnapshotError: it differs too much from the one before to be believed.
    """
    remarks = list[str]()
    if answer.status != NOT_MODIFIED:
        remarks = judged(
            zone,
            source,
            parsed,
            (held.parsed, held.receipt.fetched_at) if held and not is_shrinking else None,
            others,
            now,
            lambda: _land(zone, source.name + REFUSED, answer, now),
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
