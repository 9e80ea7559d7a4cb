"""Freshness of the sources that travel with the package."""

from datetime import UTC, date, datetime

import polars as pl

from densing_pipeline.polling.landed import PollResult
from densing_pipeline.publication.health import embedded_health, poll_health
from densing_pipeline.tables.published import SOURCE_HEALTH

SOURCES = pl.DataFrame(
    {
        "source": ["a", "b"],
        "version": ["1", "2"],
        "published_at": [date(2026, 1, 1), date(2026, 2, 1)],
    }
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_age_is_counted_from_midnight_utc_and_never_negative():
    health = embedded_health(SOURCES, {"a": 7}, datetime(2026, 1, 2, 12, tzinfo=UTC))
    assert SOURCE_HEALTH.validate(health).select("source", "rows", "stale_hours").rows() == [
        ("a", 7, 36.0),
        ("b", None, 0.0),
    ]


def result(day: int, outcome: str, good: int | None, source: str = "litellm") -> PollResult:
    """A poll on a day of November; `good` is the day its last good list is of."""
    at = [None if d is None else datetime(2026, 11, d, 2, tzinfo=UTC) for d in (day, good)]
    assert at[0]
    return PollResult(source, at[0], outcome, f"{outcome} on {day}", rows=7, good_at=at[1])


def test_age_is_counted_to_now_in_the_newest_row_and_to_the_poll_before():
    polls = [result(1, "ok", 1), result(2, "failed", 1), result(3, "rejected", 1)]
    health = poll_health(polls, datetime(2026, 11, 3, 8, tzinfo=UTC))
    assert SOURCE_HEALTH.validate(health).select("outcome", "stale_hours", "message").rows() == [
        ("ok", 0.0, "ok on 1"),
        ("failed", 24.0, "failed on 2"),
        ("rejected", 54.0, "rejected on 3"),
    ]


def test_source_that_never_gave_a_list_ages_from_its_first_poll():
    polls = [result(1, "failed", None), result(4, "failed", None)]
    assert poll_health(polls, datetime(2026, 11, 4, 2, tzinfo=UTC))["stale_hours"].to_list() == [
        0.0,
        72.0,
    ]


def test_two_polls_of_one_instant_are_one_row():
    polls = [result(1, "failed", None), result(1, "ok", 1)]
    assert poll_health(polls, NOON)["outcome"].to_list() == ["ok"]
