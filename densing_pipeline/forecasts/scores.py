"""The `forecast_scores` table: forecasts compared with the outcomes.

Everything is scored on natural logarithms, so that twofold too high counts as much as twofold too
low, for densities and prices. The CRPS (`losses`) is
that of the empirical distribution of all draws; of a forecast published before draws were kept it is
computed from its nine deciles (as twice the mean pinball loss, up to a tenth off), and for a forecast
without an interval it is the absolute error, so that all kinds are on one scale.

An outcome counts only if the series has a new entry in the three months up to the target date and
any entry after it. Where the bundled data end, the record does not change for lack of data, and a
forecast of no change would be right for that reason alone.

Not here: the forecasts, their skill (`skill`), and the data of a vintage (`vintages`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.forecasts.forecasts import LEVELS
from densing_pipeline.forecasts.inputs import ForecastInputs
from densing_pipeline.forecasts.losses import crps_of_draws, crps_of_quantiles, pinball_loss
from densing_pipeline.forecasts.vintages import (
    density_names,
    entry_days,
    forecast_curves,
    is_watched,
    price_days,
    series_models,
)
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.tables.published import FORECAST_QUANTILES, FORECAST_SCORES

DECILES = slice(1, -1)
"""The evenly spaced quantiles among those of a forecast."""

_SCORES = ("outcome", "outcome_low", "outcome_high", "log_error", "crps", "pinball_loss", "pinball_10", "pinball_50",
           "pinball_90", "covered", "skill_vs_no_change", "skill_vs_constant")  # fmt: skip

RIVALS = {"skill_vs_no_change": "no-change", "skill_vs_constant": "paper-constant"}


def forecast_scores(
    forecasts: pl.DataFrame, known: ForecastInputs, price_frontier: pl.DataFrame
) -> pl.DataFrame:
    """Scores of every forecast whose target date has passed.

    Args:
        forecasts: a `forecasts` frame.
        known: the tables as known now.
        price_frontier: the published price curves, of which outcomes are read.

    Returns:
        A `forecast_scores` frame; a forecast without an observed outcome has verdict
        `insufficient`.
    """
    due = forecasts.filter(pl.col("target_date") <= known.as_of, pl.col("verdict") == "ok")
    if due.is_empty():
        return FORECAST_SCORES.empty()
    outcomes = pl.DataFrame(
        [*_density_outcomes(due, known.densities), *_price_outcomes(due, known, price_frontier)],
        schema={
            "target": pl.String, "series": pl.String, "target_date": pl.Date,
            "outcome": pl.Float64, "outcome_low": pl.Float64, "outcome_high": pl.Float64,
            "unseen": pl.String,
        },
        orient="row",
    )  # fmt: skip
    joined = due.join(outcomes, on=["target", "series", "target_date"], how="left")
    seen = joined.filter(pl.col("outcome").is_not_null())
    unseen = joined.filter(pl.col("outcome").is_null()).with_columns(
        verdict=pl.lit("insufficient"),
        reason=pl.col("unseen").fill_null("the series is gone from the tables"),
    )
    parts = [
        part.with_columns(
            pl.lit(None, dtype=FORECAST_SCORES.polars_schema[name]).alias(name)
            for name in _SCORES
            if name not in part.columns
        ).select(FORECAST_SCORES.names)
        for part in (_against_rivals(_scored(seen)), unseen)
    ]
    return FORECAST_SCORES.cast(pl.concat(parts, how="vertical_relaxed"))


def _scored(seen: pl.DataFrame) -> pl.DataFrame:
    """Errors and scores of forecasts with an outcome."""
    quantiles = np.log(seen.select(FORECAST_QUANTILES).cast(pl.Float64).to_numpy())
    actual = np.log(seen["outcome"].to_numpy())
    median = quantiles[:, LEVELS.index(0.5)]
    is_claim = seen["draws"].to_numpy() == 0
    deciles, levels = quantiles[:, DECILES], np.array(LEVELS)[DECILES]
    crps = crps_of_quantiles(actual, deciles, levels)
    of_draws = _of_draws(actual, seen["log_draws"]) if "log_draws" in seen.columns else crps
    crps = np.where(np.isnan(of_draws), crps, of_draws)
    error = np.abs(median - actual)
    covered = (quantiles[:, 0] <= actual) & (actual <= quantiles[:, -1])
    return seen.with_columns(
        pl.Series("log_error", median - actual, dtype=pl.Float64),
        pl.Series("crps", np.where(is_claim, error, crps), dtype=pl.Float64),
        *(
            pl.Series(
                f"pinball_{level:.0%}".removesuffix("%"),
                pinball_loss(actual, quantiles[:, LEVELS.index(level)], level),
                dtype=pl.Float64,
            )
            for level in (0.1, 0.5, 0.9)
        ),
        covered=pl.when(pl.col("draws") > 0).then(pl.Series(covered, dtype=pl.Boolean)),
    ).with_columns(pinball_loss=pl.col("crps") / 2)


def _of_draws(actual: FloatArray, drawn: pl.Series) -> FloatArray:
    """CRPS of each forecast by all of its draws, shape (n,); NaN for one without draws."""
    scores = np.full(actual.size, np.nan)
    for row in np.flatnonzero(drawn.is_not_null().to_numpy()).tolist():
        draws = drawn[row].cast(pl.Float64).to_numpy()
        scores[row] = crps_of_draws(actual[row], draws)
    return scores


def _against_rivals(scored: pl.DataFrame) -> pl.DataFrame:
    """Skill of each forecast relative to its rivals of the day; null if the rival has no error."""
    key = ["target", "series", "made_on", "horizon_months", "origin"]
    for name, rival in RIVALS.items():
        theirs = scored.filter(pl.col("method") == rival).select(*key, rival="crps")
        scored = (
            scored.join(theirs, on=key, how="left")
            .with_columns(
                pl.when(pl.col("rival") > 0).then(1 - pl.col("crps") / pl.col("rival")).alias(name)
            )
            .drop("rival")
        )
    return scored


Outcome = tuple[str, str, date, float | None, float | None, float | None, str | None]


def _density_outcomes(due: pl.DataFrame, densities: pl.DataFrame) -> Iterator[Outcome]:
    """The densest model up to each target date, with the interval of its density."""
    for name in density_names(densities):
        models = series_models(densities, name).sort(
            "density", "model_id", descending=[True, False]
        )
        entries = entry_days(densities, name)
        for day in _dates(due, "density", name):
            densest = models.filter(pl.col("release_date") <= day).head(1).to_dicts()
            unseen = _unseen(entries, day)
            if unseen or not densest:
                yield "density", name, day, None, None, None, unseen or "no model yet"
                continue
            best: dict[str, Any] = densest[0]
            ends = best["density_low"], best["density_high"]
            yield "density", name, day, best["density"], *ends, None


def _price_outcomes(
    due: pl.DataFrame, known: ForecastInputs, price_frontier: pl.DataFrame
) -> Iterator[Outcome]:
    """The lowest price up to each target date."""
    wanted = due.filter(pl.col("target") == "price")
    if wanted.is_empty() or not known.has_prices:
        return
    curves = forecast_curves(price_frontier, known.market.levels)
    entries = price_days(known.market.prices, known.market.scored_links)
    for name in sorted(wanted["series"].unique()):
        steps = curves.get(name.rsplit("/", 1)[0], price_frontier.clear())
        for day in _dates(due, "price", name):
            held = steps.filter(pl.col("date") <= day)["usd_per_mtok"].to_list()
            unseen = _unseen(entries, day)
            if unseen or not held:
                yield "price", name, day, None, None, None, unseen or "no price yet"
            else:
                yield "price", name, day, held[-1], None, None, None


def _unseen(entries: FloatArray, day: date) -> str | None:
    """Reason why the record on a day is not known; None if it is known."""
    if is_watched(entries, days_since_zero(day)):
        return None
    return (
        "the data hold nothing new in the three months up to the target date, or nothing after it"
    )


def _dates(due: pl.DataFrame, target: str, name: str) -> list[date]:
    of_series = due.filter(pl.col("target") == target, pl.col("series") == name)
    return of_series["target_date"].unique().sort().to_list()
