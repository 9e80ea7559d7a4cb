"""Growth of density by group of benchmarks: the groups, their densities, and the headline's estimator."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density.drawn_law import COEFFICIENTS, DrawnLaw
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import DENSITIES, DENSITY_GROWTH
from densing_pipeline.trends.benchmark_growth import GROUPS, benchmark_growth, grouped
from densing_pipeline.trends.estimate import estimate
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.growth_rows import density_growth
from densing_pipeline.trends.series import from_frame

AS_OF = date(2026, 11, 23)

LAW = dict(zip(COEFFICIENTS, (2.0, 0.115, 100.0, 0.277, 0.0, 0.9, -24.4, 0.16, 0.1), strict=True))
"""Coefficients of a made-up reference law."""


def series(score_set: str, growth: float, models: int = 24, basis: str = "total") -> pl.DataFrame:
    """Densities of models of 8 families over two years that grow at a rate a year."""
    days = np.linspace(0, 730, models).round()
    density = np.exp(growth * days / 365.25 + np.tile([0.0, -0.5, -1.0], models // 3))
    return DENSITIES.cast(
        pl.DataFrame(
            {
                "model_id": [f"lab/m{i:02d}" for i in range(models)],
                "family": [f"family {i % 8}" for i in range(models)],
                "release_date": [DAY_ZERO + timedelta(days=int(day)) for day in days],
                "reference_id": "nmi-2025", "score_set": score_set, "params_basis": basis,
                "params": 1e9, "score": np.linspace(0.3, 0.6, models), "effective_params": density * 1e9,
                "density": density, "censored": "none", "is_record": False,
            }
        )
    )  # fmt: skip


def growth(densities: pl.DataFrame, laws=None) -> dict[tuple[str, str, str], dict]:
    table = density_growth(benchmark_growth(densities, laws or {}, as_of=AS_OF, draws=100, seed=3))
    rows = DENSITY_GROWTH.validate(table).to_dicts()
    return {(row["group"], row["params_basis"], row["estimator"]): row for row in rows}


def test_the_papers_benchmarks_ask_for_knowledge_reasoning_mathematics_and_code():
    assert GROUPS == {
        "knowledge": ("MMLU",),
        "reasoning": ("BBH",),
        "mathematics": ("MATH",),
        "code": ("HumanEval", "MBPP"),
    }


def test_a_group_of_one_benchmark_has_the_line_of_that_benchmark():
    densities = series("mmlu", 1.5)
    found = growth(densities)["knowledge", "total", "quantile-0.9"]
    alone = from_frame(densities)
    line = estimate(
        TREND_ESTIMATORS["quantile-0.9"], alone, ALWAYS, cluster_weights(alone.families, 100, 3)
    )
    ends = [found[name] / 365.25 for name in ("growth_per_year", "growth_low", "growth_high")]
    assert ends == pytest.approx([line.slope, *line.interval])
    assert found["growth_per_year"] == pytest.approx(1.5, abs=0.05)
    assert found["n_models"] == 24
    assert "the error of the ruler is left out" in found["reason"]


def test_a_group_of_two_grows_at_the_mean_rate_of_both_on_models_that_have_both():
    one, other = series("humaneval", 1.0), series("mbpp", 3.0)
    found = growth(pl.concat([one, other[:21]]))["code", "total", "ols-all"]
    assert found["n_models"] == 21
    assert found["growth_per_year"] == pytest.approx(2.0, abs=0.15)
    assert found["reason"].startswith("geometric mean of the densities on HumanEval and MBPP")


def test_groups_and_bases_without_models_say_so():
    rows = growth(series("mmlu", 1.5))
    assert len(rows) == 16
    assert rows["code", "active", "ols-all"]["verdict"] == "insufficient"
    assert rows["code", "active", "ols-all"]["reason"].startswith("no model in the window")


def test_intervals_hold_the_error_of_the_law_where_it_has_draws():
    coefficients = np.tile(list(LAW.values()), (100, 1))
    coefficients[:, COEFFICIENTS.index("alpha")] = np.linspace(0.09, 0.14, 100)
    laws = {("nmi-2025", "mmlu"): DrawnLaw(coefficients, 5e12)}
    found = growth(series("mmlu", 1.5), laws)["knowledge", "total", "ols-all"]
    known = growth(series("mmlu", 1.5))["knowledge", "total", "ols-all"]
    assert found["reason"] == "MMLU"
    assert found["growth_high"] - found["growth_low"] > known["growth_high"] - known["growth_low"]


def test_a_draw_that_cannot_invert_one_of_two_scores_does_not_count_for_the_model():
    models = pl.concat([series("humaneval", 1.0), series("mbpp", 1.0)])
    inverts, floor = (np.array([list((LAW | {"d": d}).values())]) for d in (0.1, 0.45))
    laws = {
        ("nmi-2025", "humaneval"): DrawnLaw(inverts, 5e12),
        ("nmi-2025", "mbpp"): DrawnLaw(floor, 5e12),
    }
    found = grouped(models, ["humaneval", "mbpp"], "nmi-2025", laws)
    low = np.linspace(0.3, 0.6, 24) <= 0.45
    assert np.array_equal(np.isfinite(found.drawn[0]), ~low)
