"""Prices that a list keeps though nothing shows any more that their seller asks them."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from densing_pipeline.prices.as_of import as_of
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.presumed import SILENT_DAYS
from densing_pipeline.tables.published import PRICES

FIRST = date(2024, 1, 1)
ADDED = date(2024, 3, 1)


def row(last_seen: date, **columns: Any) -> dict[str, Any]:
    """A price of an offer that a list of people's added after its first look."""
    return {
        "source": "litellm",
        "provider": "host",
        "model": "host/sage-1",
        "offer": "standard",
        "input_usd_per_mtok": 1.0,
        "context_over_tokens": 0,
        "currency": "USD",
        "valid_from": ADDED,
        "observed_from": ADDED,
        "last_seen": last_seen,
        "basis": "first_observed",
        "snapshot_sha256": "abc",
    } | columns


def first_look(last_seen: date) -> dict[str, Any]:
    """Another seller's offer, which the list had at its first look."""
    return row(
        last_seen, provider="other", model="x", valid_from=None, observed_from=FIRST, basis="undated"
    )  # fmt: skip


def moved(day: date) -> dict[str, Any]:
    """An offer of a third seller that the list added on a day: it is kept up."""
    return row(day, provider="third", model="y", valid_from=day, observed_from=day)


def book(*rows: dict[str, Any]) -> pl.DataFrame:
    """The book of rows, one list for each source."""
    frame = PRICES.cast(pl.DataFrame(list(rows), infer_schema_length=None))
    return price_book(frame.partition_by("source", maintain_order=True))


def presumed(*rows: dict[str, Any]) -> date | None:
    """From when on the price of the first row is presumed."""
    asked = {name: rows[0][name] for name in ("source", "provider", "model")}
    found: date | None = book(*rows).filter(**asked)["presumed_from"].item()
    return found


@pytest.mark.parametrize(
    ("days", "since"), [(SILENT_DAYS, None), (SILENT_DAYS + 1, ADDED + timedelta(days=1))]
)
def test_a_price_is_presumed_from_the_last_sign_of_its_seller_once_that_is_over_a_year_ago(
    days, since
):
    last_seen = ADDED + timedelta(days=days)
    assert presumed(row(last_seen), first_look(last_seen), moved(last_seen)) == since


@pytest.mark.parametrize(
    ("days", "since"), [(SILENT_DAYS, None), (SILENT_DAYS + 1, ADDED + timedelta(days=1))]
)
def test_a_list_in_which_nothing_moves_says_nothing_of_its_sellers(days, since):
    last_seen = ADDED + timedelta(days=500)
    assert presumed(row(last_seen), moved(ADDED + timedelta(days=days))) == since
    assert presumed(row(last_seen)) is None


LATE = ADDED + timedelta(days=500)
LATER_SIGN = ADDED + timedelta(days=200)


@pytest.mark.parametrize(
    "sign",
    [
        {"model": "host/sage-2"},
        {"model": "host/sage-2", "flag": "correction"},
        {"source": "models-dev"},
        {"source": "models-dev", "provider": "Host"},
    ],
)
def test_a_price_of_the_seller_that_began_later_in_any_list_is_a_sign(sign):
    later = row(LATE, valid_from=LATER_SIGN, observed_from=LATER_SIGN) | sign
    assert presumed(row(LATE), later, moved(LATE)) is None


@pytest.mark.parametrize(
    "none",
    [
        {"flag": "slip"},
        {"flag": "provisional"},
        {"flag": "future", "basis": "announced"},
        {"valid_from": None, "basis": "undated"},
        {"provider": "another"},
    ],
)
def test_a_slip_an_announcement_and_what_was_there_at_a_first_look_are_no_sign(none):
    later = row(LATE, model="host/sage-2", valid_from=LATER_SIGN, observed_from=LATER_SIGN) | none
    assert presumed(row(LATE), later, moved(LATE)) == ADDED + timedelta(days=1)


def test_that_a_list_dropped_the_seller_does_not_show_that_it_was_there_until_then():
    dropped = LATE + timedelta(days=1)
    ended = row(LATE, valid_to=dropped, observed_from=dropped)
    assert presumed(ended, first_look(LATE), moved(LATE)) == ADDED + timedelta(days=1)


def test_a_seller_that_was_there_at_the_first_look_and_never_moved_is_known_on_that_day_alone():
    last_seen = FIRST + timedelta(days=SILENT_DAYS + 1)
    assert presumed(first_look(last_seen), moved(last_seen)) == FIRST + timedelta(days=1)


@pytest.mark.parametrize(
    "known",
    [
        {"source": "openrouter", "provider": "openrouter"},
        {"source": "openrouter-endpoints", "provider": "host/fp8"},
        {"source": "list-prices", "last_seen": None},
    ],
)
def test_what_sellers_say_themselves_and_lists_that_are_not_polled_are_not_presumed(known):
    assert presumed(row(LATE) | known, moved(LATE) | {"source": known["source"]}) is None


def test_a_seller_that_its_own_list_still_names_is_there():
    own = row(LATE, source="openrouter-endpoints", provider="host/fp8")
    assert presumed(row(LATE), own, moved(LATE)) is None


def test_as_of_a_day_within_the_year_the_price_was_known():
    prices = book(row(LATE), first_look(LATE), moved(LATE))
    polls = pl.DataFrame(
        {
            "source": "litellm",
            "model": pl.Series([None] * 2, dtype=pl.String),
            "seen_on": [LATER_SIGN, LATE],
        }
    )
    for day, since in ((LATER_SIGN, None), (LATE, ADDED + timedelta(days=1))):
        then = as_of(prices, day, day, polls).filter(model="host/sage-1")
        assert then["presumed_from"].to_list() == [since]
