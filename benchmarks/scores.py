"""Benchmarks of outside sources of scores: a whole archive from bytes to rows."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date

import polars as pl

from benchmarks.measure import Row, row
from densing_pipeline.score_sources.sources import SOURCES

FILES, ROWS = 80, 300


def benchmarks() -> Iterator[Row]:
    """The archive of a night."""
    content = archive()
    yield row(
        "scores.archive",
        f"an archive of {FILES} benchmarks with {ROWS} rows each, from bytes to checked rows",
        lambda: SOURCES["epoch-benchmarks"].read(content, date(2026, 11, 1)),
        lambda: every_file(content),
        "zipfile and polars.read_csv of the same files (read, not checked)",
    )


def archive() -> bytes:
    """An archive in the form of Epoch AI's, with long notes as the real ones have."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        listed = ["benchmark,source_file,score_column,scale"]
        for n in range(FILES):
            listed.append(f"Benchmark {n},benchmark_{n}.csv,EM,0.01")
            rows = [
                f'model-{m % 200}_high,{m % 100},2025-01-02,Maker,"Notes, of\n{"some" * 20}",5,'
                f"A report,https://example.org/{m},rec{n}x{m}"
                for m in range(ROWS)
            ]
            header = "Model version,EM,Release date,Organization,Notes,Shots,Source,Source link,id"
            file.writestr(f"benchmark_{n}.csv", "\n".join([header, *rows]))
        file.writestr("benchmark_metadata.csv", "\n".join(listed))
    return buffer.getvalue()


def every_file(content: bytes) -> list[pl.DataFrame]:
    """The files as frames."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [name for name in file.namelist() if name != "benchmark_metadata.csv"]
        return [pl.read_csv(file.read(name)) for name in names]
