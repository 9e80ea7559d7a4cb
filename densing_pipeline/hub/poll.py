"""The nightly poll of the Hub: new repositories, configurations, and updates of known models.

Responses land as received before they are read, and the report of the poll lands last
(`watermark`). So an interrupted poll loses nothing: the landed responses are used, and the next
poll reads the same period again. Not here: the listings (`discovery`), the client (`client`), how
records are read (`records`), and the full listing (`sweep`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from densing_pipeline.hub import models, pretrainers, records, tensor_headers, watermark
from densing_pipeline.hub.claimed_scores import landed as claims
from densing_pipeline.hub.client import MAX_CONFIG_BYTES, Hub, HubError, UnreachableError
from densing_pipeline.hub.discovery import WINDOW, Discovery, request
from densing_pipeline.hub.listing import Listing
from densing_pipeline.hub.observations import (
    CONFIGS,
    INFOS,
    OK,
    configs,
    observations,
)
from densing_pipeline.hub.repositories import repositories
from densing_pipeline.landing import LandingZone
from densing_pipeline.polling.poll import LARGEST_CLOCK_ERROR, clock_error
from densing_pipeline.settings import Settings
from densing_pipeline.text import error_text

Clock = Callable[[], datetime]

RETRY_AFTER = timedelta(days=7)
"""Time until a refused configuration is requested again, as access may have been granted."""

NOT_BEFORE = timedelta(hours=20)
"""Shortest time between two requests for the record of one repository."""

SETTLES_WITHIN = timedelta(days=7)
"""Age up to which a new model without hashes of its weights is polled first."""

MAX_BYTES = {
    CONFIGS: MAX_CONFIG_BYTES,
    claims.CLAIMS: claims.MAX_CLAIMS_BYTES,
    claims.FILES: claims.MAX_FILE_BYTES,
}
"""Largest document of a source of single documents; the others have the general bound."""

LONGEST_GAP = timedelta(days=2)
"""Time since the last poll from which the Hub is asked whether this machine's clock is right."""

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
        claims: base models whose claimed scores are requested per poll, and files of such scores
            fetched where the Hub does not read them itself.
        headers: base models the headers of whose weights are fetched per poll, newest first.
    """

    overlap_days: int = 3
    first_days: int = 30
    page_size: int = 500
    configs: int = 500
    revisits: int = 100
    claims: int = 200
    headers: int = 50

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the settings state."""
        return cls(
            overlap_days=settings.hub_overlap_days,
            first_days=settings.hub_first_days,
            page_size=settings.hub_page_size,
            configs=settings.hub_configs_per_night,
            revisits=settings.hub_revisits_per_night,
            claims=settings.hub_claims_per_night,
            headers=settings.hub_headers_per_night,
        )


def poll(
    zone: LandingZone,
    cache: Path,
    hub: Hub,
    limits: Limits,
    known: Iterable[str],
    clock: Clock,
    publishers: Iterable[str] | None = None,
) -> watermark.Night:
    """Read what is new on the Hub since the last complete poll.

    Args:
        zone: where answers land.
        cache: where `observations` keeps its cache.
        hub: client of the Hub.
        limits: limits on requests.
        known: ids of further models to request again, such as the bundled ones.
        clock: gives the current time, UTC.
        publishers: namespaces whose repositories are listed, beside the owners of `known` and of all
            base models seen; those known to pretrain if None.

    Returns:
        The report, which has also landed.
    """
    past, known = watermark.nights(zone), sorted(known)
    clock = corrected(clock, hub, past)
    started = clock()
    if publishers is None:
        publishers = map(pretrainers.as_written, pretrainers.known_pretrainers())
    since = watermark.since(past, started, limits.overlap_days, limits.first_days)
    found = Discovery(zone, cache, hub, limits.page_size, clock)
    created = found.created(since)
    new_per_day = _per_day(created, since, started)
    complete = []
    if created.n_rows:
        if (odd := watermark.implausible(past, new_per_day, since, started)) is not None:
            found.missing.append(f"{created.name}: {odd}")
        elif created.missing is None:
            complete.append(watermark.CREATED)
        changed = found.changed(watermark.changed_since(past, started, limits.overlap_days))
        complete += [watermark.CHANGED] if changed.missing is None else []
        # What was created before the first poll began is read by a sweep.
        first = min([since, *(night.since for night in past)])
        found.made_public_late(max(first, (started - WINDOW).date()))
        found.trending()
        _of_publishers(found, publishers, known)
        _details(found, limits, known)
    night = watermark.Night(
        polled_at=started,
        since=since,
        outcome=_outcome(found, created),
        http_status=found.http_status,
        list_requests=sum(each.n_pages for each in found.listings),
        requests=hub.requests,
        rows=sum(each.n_rows for each in found.listings),
        message="; ".join([*found.missing, *hub.remarks]) or "nothing to remark",
        missing="; ".join(found.missing),
        complete=tuple(complete),
        new_per_day=new_per_day,
        unread=tuple(found.unread),
    )
    watermark.land(zone, night, hub.endpoint)
    return night


def corrected(clock: Clock, hub: Hub, past: Sequence[watermark.Night]) -> Clock:
    """The clock, or the Hub's time where the clock is more than a day off.

    The Hub is asked only if the clock leaps against the last poll. What landed under a day that has not come
    would move the watermark there, and models published until then would not be read.

    Args:
        clock: of this machine.
        hub: client of the Hub; it gets a remark if its time counts.
        past: the polls so far, oldest first.
    """
    now = clock()
    if not past or timedelta() <= now - past[-1].polled_at <= LONGEST_GAP:
        return clock
    try:
        hub.get(hub.list_url("createdAt", 1))
    except HubError:
        return clock
    ahead = now - hub.stated_at if hub.stated_at else timedelta()
    if abs(ahead) <= LARGEST_CLOCK_ERROR:
        return clock
    hub.remarks.append(f"this machine's clock is {clock_error(ahead)} the Hub's, whose time counts")
    return lambda: clock() - ahead


def _per_day(created: Listing, since: date, started: datetime) -> float | None:
    """Repositories created per day since the beginning of a day; None if they were not all listed."""
    if created.missing or not created.n_rows:
        return None
    return created.n_recent / watermark.days(since, started)


def _outcome(found: Discovery, created: Listing) -> str:
    if created.n_rows:
        return "partial" if found.missing else "ok"
    return "rejected" if isinstance(created.error, ValueError) else "failed"


def _of_publishers(found: Discovery, publishers: Iterable[str], known: Sequence[str]) -> None:
    try:
        seen = repositories(observations(found.zone, found.cache), set(known))
        found.of_publishers(owners(publishers, known, seen), seen)
    except Exception as error:
        # An unforeseen response may raise any exception; what has landed is used.
        found.missing.append(f"repositories of publishers: broke off ({error_text(error)})")


def owners(publishers: Iterable[str], known: Iterable[str], seen: pl.DataFrame) -> list[str]:
    """Namespaces whose repositories are listed: publishers, and owners of base models.

    Args:
        publishers: namespaces, in any case.
        known: ids of models.
        seen: a frame of `repositories.repositories`.

    Returns:
        Each namespace once, as the Hub writes it where that is known.
    """
    is_present = pl.col("hub_state").is_in(["present", "renamed"])
    is_base = pl.col("is_base") & ~pl.col("is_doubtful") & is_present
    names = [*known, *seen.filter(is_base.fill_null(value=False))["name"]]
    written = [name.partition("/")[0] for name in names if "/" in name]
    return sorted({each.lower(): each for each in (*publishers, *written)}.values())


def _details(found: Discovery, limits: Limits, known: Sequence[str]) -> None:
    """Fetch documents of single models; what fails is only a remark, for it is requested again."""
    if found.is_over:
        return
    try:
        _fetch_all(found, _due(found, limits, known))
        files = claims.files_due(found.zone, found.clock())[: limits.claims]
        _fetch_all(found, [(claims.FILES, found.hub.file_url(*file)) for file in files])
        _fetch_headers(found, limits, known)
    except Exception as error:
        found.hub.remarks.append(f"single records broke off: {error_text(error)}")


def _fetch_all(found: Discovery, wanted: Iterable[tuple[str, str]]) -> None:
    """Fetch documents, given as source and address, until too many have failed.

    Raises:
        HubError: the Hub cannot be reached, or the last of `PATIENCE` failures.
    """
    failures = 0
    for source, url in wanted:
        try:
            request(found.zone, source, found.hub, url, found.clock, MAX_BYTES.get(source))
        except HubError as error:
            # A repository whose requests always fail must not block the others.
            failures += 1
            found.hub.remarks.append(str(error))
            if isinstance(error, UnreachableError) or failures >= PATIENCE:
                raise


def _fetch_headers(found: Discovery, limits: Limits, known: Sequence[str]) -> None:
    """Fetch which tensors the newest candidates of the queue have, until too many have failed.

    Raises:
        HubError: the Hub cannot be reached, or the last of `PATIENCE` failures.
    """
    if not limits.headers:
        return
    # Judged as the table of models is, now that tonight's configurations have landed; most have headers already.
    lacking = pl.col("headers_status").ne_missing(OK)
    seen, _ = models.landed(found.zone, found.cache, set(known), only=lacking)
    bundled = pl.col("model_id").is_in(sorted(known))
    failures = 0
    for model_id, revision in tensor_headers.due(seen.filter(~bundled), found.clock())[
        : limits.headers
    ]:
        try:
            tensor_headers.land_headers(found.zone, found.hub, model_id, revision, found.clock)
        except HubError as error:
            failures += 1
            found.hub.remarks.append(str(error))
            is_refused = error.status == tensor_headers.TOO_MANY_REQUESTS
            if isinstance(error, UnreachableError) or is_refused or failures >= PATIENCE:
                raise


def _due(found: Discovery, limits: Limits, known: Sequence[str]) -> list[tuple[str, str]]:
    """Configurations, records of the models longest unseen, and claims that are due: source, address."""
    hub, now = found.hub, found.clock()
    seen = repositories(observations(found.zone, found.cache), set(known))
    due = configs_due(seen, configs(found.zone), now)[: limits.configs]
    waiting = waiting_due(seen, now)
    if len(waiting) > limits.revisits:
        hub.remarks.append(f"{len(waiting) - limits.revisits} without weights wait for a look")
    again = [*waiting[: limits.revisits], *revisits_due(seen, known, now)[: limits.revisits]]
    claiming = claims.models_due(seen, known, claims.asked(found.zone), now)
    return [
        *((CONFIGS, hub.config_url(model_id, revision)) for model_id, revision in due),
        *((INFOS, hub.info_url(model_id)) for model_id in again),
        *((claims.CLAIMS, hub.claims_url(name)) for name in claiming[: limits.claims]),
    ]


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
