"""Rows of the `density_growth` table: one rate of growth of ln density, with what it rests on.

Every pure function that estimates growth by some ruler returns such rows; `density_growth` makes the
table of all of them. Not here: the estimates (`benchmark_growth`).
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.headline import GROWTH_HEADLINE
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import NARROWER, clustered_interval
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.tables.published import DENSITY_GROWTH
from densing_pipeline.tables.width import with_width
from densing_pipeline.trends.estimate import Interval
from densing_pipeline.trends.series import LONGEST_DAYS

GrowthRow = dict[str, Any]
"""A row of `density_growth`."""

GROWS = "growth"
FALLS = "decline"
NOT_SHOWN = "no growth shown"

SLOWEST = float(np.log(2)) / (LONGEST_DAYS / DAYS_PER_YEAR)
"""Growth a year at that doubling time."""


class Subject(NamedTuple):
    """What a rate of growth is of; the fields are the key columns of `density_growth`."""

    ruler: str
    group: str
    population: str
    params_basis: str
    estimator: str
    window: str = "all"


class Sample(NamedTuple):
    """The models that a rate of growth rests on; the fields are columns of `density_growth`."""

    n_models: int
    n_clusters: int
    first_release: date | None
    newest_release: date | None
    newest_model: str | None

    @classmethod
    def of(cls, models: pl.DataFrame, cluster: str = "family") -> "Sample":
        """Counts, dates and newest model of a frame with model_id, release_date and a column of clusters."""
        if models.is_empty():
            return cls(0, 0, None, None, None)
        ordered = models.sort("release_date", "model_id")
        first, last = ordered.row(0, named=True), ordered.row(-1, named=True)
        return cls(
            ordered["model_id"].n_unique(),
            ordered[cluster].n_unique(),
            first["release_date"],
            last["release_date"],
            last["model_id"],
        )


class Made(NamedTuple):
    """How a rate of growth was computed; the fields are columns of `density_growth`."""

    as_of: date
    draws: int
    seed: int


def estimated(
    subject: Subject,
    sample: Sample,
    made: Made,
    growth: float,
    *,
    interval: Interval,
    narrower: Interval,
    reason: str = "",
) -> GrowthRow:
    """The row of a rate of growth with its intervals.

    The doubling time is ln 2 / growth and its ends are those of the growth inverted. It is left out
    where the 95 % interval of the growth includes zero, because a time of decades beside "cannot be told"
    says nothing; `doubling_days_low`, the fastest doubling that the data allow, stays. No time above
    `LONGEST_DAYS` is given.

    Args:
        subject: what the rate is of.
        sample: the models it rests on.
        made: how it was computed.
        growth: of ln density, 1 / year.
        interval: its 95 % interval.
        narrower: its 80 % interval.
        reason: caveats.
    """
    finding = GROWS if interval[0] > 0 else FALLS if interval[1] < 0 else NOT_SHOWN
    return {
        **subject._asdict(),
        **sample._asdict(),
        **made._asdict(),
        "verdict": "ok",
        "finding": finding,
        "reason": reason,
        "growth_per_year": growth,
        "growth_low": interval[0],
        "growth_low_80": narrower[0],
        "growth_high_80": narrower[1],
        "growth_high": interval[1],
        "doubling_days": _doubling_days(growth) if finding == GROWS else None,
        "doubling_days_low": _doubling_days(interval[1]),
        "doubling_days_low_80": _doubling_days(narrower[1]),
        "doubling_days_high_80": _doubling_days(narrower[0]),
        "doubling_days_high": _doubling_days(interval[0]),
    }


def from_draws(
    subject: Subject,
    sample: Sample,
    made: Made,
    growth: float,
    drawn: FloatArray,
    *,
    reason: str = "",
) -> GrowthRow:
    """The row of a rate of growth whose intervals are those of resampled clusters.

    Args:
        subject: what the rate is of.
        sample: the models; `n_clusters`, at least 2, are those that were resampled.
        made: how it was computed.
        growth: of ln density, 1 / year; not finite if the models determine none.
        drawn: the same from every resample, not finite where a resample determines none, shape (draws,).
        reason: caveats.
    """
    interval = clustered_interval(drawn, sample.n_clusters)
    narrower = clustered_interval(drawn, sample.n_clusters, NARROWER)
    if interval is None or narrower is None or not np.isfinite(growth):
        carried = int(np.isfinite(drawn).sum())
        return refused(
            subject, sample, made, f"resamples that carry an estimate: {carried} of {drawn.size}"
        )
    return estimated(
        subject, sample, made, growth, interval=interval, narrower=narrower, reason=reason
    )


def refused(subject: Subject, sample: Sample, made: Made, reason: str) -> GrowthRow:
    """The row of a rate of growth that the data do not determine, with the reason."""
    return {
        **subject._asdict(),
        **sample._asdict(),
        **made._asdict(),
        "verdict": "insufficient",
        "reason": reason,
    }


def stated(
    subject: Subject, made: Made, growth: float, reason: str, sample: Sample | None = None
) -> GrowthRow:
    """The row of a rate that somebody else states, without an interval, to compare with."""
    return {
        **subject._asdict(),
        **(sample or Sample(0, 0, None, None, None))._asdict(),
        **made._asdict(),
        "verdict": "ok",
        "reason": reason,
        "growth_per_year": growth,
        "doubling_days": _doubling_days(growth),
    }


def density_growth(*parts: Iterable[GrowthRow]) -> pl.DataFrame:
    """The `density_growth` frame of the rows that several functions returned."""
    rows = [row for part in parts for row in part]
    if not rows:
        return DENSITY_GROWTH.empty()
    quoted = pl.all_horizontal(
        pl.col(name) == value for name, value in GROWTH_HEADLINE._asdict().items()
    )
    made = pl.DataFrame(rows, infer_schema_length=None).with_columns(is_headline=quoted)
    return with_width(DENSITY_GROWTH, made, "doubling_days_low", "doubling_days_high")


def _doubling_days(growth: float) -> float | None:
    """Doubling time in days at a rate of growth a year; None if that is longer than `LONGEST_DAYS`."""
    return float(np.log(2) / growth * DAYS_PER_YEAR) if growth >= SLOWEST else None
