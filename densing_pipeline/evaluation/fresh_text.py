"""Bits per byte of the measured models on texts written after their release: `fresh_text`.

Not here: measuring the texts (`suite.fresh_text`) and densities.
"""

import polars as pl

from densing_pipeline.evaluation.suite.fresh_text import DOMAINS, FRESH_TEXT
from densing_pipeline.tables import published

ALL = "all"
"""Domain of the plain mean over `DOMAINS`."""

EVALUATION = ["model_id", "revision", "suite_version"]


def fresh_text(eval_items: pl.DataFrame, models: pl.DataFrame) -> pl.DataFrame:
    """Bits per byte of every measured model, month of texts and domain.

    The value of a domain is the ratio of all bits to all bytes of its texts, as lm-eval computes
    `bits_per_byte`. Its standard error is that of a ratio of n texts drawn at random,
    sqrt(n / (n - 1) sum (bits - value x bytes)^2) / sum bytes (Cochran 1977, section 2.11). The mean over the
    domains is there for months of which all are measured.

    Args:
        eval_items: an `eval_items` frame.
        models: a `models` frame, for the release dates; of several revisions the latest counts.

    Returns:
        A `fresh_text` frame.
    """
    items = eval_items.filter(pl.col("benchmark") == FRESH_TEXT.name).with_columns(
        pl.col("subject")
        .str.split_exact("/", 1)
        .struct.rename_fields(["month", "domain"])
        .alias("part"),
        bits=pl.col("bits_per_byte") * pl.col("text_bytes"),
    )
    by = [*EVALUATION, "texts_from", "domain"]
    domains = _ratios(items.unnest("part").with_columns(texts_from=_first_day("month")), by)
    released = models.group_by("model_id").agg(pl.col("release_date").max())
    rows = pl.concat([domains, _means(domains)]).join(released, on="model_id", how="left")
    return published.FRESH_TEXT.cast(
        rows.with_columns(is_after_release=pl.col("texts_from") > pl.col("release_date"))
    )


def _first_day(month: str) -> pl.Expr:
    return pl.format("{}-01", month).str.to_date("%Y-%m-%d")


def _ratios(items: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Ratio of bits to bytes and its standard error; null for a single text."""
    measured = pl.col("bits").is_not_null()
    sums = items.group_by(by).agg(
        pl.col("bits").sum(),
        n_bytes=pl.col("text_bytes").filter(measured).sum(),
        n_texts=measured.sum(),
        n_texts_failed=measured.not_().sum(),
    )
    sums = sums.filter(pl.col("n_bytes") > 0).with_columns(
        bits_per_byte=pl.col("bits") / pl.col("n_bytes")
    )
    residual = pl.col("bits") - pl.col("bits_per_byte") * pl.col("text_bytes")
    squares = (
        items.drop("bits_per_byte")
        .join(sums.select(*by, "bits_per_byte"), on=by)
        .group_by(by)
        .agg(squares=residual.pow(2).sum())
    )
    n = pl.col("n_texts").cast(pl.Float64)
    error = (n / (n - 1) * pl.col("squares")).sqrt() / pl.col("n_bytes")
    return sums.join(squares, on=by).select(
        *by,
        "bits_per_byte",
        "n_texts",
        "n_texts_failed",
        "n_bytes",
        bits_per_byte_error=pl.when(n > 1).then(error),
    )


def _means(domains: pl.DataFrame) -> pl.DataFrame:
    """Plain mean over the domains, for evaluations that have all of them; their errors are independent."""
    n = len(DOMAINS)
    return (
        domains.filter(pl.col("domain").is_in(DOMAINS))
        .group_by(*EVALUATION, "texts_from")
        .agg(
            pl.col("bits_per_byte").mean(),
            pl.col("n_texts", "n_texts_failed", "n_bytes").sum(),
            bits_per_byte_error=pl.when(pl.col("bits_per_byte_error").null_count() == 0).then(
                pl.col("bits_per_byte_error").pow(2).sum().sqrt() / n
            ),
            measured=pl.len(),
        )
        .filter(pl.col("measured") == n)
        .with_columns(domain=pl.lit(ALL))
        .select(domains.columns)
    )
