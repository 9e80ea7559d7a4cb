"""What a trend and its warnings decide by, on either side of every threshold."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.tables.dates import Window
from densing_pipeline.trends import densing_law, trend_breaks
from densing_pipeline.trends.breakpoints import bootstrap_p, candidates, webb
from densing_pipeline.trends.coverage_table import DENSING_LAW, coverage_of
from densing_pipeline.trends.estimate import NoEstimateError, estimate
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.monthly_maxima import monthly_maximum_lines
from densing_pipeline.trends.record_setters import record_lines
from densing_pipeline.trends.series import Series
from densing_pipeline.trends.simulate import Simulation
from densing_pipeline.trends.windows import windows


def series(days, values):
    """Models of families of their own."""
    days = np.asarray(days, dtype=np.float64)
    families = tuple(f"f{n}" for n in range(days.size))
    return Series(days, np.asarray(values, np.float64), families, np.empty((0, days.size)))


@pytest.mark.parametrize(
    ("coverage", "warned"),
    [(0.92, ""), (0.9199, "narrow"), (0.98, ""), (0.9801, "wide")],
)
def test_a_simulated_coverage_of_92_to_98_percent_carries_no_warning(coverage, warned):
    found = densing_law._warning(Simulation(0.0, coverage))
    assert (warned in found, bool(found)) == (True, bool(warned))


def test_six_records_carry_the_papers_line_and_five_do_not():
    models = series(range(6), range(6))
    weights = cluster_weights(models.families, 50, 0)
    rising = TREND_ESTIMATORS["paper"]
    reason = ""
    try:
        estimate(rising, models, ALWAYS, weights)
    except NoEstimateError as error:
        reason = str(error)
    assert "records in the window" not in reason, "six are enough; too few resamples carry a line"
    with pytest.raises(NoEstimateError, match="records in the window: 5, needed: 6"):
        estimate(rising, series(range(5), range(5)), ALWAYS, weights[:, :5])


def test_models_of_the_first_and_the_last_day_of_a_window_are_in_it():
    first, last = date(2024, 1, 1), date(2024, 12, 31)
    days = [first - timedelta(days=1), first, last, last + timedelta(days=1)]
    models = pl.DataFrame(
        {"model_id": list("abcd"), "family": "f", "release_date": days, "density": [1.0, 2, 3, 4]}
    )
    key = ("law", "set", "total")
    (piece,) = densing_law._pieces(key, models, (Window("year", first, last),), None)
    assert piece.history.days.size == 3
    rows = densing_law._rows(piece, draws=10, seed=0)
    assert {row["n_models"] for row, _ in rows} == {2}


@pytest.mark.parametrize(("records", "has_line"), [(3, True), (2, False)])
def test_three_records_carry_a_line(records, has_line):
    days = np.arange(float(records))
    lines, _ = record_lines(days, days, np.ones((1, records), bool), window=(0.0, records - 1.0))
    assert np.isfinite(lines.slope[0]) == has_line


@pytest.mark.parametrize(("months", "has_line"), [(3, True), (2, False)])
def test_three_months_carry_a_line(months, has_line):
    days = 31.0 * np.arange(months)
    lines, _ = monthly_maximum_lines(days, days, np.ones((1, months), bool))
    assert np.isfinite(lines.slope[0]) == has_line


def test_fifteen_percent_of_the_models_on_either_side_are_just_enough():
    assert candidates(np.arange(20.0))[[0, -1]].tolist() == [3, 17]


@pytest.mark.parametrize(
    ("before", "after", "lacking"),
    [(8, 8, ""), (7, 8, "models before 2022-11-30: 7"), (8, 7, "models from 2022-11-30: 7")],
)
def test_eight_models_on_either_side_of_chatgpt_are_just_enough(before, after, lacking):
    """A model of the day itself is one after it."""
    day = (trend_breaks.CHATGPT - date(2023, 2, 24)).days
    days = [*range(day - before, day), *range(day, day + after)]
    found = trend_breaks._missing_beside(series(days, range(len(days))), trend_breaks.CHATGPT)
    assert found.startswith(lacking)
    assert bool(found) == bool(lacking)


def test_the_windows_of_the_paper_are_the_days_of_its_models():
    found = {w.name: w[1:] for w in windows(date(2021, 6, 9), date(2025, 4, 29), date(2025, 5, 1))}
    assert found["nmi-2025"] == (date(2023, 2, 24), date(2025, 4, 5))
    assert found["v2-2024"] == (date(2023, 2, 24), date(2024, 12, 5))


def test_a_break_that_no_null_sample_reaches_has_the_smallest_p_that_so_many_samples_can_show():
    days = np.arange(40.0)
    values = np.where(days < 20, 0.0, days - 20) + 1e-6 * np.sin(days)
    families = [f"family {day:.0f}" for day in days]
    weights = webb(families, 19, np.random.default_rng(0))
    assert bootstrap_p(days, values, families, np.array([20.0]), weights)[1] == pytest.approx(
        1 / 20
    )


@pytest.mark.parametrize("is_headline", [True, False])
@pytest.mark.parametrize("is_law_known", [True, False])
def test_a_simulated_coverage_is_that_of_the_interval_beside_it(is_headline, is_law_known):
    row = {
        "slope_low": 0.002, "slope_low_law_known": 0.002 if is_law_known else 0.003,
        "is_headline": is_headline, "params_basis": "nonembedding", "window": "all", "reason": "",
    }  # fmt: skip
    judged = densing_law._judged(row, Simulation(0.0, 0.95))
    assert judged["simulated_coverage_law_known"] == 0.95
    committed = coverage_of(DENSING_LAW, "nonembedding", "all")
    assert committed is not None
    if is_law_known:
        assert judged["simulated_coverage"] == 0.95
    else:
        assert judged["simulated_coverage"] == (
            committed.simulated_coverage if is_headline else None
        )
    assert ("lowest_coverage" in judged) == (is_headline and not is_law_known)
