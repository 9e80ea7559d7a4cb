"""A stranger's bytes cost their own record and nothing else."""

import io

import polars as pl
import pytest

from densing_pipeline.hub import records

RECORD = {"id": "lab/model", "createdAt": "2026-01-01T00:00:00.000Z", "siblings": []}


@pytest.mark.parametrize(
    "record",
    [
        RECORD | {"cardData": {"license": "\ud800"}},
        RECORD | {"config": {"architectures": ["\ud800ForCausalLM"]}},
        RECORD | {"id": "\ud800/model"},
        RECORD | {"tags": ["base_model:\ud800"], "sha": "\ud800"},
    ],
)
def test_a_lone_surrogate_fits_into_a_table(record):
    row = records.read(record)
    stored = io.BytesIO()
    pl.DataFrame([row], schema=records.REMEMBERED).write_parquet(stored)
    assert pl.read_parquet(stored.getvalue()).height == 1


def test_a_page_nested_beyond_reason_is_refused_as_a_page():
    with pytest.raises(ValueError, match="nested"):
        records.page_records(b"[" * 200_000)
