"""The quality-adjusted price index: `price_index`, a hedonic regression with time dummies.

    ln price = month + slope * logit(score)

over all linked standard offers on sale at the end of each month. The month effects are the ln price of a
model of equal score, relative to the base month.

Not here: the cheapest offer (`frontier`).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from densing_pipeline.cost import admission
from densing_pipeline.cost.frontier import BLENDS
from densing_pipeline.cost.market import Market
from densing_pipeline.prices.names import seller
from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.intervals import Z_95
from densing_pipeline.tables.published import PRICE_INDEX
from densing_pipeline.tables.width import with_told_ends

BENCHMARK = "MMLU"
"""The score that quality is measured by: the one most models have."""

MIN_MODELS = 8
"""Models a month needs for the verdict `ok`; the first such month is the base."""


@dataclass(frozen=True)
class Fit:
    """The regression of one blend.

    Attributes:
        effect: ln price at equal quality by month, relative to the base month.
        error: its standard error, clustered by model.
        slope: change of ln price per unit of logit score.
    """

    effect: FloatArray
    error: FloatArray
    slope: float


def price_index(market: Market) -> pl.DataFrame:
    """The price of a token at equal quality, by month and blend, with 95 % intervals.

    Several lists and names of one provider's offer of a model count once, at the lowest price.

    Args:
        market: offers, links and scores; levels are not read. A month counts once it is over.

    Returns:
        Rows of `price_index`; months with fewer than eight models are `insufficient`, and have no
        index where none has enough.
    """
    if market.is_empty:
        return PRICE_INDEX.empty()
    sold = scored(market)
    frames = [PRICE_INDEX.empty()]
    for share in BLENDS:
        seen = at_month_ends(admission.blended(sold, share), market.last)
        if not seen.is_empty():
            frames.append(_estimated(seen, share, market.last))
    return PRICE_INDEX.cast(pl.concat(frames))


def scored(market: Market) -> pl.DataFrame:
    """The offers of models with a score, with `quality`, the logit of the median score."""
    quality = (
        market.scores.filter(benchmark=BENCHMARK)
        .group_by("canonical_id")
        .agg(pl.col("score").median())
        .filter(pl.col("score").is_between(0, 1, closed="none"))
        .select("canonical_id", quality=(pl.col("score") / (1 - pl.col("score"))).log())
    )
    return sold_by(market.linked.join(quality, on="canonical_id"))


def sold_by(offers: pl.DataFrame) -> pl.DataFrame:
    """The offers with the company behind each, `seller`."""
    return offers.with_columns(
        seller=pl.col("provider").map_elements(seller, return_dtype=pl.String)
    )


def at_month_ends(offers: pl.DataFrame, last: date) -> pl.DataFrame:
    """month, canonical_id, seller, quality and the lowest price on the last day of each month."""
    if offers.is_empty():
        return offers
    first = admission.to_date(int(offers["start"].min()))  # type: ignore[arg-type]
    months = pl.date_range(first.replace(day=1), last, "1mo", eager=True).alias("month").to_frame()
    ends = months.with_columns(
        day=(pl.col("month").dt.month_end()).to_physical(),
    ).filter(pl.col("month").dt.month_end() <= last)
    return (
        ends.join_where(offers, pl.col("day") >= pl.col("start"), pl.col("day") < pl.col("end"))
        .group_by("month", "canonical_id", "seller", "quality")
        .agg(pl.col("usd_per_mtok").min())
        .sort("month", "canonical_id", "seller")
    )


def _estimated(seen: pl.DataFrame, share: float, last: date) -> pl.DataFrame:
    """Rows of one blend."""
    months = seen.group_by("month").agg(
        n_offers=pl.len(), n_models=pl.col("canonical_id").n_unique()
    ).sort("month")  # fmt: skip
    is_enough = (months["n_models"] >= MIN_MODELS).to_numpy()
    rows = months.with_columns(
        blend_input_share=pl.lit(share),
        as_of=pl.lit(last),
        verdict=pl.when(pl.col("n_models") >= MIN_MODELS)
        .then(pl.lit("ok"))
        .otherwise(pl.lit("insufficient")),
        reason=pl.format("{} models ({} needed)", "n_models", pl.lit(MIN_MODELS)),
    )
    if not is_enough.any():
        return PRICE_INDEX.cast(rows)
    base = int(is_enough.argmax())
    found = fit(
        np.log(seen["usd_per_mtok"].to_numpy()),
        seen["month"].rank("dense").to_numpy().astype(np.intp) - 1,
        seen["quality"].to_numpy(),
        seen["canonical_id"].rank("dense").to_numpy().astype(np.intp) - 1,
        base,
    )
    half = Z_95 * found.error
    made = rows.with_columns(
        pl.Series("index", 100 * np.exp(found.effect)),
        pl.Series("low", 100 * np.exp(found.effect - half)),
        pl.Series("high", 100 * np.exp(found.effect + half)),
        quality_slope=pl.lit(found.slope),
        reason=pl.when(pl.col("month") == months["month"][base])
        .then(pl.format("{}; base month", "reason"))
        .otherwise("reason"),
    )
    return with_told_ends(PRICE_INDEX, made, "low", "high", of="index")


def fit(
    log_price: FloatArray, month: IntArray, quality: FloatArray, model: IntArray, base: int
) -> Fit:
    """Least squares with month effects, covariance clustered by model (CR1).

    Args:
        log_price: ln price, shape (n,).
        month: number of the month of each observation, every month from 0 on being present.
        quality: logit score, shape (n,).
        model: number of the model, likewise from 0 on.
        base: month whose effect is zero.
    """
    n, months, models = len(log_price), month.max() + 1, model.max() + 1
    design = np.zeros((n, months + 1))
    design[np.arange(n), month] = 1.0
    design[:, base] = 1.0  # the constant: the base month's own effect
    design[:, months] = quality - quality.mean()
    bread = np.linalg.pinv(design.T @ design)
    coefficients = bread @ (design.T @ log_price)
    residual = log_price - design @ coefficients
    scores = np.zeros((models, months + 1))
    np.add.at(scores, model, design * residual[:, None])
    small = models / max(models - 1, 1) * (n - 1) / max(n - months - 1, 1)
    covariance = small * bread @ (scores.T @ scores) @ bread
    error = np.sqrt(np.maximum(np.diag(covariance), 0))
    effect = coefficients[:months].copy()
    effect[base], error[base] = 0.0, 0.0
    return Fit(effect, error[:months], float(coefficients[months]))
