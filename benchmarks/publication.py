"""Benchmarks of storage: a large table validated and written, a larger one published, and one day of it read."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from benchmarks.measure import Measurement, Row, compare, measured, own_peak_mb, row
from densing_pipeline import facts
from densing_pipeline.publication import layout
from densing_pipeline.publication.datapackage import provenance
from densing_pipeline.publication.release import nothing_published, publish
from densing_pipeline.publication.revisions import revisions
from densing_pipeline.publication.stored_tables import StoredTables
from densing_pipeline.settings import read_settings
from densing_pipeline.tables.published import DENSITIES, PRICES, PUBLISHED
from densing_pipeline.tables.storage import write_parquet

ROWS = 200_000
PRICE_ROWS = 5_000_000
PRICED_MODELS = 4_000
DAY = date(2024, 5, 17)
ANSWER = ("provider", "model", "input_usd_per_mtok", "output_usd_per_mtok", "observed_from")
"""Columns that the question about one day reads."""


def benchmarks() -> Iterator[Row]:
    """200,000 densities written, against pandas and its parquet writer; 5,000,000 prices published, and a day of them read."""
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
    yield Row("publication.publish", _publish, is_long=True)


def _read_day() -> Measurement:
    """One day of five million prices read by DuckDB; the memory is that of writing them as a release has them."""
    with TemporaryDirectory() as folder:
        stored, published = Path(folder) / "stored.parquet", Path(folder) / "published.parquet"
        _prices().sink_parquet(stored)
        _, peak = _alone(write_published, stored, published)
        touched, needed = _touched(published), _needed(published)
        return compare(
            "publication.read_day",
            f"one day of {PRICE_ROWS:,} prices read by DuckDB from the file of a release, "
            f"{touched / 1e6:.2f} MB touched, {touched / needed:.2f} times its columns and row groups; the memory is that of "
            "writing it",
            lambda: duckdb.sql(_question(str(published))).fetchall(),
            lambda: duckdb.sql(_question(str(stored))).fetchall(),
            "the same from a file in the order of the key",
            peak=lambda: peak,
        )


def _publish() -> Measurement:
    """The tables of the latest release published with five million prices in place of its own, as a night does it."""
    latest = read_settings().publish_dir / "latest"
    if not latest.exists():
        raise FileNotFoundError(nothing_published(latest.parent))
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        state.mkdir()
        for name in PUBLISHED:
            (state / f"{name}.parquet").symlink_to((latest / f"{name}.parquet").resolve())
        (state / "prices.parquet").unlink()
        _prices().sink_parquet(state / "prices.parquet")
        ours, peak = _alone(publish_stored, state, Path(folder) / "ours")
        peer, peer_peak = _alone(publish_in_memory, state, Path(folder) / "peer")
    return measured(
        "publication.publish",
        f"a release with {PRICE_ROWS:,} prices compared with the one before, made, and found unchanged by the next night",
        ours,
        peer,
        f"the same with every table in memory ({peer_peak:,.0f} MB)",
        peak=peak,
    )


def _alone(work: Callable[[Path, Path], None], source: Path, target: Path) -> tuple[float, float]:
    """Seconds and peak resident size in MB of a function of this module, in a process of its own."""
    command = [
        sys.executable, "-m", "benchmarks.publication", work.__name__, str(source), str(target),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def write_published(stored: Path, published: Path) -> None:
    """Write a stored table as a release has it."""
    layout.write(pl.scan_parquet(stored), published)


def publish_stored(state: Path, folder: Path) -> None:
    """Publish stored tables twice, as two nights do."""
    for is_new in (True, False):
        _publish_night(StoredTables(state), folder, is_new=is_new)


def publish_in_memory(state: Path, folder: Path) -> None:
    """The same with all tables in memory."""
    for is_new in (True, False):
        tables = {name: pl.read_parquet(state / f"{name}.parquet") for name in PUBLISHED}
        _publish_night(tables, folder, is_new=is_new)


def _publish_night(tables: Mapping[str, pl.DataFrame], folder: Path, *, is_new: bool) -> None:
    made = provenance(read_settings(), facts.load("sources"))
    revisions(tables, folder, made)
    if publish(tables, folder, made).is_new != is_new:
        raise AssertionError(
            f"{folder}: the release {'is not new' if is_new else 'was made twice'}"
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
    """A price of each model on each of 1,250 days, in the order of their key."""
    number = pl.int_range(PRICE_ROWS, dtype=pl.Int64)
    days = PRICE_ROWS // PRICED_MODELS
    model, seen = number // days, number % days
    day = pl.lit(date(2023, 1, 1)) + pl.duration(days=seen)
    rng = np.random.default_rng(0)
    prices = pl.LazyFrame({"input_usd_per_mtok": rng.integers(1, 4_000, PRICE_ROWS) / 100})
    rows = prices.with_columns(
        source=pl.lit("openrouter"),
        provider=pl.format("provider-{}", model // 66),
        model=pl.format("maker-{}/model-{}", model // 66, model),
        quantisation=pl.lit("unknown"),
        offer=pl.lit("standard"),
        output_usd_per_mtok=3 * pl.col("input_usd_per_mtok"),
        context_over_tokens=pl.lit(0, pl.Int64),
        currency=pl.lit("USD"),
        valid_from=day,
        observed_from=day,
        observed_to=pl.when(seen + 1 < days).then(day + pl.duration(days=1)),
        last_seen=day,
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


def main(name: str, source: str, target: str) -> None:
    """Do a piece of work of this module, and print its seconds and the peak resident size in MB."""
    works = {work.__name__: work for work in (write_published, publish_stored, publish_in_memory)}
    began = time.perf_counter()
    works[name](Path(source), Path(target))
    sys.stdout.write(f"{time.perf_counter() - began:.2f} {own_peak_mb():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
