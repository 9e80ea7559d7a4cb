"""The `paper_claims` table: the paper's claims of December 2024, compared with the outcomes.

The claims are the doubling time of density and the halving time of the price of a capability. They
are compared with the growth from the end of the month of the paper's second version.

Not here: forecasts of other methods and vintages (`forecasts`, `scores`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.cost import curves
from densing_pipeline.density.variants import score_errors
from densing_pipeline.forecasts.inputs import ForecastInputs
from densing_pipeline.forecasts.methods import FEWEST_STEPS, PAPER_MONTHS
from densing_pipeline.forecasts.vintages import (
    density_names,
    density_vintage,
    entry_days,
    forecast_curves,
    is_watched,
    month_ends,
    months_later,
    price_days,
    price_progress,
    series_models,
)
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.paper import PREPRINT_DOUBLING_DAYS
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.dates import DAYS_PER_MONTH, days_since_zero
from densing_pipeline.tables.published import PAPER_CLAIMS
from densing_pipeline.tables.width import told_ends, width_of

MADE_ON = date(2024, 12, 31)
"""End of the month in which arXiv v2 came out (6 December 2024)."""

MONTHS = (3, 6, 12)
"""Spans in months that are evaluated, beside the longest one with data."""

RANGE_DRAWS, RANGE_PARTS = 100_000, 10
"""Draws of the range that a claim allows, so many that the verdict does not depend on the seed; and
the number of parts."""

DENSITY_CLAIMS = {
    "arXiv v2: density doubles every 95 days": PREPRINT_DOUBLING_DAYS,
    "NMI: density doubles every 3.5 months": PAPER_MONTHS["density"] * DAYS_PER_MONTH,
}
PRICE_CLAIMS = {
    "the price of a capability halves every 2.6 months": PAPER_MONTHS["price"] * DAYS_PER_MONTH
}


def paper_claims(
    known: ForecastInputs, price_frontier: pl.DataFrame, *, draws: int, seed: int
) -> pl.DataFrame:
    """The paper's claims at the end of 2024, and the outcomes.

    The interval of the growth of density comes from the errors of the scores: the scores are
    resampled, and the densest model at either end is found again. A price has no interval. Records
    rise in steps, so a claim that is true on average allows a range over a short span: the steps of
    the series before the claim are resampled (`curves.resampled`), scaled to the claimed rate.

    Args:
        known: the tables as known now.
        price_frontier: the published price curves, of which outcomes are read.
        draws: draws behind the intervals.
        seed: seed of the draws.

    Returns:
        A `paper_claims` frame; spans whose end is not observed have verdict `insufficient`.
    """
    rows = [
        *_density(known, draws, seed),
        *_price(known, price_frontier, seed),
    ]
    if not rows:
        return PAPER_CLAIMS.empty()
    fixed = {"made_on": MADE_ON, "as_of": known.as_of, "draws": draws, "seed": seed}
    made = PAPER_CLAIMS.cast(
        pl.DataFrame([row | fixed for row in rows], infer_schema_length=None)
    ).with_columns(told_ends("claimed_low", "claimed_high", of="claimed_fold"))
    is_estimated = pl.col("low").is_not_null() & pl.col("high").is_not_null()
    return made.with_columns(width=width_of("low", "high", is_estimated))


def _density(known: ForecastInputs, draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """Growth of the densest model of each series."""
    densities = known.densities
    start = days_since_zero(MADE_ON)
    for name in density_names(densities):
        vintage = density_vintage(known.history(MADE_ON), name, MADE_ON)
        if vintage is None:
            continue
        models = series_models(densities, name)
        days = np.array([days_since_zero(day) for day in models["release_date"]])
        drawn = _drawn(models, draws, seed)
        allowed = _Claims(DENSITY_CLAIMS, vintage.days, vintage.progress, seed)
        for day, span in _spans(entry_days(densities, name), known.as_of):
            before, after = (
                drawn[:, days <= end].max(axis=1) for end in (start, days_since_zero(day))
            )
            folds = np.exp(after - before) if span else None
            for row in allowed.rows(day, folds):
                yield row | {"target": "density", "series": name}


def _price(
    known: ForecastInputs, price_frontier: pl.DataFrame, seed: int
) -> Iterator[dict[str, Any]]:
    """Fall of the cheapest price of each level that had one when the claim was made."""
    if not known.has_prices or known.as_of <= MADE_ON:
        return
    entries = price_days(known.market.prices, known.market.scored_links)
    for level, steps in forecast_curves(price_frontier, known.market.levels).items():
        days, progress = price_progress(steps)
        before = days <= days_since_zero(MADE_ON)
        if not before.any():
            continue
        allowed = _Claims(PRICE_CLAIMS, days[before], progress[before], seed)
        for day, span in _spans(entries, known.as_of):
            after = progress[days <= days_since_zero(day)][-1:]
            folds = np.exp(after - progress[before][-1]) if span else None
            for row in allowed.rows(day, folds):
                yield row | {"target": "price", "series": f"{level}/{HEADLINE_BLEND}"}


class _Claims:
    """The ranges that the claims allow for one series, given the steps of its earlier records."""

    def __init__(
        self,
        claims: dict[str, float],
        days: FloatArray,
        progress: FloatArray,
        seed: int,
    ) -> None:
        self._claims, self._seed = claims, seed
        # The time since the last record counts as a step without a rise.
        self._waits = np.append(np.diff(days), max(days_since_zero(MADE_ON) - days[-1], 1.0))
        self._rises = np.append(np.diff(progress), 0.0)

    def rows(self, day: date, folds: FloatArray | None) -> Iterator[dict[str, Any]]:
        """One row per claim; the first fold is the actual one, the others are draws of it."""
        elapsed = float((day - MADE_ON).days)
        for claim, doubling_days in self._claims.items():
            if folds is None:
                yield {
                    "claim": claim, "target_date": day, "verdict": "insufficient",
                    "reason": "nobody was looking: the data have a gap there",
                }  # fmt: skip
                continue
            actual = float(folds[0])
            reason = _pace(actual, elapsed)
            row: dict[str, Any] = {
                "claim": claim, "target_date": day, "actual_fold": actual, "verdict": "ok",
                "claimed_fold": 2 ** (elapsed / doubling_days),
            }  # fmt: skip
            if folds.size > 1:
                ends = np.quantile(folds[1:], [0.025, 0.975])
                row |= {"low": float(ends[0]), "high": float(ends[1])}
            allowed = self._allowed(elapsed, np.log(2) / doubling_days)
            if allowed is not None:
                low, high = np.quantile(allowed, [0.025, 0.975])
                row |= {"claimed_low": float(low), "claimed_high": float(high),
                        "is_within": _is_within(allowed, actual)}  # fmt: skip
                reason += "; undecided: at the end of the range" * (row["is_within"] is None)
            yield row | {"reason": reason}

    def _allowed(self, elapsed: float, rate: float) -> FloatArray | None:
        """Folds that steps like the earlier ones give at the claimed mean rate, shape (RANGE_DRAWS,)."""
        if self._waits.size - 1 < FEWEST_STEPS:
            return None
        rises = self._rises * rate * self._waits.sum() / self._rises.sum()
        steps = int(3 * elapsed / self._waits.mean()) + 10
        rng = np.random.default_rng(self._seed)
        folds = []
        for _ in range(RANGE_PARTS):
            draws = RANGE_DRAWS // RANGE_PARTS
            times, paths = curves.resampled(self._waits, rises, steps, draws, rng)
            # The claim is made at a random point between two records, not on the day of one.
            times = times - rng.uniform(0, times[:, 1:2], (draws, 1))
            reached = (times <= elapsed).sum(axis=1, keepdims=True) - 1
            folds.append(np.exp(np.take_along_axis(paths, reached, 1)[:, 0]))
        return np.concatenate(folds)


def _is_within(allowed: FloatArray, actual: float) -> bool | None:
    """Whether the outcome is in the central 95 % of the allowed range; None if too close to decide.

    Too close means within three standard errors of the share of draws beyond the outcome.
    """
    error = np.sqrt(0.025 * 0.975 / allowed.size)
    beyond = min(float((allowed <= actual).mean()), float((allowed >= actual).mean()))
    return None if abs(beyond - 0.025) < 3 * error else beyond > 0.025


def _drawn(models: pl.DataFrame, draws: int, seed: int) -> FloatArray:
    """Ln densities as measured, and `draws` times with the error of the score, (1 + draws, n)."""
    measured = np.log(models["density"].to_numpy())
    error = score_errors(models)
    noise = np.random.default_rng(seed).standard_normal((draws, measured.size))
    return np.vstack([measured[None], measured + error * noise])


def _spans(entries: FloatArray, as_of: date) -> list[tuple[date, bool]]:
    """Ends of the spans, and whether the series was observed then.

    The spans are 3, 6 and 12 months, and up to the last observed month end.
    """
    ahead = month_ends(as_of, MADE_ON)[1:]
    watched = [day for day in ahead if is_watched(entries, days_since_zero(day))]
    fixed = [day for day in (months_later(MADE_ON, months) for months in MONTHS) if day <= as_of]
    return [(day, day in watched) for day in sorted({*fixed, *watched[-1:]})]


def _pace(fold: float, elapsed: float) -> str:
    """How long a doubling took, in words."""
    if fold <= 1:
        return "no change"
    return f"twofold every {elapsed * np.log(2) / np.log(fold) / DAYS_PER_MONTH:.1f} months"
