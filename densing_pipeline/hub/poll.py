"""One night at the Hub: what is new, the configurations of what matters, a look at what is known.

Answers land as received before anything is read from them, and the night's report lands last
(`watermark`). So a night that breaks off anywhere has lost nothing: what landed is used, and the
next night reads the same stretch again. Not here: the client (`client`), what records mean
(`records`), and reading everything there is (`sweep`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

import polars as pl

from densing_pipeline.hub import records, watermark
from densing_pipeline.hub.client import (
    MAX_CONFIG_BYTES,
    Answer,
    Hub,
    HubError,
    OversizedError,
    RefusedError,
    UnreachableError,
)
from densing_pipeline.hub.observations import (
    CONFIGS,
    INFOS,
    OK,
    PAGES,
    TOO_LARGE,
    configs,
    observations,
)
from densing_pipeline.hub.repositories import repositories
from densing_pipeline.landing import LandingZone
from densing_pipeline.settings import Settings
from densing_pipeline.text import error_text

Clock = Callable[[], datetime]

RETRY_AFTER = timedelta(days=7)
"""When a configuration that was refused is asked for again: access may have been granted."""

NOT_BEFORE = timedelta(hours=20)
"""How long a repository is left alone after it was seen."""

SETTLES_WITHIN = timedelta(days=7)
"""How long a new model may take to show the hashes of its weights."""

PATIENCE = 5
"""Failures among single files and records after which a night asks for no more of them."""


@dataclass(frozen=True)
class Limits:
    """How much a night asks for.

    Attributes:
        overlap_days: days before the watermark that are read again.
        first_days: days the first poll reads back.
        page_size: records asked for per page; the Hub may send fewer.
        configs: configurations fetched per night, newest repositories first.
        revisits: known repositories looked at again per night, longest unseen first; and as many
            of those that had no weights when they were seen.
    """

    overlap_days: int = 3
    first_days: int = 30
    page_size: int = 500
    configs: int = 500
    revisits: int = 100

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits of an installation."""
        return cls(
            overlap_days=settings.hub_overlap_days,
            first_days=settings.hub_first_days,
            page_size=settings.hub_page_size,
            configs=settings.hub_configs_per_night,
            revisits=settings.hub_revisits_per_night,
        )


def poll(
    zone: LandingZone, cache: Path, hub: Hub, limits: Limits, known: Iterable[str], clock: Clock
) -> watermark.Night:
    """Read what is new on the Hub since the last night that got through.

    Args:
        zone: where answers land.
        cache: where `observations` keeps its cache.
        hub: whom to ask.
        limits: how much.
        known: models to look at again beside those found, such as the bundled ones.
        clock: the time, UTC.

    Returns:
        The report, which has landed too.
    """
    started = clock()
    since = watermark.since(watermark.nights(zone), started, limits.overlap_days, limits.first_days)
    walk = _Walk(zone, clock)
    outcome, status = "ok", None
    try:
        walk.back_to(since, hub.pages(hub.list_url("createdAt", limits.page_size)))
    except HubError as error:
        outcome, status = "failed", error.status
        hub.remarks.append(str(error))
    except ValueError as error:
        outcome = "rejected"
        hub.remarks.append(f"a page is not what the Hub sends: {error_text(error)}")
    except Exception as error:
        # Whatever the Hub's answers do to the code that reads them, the night goes on without.
        outcome = "failed"
        hub.remarks.append(f"a page cannot be handled ({error_text(error)})")
    if outcome == "ok":
        # Repositories made public long after they were created are far down that listing, and
        # those that matter trend; a failure below is a remark, for the night has got through.
        try:
            trending = hub.pages(hub.list_url("trendingScore", limits.page_size))
            walk.back_to(date.max, islice(trending, 1))
            _details(zone, cache, hub, limits, known, clock)
        except Exception as error:
            hub.remarks.append(f"single records broke off: {error_text(error)}")
    night = watermark.Night(
        polled_at=started,
        since=since,
        outcome=outcome,
        http_status=status,
        list_requests=walk.pages,
        requests=hub.requests,
        rows=walk.rows,
        message="; ".join(hub.remarks) or "nothing to remark",
    )
    watermark.land(zone, night, hub.endpoint)
    return night


class _Walk:
    """Down a listing, landing every page; counts pages and rows."""

    def __init__(self, zone: LandingZone, clock: Clock) -> None:
        self._zone, self._clock = zone, clock
        self.pages = self.rows = 0

    def back_to(self, since: date, pages: Iterable[Answer]) -> None:
        """Stop at the first page that ends before `since`.

        Raises:
            HubError: a page could not be had.
            ValueError: a page is not a list of records.
        """
        for page in pages:
            self.pages += 1
            _land(self._zone, PAGES, page, self._clock())
            found = records.page_records(page.content)
            self.rows += len(found)
            dates = [created for created in map(records.created_at, found) if created]
            if dates and dates[-1].date() < since:
                return


def _details(
    zone: LandingZone, cache: Path, hub: Hub, limits: Limits, known: Iterable[str], clock: Clock
) -> None:
    """Fetch configurations that are due and look again at what has not been seen for longest."""
    found = repositories(observations(zone, cache), set(known))
    due = configs_due(found, configs(zone), clock())[: limits.configs]
    wanted = [(CONFIGS, hub.config_url(model_id, revision)) for model_id, revision in due]
    waiting = waiting_due(found, clock())
    if len(waiting) > limits.revisits:
        hub.remarks.append(f"{len(waiting) - limits.revisits} without weights wait for a look")
    again = [
        *waiting[: limits.revisits],
        *revisits_due(found, known, clock())[: limits.revisits],
    ]
    wanted += [(INFOS, hub.info_url(model_id)) for model_id in again]
    failures = 0
    for source, url in wanted:
        try:
            _fetch(zone, source, hub, url, clock)
        except HubError as error:
            # One repository that cannot be served must not keep the others waiting for ever.
            failures += 1
            hub.remarks.append(str(error))
            if isinstance(error, UnreachableError) or failures >= PATIENCE:
                raise


def configs_due(
    found: pl.DataFrame, fetched: pl.DataFrame, now: datetime
) -> Sequence[tuple[str, str]]:
    """Models whose whole configuration is wanted, newest first, as (current name, revision).

    Args:
        found: a frame of `repositories.repositories`.
        fetched: a frame of `observations.configs`.
        now: failed attempts older than a week before are repeated.
    """
    answered = fetched.filter((pl.col("status") == OK) | (pl.col("fetched_at") > now - RETRY_AFTER))
    wanted = (
        found.filter(
            (pl.col("is_base") | pl.col("is_doubtful")).fill_null(value=False),
            pl.col("hub_state").is_in(["present", "renamed"]),
            pl.col("revision").is_not_null(),
        )
        .join(answered, on="config_path", how="anti")
        # What claims to be from the future must not go before what is new.
        .with_columns(
            pl.when(pl.col("created_at") <= now + records.CLOCK_TOLERANCE).then("created_at")
        )
        .sort("created_at", "model_id", descending=[True, False], nulls_last=True)
    )
    return list(wanted.select("name", "revision").iter_rows())


def revisits_due(found: pl.DataFrame, known: Iterable[str], now: datetime) -> Sequence[str]:
    """Models to look at again, longest unseen first; none twice within a day.

    New ones come before, and those with a commit since the hashes of their files were seen: only
    these tell weights uploaded anew under the same names.

    Args:
        found: a frame of `repositories.repositories`.
        known: further models, which come first if they were never seen.
        now: start of the poll.
    """
    seen = found.filter(pl.col("hub_state") != "replaced", pl.col("awaits").is_null())
    never = sorted(set(known) - set(found["model_id"]))
    may_be_base = (pl.col("is_base") | pl.col("is_doubtful")).fill_null(value=False)
    is_new = (pl.col("first_seen_at") > now - SETTLES_WITHIN).fill_null(value=False)
    has_hashes = pl.col("blobs").is_not_null()
    is_unhashed = may_be_base & ~pl.col("is_hashed").fill_null(value=False) & (is_new | has_hashes)
    unhashed = seen.filter(is_unhashed).sort("first_seen_at", "model_id")
    again = seen.filter(~is_unhashed, pl.col("last_seen_at") <= now - NOT_BEFORE)
    again = again.sort("last_seen_at", "model_id")
    return [*never, *unhashed["model_id"], *again["model_id"]]


def waiting_due(found: pl.DataFrame, now: datetime) -> Sequence[str]:
    """Repositories whose weights had not come, to look at again; what is likely comes first.

    Each is looked at a day after it was seen, and then after as long again as it has waited, for
    `records.AWAITED_FOR`. After that a full sweep finds what came later.

    Args:
        found: a frame of `repositories.repositories`.
        now: start of the poll.
    """
    last, waited = pl.col("last_seen_at"), pl.col("last_seen_at") - pl.col("first_seen_at")
    due = found.filter(
        pl.col("awaits").is_not_null(),
        pl.col("hub_state").is_in(["present", "renamed"]),
        pl.col("first_seen_at") > now - records.AWAITED_FOR,
        last + pl.max_horizontal(waited, pl.lit(NOT_BEFORE)) <= now,
    ).sort("awaits", "first_seen_at", "model_id", descending=[False, True, False])
    return due["name"].to_list()


def _fetch(zone: LandingZone, source: str, hub: Hub, url: str, clock: Clock) -> None:
    """Land an answer about one model, be it a refusal."""
    try:
        answer = hub.get(url, MAX_CONFIG_BYTES if source == CONFIGS else None)
    except RefusedError as error:
        answer = Answer(url, b"", error.status or 0, None, None)
    except OversizedError:
        answer = Answer(url, b"", TOO_LARGE, None, None)
    _land(zone, source, answer, clock())


def _land(zone: LandingZone, source: str, answer: Answer, at: datetime) -> None:
    zone.store(source, answer.url, answer.content, at, status=answer.status, etag=answer.etag)
