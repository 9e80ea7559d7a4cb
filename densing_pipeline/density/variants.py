"""Densities under other choices than the published ones: D0, benchmarks averaged, any protocol.

An average of four benchmarks has no published law. It is inverted through the mean of the four
benchmarks' score curves at D0; the same is done for all five, to separate the effect of this method
from that of the benchmark left out.

Not here: the published densities (`densities`), and the effect of the choices on the trend
(`trends.sensitivity`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.benchmarks import AVERAGED, CHANCE
from densing_pipeline.density.law import ReferenceLaw
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import (
    CHANCE_ERRORS,
    SCORE_SETS,
    benchmark_scores,
    score_sets,
)
from densing_pipeline.paper import NMI, NMI_TOKENS, PREPRINT, PREPRINT_TOKENS
from densing_pipeline.stats.arrays import FloatArray

VARIED_TOKENS = (PREPRINT_TOKENS, NMI_TOKENS, 15e12)
"""Values of D0 in tokens: that of arXiv v2, that of NMI, and a typical one of models of 2024."""

SAME_LAW = {PREPRINT}
"""References that equal another reference at a different D0."""

ANY_PROTOCOL = "mmlu-any-protocol"
"""Score set of MMLU under whatever shots and prompting it was reported."""

SIZE_GRID = np.geomspace(1e3, 1e18, 3001)
"""Numbers of parameters at which a mean of curves is tabulated, shape (3001,)."""


class Variant(NamedTuple):
    """One way to turn scores into effective parameters.

    Attributes:
        reference_id: reference law.
        reference_tokens: D0.
        score_set: scores.
        inversion: `one-law`, or `mean-of-laws` for the mean of the benchmarks' own curves.
        dropped_benchmark: benchmark left out of the average, or `none`.
    """

    reference_id: str
    reference_tokens: float
    score_set: str
    inversion: str
    dropped_benchmark: str


def variants(
    scores: pl.DataFrame, reference_laws: pl.DataFrame
) -> Iterator[tuple[Variant, pl.DataFrame]]:
    """Effective parameters for every reference law, D0, score set and benchmark left out.

    Args:
        scores: a `scores` frame.
        reference_laws: a `reference_laws` frame.

    Yields:
        The variant, and model_id and effective_params of the models whose score it inverts.
    """
    scored, single = score_sets(scores), benchmark_scores(scores)
    laws = laws_of(reference_laws)
    for reference_id in sorted({name for name, _ in laws} - SAME_LAW):
        for tokens in VARIED_TOKENS:
            at_tokens = {
                benchmark: replace(law, reference_tokens=tokens)
                for (name, benchmark), law in laws.items()
                if name == reference_id
            }
            for score_set, benchmark in SCORE_SETS.items():
                if benchmark in at_tokens:
                    variant = Variant(reference_id, tokens, score_set, "one-law", "none")
                    of_set = scored.filter(pl.col("score_set") == score_set)
                    yield variant, _one_law(at_tokens[benchmark], of_set)
            for dropped in ("none", *AVERAGED):
                kept = [benchmark for benchmark in AVERAGED if benchmark != dropped]
                if set(kept) <= at_tokens.keys():
                    variant = Variant(reference_id, tokens, "average", "mean-of-laws", dropped)
                    yield variant, _mean_of_laws([at_tokens[name] for name in kept], kept, single)


def under_any_protocol(
    scores: pl.DataFrame, reference_laws: pl.DataFrame
) -> tuple[Variant, pl.DataFrame] | None:
    """Effective parameters from MMLU under whatever protocol it was reported, by the paper's law.

    The published densities use scores under the paper's protocol alone; this says what that leaves out.

    Args:
        scores: a `scores` frame.
        reference_laws: a `reference_laws` frame.

    Returns:
        The variant, and model_id and effective_params; None without the paper's law of MMLU.
    """
    law = laws_of(reference_laws).get((NMI, "MMLU"))
    if law is None:
        return None
    every = score_sets(scores.with_columns(is_paper_protocol=pl.lit(value=True)))
    of_set = every.filter(pl.col("score_set") == "mmlu")
    variant = Variant(NMI, NMI_TOKENS, ANY_PROTOCOL, "one-law", "none")
    return variant, _one_law(replace(law, reference_tokens=NMI_TOKENS), of_set)


def _one_law(law: ReferenceLaw, scored: pl.DataFrame) -> pl.DataFrame:
    """Effective parameters under one law; censored scores as in `densities`."""
    params, _ = law.effective_params(scored["score"].to_numpy())
    return _uncensored(scored, params, law.performance_law.d)


def _mean_of_laws(
    laws: Sequence[ReferenceLaw], benchmarks: Sequence[str], single: pl.DataFrame
) -> pl.DataFrame:
    """Effective parameters from the mean of several score curves, for models with all benchmarks."""
    of_models = (
        single.filter(pl.col("benchmark").is_in(benchmarks))
        .group_by("model_id")
        .agg(
            pl.len().alias("n"),
            pl.col("score").mean(),
            item_std_error=pl.col("item_std_error").pow(2).sum().sqrt() / len(benchmarks),
        )
        .filter(pl.col("n") == len(benchmarks))
        .with_columns(chance=pl.lit(sum(CHANCE[name] for name in benchmarks) / len(benchmarks)))
        .sort("model_id")
    )
    curve = np.mean([law.score(SIZE_GRID) for law in laws], axis=0)
    rising = np.append(True, np.diff(curve) > 0)
    params = np.exp(
        np.interp(
            of_models["score"].to_numpy(), curve[rising], np.log(SIZE_GRID[rising]), np.nan, np.nan
        )
    )
    return _uncensored(of_models, params, float(curve[0]))


def _uncensored(scored: pl.DataFrame, params: FloatArray, floor: float) -> pl.DataFrame:
    """The models whose score is above guessing and below what the reference family can reach."""
    least = pl.max_horizontal("chance", pl.lit(floor)) + CHANCE_ERRORS * pl.col("item_std_error")
    return (
        scored.with_columns(effective_params=pl.Series(params, dtype=pl.Float64))
        .filter(pl.col("effective_params").is_finite(), pl.col("score") >= least)
        .select("model_id", "effective_params")
    )


def score_errors(models: pl.DataFrame) -> FloatArray:
    """Standard error of ln density from the error of the score alone, shape (n,).

    For comparisons of models under one law, in which the error of the law cancels. All models of a
    series lie on the law's curve, so its slope is computed from them (second-order differences).

    Args:
        models: rows of one series of `densities` that have a density; a score without a standard
            error is taken as exact.
    """
    curve = models.group_by("score").agg(pl.col("effective_params").first().log()).sort("score")
    scores, sizes = (column.to_numpy() for column in curve)
    if scores.size < 3:
        return np.zeros(models.height)
    slope = np.interp(models["score"].to_numpy(), scores, np.gradient(sizes, scores))
    return np.asarray(slope * models["std_error"].cast(pl.Float64).fill_null(0).to_numpy())
