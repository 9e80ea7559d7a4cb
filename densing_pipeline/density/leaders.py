"""The table `leaders`: the densest models of the quoted series, with the probability that each is the densest.

Not here: densities and their intervals (`densities`).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from densing_pipeline.density.densities import SERIES
from densing_pipeline.density.drawn_law import DrawnLaw, drawn_laws
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import LEADERS
from densing_pipeline.tables.width import width_of

SHOWN_LEADERS = 20
"""Models of a series that the table has."""

RIVALS = 100
"""Densest models of a series that can come first in a draw."""


def leaders(
    densities: pl.DataFrame,
    models: pl.DataFrame,
    reference_laws: pl.DataFrame,
    law_draws: pl.DataFrame,
    series: Sequence[tuple[str, str, str]],
    *,
    seed: int,
) -> pl.DataFrame:
    """The densest models of each series.

    Each draw has a score of every model, with normal noise of its standard error, and one draw of the law
    for all of them; `p_first` is the share of the draws in which a model is the densest. Models that are beyond what
    the law reaches in the same draw share it.

    Args:
        densities: a `densities` frame.
        models: a `models` frame.
        reference_laws: a `reference_laws` frame.
        law_draws: a `reference_law_draws` frame.
        series: reference law, score set and parameter basis of each series.
        seed: seed of the noise of the scores.

    Returns:
        A `leaders` frame.
    """
    drawn = drawn_laws(reference_laws, law_draws)
    ids = models.select("model_id", "canonical_id").unique("model_id", keep="first")
    found = [LEADERS.empty()]
    for one in series:
        reference_id, score_set, _ = one
        rows = (
            densities.filter(
                *(pl.col(name) == value for name, value in zip(SERIES, one, strict=True)),
                pl.col("density").is_not_null(),
            )
            .sort("density", "model_id", descending=[True, False])
            .head(RIVALS)
        )
        if rows.is_empty():
            continue
        law = drawn.get((reference_id, score_set))
        first = None if law is None else _first(rows, law, seed, "/".join(one))
        ends = [
            pl.when(pl.col(f"density_{end}").is_null()).then(
                pl.lit(
                    f"the {end} end of the interval is open: the law does not bound the density there"
                )
            )
            for end in ("low", "high")
        ]
        no_name = pl.when(pl.col("canonical_id").is_null()).then(
            pl.lit("no repository of its own is known")
        )
        no_weights = pl.when(pl.col("weights").is_null()).then(
            pl.lit("whether its weights are published is not stated")
        )
        unknown = pl.lit(
            "the law has no draws, so who is first is not known" if first is None else None
        )
        found.append(
            LEADERS.cast(
                rows.with_columns(
                    rank=pl.int_range(1, pl.len() + 1),
                    p_first=pl.Series(first, dtype=pl.Float64)
                    if first is not None
                    else pl.lit(None),
                )
                .head(SHOWN_LEADERS)
                .join(ids, on="model_id", how="left", maintain_order="left")
                .with_columns(
                    reason=pl.concat_str(
                        [unknown, *ends, no_name, no_weights], separator="; ", ignore_nulls=True
                    ).replace("", None),
                    width=width_of("density_low", "density_high", pl.col("density").is_not_null()),
                )
                .select(LEADERS.names)
            )
        )
    return LEADERS.cast(pl.concat(found))


def _first(rows: pl.DataFrame, law: DrawnLaw, seed: int, name: str) -> FloatArray:
    """The share of draws in which each model is the densest, shape (n,)."""
    score, error, params = (rows[column].to_numpy() for column in ("score", "std_error", "params"))
    rng = stream(seed, f"leaders {name}")
    noise = rng.standard_normal((len(law.coefficients), score.size))
    density = law.effective_params(np.clip(score + error * noise, 0, 1)) / params
    is_first = density == density.max(axis=1, keepdims=True)
    return np.asarray((is_first / is_first.sum(axis=1, keepdims=True)).mean(axis=0))
