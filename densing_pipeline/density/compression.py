"""The `compression` table: density of compressed models relative to that of their parents.

Not here: the densities themselves (`densities`), and the parents of models (`models`,
`facts/compression_pairs.csv`).
"""

from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.densities import SERIES
from densing_pipeline.density.direct_laws import direct_laws_of
from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.density.score_sets import ONE_BENCHMARK, SCORE_SETS
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import COMPRESSION
from densing_pipeline.tables.width import with_told_ends

METHODS = ("pruned", "distilled", "quantised")
"""Relations of a model to its parent that are compression."""


COMPRESSION_DRAWS = 2000
"""Number of draws per interval."""


def compression(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    pairs: pl.DataFrame,
    reference_laws: pl.DataFrame,
    direct_laws: pl.DataFrame,
    drawn: DrawnLaws,
    *,
    seed: int,
) -> pl.DataFrame:
    """Density of each child divided by that of its parent, where both are known.

    `log_ratio` is ln(child / parent). Its 95 % interval comes from joint draws: the scores of both with
    their own noise, inverted by one draw of the law, which parent and child share. Both answer the
    same questions, so their errors are positively correlated and the true interval is narrower. An
    end is null if the draws beyond it are censored. If the interval contains a ratio of 1, the
    difference is not significant.

    Args:
        densities: a `densities` frame.
        models: a `models` frame, one row per model; its relations give pairs.
        pairs: the fact table `compression_pairs`; it takes precedence over `models` for a pair in
            both.
        reference_laws: a `reference_laws` frame.
        direct_laws: a `direct_laws` frame.
        drawn: draws of the reference laws; a law without draws is taken as exact.
        seed: seed of the draws.

    Returns:
        A `compression` frame; pairs with a censored density have no row.
    """
    related = models.filter(
        pl.col("relation").is_in(METHODS), pl.col("parent_id").is_not_null()
    ).select("parent_id", "source", child_id="model_id", method="relation")
    all_pairs = pl.concat([pairs.select(related.columns), related], how="vertical").unique(
        ["parent_id", "child_id"], keep="first", maintain_order=True
    )
    known = densities.filter(pl.col("censored") == "none").select(
        "model_id", *SERIES, "density", "params", "score", "std_error"
    )
    joined = all_pairs.join(_of("parent", known), on="parent_id").join(
        _of("child", known), on=["child_id", *SERIES]
    )
    laws = {**laws_of(reference_laws), **direct_laws_of(direct_laws)}
    rows = []
    for pair in joined.iter_rows(named=True):
        key = pair["reference_id"], pair["score_set"]
        ratios = _ratios(
            pair, laws[key[0], (SCORE_SETS | ONE_BENCHMARK)[key[1]]], drawn.get(key), seed
        )
        ratio = float(np.log(pair["child_density"] / pair["parent_density"]))
        low, high = _interval(ratios, ratio)
        rows.append(pair | {"log_ratio": ratio, "low": low, "high": high,
                            "finding": _finding(low, high)})  # fmt: skip
    columns = [name for name in COMPRESSION.names if name in (rows[0] if rows else ())]
    if not rows:
        return COMPRESSION.empty()
    made = pl.DataFrame(rows).select(columns)
    return with_told_ends(COMPRESSION, made, "low", "high", of="log_ratio", is_log=True)


def _of(role: str, known: pl.DataFrame) -> pl.DataFrame:
    named = ("density", "params", "score", "std_error")
    return known.rename({"model_id": f"{role}_id"} | {name: f"{role}_{name}" for name in named})


def _ratios(pair: dict[str, Any], law: Any, drawn: Any, seed: int) -> FloatArray:
    """Draws of ln(child / parent), shape (draws,); NaN where the ratio is undetermined."""
    sizes = []
    for role in ("parent", "child"):
        name = f"{pair[f'{role}_id']} {pair['score_set']}"
        noise = stream(seed, name).standard_normal(COMPRESSION_DRAWS)
        scores = np.clip(pair[f"{role}_score"] + (pair[f"{role}_std_error"] or 0) * noise, 0, 1)
        if drawn is None:
            found, censored = law.effective_params(scores)
            found = np.where(censored == "low", 0.0, np.where(censored == "high", np.inf, found))
        else:
            found = drawn.effective_params_each(scores)
        sizes.append(found / pair[f"{role}_params"])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(sizes[1]) - np.log(sizes[0]))


def _interval(ratios: FloatArray, ratio: float) -> tuple[float | None, float | None]:
    """The central 95 % of the draws, extended to contain the ratio; None for an end not finite."""
    known = ratios[~np.isnan(ratios)]
    if known.size < 0.95 * ratios.size:
        return None, None
    low = min(float(np.quantile(known, 0.025, method="lower")), ratio)
    high = max(float(np.quantile(known, 0.975, method="higher")), ratio)
    return (low if np.isfinite(low) else None), (high if np.isfinite(high) else None)


def _finding(low: float | None, high: float | None) -> str:
    if low is not None and low > 0:
        return "denser"
    return "less dense" if high is not None and high < 0 else "not told apart"
