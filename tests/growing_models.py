"""Made-up models whose density grows at a known pace: steady, halving every year, or broken."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR, days_since_zero
from densing_pipeline.tables.published import DENSING_LAW, DENSITIES

LAST = date(2026, 6, 30)
BREAK = date(2024, 10, 1)
FAMILIES = 20


def growth(name: str, days: np.ndarray) -> np.ndarray:
    """Ln density of the frontier: 2 a year, or that pace halving every year, or an eighth of it."""
    years = days / DAYS_PER_YEAR
    if name == "saturating":
        return np.asarray(2 * -np.expm1(-np.log(2) * years) / np.log(2))
    bend = np.maximum(days - days_since_zero(BREAK), 0) / DAYS_PER_YEAR
    return np.asarray(2 * years - 1.75 * bend * (name == "broken-line"))


def world(name: str, seed: int, n: int = 160) -> pl.DataFrame:
    """Densities of MMLU by total parameters: below the frontier by a shortfall, with noise."""
    rng = np.random.default_rng(seed)
    days = np.sort(rng.integers(0, (LAST - DAY_ZERO).days, n)).astype(np.float64)
    values = growth(name, days) - rng.exponential(0.4, n) + rng.normal(0, 0.15, n)
    return density_frame(days, values, [f"family {i}" for i in rng.integers(0, FAMILIES, n)])


def density_frame(days: np.ndarray, values: np.ndarray, families: list[str]) -> pl.DataFrame:
    """Models of one series from days and ln densities."""
    density = np.exp(values)
    return DENSITIES.cast(
        pl.DataFrame(
            {
                "model_id": [f"org/m{i:04d}" for i in range(days.size)],
                "family": families,
                "release_date": [DAY_ZERO + timedelta(days=int(day)) for day in days],
                "reference_id": "nmi-2025",
                "score_set": "mmlu",
                "params_basis": "total",
                "params": 1e9,
                "score": 0.5,
                "effective_params": 1e9 * density,
                "density": density,
                "censored": "none",
                "is_record": False,
            }
        )
    )


def lines(
    densities: pl.DataFrame, verdict: str = "ok", window_start: date | None = None
) -> pl.DataFrame:
    """Rows of `densing_law` of both lines, of which `density_paces` takes the numbers as they are."""
    newest = densities["release_date"].max()
    assert isinstance(newest, date)
    start = {"all": DAY_ZERO, "last-24-months": window_start or newest - timedelta(days=730)}
    rows = [
        {
            "estimate_id": f"{window} {estimator}",
            "as_of": LAST,
            "reference_id": "nmi-2025",
            "score_set": "mmlu",
            "params_basis": "total",
            "window": window,
            "window_start": start[window],
            "window_end": newest,
            "estimator": estimator,
            "is_headline": False,
            "verdict": verdict,
            "reason": "the reason of the law",
            "n_models": densities.height,
            "n_clusters": densities["family"].n_unique(),
            "n_points": densities.height,
            "slope_per_day": 0.005 if verdict == "ok" else None,
            "slope_low": 0.004 if verdict == "ok" else None,
            "slope_high": 0.006 if verdict == "ok" else None,
            "draws": 1000,
            "seed": 1,
            "population": "all",
            "newest_model": "org/newest",
            "newest_release": newest,
        }
        for window in start
        for estimator in ("paper", "quantile-0.9", "ols-all")
    ]
    return DENSING_LAW.cast(pl.DataFrame(rows, infer_schema_length=None))
