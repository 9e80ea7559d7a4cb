"""Does making a model smaller make it denser? `compression`: parents and children side by side.

Not here: the densities themselves (`densities`), and who descends from whom (`models`,
`facts/compression_pairs.csv`).
"""

import polars as pl

from densing_pipeline.tables.published import COMPRESSION

METHODS = ("pruned", "distilled", "quantised")
"""Relations of a model to its parent that are a kind of compression."""

SERIES = ["reference_id", "score_set", "params_basis"]


def compression(densities: pl.DataFrame, models: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Density of each child over that of its parent, wherever both are known.

    `log_ratio` is ln(child / parent). Its interval combines the two density intervals as if they
    were independent (each side the root of the sum of squares of the two distances, Donner and Zou
    2012). Parent and child answer the same questions, so the true interval is rather narrower; the
    error of the reference law itself is not in it.

    Args:
        densities: a `densities` frame.
        models: a `models` frame, one row per model; its relations give pairs.
        pairs: the fact table `compression_pairs`; it decides where both name a pair.

    Returns:
        A `compression` frame; censored densities make no row.
    """
    related = models.filter(
        pl.col("relation").is_in(METHODS), pl.col("parent_id").is_not_null()
    ).select("parent_id", "source", child_id="model_id", method="relation")
    all_pairs = pl.concat([pairs.select(related.columns), related], how="vertical").unique(
        ["parent_id", "child_id"], keep="first", maintain_order=True
    )
    known = densities.filter(pl.col("censored") == "none").select(
        "model_id", *SERIES, "density", low=pl.col("density_low"), high=pl.col("density_high")
    )
    joined = all_pairs.join(_of("parent", known), on="parent_id").join(
        _of("child", known), on=["child_id", *SERIES]
    )
    ratio = (pl.col("child_density") / pl.col("parent_density")).log()
    return COMPRESSION.cast(
        joined.select(
            "parent_id",
            "child_id",
            "method",
            *SERIES,
            "parent_density",
            "child_density",
            "source",
            log_ratio=ratio,
            low=ratio - _distance("child_density", "child_low", "parent_density", "parent_high"),
            high=ratio + _distance("child_density", "child_high", "parent_density", "parent_low"),
        )
    )


def _of(role: str, known: pl.DataFrame) -> pl.DataFrame:
    return known.rename(
        {
            "model_id": f"{role}_id",
            "density": f"{role}_density",
            "low": f"{role}_low",
            "high": f"{role}_high",
        }
    )


def _distance(child: str, child_end: str, parent: str, parent_end: str) -> pl.Expr:
    """How far the end of a log ratio's interval is from the ratio; null if unbounded."""
    ends = [
        pl.when(pl.col(end) > 0).then((pl.col(end) / pl.col(value)).log())
        for value, end in ((child, child_end), (parent, parent_end))
    ]
    return (ends[0].pow(2) + ends[1].pow(2)).sqrt()
