"""Rows of the growth of density: intervals, doubling times, and what is said of a growth that is not shown."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline.stats.intervals import clustered_interval
from densing_pipeline.tables.published import DENSITY_GROWTH
from densing_pipeline.trends.growth_rows import (
    Made,
    Sample,
    Subject,
    density_growth,
    estimated,
    from_draws,
    refused,
    stated,
)

SUBJECT = Subject("ruler", "code", "base", "total", "ols-all")
SAMPLE = Sample(12, 6, date(2024, 1, 1), date(2025, 1, 1), "lab/newest")
MADE = Made(date(2026, 1, 1), 1000, 7)


def row(growth: float, low: float, high: float) -> dict:
    """The only row of a table of one estimate whose 80 % interval is half as wide."""
    narrower = (growth + low) / 2, (growth + high) / 2
    table = density_growth(
        [estimated(SUBJECT, SAMPLE, MADE, growth, interval=(low, high), narrower=narrower)]
    )
    return DENSITY_GROWTH.validate(table).row(0, named=True)


def test_a_doubling_time_inverts_the_growth_and_its_ends():
    found = row(np.log(2), np.log(2) / 2, 2 * np.log(2))
    assert found["finding"] == "growth"
    assert [
        found[name] for name in ("doubling_days", "doubling_days_low", "doubling_days_high")
    ] == pytest.approx([365.25, 365.25 / 2, 2 * 365.25])


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [(0.01, 0.9, "growth"), (0.0, 0.9, "no growth shown"), (-0.9, 0.0, "no growth shown")],
)
def test_growth_is_shown_if_its_interval_lies_above_zero(low, high, finding):
    assert row((low + high) / 2, low, high)["finding"] == finding


def test_a_growth_that_is_not_shown_has_no_doubling_time_but_the_fastest_that_is_allowed():
    found = row(0.05, -0.27, 0.31)
    assert (found["doubling_days"], found["doubling_days_high"]) == (None, None)
    assert found["doubling_days_low"] == pytest.approx(365.25 * np.log(2) / 0.31)


def test_a_decline_has_no_doubling_time_at_all():
    found = row(-0.27, -0.49, -0.06)
    assert found["finding"] == "decline"
    assert not any(
        value for name, value in found.items() if name.startswith("doubling_days") and value
    )


def test_both_intervals_come_from_the_resamples():
    drawn = np.linspace(0.5, 1.5, 1001)
    found = from_draws(SUBJECT, SAMPLE, MADE, 1.0, drawn)
    assert (found["growth_low"], found["growth_high"]) == clustered_interval(drawn, 6)
    assert (found["growth_low_80"], found["growth_high_80"]) == clustered_interval(drawn, 6, 0.8)
    assert found["growth_low"] < found["growth_low_80"] < found["growth_high_80"]


@pytest.mark.parametrize(("lost", "verdict"), [(5, "ok"), (6, "insufficient")])
def test_an_estimate_that_too_many_resamples_do_not_carry_is_refused(lost, verdict):
    drawn = np.linspace(0.5, 1.5, 100)
    drawn[:lost] = np.nan
    assert from_draws(SUBJECT, SAMPLE, MADE, 1.0, drawn)["verdict"] == verdict


def test_the_table_holds_rows_of_several_functions():
    rival = SUBJECT._replace(estimator="paper-constant")
    other = SUBJECT._replace(group="knowledge")
    table = density_growth(
        [stated(rival, MADE, 2.38, "the paper's 3.5 months")],
        [refused(other, SAMPLE, MADE, "4 families")],
    )
    assert DENSITY_GROWTH.validate(table)["estimator"].to_list() == ["paper-constant", "ols-all"]
    assert table["growth_low"].to_list() == [None, None]
    assert density_growth().equals(DENSITY_GROWTH.empty())


def test_a_sample_counts_models_once_and_names_the_newest():
    models = pl.DataFrame(
        {
            "model_id": ["b", "a", "a"],
            "family": ["x", "y", "y"],
            "release_date": [date(2024, 1, 1), date(2025, 1, 1), date(2025, 1, 1)],
        }
    )
    assert Sample.of(models) == (2, 2, date(2024, 1, 1), date(2025, 1, 1), "a")
    assert Sample.of(models.clear()) == (0, 0, None, None, None)
