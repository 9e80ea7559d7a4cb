"""Benchmarks of storage: validating and writing a large table, and reading one day of a larger one."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from benchmarks.measure import Measurement, Row, compare, own_peak_mb, row
from densing_pipeline.publication import layout
from densing_pipeline.tables.published import DENSITIES, PRICES
from densing_pipeline.tables.storage import write_parquet

ROWS = 200_000
PRICE_ROWS = 5_000_000
PRICE_DAYS = 1_200
DAY = date(2024, 5, 17)
ANSWER = ("provider", "model", "input_usd_per_mtok", "output_usd_per_mtok", "observed_from")
"""Columns that the question about one day reads."""


def benchmarks() -> Iterator[Row]:
    """200,000 densities written, against pandas and its parquet writer; a day of 5,000,000 prices read."""
    frame = _densities()
    as_pandas = frame.to_pandas()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "densities.parquet"
        yield row(
            "publication.write_table",
            f"{ROWS:,} densities cast, validated against their schema, written atomically",
            lambda: write_parquet(DENSITIES.validate(DENSITIES.cast(frame)), path),
            lambda: as_pandas.sort_values(list(DENSITIES.key)).to_parquet(path),
            "pandas sort_values + to_parquet (no validation)",
        )
    yield Row("publication.read_day", _read_day)


def _read_day() -> Measurement:
    """One day of five million prices read by DuckDB; the memory is that of writing them as a release has them."""
    with TemporaryDirectory() as folder:
        stored, published = Path(folder) / "stored.parquet", Path(folder) / "published.parquet"
        _prices().sink_parquet(stored, row_group_size=layout.GROUP_ROWS)
        command = [sys.executable, "-m", "benchmarks.publication", str(stored), str(published)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        touched, needed = _touched(published), _needed(published)
        return compare(
            "publication.read_day",
            f"one day of {PRICE_ROWS:,} prices read by DuckDB from the file of a release, "
            f"{touched / 1e6:.2f} MB touched, {touched / needed:.2f} times its columns and row groups; the memory is that of "
            "writing it",
            lambda: duckdb.sql(_question(str(published))).fetchall(),
            lambda: duckdb.sql(_question(str(stored))).fetchall(),
            "the same from a file in the order of the key",
            peak=lambda: float(done.stdout),
        )


def _question(path: str) -> str:
    return f"select {', '.join(ANSWER)} from '{path}' where observed_from = date '{DAY}'"  # noqa: S608


def _touched(path: Path) -> int:
    """Bytes that DuckDB reads of a file to answer, its footer included."""
    read = 0

    class Counting(LocalFileSystem):  # type: ignore[misc]
        protocol = "counted"

        def _open(self, *given: Any, **named: Any) -> Any:
            file = super()._open(*given, **named)
            plain = file.read

            def counted(length: int = -1) -> bytes:
                nonlocal read
                content: bytes = plain(length)
                read += len(content)
                return content

            return _Reading(file, counted)

    with duckdb.connect() as connection:
        connection.register_filesystem(Counting())
        connection.sql(_question(f"counted://{path}")).fetchall()
    return read


class _Reading:
    """A file whose `read` is another function."""

    def __init__(self, file: Any, read: Any) -> None:
        self._file, self.read = file, read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _needed(path: Path) -> int:
    """Bytes of the columns of the answer in the row groups that may hold the day."""
    metadata, needed = pq.ParquetFile(path).metadata, 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = {
            chunk.path_in_schema: chunk for chunk in map(group.column, range(group.num_columns))
        }
        days = columns[layout.DAY].statistics
        if days.min <= DAY <= days.max:
            needed += sum(columns[name].total_compressed_size for name in ANSWER)
    return needed


def _prices() -> pl.LazyFrame:
    """Prices of 4,000 models on 1,200 days, in the order of their key."""
    number = pl.int_range(PRICE_ROWS, dtype=pl.Int64)
    models = 4_000
    each = PRICE_ROWS // models
    model, seen = number // each, number % each * PRICE_DAYS // each
    day = pl.lit(date(2023, 1, 1)) + pl.duration(days=seen)
    rng = np.random.default_rng(0)
    prices = pl.LazyFrame({"input_usd_per_mtok": rng.integers(1, 4_000, PRICE_ROWS) / 100})
    rows = prices.with_columns(
        source=pl.lit("openrouter"),
        provider=pl.format("provider-{}", model // 66),
        model=pl.format("maker-{}/model-{}", model // 66, model),
        offer=pl.lit("standard"),
        output_usd_per_mtok=3 * pl.col("input_usd_per_mtok"),
        context_over_tokens=pl.lit(0, pl.Int64),
        currency=pl.lit("USD"),
        valid_from=day,
        observed_from=day,
        basis=pl.lit("first_observed"),
        snapshot_sha256=pl.format("{}{}", seen.cast(pl.String).str.zfill(8), pl.lit("a" * 56)),
        source_url=pl.lit("https://openrouter.ai/api/v1/models"),
    )
    absent = set(PRICES.names) - set(rows.collect_schema().names())
    return rows.with_columns(
        **{name: pl.lit(None, PRICES.polars_schema[name]) for name in absent}
    ).select(pl.col(name).cast(PRICES.polars_schema[name]) for name in PRICES.names)


def _densities() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    density = rng.lognormal(size=ROWS)
    return pl.DataFrame(
        {
            "model_id": [f"org/model-{i}" for i in range(ROWS)],
            "family": "family",
            "release_date": date(2025, 1, 1),
            "reference_id": "nmi-2025",
            "score_set": "average",
            "params_basis": "nonembedding",
            "params": rng.lognormal(22, 1, ROWS),
            "score": rng.uniform(0.2, 0.9, ROWS),
            "effective_params": density * 1e9,
            "density": density,
            "density_low": density * 0.9,
            "density_high": density * 1.1,
            "censored": "none",
            "is_record": rng.uniform(size=ROWS) < 0.1,
        }
    )


def main(stored: str, published: str) -> None:
    """Write a stored table as a release has it, and print the peak resident size in MB."""
    layout.write(pl.scan_parquet(stored), Path(published))
    sys.stdout.write(f"{own_peak_mb():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
