"""The committed table of how often published intervals hold the truth, in `interval_coverage.csv`.

Not here: how it is computed (`interval_coverage`).
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import polars as pl

from densing_pipeline.files import write
from densing_pipeline.tables.published import INTERVAL_COVERAGE
from densing_pipeline.trends.worlds import WORLDS

FILE = Path(__file__).with_name("interval_coverage.csv")
"""The committed table."""

POOLED, POOLED_BENT, POOLED_BENT_COMMON, POOLED_BENT_PERCENTILE, DENSING_LAW = (
    "pooled", "pooled-bent", "pooled-bent-common", "pooled-bent-percentile", "densing-law",
)  # fmt: skip
"""Estimates whose intervals are judged: pooled over benchmarks by logits, by scales each with a bend of its own
or all with one, the last also with percentiles for its spread, and the one of `densing_law` by the paper's law."""

AVERAGE, CURRENT = "average", "current"
"""Which pace an interval should hold: the average over its window, or that on the last day."""


NARROW_FOLD = 4
"""Ends of an interval at most this many times apart count as narrow, as the headline's should be."""


class Coverage(NamedTuple):
    """How often an interval held the truth; the fields are columns of `density_growth`.

    Attributes:
        simulated_coverage: of the 95 % interval in the stationary world.
        lowest_coverage: the lowest of all worlds.
        lowest_coverage_world: the world of that.
    """

    simulated_coverage: float
    lowest_coverage: float
    lowest_coverage_world: str


@cache
def interval_coverage() -> pl.DataFrame:
    """The committed table, as published.

    Raises:
        TableError: the file does not agree with its declaration.
    """
    return INTERVAL_COVERAGE.cast(pl.read_csv(FILE))


def coverage_of(estimate: str, params_basis: str, window: str) -> Coverage | None:
    """Coverage of the intervals of one estimate; None if it was not simulated.

    Args:
        estimate: such as `POOLED`.
        params_basis: its parameter basis.
        window: its window.
    """
    own = interval_coverage().filter(
        pl.col("estimate") == estimate,
        pl.col("params_basis") == params_basis,
        pl.col("window") == window,
    )
    steady = own.filter(pl.col("world") == WORLDS[0].name)["coverage"].to_list()
    if not steady:
        return None
    lowest = own.sort("coverage", "world", "truth").row(0, named=True)
    pace = " (current pace)" if lowest["truth"] == CURRENT else ""
    return Coverage(steady[0], lowest["coverage"], lowest["world"] + pace)


def save(found: pl.DataFrame, file: Path) -> None:
    """Write rows to a file, in place of those that it has of the same estimates and worlds.

    Args:
        found: an `interval_coverage` frame.
        file: the CSV; it need not exist.
    """
    rows = found
    if file.exists():
        before = INTERVAL_COVERAGE.cast(pl.read_csv(file))
        rows = pl.concat([before.join(found, on=INTERVAL_COVERAGE.key, how="anti"), found])
    order = {world.name: place for place, world in enumerate(WORLDS)}
    places = pl.col("world").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    ordered = rows.sort("estimate", "params_basis", "window", places, "truth")
    numbers = pl.col(pl.Float64).round(4)
    write(file, ordered.with_columns(numbers).write_csv().encode())
