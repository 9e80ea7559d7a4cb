"""The short tables of the page say what price_now and smallest_model say."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.publication.report.listings import listings, prices_now, smallest_models
from densing_pipeline.tables.published import PUBLISHED

OFFER = {
    "level": "gpt-4", "level_scale": "MMLU", "usd_per_mtok": 0.06, "provider": "a seller", "model": "x/m",
    "canonical_id": "org/M", "since": date(2026, 10, 19), "since_earliest": date(2026, 8, 5),
    "record_usd_per_mtok": 0.06, "record_date": date(2026, 10, 19), "above_record": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({}, ("gpt-4", "6 c", "org/M", "a seller", "2026-08-05 to 2026-10-19", "this one")),
        ({"canonical_id": None, "since_earliest": date(2026, 10, 19)},
         ("gpt-4", "6 c", "x/m", "a seller", "2026-10-19", "this one")),
        ({"above_record": 2.0, "record_usd_per_mtok": 0.03},
         ("gpt-4", "6 c", "org/M", "a seller", "2026-08-05 to 2026-10-19", "3 c on 2026-10-19")),
        ({"usd_per_mtok": None, "record_usd_per_mtok": None}, ("gpt-4", "not on offer", "", "", "", "")),
    ],
)  # fmt: skip
def test_a_level_has_its_cheapest_offer_and_the_lowest_price_so_far(tables, changed, row):
    offers = tables["price_now"].with_columns(
        **{name: pl.lit(value, PUBLISHED["price_now"].polars_schema[name]) for name, value in (OFFER | changed).items()}
    )  # fmt: skip
    assert prices_now(offers).rows == (row,)
    assert prices_now(offers.with_columns(level_scale=pl.lit("ECI"))).rows == ()


@pytest.mark.parametrize(
    ("half", "said"),
    [
        ((date(2026, 5, 10), date(2026, 1, 30), date(2027, 1, 8)), "2026-05 (2026-01 to 2027-01)"),
        ((date(2026, 5, 10), date(2026, 1, 30), None), "2026-05"),
        ((None, None, None), ""),
    ],
)
def test_a_score_has_its_smallest_model_its_memory_and_when_half_may_do(tables, half, said):
    model = {
        "benchmark": "MMLU", "level_score": 0.7, "params_basis": "active", "model_id": "org/M", "params": 2.67e9,
        "release_date": date(2025, 10, 29), "memory_gib_16_bit": 4.97, "memory_gib_4_bit": None,
    }  # fmt: skip
    model |= dict(zip(("half_on", "half_earliest", "half_latest"), half, strict=True))
    schema = PUBLISHED["smallest_model"].polars_schema
    row = tables["smallest_model"].with_columns(
        **{name: pl.lit(value, schema[name]) for name, value in model.items()}
    )
    assert smallest_models(row).rows == (
        ("MMLU 70 %", "active", "org/M", "2.7", "5", "", "2025-10-29", said),
    )


def test_a_release_without_rows_has_no_short_table():
    assert (
        listings({name: PUBLISHED[name].empty() for name in ("price_now", "smallest_model")}) == {}
    )
