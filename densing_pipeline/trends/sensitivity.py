"""The `sensitivity` table: the doubling time under every combination of defensible choices.

The headline uses one reference law, one D0, one score set, one parameter basis, one window, one
estimator, and every model of a family. Other choices are defensible too, so the estimate is made
under all combinations, and the headline is published with their range. One row more is of MMLU under any
protocol, by all parameters, which is no combination with the other choices.

Not here: densities under other choices (`density.variants`), and the published trend
(`densing_law`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline import paper
from densing_pipeline.density.params_bases import params_bases
from densing_pipeline.density.variants import ANY_PROTOCOL, under_any_protocol, variants
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.dates import DAYS_PER_YEAR, Window, days_since_zero
from densing_pipeline.tables.published import SENSITIVITY
from densing_pipeline.tables.width import with_width
from densing_pipeline.trends.choice_weights import choice_weights, weighted_quantiles
from densing_pipeline.trends.estimate import (
    NoEstimateError,
    estimate,
    monte_carlo_error,
)
from densing_pipeline.trends.estimators import TREND_ESTIMATORS, Estimator
from densing_pipeline.trends.series import (
    LONGEST_DAYS,
    Series,
    doubling_days,
    from_frame,
    missing,
    open_end,
)
from densing_pipeline.trends.windows import windows

WINDOWS = ("all", paper.NMI, "last-24-months")
FAMILY_CAPS = (None, 3)
SENSITIVITY_ESTIMATORS = (
    "paper",
    "quantile-0.9",
    "quantile-0.8",
    "quantile-0.95",
    "monthly-max",
    "ols-all",
)
"""The estimators used; without the stochastic frontier, which is iterative and slow."""

QUOTED_COLUMNS = (
    "slope_per_day", "slope_low", "slope_high", "doubling_days", "doubling_days_low", "doubling_days_high",
    "slope_low_mc_error", "slope_high_mc_error", "draws",
)  # fmt: skip
"""The columns that the quoted row has from `densing_law`."""

SLOW = f"no doubling time told: over {LONGEST_DAYS / DAYS_PER_YEAR:.0f} years"
"""Reason of a trend that hardly rises."""

MOST_DRAWS = 100
"""Most resamples per interval; thousands of intervals are computed, only to tell whether there is a
trend."""

FACTORS = {
    "reference law": ("reference_id",),
    "D0": ("reference_tokens",),
    "score set": ("score_set", "inversion", "dropped_benchmark"),
    "parameter basis": ("params_basis",),
    "window": ("window",),
    "estimator": ("estimator",),
    "family cap": ("family_cap",),
}
"""The columns that identify each choice, by name of the choice."""


class Spread(NamedTuple):
    """Range of the doubling time in days over all combinations with an estimate.

    Quantiles are by `weight`, by which each distinct choice counts alike (`choice_weights`).

    Attributes:
        n: number of combinations with verdict `ok`.
        n_insufficient: number of other combinations.
        shortest: shortest doubling time.
        low: 5 % quantile of the doubling time.
        median: median doubling time; None if half of the weight is on slopes that are not positive.
        high: 95 % quantile; None if more than 5 % of the weight is on slopes that are not positive.
        longest: longest doubling time; None if a slope is not positive.
    """

    n: int
    n_insufficient: int
    shortest: float | None
    low: float | None
    median: float | None
    high: float | None
    longest: float | None


def sensitivity(
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    *,
    as_of: date,
    draws: int,
    seed: int,
    quoted: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Doubling time under every combination of choices (the multiverse).

    Args:
        models: a `models` frame.
        scores: a `scores` frame.
        reference_laws: a `reference_laws` frame.
        as_of: last release day that counts.
        draws: resamples behind each interval; more than 100 count as 100.
        seed: seed of the resamples.
        quoted: the row of `densing_law` that is quoted, whose interval the row of the same choices has; without
            it, that row has an interval of its own.

    Returns:
        A `sensitivity` frame; combinations without enough data have verdict `insufficient`. The row of
        `ANY_PROTOCOL` is by all parameters, of all days, with the headline's estimator, and has no
        weight, for it is no combination with the other choices.
    """
    draws = min(draws, MOST_DRAWS)
    bases = params_bases(models).filter(pl.col("release_date") <= as_of)
    made = [
        (variant._asdict() | {"params_basis": basis}, of_basis)
        for variant, effective in variants(scores, reference_laws)
        for basis, of_basis in _on_every_basis(effective, bases)
    ]
    days = pl.concat([frame["release_date"] for _, frame in made]) if made else pl.Series()
    if days.is_empty():
        return SENSITIVITY.empty()
    spans = {w.name: w for w in windows(days.min(), days.max(), as_of)}  # type: ignore[arg-type]
    series = [(choices, from_frame(frame)) for choices, frame in made]
    pieces = [(choices, dated, spans[name]) for choices, dated in series for name in WINDOWS]
    rows = list(chain.from_iterable(parallel_map(partial(_rows, draws=draws, seed=seed), pieces)))
    if labelled := under_any_protocol(scores, reference_laws):
        variant, effective = labelled
        for basis, of_basis in _on_every_basis(effective, bases):
            if basis == "total":
                choices = variant._asdict() | {"params_basis": basis}
                piece = (choices, from_frame(of_basis), spans["all"])
                rows += _rows(piece, draws, seed, caps=(None,), estimators=(HEADLINE.estimator,))
    fixed = {"as_of": as_of, "draws": draws, "seed": seed}
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        **{name: pl.lit(value) for name, value in fixed.items()}, is_headline=_is_headline()
    )
    if quoted and quoted["verdict"] == "ok":
        frame = _with_quoted(SENSITIVITY.cast(frame), quoted)
    judged = with_width(SENSITIVITY, frame, "doubling_days_low", "doubling_days_high")
    is_weighed = (pl.col("verdict") == "ok") & (pl.col("score_set") != ANY_PROTOCOL)
    weighed = judged.filter(is_weighed)
    of_choices = weighed.select(SENSITIVITY.key).with_columns(
        weight=pl.Series(choice_weights(weighed))
    )
    return SENSITIVITY.cast(
        judged.drop("weight").join(of_choices, on=SENSITIVITY.key, how="left", nulls_equal=True)
    )


def _with_quoted(table: pl.DataFrame, quoted: Mapping[str, Any]) -> pl.DataFrame:
    """The table whose quoted row has the numbers that `densing_law` has for it."""
    numbers = {name: quoted[name] for name in QUOTED_COLUMNS} | {
        "reason": f"interval of densing_law, with the error of the law; {quoted['reason']}"
    }
    is_quoted = pl.col("is_headline") & (pl.col("verdict") == "ok")
    return table.with_columns(
        pl.when(is_quoted)
        .then(pl.lit(value, table.schema[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in numbers.items()
    )


def spread(table: pl.DataFrame) -> Spread:
    """The range of the doubling time over all combinations with an estimate."""
    if "weight" not in table.columns or not table["weight"].count():  # of before the weights
        table = table.with_columns(weight=pl.lit(1.0))
    estimated = table.filter(pl.col("verdict") == "ok", pl.col("weight").is_not_null())
    slopes = estimated["slope_per_day"].to_numpy()
    if not slopes.size:
        return Spread(0, table.height, None, None, None, None, None)
    weights = estimated["weight"].to_numpy()
    at = weighted_quantiles(slopes, weights, [1, 0.95, 0.5, 0.05, 0])
    return Spread(slopes.size, table.height - slopes.size, *(doubling_days(float(s)) for s in at))


def moved_by(table: pl.DataFrame) -> pl.DataFrame:
    """Effect of each choice on the doubling time, the most influential first.

    Args:
        table: a `sensitivity` frame.

    Returns:
        factor; n_sets, the number of sets of combinations that differ in this choice alone;
        median_fold, the median over these sets of the longest over the shortest doubling time; low
        and high, the range in days of the headline's doubling time when only this choice varies.
    """
    rising = table.filter(pl.col("verdict") == "ok", pl.col("slope_per_day") > 0)
    headline = rising.filter("is_headline")
    every = [column for columns in FACTORS.values() for column in columns]
    rows = []
    for factor, columns in FACTORS.items():
        others = [column for column in every if column not in columns]
        sets = rising.group_by(others).agg(
            fold=pl.col("doubling_days").max() / pl.col("doubling_days").min(), n=pl.len()
        )
        beside = rising.join(headline.select(others), on=others, nulls_equal=True)["doubling_days"]
        rows.append(
            {
                "factor": factor,
                "n_sets": sets.filter(pl.col("n") > 1).height,
                "median_fold": sets.filter(pl.col("n") > 1)["fold"].median(),
                "low": beside.min(),
                "high": beside.max(),
            }
        )
    schema = {"factor": pl.String, "n_sets": pl.Int64, "median_fold": pl.Float64,
              "low": pl.Float64, "high": pl.Float64}  # fmt: skip
    return pl.DataFrame(rows, schema=schema).sort("median_fold", descending=True, nulls_last=True)


def _on_every_basis(
    effective: pl.DataFrame, bases: pl.DataFrame
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Densities of one variant on each parameter basis."""
    dense = effective.join(bases, on="model_id").with_columns(
        density=pl.col("effective_params") / pl.col("params")
    )
    for (basis,), frame in sorted(dense.partition_by("params_basis", as_dict=True).items()):
        yield str(basis), frame


def _is_headline() -> pl.Expr:
    return (
        (pl.col("reference_id") == HEADLINE.reference_id)
        & (pl.col("reference_tokens") == paper.NMI_TOKENS)
        & (pl.col("score_set") == HEADLINE.score_set)
        & (pl.col("inversion") == "one-law")
        & (pl.col("params_basis") == HEADLINE.params_basis)
        & (pl.col("window") == HEADLINE.window)
        & (pl.col("estimator") == HEADLINE.estimator)
        & pl.col("family_cap").is_null()
    )


def _rows(
    piece: tuple[dict[str, Any], Series, Window],
    draws: int,
    seed: int,
    *,
    caps: Sequence[int | None] = FAMILY_CAPS,
    estimators: Sequence[str] = SENSITIVITY_ESTIMATORS,
) -> list[dict[str, Any]]:
    """One row per family cap and estimator, with the choices of the series."""
    choices, series, window = piece
    rows = []
    start, end = days_since_zero(window.start), days_since_zero(window.end)
    history = series.kept(np.asarray(series.days <= end))
    inside = np.asarray(history.days >= start)
    for cap in caps:
        capped = inside if cap is None else inside & _capped(history, inside, cap)
        of_window, of_history = history.kept(capped), history.kept(capped | ~inside)
        lacking = missing(of_window)
        for name in estimators:
            estimator = TREND_ESTIMATORS[name].beside(estimators)
            used = of_history if estimator.uses_history else of_window
            row = (
                _insufficient(lacking)
                if lacking
                else _estimate(
                    estimator, used, (start, end), cluster_weights(used.families, draws, seed)
                )
            )
            rows.append(
                choices
                | row
                | {
                    "window": window.name,
                    "estimator": name,
                    "family_cap": cap,
                    "n_models": of_window.days.size,
                    "n_clusters": len(set(of_window.families)),
                }
            )
    return rows


def _capped(series: Series, inside: BoolArray, cap: int) -> BoolArray:
    """Mask of at most `cap` models per family, spread evenly over time, whatever their density."""
    kept = np.zeros(series.days.size, dtype=np.bool_)
    names, family = np.unique(np.array(series.families, dtype=np.str_), return_inverse=True)
    for one in range(names.size):
        rows = np.flatnonzero(inside & (family == one))
        chosen = np.linspace(0, rows.size - 1, cap).round() if rows.size > cap else range(rows.size)
        kept[rows[np.asarray(chosen, dtype=np.intp)]] = True
    return kept


def _estimate(
    estimator: Estimator, series: Series, window: tuple[float, float], weights: FloatArray
) -> dict[str, Any]:
    """Slope, doubling time and interval of one estimator."""
    try:
        found = estimate(estimator, series, window, weights)
    except NoEstimateError as error:
        return _insufficient(str(error))
    low, high = found.interval
    noise = monte_carlo_error(found.law_known.slope, 0, found.n_clusters)
    notes = (
        "the error of the law is left out",
        "" if found.slope > 0 else "the trend does not rise",
        "" if found.slope <= 0 or doubling_days(found.slope) else SLOW,
        open_end(low, high),
    )
    return {
        "verdict": "ok",
        "reason": "; ".join(filter(None, notes)),
        "slope_low_mc_error": noise and noise[0],
        "slope_high_mc_error": noise and noise[1],
        "slope_per_day": found.slope,
        "slope_low": low,
        "slope_high": high,
        "doubling_days": doubling_days(found.slope),
        "doubling_days_low": doubling_days(high),
        "doubling_days_high": doubling_days(low),
    }


def _insufficient(reason: str) -> dict[str, Any]:
    return {"verdict": "insufficient", "reason": reason}
