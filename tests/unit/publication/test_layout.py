"""A large table lies in its file by day; a small one as it always did."""

import hashlib
import random
from datetime import date, timedelta

import polars as pl
import pyarrow.parquet as pq
import pytest

from densing_pipeline.publication import layout

FIRST = date(2025, 1, 1)
DAYS, MODELS = 40, 30


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(layout, "GROUP_ROWS", 100)
    monkeypatch.setattr(layout, "AT_ONCE", 250)


@pytest.fixture
def prices():
    """A price of each model on each day, by model."""
    return pl.DataFrame(
        {
            "model": [f"model-{n:02}" for n in range(MODELS) for _ in range(DAYS)],
            "observed_from": [
                FIRST + timedelta(days=n) for _ in range(MODELS) for n in range(DAYS)
            ],
            "usd": [random.Random(n).random() for n in range(MODELS * DAYS)],  # noqa: S311
        }
    )


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_day_lies_in_one_or_two_groups_which_their_statistics_tell(prices, tmp_path):
    layout.write(prices, tmp_path / "prices.parquet")
    metadata = pq.ParquetFile(tmp_path / "prices.parquet").metadata
    groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [100] * 12
    ranges = [(one.column(1).statistics.min, one.column(1).statistics.max) for one in groups]
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        assert 1 <= sum(low <= day <= high for low, high in ranges) <= 2


def test_no_row_is_lost_and_within_a_day_the_order_of_the_key_stays(prices, tmp_path):
    layout.write(prices, tmp_path / "prices.parquet")
    written = pl.read_parquet(tmp_path / "prices.parquet")
    assert written.equals(prices.sort("observed_from", "model"))


def test_a_table_on_disk_gives_the_same_bytes_as_one_in_memory(prices, tmp_path):
    prices.write_parquet(tmp_path / "stored.parquet")
    layout.write(prices, tmp_path / "a.parquet")
    layout.write(pl.scan_parquet(tmp_path / "stored.parquet"), tmp_path / "b.parquet")
    assert sha256(tmp_path / "a.parquet") == sha256(tmp_path / "b.parquet")


def test_a_small_table_one_without_days_and_one_with_unknown_days_stay_as_they_are(
    prices, tmp_path
):
    unknown = prices.with_columns(observed_from=pl.when(pl.col("usd") < 0.5).then("observed_from"))
    for frame in (prices.head(100), prices.drop("observed_from"), unknown):
        layout.write(frame, tmp_path / "ours.parquet")
        frame.write_parquet(tmp_path / "plain.parquet", compression="zstd", statistics=True)
        assert sha256(tmp_path / "ours.parquet") == sha256(tmp_path / "plain.parquet")
    layout.write(prices.head(101), tmp_path / "ours.parquet")
    assert pq.ParquetFile(tmp_path / "ours.parquet").metadata.num_row_groups == 2
