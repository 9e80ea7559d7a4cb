"""Whatever is wrong with the models and prices, every statistical table is valid and says why."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from densing_pipeline import facts
from densing_pipeline.cost.market import Market
from densing_pipeline.forecasts.claims import paper_claims
from densing_pipeline.forecasts.forecasts import forecasts
from densing_pipeline.forecasts.implications import implications
from densing_pipeline.forecasts.inputs import ForecastInputs
from densing_pipeline.forecasts.scores import forecast_scores
from densing_pipeline.forecasts.skill import forecast_skill
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import (
    CAPABILITY_LEVELS,
    COMPRESSION,
    DENSING_LAW,
    DENSITY_GROWTH,
    FORECAST_SCORES,
    FORECAST_SKILL,
    FORECASTS,
    IMPLICATIONS,
    MODEL_LINKS,
    PAPER_CLAIMS,
    PRICE_FRONTIER,
    PRICES,
    REFERENCE_LAWS,
    TREND_BREAKS,
)
from densing_pipeline.trends.densing_law import densing_law
from densing_pipeline.trends.trend_breaks import trend_breaks

pytestmark = pytest.mark.heavy

LAWS = REFERENCE_LAWS.cast(
    facts.load("reference_coefficients").with_columns(
        fit=pl.lit("published"),
        **dict.fromkeys(("loss_sse", "score_sse", "n_points", "n_minima")),
    )
)

DENSITY = st.one_of(
    st.none(),
    st.sampled_from([float("nan"), float("inf"), 0.0, 1.0, 1e-300, 1e300]),
    st.floats(1e-6, 1e6),
)
DAY = st.one_of(st.integers(-100, 800), st.sampled_from([-6500, 0, 0, 300]))
MODELS = st.lists(st.tuples(DAY, DENSITY, st.integers(0, 7)), max_size=40)

NAMED = {
    "no model": [],
    "one model": [(0, 1.0, 0)],
    "two models": [(0, 1.0, 0), (100, 2.0, 1)],
    "all on one day": [(50, 1.0 + i / 10, i % 8) for i in range(20)],
    "identical": [(10 * i, 1.0, i % 8) for i in range(20)],
    "identical up to rounding": [(10 * i, 1.0 + 1e-15 * i, i % 8) for i in range(20)],
    "all censored": [(10 * i, None, i % 8) for i in range(20)],
    "no record after the first": [(10 * i, 2.0 - i / 40, i % 8) for i in range(20)],
    "not a number": [(10 * i, float("nan"), i % 8) for i in range(20)],
    "infinite": [(10 * i, float("inf"), i % 8) for i in range(20)],
    "a model of 2005": [(-6500, 1.0, 0), *((10 * i, np.exp(i / 10), i % 8) for i in range(30))],
    "all models of 2005": [(-6500 + 10 * i, np.exp(i / 10), i % 8) for i in range(30)],
    "steep as a cliff": [(i // 3, 1e-300 if i < 15 else 1e300, i % 8) for i in range(30)],
}


def frame(models) -> pl.DataFrame:
    """Densities as they would be if every guard before them had failed."""
    return pl.DataFrame(
        {
            "model_id": [f"org/m{i:03d}" for i in range(len(models))],
            "family": [f"family {family}" for *_, family in models],
            "release_date": [DAY_ZERO + timedelta(days=day) for day, *_ in models],
            "reference_id": "nmi-2025",
            "score_set": "nmi-2025-average",
            "params_basis": "nonembedding",
            "params": 1e9,
            "score": 0.5,
            "std_error": 0.01,
            "effective_params": 1e9,
            "density": [density for _, density, _ in models],
            "density_low": None,
            "density_high": None,
            "censored": "none",
            "is_record": False,
        },
        schema_overrides={
            "model_id": pl.String, "family": pl.String, "release_date": pl.Date,
            "density": pl.Float64, "density_low": pl.Float64, "density_high": pl.Float64,
        },
    )  # fmt: skip


def unexplained(table, declared) -> pl.DataFrame:
    """Rows of a valid table that are not `ok` and have no reason, or hold an estimate all the same."""
    declared.validate(table)
    if "verdict" not in table.columns:
        return table.clear()
    numbers = [
        name for name, dtype in table.schema.items()
        if dtype == pl.Float64 and name not in ("current", "median")
    ]  # fmt: skip
    has_reason = pl.col("reason").str.len_chars() > 0
    has_estimate = pl.any_horizontal(pl.col(numbers).is_not_null())
    return table.filter(
        pl.col("verdict") != "ok", ~has_reason.fill_null(value=False) | has_estimate
    )


def tables(models, as_of=date(2024, 12, 31)):
    """Every statistical table that rests on densities, with its declaration."""
    dense = frame(models)
    seeded = {"draws": 40, "seed": 0}
    yield densing_law(dense, as_of=as_of, simulations=2, **seeded), DENSING_LAW
    yield trend_breaks(dense, as_of=as_of, **seeded), TREND_BREAKS
    yield (
        implications(
            dense,
            COMPRESSION.empty(),
            LAWS,
            {},
            PRICE_FRONTIER.empty(),
            DENSITY_GROWTH.empty(),
            as_of=as_of,
            **seeded,
        ),
        IMPLICATIONS,
    )
    nothing = (PRICES.empty(), MODEL_LINKS.empty(), CAPABILITY_LEVELS.empty(), pl.DataFrame())
    known = ForecastInputs.up_to_now(
        dense, lambda day: dense.filter(pl.col("release_date") <= day), Market(*nothing)
    )
    made = forecasts(known, **seeded)
    yield made, FORECASTS
    scored = forecast_scores(made, known, PRICE_FRONTIER.empty())
    yield scored, FORECAST_SCORES
    yield forecast_skill(scored, as_of=known.as_of, **seeded), FORECAST_SKILL
    yield paper_claims(known, PRICE_FRONTIER.empty(), **seeded), PAPER_CLAIMS


@pytest.mark.parametrize("name", NAMED)
def test_every_bad_input_we_know_gives_rows_with_reasons(name):
    for table, declared in tables(NAMED[name]):
        assert unexplained(table, declared).is_empty(), declared.name


@given(MODELS)
@settings(
    max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
def test_no_input_raises_or_breaks_a_table(models):
    for table, declared in tables(models):
        assert unexplained(table, declared).is_empty(), declared.name
