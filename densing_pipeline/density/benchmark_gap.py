"""The `benchmark_gap` table: models that are denser on benchmarks than on text they cannot have seen.

A model trained on questions like those of the benchmarks gains on them and not on fresh text. The level of
the difference depends on both rulers, so a model is compared with the median of the others. Not here: the
densities.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.direct_laws import direct_laws_of
from densing_pipeline.density.drawn_law import DrawnLaws
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.score_sets import SCORE_SETS
from densing_pipeline.density.text_ruler import ALL_TEXTS, LINE_DRAWS, fit_ruler, of_group
from densing_pipeline.headline import HEADLINE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import MOST_LOST
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import BENCHMARK_GAP
from densing_pipeline.tables.width import with_told_ends

LINE_LAW = "family-qwen2.5"
"""The reference law through the same line of models as the ruler of fresh text."""

REFERENCES = (HEADLINE.reference_id, LINE_LAW)

BASIS = "total"
"""Parameter basis of both densities; it cancels in their ratio."""

FEWEST_OTHERS = 5
"""Fewest other models for a median gap."""

ENDS = (0.025, 0.975)

TESTS, TEXT, NEITHER = "denser on tests", "denser on fresh text", "not told apart"


def benchmark_gap(
    densities: pl.DataFrame,
    fresh_text: pl.DataFrame,
    direct_laws: pl.DataFrame,
    laws: DrawnLaws,
    *,
    seed: int,
) -> pl.DataFrame:
    """The density of every model on benchmarks and on fresh text, and the gap between them.

    The interval of the excess comes from joint draws: of each score by its standard error, of the reference
    law where it has draws, and of the ruler of fresh text. What the models share, such as an error of the
    law's level, cancels in the excess over the median model.

    Args:
        densities: a `densities` frame.
        fresh_text: a `reported_fresh_text` frame.
        direct_laws: a `direct_laws` frame.
        laws: draws of the reference laws.
        seed: seed of the draws.

    Returns:
        A `benchmark_gap` frame; without rows if no ruler can be fitted to the texts.
    """
    known = densities.filter(
        pl.col("reference_id").is_in(REFERENCES),
        pl.col("params_basis") == BASIS,
        pl.col("density").is_not_null(),
    )
    texts = of_group(fresh_text, ALL_TEXTS)
    try:
        ruler = fit_ruler(texts, ALL_TEXTS, seed=seed)
    except FitError:
        return BENCHMARK_GAP.empty()
    both = known.join(texts.select("model_id", "bits_per_byte"), on="model_id").sort(
        "reference_id", "score_set", "model_id"
    )
    rows: list[dict[str, Any]] = []
    for (reference, score_set), models in both.group_by(
        "reference_id", "score_set", maintain_order=True
    ):
        key = str(reference), str(score_set)
        text = ruler.ln_effective(models["bits_per_byte"].to_numpy())
        benchmark = _drawn_ln_effective(models, key, direct_laws, laws, seed)
        rows += _rows(models, text[0], benchmark - text[1:])
    if not rows:
        return BENCHMARK_GAP.empty()
    made = pl.DataFrame(rows, infer_schema_length=None)
    return with_told_ends(
        BENCHMARK_GAP, made, "excess_low", "excess_high", of="excess", is_log=True
    )


def _drawn_ln_effective(
    models: pl.DataFrame,
    key: tuple[str, str],
    direct_laws: pl.DataFrame,
    laws: DrawnLaws,
    seed: int,
) -> FloatArray:
    """Logarithm of the effective parameters on the benchmark in every draw, not finite where censored, (K, n)."""
    noise = stream(seed, f"benchmark_gap/{'/'.join(key)}").standard_normal(
        (LINE_DRAWS, models.height)
    )
    scores = np.clip(models["score"].to_numpy() + models["std_error"].to_numpy() * noise, 0, 1)
    with np.errstate(divide="ignore"):
        if law := laws.get(key):
            of = np.arange(LINE_DRAWS) % len(law.coefficients)
            each = type(law)(law.coefficients[of], law.reference_tokens)
            return np.asarray(np.log(each.effective_params(scores)))
        direct = direct_laws_of(direct_laws)[key[0], SCORE_SETS[key[1]]]
        return np.asarray(np.log(direct.effective_params(scores)[0]))


def _rows(models: pl.DataFrame, ln_text: FloatArray, drawn: FloatArray) -> Iterator[dict[str, Any]]:
    """The rows of one reference law and score set.

    Args:
        models: rows of `densities`.
        ln_text: ln of the effective parameters on fresh text, shape (n,).
        drawn: ln of the effective parameters on the benchmark less those on text, of every draw, (K, n).
    """
    gaps = np.log(models["effective_params"].to_numpy()) - ln_text
    drawn = np.where(np.isfinite(drawn), drawn, np.nan)
    for place, model in enumerate(models.iter_rows(named=True)):
        row = {
            name: model[name]
            for name in ("model_id", "family", "release_date", "reference_id", "score_set")
        } | {
            "params_basis": BASIS,
            "benchmark_density": model["density"],
            "text_density": float(np.exp(ln_text[place]) / model["params"]),
            "log_ratio": float(gaps[place]),
        }
        others = np.delete(gaps, place)
        if others.size < FEWEST_OTHERS:
            told = f"other models with both densities: {others.size}, needed: {FEWEST_OTHERS}"
            yield row | {"verdict": "insufficient", "reason": told}
            continue
        usual = float(np.median(others))
        excess = float(gaps[place]) - usual
        ends = _ends(drawn, place)
        if ends is None:
            told = "the reference law inverts the score under too few draws"
            yield row | {"verdict": "insufficient", "reason": told}
            continue
        low, high = min(ends[0], excess), max(ends[1], excess)
        yield row | {
            "median_gap": usual,
            "excess": excess,
            "excess_low": low,
            "excess_high": high,
            "verdict": "ok",
            "finding": TESTS if low > 0 else TEXT if high < 0 else NEITHER,
            "reason": f"compared with the median of {others.size} other models",
        }


def _ends(drawn: FloatArray, place: int) -> tuple[float, float] | None:
    """Central 95 % of one model's excess over the draws that have its gap and those of enough others.

    None if more than `MOST_LOST` of the draws have not.
    """
    others = np.delete(drawn, place, axis=1)
    carried = np.isfinite(drawn[:, place]) & (np.isfinite(others).sum(axis=1) >= FEWEST_OTHERS)
    if carried.mean() < 1 - MOST_LOST:
        return None
    excess = drawn[carried, place] - np.nanmedian(others[carried], axis=1)
    low, high = np.quantile(excess, ENDS)
    return float(low), float(high)
