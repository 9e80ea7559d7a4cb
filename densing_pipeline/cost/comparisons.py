"""Recipes by which others measure the fall of prices, computed on our prices: `price_comparisons`.

Each answers a question of its own, so the rates differ from `price_halving` and from each other:

- `epoch-2025`: the cheapest model as good as a level, each at its price when it came out (Epoch AI);
- `price-of-progress-...`: the price of a model of equal score (Gundlach et al., arXiv 2511.23455), over all models or
  over those that no earlier one beats in score and price;
- `price-tiers`: the price of whatever is cheap, middling or dear at the time, whatever it can do (Du, arXiv 2603.28576);
- `price-index`: our own hedonic index between its first and last month, for comparison with these.

Not here: the index itself (`index`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from scipy.special import stdtrit

from densing_pipeline.cost import admission
from densing_pipeline.cost.index import BENCHMARK, at_month_ends, scored, sold_by
from densing_pipeline.cost.levels import on_benchmarks
from densing_pipeline.cost.market import Market
from densing_pipeline.headline import HEADLINE_BLEND
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.tables.dates import DAYS_PER_MONTH
from densing_pipeline.tables.published import PRICE_COMPARISONS
from densing_pipeline.tables.width import with_width

YEAR_DAYS = 365
"""Days of a year, as both recipes have it."""

CENTRAL = 0.9
"""Nominal coverage of their intervals."""

FEWEST_CHEAPEST = 4
"""Fewest models of a fit of `epoch-2025`."""

FEWEST_MODELS_FITTED = 8
"""Fewest models of the other fits; fewest models of a month for tiers, in which a tier then has at least two."""

LAUNCH_DAYS = 30
"""Days after a model's first offer in which sellers' first prices count for its price when it came out."""

EPOCH = "https://epoch.ai/data-insights/llm-inference-price-trends"
PROGRESS = "https://arxiv.org/abs/2511.23455"
TIERS = "https://arxiv.org/abs/2603.28576"

TIER_NAMES = ("economy", "mid-tier", "flagship")


class Line(NamedTuple):
    """A least-squares fit of ln price on days, and perhaps on more.

    Attributes:
        slope: per day.
        half: half the length of its interval; None where the points leave no spread.
        r_squared: share of variance explained.
    """

    slope: float
    half: float | None
    r_squared: float


def price_comparisons(market: Market, price_index: pl.DataFrame) -> pl.DataFrame:
    """The fall of prices a year by every recipe, at three input tokens to one of output.

    Args:
        market: offers, links, levels and scores.
        price_index: the hedonic index of that market.

    Returns:
        Rows of `price_comparisons`. Intervals are as narrow as their recipes make them: of independent
        residuals and a given choice of models.
    """
    if market.is_empty:
        return PRICE_COMPARISONS.empty()
    models = launched(market)
    rows = [
        *(
            cheapest_row(models, row["level"], row["score"])
            for row in on_benchmarks(market.levels).filter(benchmark=BENCHMARK).to_dicts()
        ),
        *_progress(models),
        *_tiers(market),
        *_index(price_index),
    ]
    fixed = {"blend_input_share": HEADLINE_BLEND, "as_of": market.last}
    frame = pl.DataFrame([row | fixed for row in rows], infer_schema_length=None)
    return with_width(PRICE_COMPARISONS, frame, "fold_per_year_low", "fold_per_year_high")


def launched(market: Market) -> pl.DataFrame:
    """The models that have a score and came out while somebody watched, at their price then.

    Returns:
        canonical_id, day (since 1970), score and usd_per_mtok: the median over sellers of the first price that
        each asked within 30 days of the first; sorted by day, price and name. Models that were on sale when
        a list was first looked at came out on an unknown day and are left out.
    """
    offers = admission.blended(scored(market), HEADLINE_BLEND).sort("start", "usd_per_mtok")
    began = pl.col("start").min().over("canonical_id")
    first = offers.filter(pl.col("start") <= began + LAUNCH_DAYS)
    return (
        first.group_by("canonical_id", "seller", maintain_order=True)
        .first()
        .sort("start", "seller")
        .group_by("canonical_id", maintain_order=True)
        .agg(
            day=pl.col("start").first(),
            is_undated=pl.col("basis").first() == "undated",
            score=1 / (1 + (-pl.col("quality").first()).exp()),
            usd_per_mtok=pl.col("usd_per_mtok").median(),
        )
        .filter(~pl.col("is_undated"))
        .drop("is_undated")
        .sort("day", "usd_per_mtok", "canonical_id")
    )


def cheapest_row(models: pl.DataFrame, level: str, score: float) -> dict[str, Any]:
    """Epoch AI's recipe: a line through the cheapest models so far that score as high as a level.

    Of several that came out on one day the cheapest counts.

    Args:
        models: day, score and usd_per_mtok, sorted by day.
        level: name of the level.
        score: its score, in the unit of `models`.
    """
    able = models.filter(pl.col("score") >= score).sort("day", "usd_per_mtok")
    before = pl.col("usd_per_mtok").cum_min().shift(1).fill_null(float("inf"))
    chosen = able.filter(pl.col("usd_per_mtok") < before).unique("day", keep="first")
    return _row("epoch-2025", f"{BENCHMARK} as {level}", chosen.sort("day"), EPOCH, FEWEST_CHEAPEST)


def not_beaten(models: pl.DataFrame) -> BoolArray:
    """Whether no model that came out by then is as good and as cheap, and better in one, shape (models,).

    Args:
        models: day, score and usd_per_mtok.
    """
    day, score, price = (models[name].to_numpy() for name in ("day", "score", "usd_per_mtok"))
    by_then = day[None, :] <= day[:, None]
    no_worse = (score[None, :] >= score[:, None]) & (price[None, :] <= price[:, None])
    better = (score[None, :] > score[:, None]) | (price[None, :] < price[:, None])
    kept: BoolArray = ~np.any(by_then & no_worse & better, axis=1)
    return kept


def fit_line(days: FloatArray, log_prices: FloatArray, *others: FloatArray) -> Line:
    """Least squares of ln price on days and other columns, with Student's interval of the slope over days.

    Args:
        days: shape (n,), n above the number of coefficients for an interval.
        log_prices: shape (n,).
        others: further columns, each of shape (n,).
    """
    design = np.column_stack([days - days.mean(), np.ones(days.size), *others])
    coefficients, *_ = np.linalg.lstsq(design, log_prices, rcond=None)
    residuals = log_prices - design @ coefficients
    free = days.size - design.shape[1]
    total = float(((log_prices - log_prices.mean()) ** 2).sum())
    squares = float(residuals @ residuals)
    half = None
    if free > 0:
        variance = np.linalg.pinv(design.T @ design)[0, 0] * squares / free
        half = float(stdtrit(free, (1 + CENTRAL) / 2) * np.sqrt(variance))
    return Line(float(coefficients[0]), half, 1 - squares / total if total else 1.0)


def _progress(models: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The regression of The Price of Progress: ln price on days and the logit of the score."""
    for name, chosen in (
        (
            "price-of-progress-frontier",
            models.filter(pl.Series(not_beaten(models), dtype=pl.Boolean)),
        ),
        ("price-of-progress-all", models),
    ):
        yield _row(name, BENCHMARK, chosen, PROGRESS, FEWEST_MODELS_FITTED, at_equal_score=True)


def _tiers(market: Market) -> Iterator[dict[str, Any]]:
    """Median price of each third of the models on sale at the ends of months, by price."""
    offers = admission.blended(sold_by(market.linked), HEADLINE_BLEND).with_columns(quality=0.0)
    seen = at_month_ends(offers, market.last)
    if seen.is_empty():
        return
    models = (
        seen.group_by("month", "canonical_id")
        .agg(pl.col("usd_per_mtok").min())
        .filter(pl.len().over("month") >= FEWEST_MODELS_FITTED)
        .sort("month", "usd_per_mtok", "canonical_id")
        .with_columns(
            tier=pl.int_range(pl.len()).over("month") * len(TIER_NAMES) // pl.len().over("month"),
            day=pl.col("month").dt.month_end().to_physical(),
        )
    )
    medians = models.group_by("day", "tier").agg(pl.col("usd_per_mtok").median()).sort("day")
    for number, name in enumerate(TIER_NAMES):
        yield _row(
            "price-tiers",
            name,
            medians.filter(tier=number),
            TIERS,
            FEWEST_MODELS_FITTED,
            has_interval=False,
            note="a third of the models on sale by price; how the paper draws its tiers is not known",
        )


def _index(price_index: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Our hedonic index at the ends of its history, with its own 95 % interval."""
    months = price_index.filter(verdict="ok", blend_input_share=HEADLINE_BLEND).sort("month")
    if months.height < 2:
        return
    first, last = months["month"][0], months.row(-1, named=True)
    years = (last["month"] - first).days / YEAR_DAYS

    def yearly(index: float) -> float:
        return float((months["index"][0] / index) ** (1 / years))

    rate = yearly(last["index"])
    yield {
        "recipe": "price-index",
        "series": f"{BENCHMARK}, {last['n_models']} models in the last month",
        "n_points": months.height,
        "window_start": first,
        "window_end": last["month"],
        "fold_per_year": rate,
        "fold_per_year_low": yearly(last["high"]),
        "fold_per_year_high": yearly(last["low"]),
        "halving_months": _months(rate),
        "verdict": "ok",
        "reason": "ours: first and last month with enough models; interval 95 %",
    }


def _row(
    recipe: str,
    series: str,
    points: pl.DataFrame,
    address: str,
    fewest: int,
    *,
    at_equal_score: bool = False,
    has_interval: bool = True,
    note: str = "",
) -> dict[str, Any]:
    """One row: the line through some points.

    Args:
        recipe: whose recipe.
        series: what it is computed on.
        points: day, usd_per_mtok, and score if it is held constant.
        address: where the recipe is published.
        fewest: fewest points of a fit.
        at_equal_score: whether the logit of the score enters.
        has_interval: whether the recipe has an interval.
        note: remark for `reason`.
    """
    row = {
        "recipe": recipe, "series": series, "n_points": points.height, "source_url": address,
    }  # fmt: skip
    if points.height < fewest:
        lacking = f"{points.height} points ({fewest} needed)"
        return row | {"verdict": "insufficient", "reason": lacking}
    days = points["day"].to_numpy().astype(np.float64)
    logs = np.log(points["usd_per_mtok"].to_numpy())
    scores = points["score"].to_numpy() if at_equal_score else None
    others = () if scores is None else (np.log(scores / (1 - scores)),)
    line = fit_line(days, logs, *others)
    rate = float(np.exp(-line.slope * YEAR_DAYS))
    if has_interval and line.half is not None:
        low, high = (-(line.slope + side * line.half) * YEAR_DAYS for side in (1, -1))
        row |= {"fold_per_year_low": float(np.exp(low)), "fold_per_year_high": float(np.exp(high))}
    return row | {
        "window_start": _date(days.min()),
        "window_end": _date(days.max()),
        "fold_per_year": rate,
        "halving_months": _months(rate),
        "r_squared": line.r_squared,
        "verdict": "ok",
        "reason": note or f"interval {CENTRAL:.0%}, as theirs",
    }


def _months(fold_per_year: float) -> float | None:
    """Halving time in months; None where the price does not fall."""
    if fold_per_year <= 1:
        return None
    return float(np.log(2) / np.log(fold_per_year) * YEAR_DAYS / DAYS_PER_MONTH)


def _date(day: float) -> date:
    return admission.to_date(int(day))
