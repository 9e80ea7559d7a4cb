"""The `source_health` table: age and state of each source, with a message for the operator."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import polars as pl

from densing_pipeline.polling.landed import PollResult
from densing_pipeline.tables.published import SOURCE_HEALTH


def embedded_health(sources: pl.DataFrame, rows: Mapping[str, int], now: datetime) -> pl.DataFrame:
    """Health of the sources that are part of the package and never polled.

    Args:
        sources: the fact table of that name.
        rows: rows each source contributes, where they can be counted.
        now: the instant to which ages are counted.

    Returns:
        The `source_health` table, one row per source.
    """
    published_at = pl.col("published_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    age_hours = (pl.lit(now) - published_at).dt.total_seconds() / 3600
    return SOURCE_HEALTH.cast(
        sources.select(
            "source",
            "version",
            polled_at=published_at,
            outcome=pl.lit("embedded"),
            rows=pl.col("source").replace_strict(rows, default=None, return_dtype=pl.Int64),
            stale_hours=age_hours.clip(lower_bound=0),
            message=pl.lit("travels with the package; not polled"),
        )
    )


def poll_health(polls: Iterable[PollResult], now: datetime) -> pl.DataFrame:
    """Health of the polled sources, from the reports of their polls.

    Args:
        polls: results of polls, in any order; of two for one instant the last counts.
        now: the instant to which the age of a source's newest list is counted in its newest row;
            in earlier rows it is counted to that poll. A source that never gave a list ages from
            its first poll on.

    Returns:
        The `source_health` table, one row per source and poll.
    """
    found = {(poll.source, poll.polled_at): poll for poll in polls}
    newest, first = dict[str, datetime](), dict[str, datetime]()
    for source, polled_at in sorted(found):
        first.setdefault(source, polled_at)
        newest[source] = polled_at
    rows = [
        {
            "source": source,
            "polled_at": polled_at,
            "outcome": poll.outcome,
            "http_status": poll.http_status,
            "rows": poll.rows,
            "rows_previous": poll.rows_previous,
            "rows_quarantined": poll.rows_quarantined,
            "stale_hours": _hours(
                poll.good_at or first[source], now if newest[source] == polled_at else polled_at
            ),
            "message": poll.message,
        }
        for (source, polled_at), poll in found.items()
    ]
    return SOURCE_HEALTH.cast(pl.DataFrame(rows)) if rows else SOURCE_HEALTH.empty()


def _hours(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds() / 3600)


def hub_health(nights: pl.DataFrame, *, is_on: bool, now: datetime) -> pl.DataFrame:
    """Health of the Hub from its last poll; `disabled` while polling is off.

    Args:
        nights: the `hub_nights` table.
        is_on: whether the nightly run polls.
        now: the instant to which ages are counted.

    Returns:
        One row of `source_health`.
    """
    through = nights.filter(pl.col("outcome") == "ok")["polled_at"].max()
    stale = (now - through).total_seconds() / 3600 if isinstance(through, datetime) else 0.0
    last = nights.sort("polled_at").tail(2).to_dicts()
    latest = last[-1] if last else {}
    row = {
        "source": "huggingface-hub",
        "polled_at": latest.get("polled_at", now),
        "outcome": latest.get("outcome", "disabled") if is_on else "disabled",
        "http_status": latest.get("http_status"),
        "rows": latest.get("rows"),
        "rows_previous": last[-2]["rows"] if len(last) > 1 else None,
        "stale_hours": max(0.0, stale),
        "message": latest.get("message", "never polled")
        if is_on
        else "polling is off; set DENSING_HUB_POLL=true to look for new models",
    }
    return SOURCE_HEALTH.cast(pl.DataFrame([row], infer_schema_length=None))
