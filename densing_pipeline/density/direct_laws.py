"""Direct laws fitted to the sizes of one model family, trained on the same data.

Within such a family size is the only difference, so a line of its scores against ln N is a
reference law that needs no losses and no reference runs.

Not here: the line itself (`direct_law`).
"""

from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.direct_law import DirectLaw, direct_row, fit_direct, ladder_one_step
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.score_sets import CHANCE_ERRORS, SCORE_SETS, score_sets
from densing_pipeline.paper import NMI_PREFIX
from densing_pipeline.tables.published import DIRECT_LAWS

SIZE_IN_NAME = r"^(.*?)[-_ ]?v?\d+(?:[._]\d+)?[bBmM](?:\b|_|$)"
"""Pattern of model names; the part before the size is the model line: Qwen/Qwen2.5 of
Qwen/Qwen2.5-7B."""

FEWEST_FAMILY_SIZES = 5
LEAST_RANGE = 10.0
"""Smallest ratio of parameters between the largest and the smallest member."""


def direct_laws(models: pl.DataFrame, scores: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Every direct law: that of the OLMo ladder, and one of a model family per benchmark.

    The family of a benchmark is the line of dense base models with the most sizes (by name among
    equals) of those with one number of training tokens, at least five sizes over a factor of ten,
    all above guessing by three standard errors. `largest_out_error` is the error of the score
    predicted for the largest member without it.

    Args:
        models: a `models` frame.
        scores: a `scores` frame.
        points: a `reference_points` frame.

    Returns:
        A `direct_laws` frame.
    """
    rows = [ladder_one_step(points)]
    scored = score_sets(scores).filter(~pl.col("model_id").str.starts_with(NMI_PREFIX))
    members = scored.join(_members(models), on="model_id")
    for score_set, benchmark in SCORE_SETS.items():
        rows.append(_ruler(members.filter(pl.col("score_set") == score_set), benchmark))
    known = [row for row in rows if row]
    return (
        DIRECT_LAWS.cast(pl.DataFrame(known, infer_schema_length=None))
        if known
        else DIRECT_LAWS.empty()
    )


def direct_laws_of(frame: pl.DataFrame) -> dict[tuple[str, str], DirectLaw]:
    """The laws of a `direct_laws` frame by (reference, benchmark)."""
    return {
        (row["reference_id"], row["benchmark"]): DirectLaw.from_row(row)
        for row in frame.iter_rows(named=True)
    }


def _members(models: pl.DataFrame) -> pl.DataFrame:
    """Dense, unquantised base models with known N and D, and the model line in their names."""
    return (
        models.filter(
            ~pl.col("is_moe"),
            pl.col("is_base"),
            pl.col("quantisation").is_null(),
            pl.col("params_nonembedding").is_not_null(),
            pl.col("train_tokens").is_not_null(),
        )
        .sort("model_id", "revision")
        .unique("model_id", keep="first", maintain_order=True)
        .select(
            "model_id",
            pl.col("params_nonembedding").cast(pl.Float64).alias("params"),
            "train_tokens",
            line=pl.col("model_id").str.extract(SIZE_IN_NAME, 1),
        )
        .drop_nulls("line")
    )


def _ruler(members: pl.DataFrame, benchmark: str) -> dict[str, Any] | None:
    """The family law of one benchmark; None if no model line has enough sizes."""
    usable = members.filter(
        pl.col("score") > pl.col("chance") + CHANCE_ERRORS * pl.col("item_std_error"),
        pl.col("score") < 1,
    )
    lines = (
        usable.group_by("line", "train_tokens", "chance")
        .agg(pl.col("params").n_unique().alias("sizes"), pl.col("params"), pl.col("score"))
        .filter(
            pl.col("sizes") >= FEWEST_FAMILY_SIZES,
            pl.col("params").list.max() >= LEAST_RANGE * pl.col("params").list.min(),
        )
        .sort("sizes", "line", descending=[True, False])
    )
    for line in lines.iter_rows(named=True):
        params, score = np.array(line["params"]), np.array(line["score"])
        floor, largest = line["chance"], np.array(line["params"]) == max(line["params"])
        try:
            without = fit_direct(params[~largest], score[~largest], floor)
            intercept, slope = fit_direct(params, score, floor)
        except FitError:
            continue
        short = DirectLaw(floor, without[0], without[1], 0.0, np.inf)
        error = np.sqrt(np.mean((short.score(params[largest]) - score[largest]) ** 2))
        name = line["line"].split("/")[-1].lower()
        return direct_row(
            f"family-{name}", benchmark, floor, intercept, slope, params, float(error)
        ) | {
            "law_kind": "family",
            "reference_tokens": float(line["train_tokens"]),
            "source": f"fitted on {params.size} sizes of {line['line']}, all trained on "
            f"{line['train_tokens'] / 1e12:g}T tokens; error at the largest",
        }  # fmt: skip
    return None
