"""The nightly poll of the Hub: new repositories, configurations, and updates of known models.

Responses land as received before they are read, and the report of the poll lands last
(`watermark`). So an interrupted poll loses nothing: the landed responses are used, and the next
poll reads the same period again. Not here: the client (`client`), how records are read (`records`),
and the full listing (`sweep`).
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
"""Time until a refused configuration is requested again, as access may have been granted."""

NOT_BEFORE = timedelta(hours=20)
"""Shortest time between two requests for the record of one repository."""

SETTLES_WITHIN = timedelta(days=7)
"""Age up to which a new model without hashes of its weights is polled first."""

PATIENCE = 5
"""Failed requests for single files and records after which a poll makes no more of them."""


@dataclass(frozen=True)
class Limits:
    """Limits on the requests of one poll.

    Attributes:
        overlap_days: days before the watermark that are read again.
        first_days: days the first poll reads back.
        page_size: records requested per page; the Hub may send fewer.
        configs: configurations fetched per poll, newest repositories first.
        revisits: known repositories requested again per poll, longest unseen first; and as many
            repositories that had no weights when last seen.
    """

    overlap_days: int = 3
    first_days: int = 30
    page_size: int = 500
    configs: int = 500
    revisits: int = 100

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings state."""
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
    """Read what is new on the Hub since the last successful poll.

    Args:
        zone: where answers land.
        cache: where `observations` keeps its cache.
        hub: client of the Hub.
        limits: limits on requests.
        known: ids of further models to request again, such as the bundled ones.
        clock: gives the current time, UTC.

    Returns:
        The report, which has also landed.
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
        # An unforeseen response may raise any exception; the nightly run goes on without the Hub.
        outcome = "failed"
        hub.remarks.append(f"a page cannot be handled ({error_text(error)})")
    if outcome == "ok":
        # The listing by creation misses repositories made public long after they were created;
        # important ones are in the trending listing. The poll has succeeded by now, so a failure
        # below is only a remark.
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
    """Reads a listing page by page and lands every page; counts pages and rows."""

    def __init__(self, zone: LandingZone, clock: Clock) -> None:
        self._zone, self._clock = zone, clock
        self.pages = self.rows = 0

    def back_to(self, since: date, pages: Iterable[Answer]) -> None:
        """Read pages until one ends before `since`.

        Raises:
            HubError: a page could not be fetched.
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
    """Fetch the configurations that are due, and the records of the models longest unseen."""
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
            # A repository whose requests always fail must not block the others.
            failures += 1
            hub.remarks.append(str(error))
            if isinstance(error, UnreachableError) or failures >= PATIENCE:
                raise


def configs_due(
    found: pl.DataFrame, fetched: pl.DataFrame, now: datetime
) -> Sequence[tuple[str, str]]:
    """Models whose `config.json` is to be fetched, newest first, as (current name, revision).

    Args:
        found: a frame of `repositories.repositories`.
        fetched: a frame of `observations.configs`.
        now: start of the poll; attempts that failed more than `RETRY_AFTER` before are repeated.
    """
    answered = fetched.filter((pl.col("status") == OK) | (pl.col("fetched_at") > now - RETRY_AFTER))
    wanted = (
        found.filter(
            (pl.col("is_base") | pl.col("is_doubtful")).fill_null(value=False),
            pl.col("hub_state").is_in(["present", "renamed"]),
            pl.col("revision").is_not_null(),
        )
        .join(answered, on="config_path", how="anti")
        # Creation times in the future are capped, so that they do not sort before new models.
        .with_columns(
            pl.when(pl.col("created_at") <= now + records.CLOCK_TOLERANCE).then("created_at")
        )
        .sort("created_at", "model_id", descending=[True, False], nulls_last=True)
    )
    return list(wanted.select("name", "revision").iter_rows())


def revisits_due(found: pl.DataFrame, known: Iterable[str], now: datetime) -> Sequence[str]:
    """Models whose record is to be requested again, longest unseen first; at most once a day.

    New models come first, and models with a commit since their file hashes were seen: only hashes
    show that weights were uploaded again under the same file names.

    Args:
        found: a frame of `repositories.repositories`.
        known: ids of further models, which come first if they were never seen.
        now: start of the poll.
    """
    may_be_base = (pl.col("is_base") | pl.col("is_doubtful")).fill_null(value=False)
    # What is surely no base model is kept for its reason, and is not requested again.
    is_rejected = pl.col("is_base").is_not_null() & ~may_be_base
    is_compressed = pl.col("relation").is_in(["pruned", "distilled"]).fill_null(value=False)
    is_wanted = pl.col("model_id").is_in(sorted(set(known)))
    seen = found.filter(
        pl.col("hub_state") != "replaced",
        pl.col("awaits").is_null(),
        ~is_rejected | is_compressed | is_wanted,
    )
    never = sorted(set(known) - set(found["model_id"]))
    is_new = (pl.col("first_seen_at") > now - SETTLES_WITHIN).fill_null(value=False)
    has_hashes = pl.col("blobs").is_not_null()
    is_unhashed = may_be_base & ~pl.col("is_hashed").fill_null(value=False) & (is_new | has_hashes)
    unhashed = seen.filter(is_unhashed).sort("first_seen_at", "model_id")
    again = seen.filter(~is_unhashed, pl.col("last_seen_at") <= now - NOT_BEFORE)
    again = again.sort("last_seen_at", "model_id")
    return [*never, *unhashed["model_id"], *again["model_id"]]


def waiting_due(found: pl.DataFrame, now: datetime) -> Sequence[str]:
    """Repositories that had no weight files when last visited, most likely base models first.

    Each is requested a day after it was first seen, then at intervals that double, for
    `records.AWAITED_FOR`. Weights that come later are found by a full sweep.

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
    """Fetch a document about one model and land the response, refusals included."""
    try:
        answer = hub.get(url, MAX_CONFIG_BYTES if source == CONFIGS else None)
    except RefusedError as error:
        answer = Answer(url, b"", error.status or 0, None, None)
    except OversizedError:
        answer = Answer(url, b"", TOO_LARGE, None, None)
    _land(zone, source, answer, clock())


def _land(zone: LandingZone, source: str, answer: Answer, at: datetime) -> None:
    zone.store(source, answer.url, answer.content, at, status=answer.status, etag=answer.etag)
