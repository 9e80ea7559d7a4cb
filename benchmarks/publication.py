"""Benchmarks of storage: validating and writing a large table."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from benchmarks.measure import Row, row
from densing_pipeline.tables.published import DENSITIES
from densing_pipeline.tables.storage import write_parquet

ROWS = 200_000


def benchmarks() -> Iterator[Row]:
    """Cast, validate and write 200,000 densities, against pandas and its parquet writer."""
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
