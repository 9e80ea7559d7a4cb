"""Rows of `density_growth` by lines of models that differ in size alone: each benchmark, and all pooled.

Not here: the estimate (`pooled_growth`), and the shape of a row (`growth_rows`).
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.density.size_scale import Bend, Panel, ScoreRange, panel
from densing_pipeline.stats.arrays import BoolArray
from densing_pipeline.stats.intervals import LEVEL, NARROWER
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR, days_since_zero
from densing_pipeline.trends.benchmark_growth import BASE, BASES
from densing_pipeline.trends.coverage_table import POOLED as POOLED_BY_LOGITS
from densing_pipeline.trends.coverage_table import POOLED_BENT_PERCENTILE, coverage_of
from densing_pipeline.trends.estimators import DaySpan
from densing_pipeline.trends.growth_rows import (
    GrowthRow,
    Made,
    Sample,
    Subject,
    estimated,
    from_draws,
    refused,
)
from densing_pipeline.trends.pooled_growth import (
    Pooled,
    Spread,
    monte_carlo_error,
    pooled_growths,
)
from densing_pipeline.trends.windows import growth_windows

RULER, BENT_RULER = "size-lines", "size-lines-bent"
"""Names of the rulers: lines of dense models at one number of training tokens, by logits and by bent scales."""

METHODS: dict[str, tuple[Bend, Spread]] = {
    RULER: ("none", "variance"),
    BENT_RULER: ("common", "percentile"),
}
"""How the scales of each ruler are bent, and how the spread of resampled paces is taken."""

COVERAGE_NAME = {RULER: POOLED_BY_LOGITS, BENT_RULER: POOLED_BENT_PERCENTILE}
"""Names of the rulers in the table of simulated coverage."""

ALL_BENCHMARKS = "all-benchmarks"
"""Group of the pooled rows; a row of one benchmark has its name."""

MORE_BENCHMARKS = "more-benchmarks"
"""Group of the rows pooled over these and the benchmarks of `benchmarks.COMPARED`. How often their interval holds the
pace is not simulated, so they are no candidates for the headline."""

FEWEST_POOLS = 2
"""Fewest sets of benchmarks and parameters, of a second each, for which a second process is started."""

POOLED, SINGLE = "pooled-quantile-0.9", "quantile-0.9"
"""Estimators of the pooled rows, and of those of one benchmark."""


def pooled_rows(
    models: pl.DataFrame,
    pooled_scores: pl.DataFrame,
    ranges: Mapping[str, ScoreRange],
    more: Mapping[str, ScoreRange] | None = None,
    *,
    as_of: date,
    draws: int,
    seed: int,
) -> Iterator[GrowthRow]:
    """Growth of density by the benchmarks together and by each, on both parameter bases, in three windows.

    All by two rulers: logits, and scales bent alike.

    Args:
        models: a `models` frame.
        pooled_scores: a `pooled_scores` frame.
        ranges: guessing and ceiling of each benchmark.
        more: the same of further benchmarks; on bent scales all together are pooled too, in rows of their own.
        as_of: last release day that counts.
        draws: resamples of families behind each interval.
        seed: seed of the resamples.
    """
    pools = [_Pool(ALL_BENCHMARKS, ranges, (RULER, BENT_RULER), basis) for basis in BASES]
    if more:
        every = {**ranges, **more}
        pools += [_Pool(MORE_BENCHMARKS, every, (BENT_RULER,), basis) for basis in BASES]
    work = partial(_pooled, models, pooled_scores, Made(as_of, draws, seed))
    for pool, rows in zip(pools, parallel_map(work, pools, fewest=FEWEST_POOLS), strict=True):
        # The benchmarks of the first pools have their rows there.
        is_told = ranges if pool.group == MORE_BENCHMARKS else {}
        yield from (row for row in rows if row["group"] not in is_told)


class _Pool(NamedTuple):
    """Benchmarks that are pooled.

    Attributes:
        group: name of the pooled rows' group.
        ranges: guessing and ceiling of each benchmark.
        rulers: names of the rulers, of `METHODS`.
        params_basis: which parameters count.
    """

    group: str
    ranges: Mapping[str, ScoreRange]
    rulers: tuple[str, ...]
    params_basis: str


def _pooled(
    models: pl.DataFrame, pooled_scores: pl.DataFrame, made: Made, pool: _Pool
) -> list[GrowthRow]:
    """The rows of some benchmarks together and of each, by some rulers."""
    basis = pool.params_basis
    of = panel(models, pooled_scores, pool.ranges, params_basis=basis, as_of=made.as_of)
    newest = DAY_ZERO + timedelta(days=float(of.days.max())) if of.days.size else made.as_of
    windows = growth_windows(newest, made.as_of)
    spans = [(days_since_zero(window.start), days_since_zero(window.end)) for window in windows]
    rows: list[GrowthRow] = []
    for ruler in pool.rulers:
        bend, spread = METHODS[ruler]
        every = pooled_growths(
            of, spans, draws=made.draws, seed=made.seed, bend=bend, spread=spread
        )
        for window, span, found in zip(windows, spans, every, strict=True):
            subject = Subject(ruler, pool.group, BASE, basis, POOLED, window.name)
            rows += _rows(subject, of, span, pool.ranges, found, made)
    return rows


def _rows(
    subject: Subject,
    of: Panel,
    span: DaySpan,
    ranges: Mapping[str, ScoreRange],
    found: Pooled,
    made: Made,
) -> Iterator[GrowthRow]:
    """The pooled row of one ruler and window, and that of each benchmark."""
    inside = np.asarray((of.days >= span[0]) & (of.days <= span[1]))
    scored = np.isfinite(of.logits)
    used = [not reason for reason in found.reasons]
    yield _row(
        subject,
        _sample(of, inside & scored[:, used].any(axis=1)),
        made,
        found,
        _told(of, found) if found.pace else _lacking(of, found),
    )
    for column, name in enumerate(of.benchmarks):
        one = subject._replace(group=name, estimator=SINGLE)
        sample = _sample(of, inside & scored[:, column])
        if found.reasons[column]:
            yield refused(one, sample, made, found.reasons[column])
            continue
        yield from_draws(
            one,
            sample,
            made,
            float(found.slopes[column]) * DAYS_PER_YEAR,
            found.drawn[:, column] * DAYS_PER_YEAR,
            reason=_told_of_one(of, ranges, found, column),
        )


def _row(subject: Subject, sample: Sample, made: Made, found: Pooled, reason: str) -> GrowthRow:
    """The row of a pooled pace, or of what it lacks."""
    pace = found.pace
    if pace is None:
        return refused(subject, sample, made, reason)
    wide, narrow = (
        (low * DAYS_PER_YEAR, high * DAYS_PER_YEAR)
        for low, high in (pace.interval(LEVEL), pace.interval(NARROWER))
    )
    row = estimated(
        subject,
        sample,
        made,
        pace.slope * DAYS_PER_YEAR,
        interval=wide,
        narrower=narrow,
        reason=f"{reason}; {pace.carried} of {made.draws} resamples carry an estimate",
    )
    if noise := monte_carlo_error(found):
        ends = ("growth_low_mc_error", "growth_high_mc_error")
        row |= dict(zip(ends, (error * DAYS_PER_YEAR for error in noise), strict=True))
    if subject.group != ALL_BENCHMARKS:
        return row
    simulated = coverage_of(COVERAGE_NAME[subject.ruler], subject.params_basis, subject.window)
    return row | (simulated._asdict() if simulated else {})


def _sample(of: Panel, kept: BoolArray) -> Sample:
    """The models behind a row, which lie in order of release."""
    rows = np.flatnonzero(kept)
    if not rows.size:
        return Sample(0, 0, None, None, None)
    first, last = (DAY_ZERO + timedelta(days=float(of.days[row])) for row in rows[[0, -1]])
    families = {of.families[row] for row in rows}
    return Sample(rows.size, len(families), first, last, of.model_ids[rows[-1]])


def _told(of: Panel, found: Pooled) -> str:
    """What the pooled pace is made of."""
    of_each = ", ".join(
        f"{name} {slope * DAYS_PER_YEAR:.2f}"
        for name, slope, reason in zip(of.benchmarks, found.slopes, found.reasons, strict=True)
        if not reason
    )
    lacking = "".join(
        f"; without {name}: {reason}"
        for name, reason in zip(of.benchmarks, found.reasons, strict=True)
        if reason
    )
    freedom = found.pace.freedom if found.pace else np.nan
    bend = float(np.nanmax(np.abs(found.bends)))
    bent = f"; scales bent by {np.nanmean(found.bends):.2f}" if bend else ""
    return (
        f"mean of the growth on each benchmark ({of_each}); standard deviation between benchmarks beyond "
        f"chance {found.tau * DAYS_PER_YEAR:.2f} a year; {freedom:.1f} degrees of freedom{bent}{lacking}"
    )


def _told_of_one(of: Panel, ranges: Mapping[str, ScoreRange], found: Pooled, column: int) -> str:
    """The scale of one benchmark, and its scores that have no place on it."""
    guessing, ceiling = ranges[of.benchmarks[column]]
    bend = found.bends[column]
    bent = f", bent by {bend:.2f}," if bend else ""
    at = " at its mean" if bend else ""
    return (
        f"the logit of the score between {guessing:.3g} (guessing) and {ceiling:.4g}{bent} rises by "
        f"{found.size_slopes[column]:.3f} per unit of ln N{at}; {of.left_out[column]} scores near guessing or at "
        "the ceiling left out"
    )


def _lacking(of: Panel, found: Pooled) -> str:
    """Why there is no pooled pace."""
    known = sum(not reason for reason in found.reasons)
    each = "; ".join(
        f"{name}: {reason}"
        for name, reason in zip(of.benchmarks, found.reasons, strict=True)
        if reason
    )
    return f"benchmarks with a pace: {known}" + (f" ({each})" if each else "")
