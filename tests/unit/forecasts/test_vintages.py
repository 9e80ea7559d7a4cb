"""A vintage knows what was known at its month end, and nothing later."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.forecasts.vintages import (
    density_vintage,
    is_watched,
    known_prices,
    month_ends,
    months_later,
    price_vintages,
)
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import REFERENCE_POINTS

LAST = date(2024, 12, 31)

NAME = "nmi-2025/nmi-2025-average/nonembedding"


def test_month_ends_are_the_ends_of_months_that_are_over():
    ends = month_ends(date(2024, 3, 30), date(2023, 12, 5))
    assert ends == [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)]
    assert month_ends(date(2024, 3, 31), date(2024, 3, 1)) == [date(2024, 3, 31)]
    assert month_ends(date(2024, 3, 1), date(2024, 3, 1)) == []


@pytest.mark.parametrize(("months", "end"), [(1, date(2024, 2, 29)), (12, date(2025, 1, 31))])
def test_months_later_stays_at_month_ends(months, end):
    assert months_later(date(2024, 1, 31), months) == end


def test_a_density_record_is_the_running_maximum(world):
    vintage = density_vintage(world.history, NAME, date(2024, 6, 30))
    assert vintage is not None
    known = world.densities.filter(pl.col("release_date") <= date(2024, 6, 30))
    assert vintage.value(vintage.progress[-1]) == pytest.approx(known["density"].max())
    assert (np.diff(vintage.progress) > 0).all()
    assert vintage.at(-1) is None
    assert density_vintage(world.history, NAME, date(2022, 12, 31)) is None


def test_a_price_record_is_the_lowest_price_so_far(world):
    end = DAY_ZERO + timedelta(days=340)
    (vintage,) = price_vintages(world.inputs(LAST), end)
    assert vintage.name == "able/0.75"
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(10 * 2.0**-6)


MONTH_ENDS = [
    date(2024, 12, 31),
    *(date(2025, month, 28) for month in range(2, 13)),
    date(2026, 6, 30),
]


@pytest.fixture(scope="module")
def bundled_tables(models_and_scores) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Bundled models and scores, and the paper's law."""
    laws = reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )
    return *models_and_scores, laws


@pytest.mark.parametrize("end", MONTH_ENDS)
def test_a_vintage_uses_nothing_learnt_later(bundled_tables, end):
    """Recomputed from tables cut off on the day, the choice of scores included, it is the same."""
    models, scores, laws = bundled_tables
    now = DensityHistory.of(models, scores, laws)
    cut = DensityHistory.of(
        models.filter(pl.col("release_date") <= end),
        scores.filter(pl.col("known_from") <= end),
        laws,
    )
    for score_set in SCORE_SETS:
        name = f"nmi-2025/{score_set}/nonembedding"
        full, then = density_vintage(now.as_of, name, end), density_vintage(cut.as_of, name, end)
        assert full is not None
        assert then is not None
        for field in ("days", "progress", "newest"):
            np.testing.assert_array_equal(getattr(full, field), getattr(then, field))


def test_a_report_published_later_does_not_change_an_earlier_month_end(bundled_tables):
    """Falcon-H1's documents of 2025-05 score Qwen2.5 of 2024-09; at the end of 2024 nobody knew."""
    models, scores, laws = bundled_tables
    history = DensityHistory.of(models, scores, laws)
    series = (pl.col("model_id") == "Qwen/Qwen2.5-7B") & (pl.col("score_set") == "mmlu")
    before, after = (
        history.as_of(day).filter(series, pl.col("params_basis") == "total")["score"].item()
        for day in (date(2024, 12, 31), date(2026, 11, 28))
    )
    assert before != after


@pytest.mark.parametrize("end", [date(2023, 9, 30), date(2024, 3, 31), date(2024, 12, 31)])
def test_a_vintage_is_what_somebody_with_the_tables_of_the_day_would_have_found(world, end):
    """Reconstructed row by row, without any of our functions."""
    best = 0.0
    for model in sorted(world.densities.to_dicts(), key=lambda row: row["release_date"]):
        if model["release_date"] <= end:
            best = max(best, model["density"])
    vintage = density_vintage(world.history, NAME, end)
    assert vintage is not None
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(best)
    assert vintage.models is not None
    assert vintage.models.days.size == sum(
        row["release_date"] <= end for row in world.densities.to_dicts()
    )
    cheapest = min(
        row["input_usd_per_mtok"]
        for row in world.prices.to_dicts()
        if row["valid_from"] <= end - timedelta(days=30)
    )
    (price,) = price_vintages(world.inputs(LAST), end)
    assert float(price.value(price.progress[-1])) == pytest.approx(cheapest)


def test_a_price_not_yet_held_for_30_days_does_not_count(world):
    (vintage,) = price_vintages(world.inputs(LAST), DAY_ZERO + timedelta(days=310))
    assert float(vintage.value(vintage.progress[-1])) == pytest.approx(10 * 2.0**-5)


def test_what_ends_later_has_not_ended_yet(world):
    end = date(2024, 1, 31)
    prices = world.prices.with_columns(
        valid_to=pl.lit(date(2024, 6, 1)), observed_to=pl.lit(date(2026, 6, 1))
    )
    known = known_prices(prices, end)
    assert known["valid_from"].max() <= end
    assert known["valid_to"].null_count() == known.height
    assert known["observed_to"].null_count() == known.height
    assert known["observed_from"].max() <= end


def test_an_undated_price_is_known_from_the_day_it_was_seen(world):
    undated = world.prices.head(1).with_columns(
        valid_from=pl.lit(None, dtype=pl.Date), observed_from=pl.lit(date(2026, 1, 1))
    )
    assert known_prices(undated, date(2025, 12, 31)).is_empty()
    assert known_prices(undated, date(2026, 1, 31)).height == 1


def test_a_day_is_watched_if_something_new_came_before_and_after_it():
    entries = np.array([0.0, 10.0, 300.0])
    assert is_watched(entries, 50)
    assert not is_watched(entries, 150), "nothing new for three months"
    assert not is_watched(entries, 320), "nothing came after it"
    assert not is_watched(np.empty(0), 0)
