"""The parameter counts by which effective parameters can be divided.

Not here: the sources of a model's counts (`hub`, `facts`).
"""

import polars as pl

PARAMS_BASES = ("nonembedding", "total", "active", "inference_time")

COMPUTE_OVER_MEMORY = 2.45
"""k2 / k1: time of the arithmetic over time of reading the weights, per parameter.

From the paper's numbers (NMI Methods): 100 input tokens at 2 FLOP each over 82.58 TFLOPS, against
one byte over 1.01 TB/s. The paper prints the inverse ratio (k1 = 2.45 k2); its own numbers and its
densities of quantised models imply k2 = 2.45 k1.
"""

FULL_BITS = 16

SEVERAL_PASSES = ("looped", "diffusion")
"""Constructions that read and compute with their parameters several times per token."""


def params_bases(models: pl.DataFrame) -> pl.DataFrame:
    """All known parameter counts of all models.

    `inference_time` is the dense, unquantised model of the same inference time (NMI Methods):
    (N_total k1 + N_active k2) / (k1 + k2) for a mixture of experts, and N with k1 reduced in
    proportion to the bits per weight (k1 / 4 at 4 bits) for a quantised model; for any other model
    it is N. Models that run their parameters several times per token (`SEVERAL_PASSES`) have no count on this basis,
    because the number of passes is not recorded. N is the non-embedding count where that is known and the total otherwise; the same
    embeddings are subtracted from active parameters.

    Args:
        models: a `models` frame. Of several revisions of one model the bundled one is used, else
            the first released.

    Returns:
        One row per model x basis with a known count, sorted: model_id, family, release_date, weights,
        construction, params_basis, params (float). Models of low confidence are left out.
    """
    trusted = pl.col("source_confidence").fill_null("high") != "low"
    counts = _one_row_each(models.filter(trusted)).with_columns(
        n_total=pl.coalesce("params_nonembedding", "params_total").cast(pl.Float64),
        n_active=_active().cast(pl.Float64),
        bits=_bits(),
    )
    memory = pl.col("n_total") * pl.col("bits") / FULL_BITS
    return (
        counts.select(
            "model_id",
            "family",
            "release_date",
            "weights",
            "construction",
            nonembedding=pl.col("params_nonembedding").cast(pl.Float64),
            total=pl.col("params_total").cast(pl.Float64),
            active=pl.when(pl.col("params_total").is_not_null())
            .then(pl.col("params_active"))
            .cast(pl.Float64),
            inference_time=pl.when(
                ~pl.col("construction").is_in(SEVERAL_PASSES).fill_null(value=False)
            ).then((memory + pl.col("n_active") * COMPUTE_OVER_MEMORY) / (1 + COMPUTE_OVER_MEMORY)),
        )
        .unpivot(
            PARAMS_BASES,
            index=["model_id", "family", "release_date", "weights", "construction"],
            variable_name="params_basis",
            value_name="params",
        )
        .filter(pl.col("params") > 0)
        .sort("model_id", "params_basis")
    )


def _one_row_each(models: pl.DataFrame) -> pl.DataFrame:
    return models.sort(
        "model_id", pl.col("revision").is_not_null(), "release_date", "revision"
    ).unique("model_id", keep="first", maintain_order=True)


def _active() -> pl.Expr:
    """Parameters used per token, counted like n_total; null for an MoE that does not state them.

    A model without a total is one of the paper's figure, whose counts all leave out embeddings.
    """
    embeddings = (pl.col("params_total") - pl.col("params_nonembedding")).fill_null(0)
    return (
        pl.when(~pl.col("is_moe"))
        .then(pl.coalesce("params_nonembedding", "params_total"))
        .when(pl.col("params_nonembedding").is_not_null())
        .then(pl.col("params_active") - embeddings)
        .otherwise(pl.col("params_active"))
    )


def _bits() -> pl.Expr:
    """Bits per weight: 16 unless quantised; null if the name of the format does not state them."""
    stated = pl.col("quantisation").str.extract(r"(\d+)-?bit").cast(pl.Float64)
    return (
        pl.when(pl.col("quantisation").is_null()).then(pl.lit(float(FULL_BITS))).otherwise(stated)
    )
