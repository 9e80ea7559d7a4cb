"""One curve in a window, and the slopes read off it."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost import curves
from densing_pipeline.tables.dates import DAYS_PER_MONTH

START = date(2024, 1, 1)


def changes(*steps: tuple[int, float | None, str]) -> pl.DataFrame:
    """Rows of one curve: days after START, price, basis."""
    days, prices, basis = zip(*steps, strict=True)
    return pl.DataFrame(
        {
            "date": [START + timedelta(days=day) for day in days],
            "usd_per_mtok": prices,
            "provider": [f"p{i}" for i in range(len(days))],
            "basis": basis,
        },
        schema_overrides={"usd_per_mtok": pl.Float64},
    )


def window(frame: pl.DataFrame, first: int, last: int) -> curves.Curve:
    cut = curves.cut(frame, START + timedelta(days=first), START + timedelta(days=last))
    assert cut is not None
    return cut


def test_price_before_the_window_is_carried_into_it() -> None:
    curve = window(changes((0, 8.0, "announced"), (100, 4.0, "announced")), 50, 200)
    assert curve.times.tolist() == [0, 50]
    assert np.exp(curve.log_prices).tolist() == pytest.approx([8.0, 4.0])
    assert curve.is_event.tolist() == [False, True]
    assert curve.fold == pytest.approx(2.0)
    assert curve.n_changes == 1
    assert curve.sellers == {"p0", "p1"}


def test_only_a_fall_needs_a_date() -> None:
    curve = window(
        changes((0, 8.0, "announced"), (50, 8.0, "undated"), (90, 9.0, "undated")), 0, 99
    )
    assert curve.is_dated.tolist() == [True, True, True]
    curve = window(changes((0, 8.0, "announced"), (50, 7.9, "undated")), 0, 99)
    assert curve.is_dated.tolist() == [True, False]


def test_change_on_the_first_day_of_the_window_is_in_it() -> None:
    curve = window(changes((0, 8.0, "announced"), (100, 4.0, "announced")), 100, 200)
    assert curve.is_event.tolist() == [True]
    assert curve.fold == 1.0


def test_window_before_the_first_price_begins_with_it() -> None:
    curve = window(changes((0, 8.0, "announced")), -500, 100)
    assert (curve.start, curve.span) == (START, 100)


def test_window_that_ends_before_the_first_price_has_no_curve() -> None:
    assert curves.cut(changes((0, 8.0, "announced")), date(2022, 1, 1), date(2023, 1, 1)) is None


def test_nothing_on_offer_at_the_end_has_no_fold() -> None:
    assert window(changes((0, 8.0, "announced"), (10, None, "announced")), 0, 50).fold is None


def test_fall_of_unknown_date_is_left_out_of_the_chain_but_not_of_the_fold() -> None:
    curve = window(
        changes((0, 8.0, "announced"), (100, 2.0, "undated"), (101, 1.0, "announced")), 0, 200
    )
    assert np.exp(curve.chained).tolist() == pytest.approx([8.0, 8.0, 4.0])
    assert curve.fold == pytest.approx(8.0)
    assert (curve.n_changes, curve.n_undated) == (1, 1)


def test_rise_to_an_undated_price_has_a_date() -> None:
    curve = window(changes((0, 1.0, "announced"), (100, 2.0, "undated")), 0, 200)
    assert curve.n_undated == 0
    assert np.exp(curve.chained).tolist() == pytest.approx([1.0, 2.0])


def test_months_since_record_counts_from_the_last_low_not_the_last_change() -> None:
    curve = window(
        changes((0, 4.0, "announced"), (100, 2.0, "announced"), (200, 3.0, "announced")), 0, 465
    )
    assert curve.record_age_months == pytest.approx(365 / DAYS_PER_MONTH)


def test_weekly_slope_is_the_regression_on_the_weekly_series() -> None:
    rng = np.random.default_rng(3)
    times = np.append(0.0, np.sort(rng.choice(np.arange(1.0, 400.0), 12, replace=False)))
    logs = -np.cumsum(rng.exponential(size=13))
    weeks = np.arange(0, 401, 7.0)
    series = logs[np.searchsorted(times, weeks, side="right") - 1]
    expected = np.polyfit(weeks, series, 1)[0]
    assert curves.weekly_slope(times[None], logs[None], 400.0)[0] == pytest.approx(expected)


def test_event_slope_is_ordinary_least_squares() -> None:
    times, logs = np.array([0.0, 10, 50, 80]), np.array([3.0, 2, 2, 0])
    expected = np.polyfit(times, logs, 1)[0]
    assert curves.event_slope(times[None], logs[None])[0] == pytest.approx(expected)


def test_end_point_slope_ends_with_the_window() -> None:
    times, logs = np.array([[0.0, 10, 500]]), np.array([[0.0, -1, -9]])
    assert curves.end_point_slope(times, logs, 100.0)[0] == pytest.approx(-0.01)


def test_resampled_curves_are_made_of_the_same_steps() -> None:
    waits, falls = np.array([10.0, 20.0]), np.array([-1.0, -2.0])
    times, logs = curves.resampled(waits, falls, 5, 100, np.random.default_rng(0))
    assert times.shape == logs.shape == (100, 6)
    assert set(np.unique(np.diff(times))) == {10.0, 20.0}
    assert np.allclose(np.diff(logs), -np.diff(times) / 10)
