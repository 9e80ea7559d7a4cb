"""Growth curves: each is found again where it is the truth, wherever it lies in time."""

from datetime import date

import numpy as np
import pytest

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.dates import DAYS_PER_YEAR, days_since_zero
from densing_pipeline.trends.growth_curves import (
    BROKEN,
    HALF_LIVES,
    LINE,
    SATURATING,
    Curve,
    Fit,
    Points,
    admissible,
    fit,
    quarters,
    regression,
    shapes_of,
)

ESTIMATORS = ["paper", "ols-all", "quantile-0.9"]
DAYS = np.arange(0.0, 1200.0, 12.0)
BREAK = days_since_zero(date(2024, 10, 1))
FOUR_YEARS = 1461.0
"""Days after which the quarters begin on the same days again."""


def fitted(curve: Curve, days: FloatArray, values: FloatArray, estimator: str) -> Fit:
    points = Points(days, values[None], np.zeros(1, np.intp), np.ones((1, days.size)))
    own = regression(points, estimator)
    return fit(curve, own, *shapes_of(curve, points, own))


def truth(name: str, days: FloatArray) -> FloatArray:
    """A pace of 2 a year: for ever, halving every year, or a quarter of it from a day on."""
    years = days / DAYS_PER_YEAR
    if name == "saturating":
        return 2 * -np.expm1(-np.log(2) * years) / np.log(2)
    bend = np.maximum(days - BREAK, 0) / DAYS_PER_YEAR
    return 2 * years - 1.5 * bend * (name == "broken-line")


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("curve", "shape", "pace_at_900"),
    [(LINE, np.inf, 2.0), (SATURATING, 1.0, 2 * 2 ** (-900 / DAYS_PER_YEAR)), (BROKEN, BREAK, 0.5)],
)
def test_a_curve_without_noise_is_found_again(curve, shape, pace_at_900, estimator):
    found = fitted(curve, DAYS, truth(curve.name, DAYS), estimator)
    assert found.shapes.tolist() == [shape]
    assert found.pace(900.0)[0] * DAYS_PER_YEAR == pytest.approx(pace_at_900, rel=1e-4)
    ahead = np.array([1300.0, 1400.0])
    off = found.at(0, ahead) - truth(curve.name, ahead)
    assert np.abs(off).max() < 0.15
    assert np.ptp(off) < 1e-3


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_straight_line_has_no_half_life(estimator):
    found = fitted(SATURATING, DAYS, truth("line", DAYS), estimator)
    assert np.isinf(found.shapes[0])
    assert found.pace(900.0)[0] * DAYS_PER_YEAR == pytest.approx(2.0)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("curve", [SATURATING, BROKEN])
def test_a_pace_depends_neither_on_the_unit_of_density_nor_on_the_year(curve, estimator):
    rng = np.random.default_rng(3)
    values = truth(curve.name, DAYS) - rng.exponential(0.3, DAYS.size)
    here = fitted(curve, DAYS, values, estimator)
    denser = fitted(curve, DAYS, values + np.log(1000), estimator)
    later = fitted(curve, DAYS + FOUR_YEARS, values, estimator)
    shift = FOUR_YEARS if curve is BROKEN else 0.0
    assert denser.shapes == here.shapes
    assert later.shapes == here.shapes + shift
    assert denser.pace(1190.0) == pytest.approx(here.pace(1190.0), rel=1e-4)
    assert later.pace(1190.0 + FOUR_YEARS) == pytest.approx(here.pace(1190.0), rel=1e-4)


def test_a_weighting_is_fitted_as_its_models_alone():
    rng = np.random.default_rng(4)
    values = truth("broken-line", DAYS) - rng.exponential(0.3, DAYS.size)
    early = DAYS < 1000
    weights = np.stack([np.ones(DAYS.size), early.astype(np.float64)])
    points = Points(DAYS, values[None], np.zeros(2, np.intp), weights)
    for estimator in ESTIMATORS:
        for curve in (LINE, SATURATING, BROKEN):
            own = regression(points, estimator)
            both = fit(curve, own, *shapes_of(curve, points, own))
            alone = fitted(curve, DAYS[early], values[early], estimator)
            assert both.shapes[1] == alone.shapes[0]
            assert both.coefficients[1] == pytest.approx(alone.coefficients[0], rel=1e-5)


def test_records_of_a_window_are_records_against_everything_before():
    days = np.array([0.0, 100.0, 200.0, 300.0, 400.0])
    values = np.array([0.0, 3.0, 1.0, 4.0, 5.0])
    points = Points(days, values[None], np.zeros(1, np.intp), np.ones((1, 5)))
    own = regression(points, "paper", since=150.0)
    found = fit(LINE, own, *shapes_of(LINE, points, own))
    assert found.pace(0.0)[0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("before", "after", "admits"), [(8, 8, True), (7, 9, False), (9, 7, False), (15, 85, True),
                                    (14, 86, False), (85, 15, True)]
)  # fmt: skip
def test_a_break_needs_eight_models_and_fifteen_percent_on_either_side(before, after, admits):
    days = np.append(np.zeros(before), np.full(after, 100.0))
    found = admissible(days, np.ones((1, days.size)), np.array([100.0]), 8)
    assert found.tolist() == [[admits]]


def test_quarters_lie_strictly_inside_the_days():
    first, last = days_since_zero(date(2024, 1, 1)), days_since_zero(date(2024, 10, 1))
    inside = [days_since_zero(date(2024, month, 1)) for month in (4, 7)]
    assert quarters(first, last).tolist() == inside
    assert quarters(first - 1, last + 1).tolist() == [first, *inside, last]
    assert quarters(first, first).size == 0


def test_half_lives_fall_from_the_straight_line():
    assert np.isinf(HALF_LIVES[0])
    assert (np.diff(HALF_LIVES[1:]) < 0).all()
