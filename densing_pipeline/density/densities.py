"""Capacity density of every model: effective over actual parameters.

Not here: the choice of scores (`score_sets`) and parameter counts (`params_bases`), the reference
laws (`reference_laws`), and the trend (`trends`).
"""

import numpy as np
import polars as pl

from densing_pipeline.density.direct_law import DirectLaw
from densing_pipeline.density.direct_laws import direct_laws_of
from densing_pipeline.density.drawn_law import DrawnLaw, drawn_laws
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.density.params_bases import params_bases
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import CHANCE_ERRORS, score_sets, score_sets_of
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import Z_95
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import DENSITIES
from densing_pipeline.tables.width import told_ends, with_told_ends

SERIES = ("reference_id", "score_set", "params_basis")
"""Columns that identify one series of densities."""


def densities(
    models: pl.DataFrame,
    scores: pl.DataFrame,
    reference_laws: pl.DataFrame,
    law_draws: pl.DataFrame | None = None,
    direct_laws: pl.DataFrame | None = None,
    *,
    seed: int = 0,
    pooled: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Density of every model under every reference law, score set and parameter basis.

    A score that a law cannot invert is censored: `low` at or below the floor of the performance law
    or within three standard errors (of its test items) of guessing, `high` at or above its ceiling
    or beyond what the reference family reaches at D0 tokens. Censored rows have no density.

    The 95 % interval comes from joint draws: a score plus normal noise of its standard error,
    inverted by a draw of the law. Draw k of a law is the same for all models, because they share
    the error of the law; the noise of the scores is independent. An end beyond which more than 2.5
    % of the draws are censored is null, and so is one that says nothing (`tables.width`). The interval always
    contains the density itself.

    Args:
        models: a `models` frame.
        scores: a `scores` frame.
        reference_laws: a `reference_laws` frame.
        law_draws: a `reference_law_draws` frame. A law without draws is taken as exact: its
            intervals contain the error of the score alone, 1.96 standard errors up and down.
        direct_laws: a `direct_laws` frame, further references; they have no draws.
        seed: seed of the score noise.
        pooled: the `pooled_scores` of these scores, computed here if not given.

    Returns:
        A `densities` frame.
    """
    scored = score_sets(scores, pooled)
    laws: dict[tuple[str, str], ReferenceLaw | DirectLaw] = {
        **laws_of(reference_laws),
        **(direct_laws_of(direct_laws) if direct_laws is not None else {}),
    }
    drawn = {} if law_draws is None else drawn_laws(reference_laws, law_draws)
    effective = [
        _effective(
            law,
            reference_id,
            score_set,
            scored.filter(pl.col("score_set") == score_set),
            drawn.get((reference_id, score_set)),
            seed,
        )
        for (reference_id, benchmark), law in laws.items()
        for score_set in score_sets_of(reference_id, benchmark)
    ]
    if not effective:
        return DENSITIES.empty()
    per_basis = (
        pl.concat(effective)
        .join(params_bases(models), on="model_id")
        .with_columns(
            density=pl.col("effective_params") / pl.col("params"),
            density_low=pl.col("effective_low") / pl.col("params"),
            density_high=pl.col("effective_high") / pl.col("params"),
            density_low_own_minimum=pl.col("own_low") / pl.col("params"),
            density_high_own_minimum=pl.col("own_high") / pl.col("params"),
        )
        .drop("effective_low", "effective_high", "own_low", "own_high", "chance", "item_std_error")
    )
    own_ends = told_ends("density_low_own_minimum", "density_high_own_minimum", of="density")
    made = per_basis.with_columns(*own_ends, is_record=_is_record(per_basis))
    return with_told_ends(DENSITIES, made, "density_low", "density_high", of="density")


def _effective(
    law: ReferenceLaw | DirectLaw,
    reference_id: str,
    score_set: str,
    scored: pl.DataFrame,
    drawn: DrawnLaw | None,
    seed: int,
) -> pl.DataFrame:
    """Effective parameters of the models of one score set under one law, with their interval."""
    score, error = scored["score"].to_numpy(), scored["std_error"].to_numpy()
    item_error = scored["item_std_error"].to_numpy()
    floor = np.maximum(scored["chance"].to_numpy(), law.floor)
    params, censored = law.effective_params(score)
    at_chance = score < floor + CHANCE_ERRORS * item_error
    censored = np.where(at_chance & (censored != "high"), "low", censored)
    own_low = own_high = np.full(score.size, np.nan)
    if drawn is None:
        low, _ = law.effective_params(np.clip(score - Z_95 * error, 0, 1))
        high, _ = law.effective_params(np.clip(score + Z_95 * error, 0, 1))
    else:
        rng = stream(seed, score_set)
        noise = rng.standard_normal((len(drawn.coefficients), score.size))
        sizes = drawn.effective_params(np.clip(score + error * noise, 0, 1))
        low, high = _joint_interval(sizes, params)
        if drawn.jumped is not None and not drawn.jumped.all():
            own_low, own_high = _joint_interval(sizes[~drawn.jumped], params)
    known = censored == "none"
    return scored.with_columns(
        reference_id=pl.lit(reference_id),
        score_set=pl.lit(score_set),
        effective_params=_nullable(params, known),
        effective_low=_nullable(low, known),
        effective_high=_nullable(high, known),
        own_low=_nullable(own_low, known),
        own_high=_nullable(own_high, known),
        censored=pl.Series(censored, dtype=pl.String),
    )


def _joint_interval(sizes: FloatArray, params: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Central 95 % of the effective parameters of each model, NaN where open; it holds the estimate.

    Args:
        sizes: effective parameters under each draw, of a noisy score each: 0 where too low, inf where too
            high, shape (K, n).
        params: the estimates, shape (n,).
    """
    # Quantiles are draws, without interpolation, because censored draws are 0 or infinite.
    low = np.fmin(np.quantile(sizes, 0.025, axis=0, method="lower"), params)
    high = np.fmax(np.quantile(sizes, 0.975, axis=0, method="higher"), params)
    return np.where(low > 0, low, np.nan), np.where(np.isinf(high), np.nan, high)


def _nullable(values: np.ndarray, known: np.ndarray) -> pl.Series:
    return pl.Series(np.where(known, values, np.nan), dtype=pl.Float64).fill_nan(None)


def _is_record(per_basis: pl.DataFrame) -> pl.Series:
    """Whether a model sets the running maximum of its series.

    Of several models on one day only the densest can; a tie with the current record is no record,
    and of equals on one day the first by name is the record.
    """
    ordered = per_basis.with_row_index("row").sort(
        *SERIES, "release_date", "density", "model_id",
        descending=[False] * 4 + [True, False], nulls_last=True,
    )  # fmt: skip
    before = pl.col("density").fill_null(0).cum_max().shift(1, fill_value=0).over(SERIES)
    return (
        ordered.with_columns(record=(pl.col("density") > before).fill_null(value=False))
        .sort("row")["record"]
        .alias("is_record")
    )
