"""A small world whose records rise at a known pace: densities, prices, links and levels."""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.forecasts.inputs import ForecastInputs
from densing_pipeline.tables.dates import DAY_ZERO
from densing_pipeline.tables.published import CAPABILITY_LEVELS, DENSITIES, MODEL_LINKS, PRICES

LAST = date(2024, 12, 31)
PACE = np.log(2) / 105
"""Density doubles every 105 days; the price halves every 50."""


class World(NamedTuple):
    """The tables that forecasts are made from."""

    densities: pl.DataFrame
    prices: pl.DataFrame
    model_links: pl.DataFrame
    capability_levels: pl.DataFrame
    capability_scores: pl.DataFrame

    def inputs(self, as_of: date) -> ForecastInputs:
        """The arguments of the forecasts, as of a day."""
        densities, *tables = self
        return ForecastInputs(densities, self.history, Market(*tables, as_of=as_of))  # type: ignore[misc]

    def price_frontier(self, as_of: date) -> pl.DataFrame:
        """The price curves as published on a day."""
        return price_frontier(self.inputs(as_of).market)

    def history(self, day: date) -> pl.DataFrame:
        """Densities of a past day: every score is known from the release of its model."""
        return self.densities.filter(pl.col("release_date") <= day)


def density_frame(days: list[int], values: list[float]) -> pl.DataFrame:
    """Models of the headline series from days and ln densities."""
    density = [float(np.exp(value)) for value in values]
    return DENSITIES.cast(
        pl.DataFrame(
            {
                "model_id": [f"org/m{i:04d}" for i in range(len(days))],
                "family": [f"family {i % 7}" for i in range(len(days))],
                "release_date": [DAY_ZERO + timedelta(days=day) for day in days],
                "reference_id": "nmi-2025",
                "score_set": "nmi-2025-average",
                "params_basis": "nonembedding",
                "params": 1e9,
                "score": [0.5 + 0.1 * value / max(np.ptp(values), 1e-9) for value in values],
                "std_error": 0.002,
                "effective_params": [1e9 * d for d in density],
                "density": density,
                "density_low": [0.8 * d for d in density],
                "density_high": [1.25 * d for d in density],
                "censored": "none",
                "is_record": False,
            },
            schema_overrides={"release_date": pl.Date, "density": pl.Float64},
        )
    )


def price_frame(days: list[int], usd: list[float]) -> pl.DataFrame:
    """One seller's price of one model, changed on these days."""
    starts = [DAY_ZERO + timedelta(days=day) for day in days]
    return PRICES.cast(
        pl.DataFrame(
            {
                "source": "list",
                "provider": "maker",
                "model": "m",
                "offer": "standard",
                "input_usd_per_mtok": usd,
                "output_usd_per_mtok": usd,
                "context_over_tokens": 0,
                "currency": "USD",
                "valid_from": starts,
                "observed_from": LAST,
                "basis": "announced",
                "snapshot_sha256": "",
            },
            schema_overrides={"valid_from": pl.Date, "input_usd_per_mtok": pl.Float64},
        )
    )


@pytest.fixture(scope="session")
def world() -> World:
    rng = np.random.default_rng(0)
    days = list(range(0, 700, 10))
    values = [PACE * day - float(rng.exponential(0.5)) for day in days]
    falls = list(range(0, 700, 50))
    levels = {
        "level": ["able"], "defined_by": "m", "benchmark": "MMLU", "score": 0.7, "source": "-"
    }  # fmt: skip
    link = {"source": "list", "provider": "maker", "model": "m", "canonical_id": "m",
            "method": "exact", "confidence": 1.0}  # fmt: skip
    scores = {"canonical_id": ["m"], "benchmark": "MMLU", "protocol": "5-shot", "score": 0.7,
              "std_error": 0.004}  # fmt: skip
    return World(
        density_frame(days, values),
        price_frame(falls, [10 * 2.0 ** (-day / 50) for day in falls]),
        MODEL_LINKS.cast(pl.DataFrame([link])),
        CAPABILITY_LEVELS.cast(pl.DataFrame(levels)),
        pl.DataFrame(scores),
    )
