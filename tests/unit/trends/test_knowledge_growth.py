"""Growth of the density of knowledge: the bundled models' figures, the rivals, and what is refused."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.knowledge_probes import with_polls
from densing_pipeline.tables.published import (
    BENCHMARK_REPORTS,
    DENSITY_GROWTH,
    KNOWLEDGE_PROBES,
)
from densing_pipeline.trends.growth_rows import density_growth
from densing_pipeline.trends.knowledge_growth import growth_of, knowledge_growth
from tests.unit.density.test_knowledge_probes import knowledge


def rows(probes: pl.DataFrame, draws: int = 400) -> dict[tuple[str, str], dict]:
    table = DENSITY_GROWTH.validate(density_growth(knowledge_growth(probes, draws=draws, seed=5)))
    return {(row["params_basis"], row["estimator"]): row for row in table.to_dicts()}


@pytest.fixture(scope="module")
def bundled() -> dict[tuple[str, str], dict]:
    found = with_polls(facts.load("knowledge_probes"), BENCHMARK_REPORTS.empty())
    return rows(KNOWLEDGE_PROBES.cast(found))


@pytest.mark.parametrize(
    ("basis", "estimator", "growth", "low", "high"),
    [
        # As recomputed from the source's data when they were compiled, with plain percentiles. Ours are
        # stretched for 22 vendors, and the frontier is smoothed.
        ("total", "ols-all", 0.246, -0.16, 0.81),
        ("active", "ols-all", 1.453, 0.73, 2.28),
        ("total", "quantile-0.9", 0.10, -0.15, 1.05),
        ("active", "quantile-0.9", 0.97, 0.60, 2.66),
    ],
)
def test_the_bundled_models_give_the_figures_recorded_with_them(
    bundled, basis, estimator, growth, low, high
):
    row = bundled[basis, estimator]
    assert row["growth_per_year"] == pytest.approx(growth, abs=0.011)
    assert (row["growth_low"], row["growth_high"]) == pytest.approx((low, high), abs=0.4)
    assert (row["n_models"], row["n_clusters"]) == (98, 22)
    assert row["newest_model"] == "kimi-k2.7-code"


def test_knowledge_grows_by_active_parameters_and_not_visibly_by_all(bundled):
    assert bundled["active", "ols-all"]["finding"] == "growth"
    assert bundled["total", "ols-all"]["finding"] == "no growth shown"
    assert bundled["total", "ols-all"]["doubling_days"] is None


def test_the_densing_laws_constant_and_the_sources_regression_stand_beside_it(bundled):
    constant = bundled["total", "paper-constant"]
    assert round(constant["growth_per_year"], 2) == 2.38
    assert constant["doubling_days"] == pytest.approx(3.5 * 365.25 / 12)
    own = bundled["total", "source-regression"]
    assert own["n_models"] == 100
    assert own["growth_per_year"] == pytest.approx(0.251, abs=5e-4)
    assert "+0.00131 of the score a month, 0.1494 per log10 N" in own["reason"]
    assert ("active", "source-regression") not in bundled


@pytest.mark.parametrize("estimator", ["ols-all", "quantile-0.9"])
def test_growth_is_the_years_gain_over_the_gain_of_size(estimator):
    made = knowledge(per_ln=0.06, per_year=0.03, thinking=0.02)
    noise = 1e-4 * np.sin(7.0 * np.arange(made.height))
    row = rows(made.with_columns(score=pl.col("score") + noise))["total", estimator]
    assert row["growth_per_year"] == pytest.approx(0.5, abs=0.01)
    assert row["growth_low"] <= 0.5 <= row["growth_high"]


def test_a_score_that_does_not_rise_with_size_has_no_growth():
    lines = np.array([[0.3, 0.06, 0.03, 0], [0.3, 0.0, 0.03, 0], [0.3, np.nan, 0.03, 0]])
    assert np.isfinite(growth_of(lines)).tolist() == [True, False, False]


def test_vendors_are_resampled_whole():
    """With one model a vendor the interval is narrower than with the same models in eight vendors."""
    made = knowledge(per_ln=0.06, per_year=0.03)
    shift = 0.02 * (np.arange(made.height) % 8 - 3.5) * np.arange(made.height) / made.height
    shaken = made.with_columns(score=pl.col("score") + shift)
    alone = shaken.with_columns(vendor=pl.col("model"))
    widths = [
        row["growth_high"] - row["growth_low"]
        for row in (rows(probes)["total", "ols-all"] for probes in (shaken, alone))
    ]
    assert widths[0] > widths[1]


@pytest.mark.parametrize(("vendors", "verdict"), [(4, "insufficient"), (5, "ok")])
def test_five_vendors_are_needed(vendors, verdict):
    made = knowledge(per_year=0.03).with_columns(
        vendor=pl.Series([f"v{n % vendors}" for n in range(24)]),
        score=pl.col("score") + pl.Series(1e-3 * np.sin(np.arange(24.0))),
    )
    found = rows(made)
    assert found["active", "quantile-0.9"]["verdict"] == verdict
    assert found["active", "paper-constant"]["verdict"] == "ok"


def test_models_with_too_few_answers_do_not_count():
    made = knowledge(per_year=0.03).with_columns(used_in_fit=pl.col("model") < "m07")
    assert rows(made)["total", "ols-all"]["reason"] == "models with enough answers: 7, needed: 8"
