"""Children beside their parents."""

import math

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.compression import compression
from densing_pipeline.density.drawn_law import COEFFICIENTS, DrawnLaw
from densing_pipeline.density.reference_laws import laws_of
from densing_pipeline.tables.published import COMPRESSION, DIRECT_LAWS, REFERENCE_LAWS

SERIES = {"reference_id": "nmi-2025", "score_set": "mmlu", "params_basis": "total"}
LAWS = REFERENCE_LAWS.cast(
    facts.load("reference_coefficients")
    .filter(pl.col("reference_id") == "nmi-2025", pl.col("benchmark") == "MMLU")
    .with_columns(
        fit=pl.lit("published"),
        **dict.fromkeys(("loss_sse", "score_sse", "n_points", "n_minima")),
    )
)
LAW = laws_of(LAWS)["nmi-2025", "MMLU"]


def drawn(alphas) -> dict:
    """Draws of the law that differ in their exponent."""
    row = LAWS.row(0, named=True)
    coefficients = np.array([[row[name] for name in COEFFICIENTS]] * len(alphas))
    coefficients[:, 1] = alphas
    return {("nmi-2025", "mmlu"): DrawnLaw(coefficients, row["reference_tokens"])}


def densities(std_error=0.004, **sizes_and_scores):
    """Densities by model: (parameters, score), or None where the score is censored."""
    rows = []
    for name, value in sizes_and_scores.items():
        params, score = value or (1e9, 0.25)
        effective = float(LAW.effective_params(np.array([score]))[0][0])
        rows.append(
            SERIES
            | {
                "model_id": name,
                "params": params,
                "score": score,
                "std_error": std_error,
                "density": effective / params if value else None,
                "censored": "none" if value else "low",
            }
        )
    return pl.DataFrame(rows, schema_overrides={"density": pl.Float64})


def models(*rows):
    columns = ("model_id", "parent_id", "relation", "source")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def pairs(*rows):
    columns = ("parent_id", "child_id", "method", "source")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


CHILD = models(("small", "large", "distilled", "a report"))


def compared(dense, related=CHILD, known=None, laws=None):
    return COMPRESSION.validate(
        compression(
            dense, related, known if known is not None else pairs(), LAWS, DIRECT_LAWS.empty(),
            laws or {}, seed=0,
        )
    )  # fmt: skip


def test_the_log_ratio_is_that_of_child_to_parent():
    row = compared(densities(large=(4e9, 0.6), small=(2e9, 0.6))).row(0, named=True)
    assert (row["parent_id"], row["child_id"], row["method"]) == ("large", "small", "distilled")
    assert row["log_ratio"] == pytest.approx(math.log(2))
    assert row["low"] < math.log(2) < row["high"]


def test_an_error_of_the_law_that_parent_and_child_share_cancels_at_equal_scores():
    """The same score under any law is the same size: only the scores' own errors are left."""
    laws = drawn(np.linspace(0.09, 0.13, 200))
    same = densities(std_error=0.0, large=(4e9, 0.6), small=(2e9, 0.6))
    row = compared(same, laws=laws).row(0, named=True)
    assert row["high"] - row["low"] < 1e-9
    assert row["finding"] == "denser"


def test_the_error_of_the_law_widens_the_ratio_of_different_scores():
    dense = densities(large=(4e9, 0.7), small=(2e9, 0.5))
    known, uncertain = (
        compared(dense, laws=laws).row(0, named=True)
        for laws in ({}, drawn(np.linspace(0.07, 0.15, 200)))
    )
    assert uncertain["high"] - uncertain["low"] > 1.5 * (known["high"] - known["low"])
    assert uncertain["low"] < uncertain["log_ratio"] < uncertain["high"]


def test_two_models_whose_interval_holds_one_are_not_told_apart():
    row = compared(densities(std_error=0.02, large=(2e9, 0.6), small=(2e9, 0.601))).row(
        0, named=True
    )
    assert row["low"] < 0 < row["high"]
    assert row["finding"] == "not told apart"


def test_a_score_near_the_ceiling_leaves_the_ratio_open_above():
    row = compared(densities(std_error=0.05, large=(4e9, 0.6), small=(2e9, 0.93))).row(
        0, named=True
    )
    assert row["high"] is None
    assert row["low"] is not None


def test_censored_densities_and_unknown_parents_make_no_row():
    assert compared(densities(large=None, small=(2e9, 0.6))).is_empty()
    assert compared(densities(small=(2e9, 0.6))).is_empty()


def test_a_finetune_is_no_compression_and_a_bundled_pair_decides_the_method():
    both = densities(large=(4e9, 0.6), small=(2e9, 0.6))
    finetuned = models(("small", "large", "finetune", "the Hub"))
    assert compared(both, finetuned).is_empty()
    found = compared(both, known=pairs(("large", "small", "pruned", "another report")))
    assert found["method"].to_list() == ["pruned"]
