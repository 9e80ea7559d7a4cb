"""Children beside their parents."""

import math

import polars as pl
import pytest

from densing_pipeline.density.compression import compression
from densing_pipeline.tables.published import COMPRESSION

SERIES = {"reference_id": "law", "score_set": "mmlu", "params_basis": "total"}


def densities(**values):
    """Densities by model: (density, low, high), or None where the score is censored."""
    return pl.DataFrame(
        [
            SERIES
            | {
                "model_id": name,
                "density": value and value[0],
                "density_low": value and value[1],
                "density_high": value and value[2],
                "censored": "none" if value else "low",
            }
            for name, value in values.items()
        ],
        schema_overrides=dict.fromkeys(("density", "density_low", "density_high"), pl.Float64),
    )


def models(*rows):
    columns = ("model_id", "parent_id", "relation", "source")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def pairs(*rows):
    columns = ("parent_id", "child_id", "method", "source")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


CHILD = models(("small", "large", "distilled", "a report"))


def test_the_log_ratio_is_that_of_child_to_parent():
    found = compression(densities(large=(1.0, 0.5, 2.0), small=(2.0, 1.0, 4.0)), CHILD, pairs())
    row = COMPRESSION.validate(found).row(0, named=True)
    assert (row["parent_id"], row["child_id"], row["method"]) == ("large", "small", "distilled")
    assert row["log_ratio"] == pytest.approx(math.log(2))
    half_width = math.sqrt(2) * math.log(2)
    assert row["low"] == pytest.approx(math.log(2) - half_width)
    assert row["high"] == pytest.approx(math.log(2) + half_width)


def test_an_open_end_of_a_density_leaves_the_ratio_open_there():
    row = compression(densities(large=(1.0, 0.5, 2.0), small=(2.0, 1.0, None)), CHILD, pairs()).row(
        0, named=True
    )
    assert row["high"] is None
    assert row["low"] is not None


def test_censored_densities_and_unknown_parents_make_no_row():
    assert compression(densities(large=None, small=(1.0, 0.5, 2.0)), CHILD, pairs()).is_empty()
    assert compression(densities(small=(1.0, 0.5, 2.0)), CHILD, pairs()).is_empty()


def test_a_finetune_is_no_compression_and_a_bundled_pair_decides_the_method():
    both = densities(large=(1.0, 0.5, 2.0), small=(2.0, 1.0, 4.0))
    finetuned = models(("small", "large", "finetune", "the Hub"))
    assert compression(both, finetuned, pairs()).is_empty()
    found = compression(both, CHILD, pairs(("large", "small", "pruned", "another report")))
    assert found["method"].to_list() == ["pruned"]
