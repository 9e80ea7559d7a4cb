"""Growth of density pooled over benchmarks, without a reference law.

1. On every benchmark `lambda_b`, the rise of the logit of the score with ln N, comes from lines of models
   that differ in size alone (`density.size_scale`). A bent scale takes the place of the logit if asked for.
2. The pace of a benchmark is the slope of the quantile line, tau .9, of `logit / lambda_b - ln N` on days.
3. The pooled pace is the plain mean of the benchmarks' paces. Its variance is that of a bootstrap over model
   families, which repeats both steps on all benchmarks at once, times G / (G - 1) for G families, plus
   tau^2 / k for the k benchmarks: tau^2, the variance of the paces of further benchmarks, is what the
   observed paces vary by more than the bootstrap explains (method of moments, as DerSimonian and Laird 1986).
   Intervals are those of a t distribution with the degrees of freedom of Satterthwaite (1946), G - 1 and
   k - 1 for the two parts.

Not here: the scores (`density.size_scale`), the rows of the release (`density_growth`), and how often the interval
holds the truth (`interval_coverage`).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit

from densing_pipeline.density.size_scale import Bend, Panel, Scale, size_lines, size_scales
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import (
    LEVEL,
    MOST_LOST,
    Z_95,
    cluster_weights,
    percentile_interval,
)
from densing_pipeline.stats.quantile import quantile_line
from densing_pipeline.trends.estimate import PARTS, Interval
from densing_pipeline.trends.estimators import ALWAYS, DaySpan
from densing_pipeline.trends.series import FEWEST_DAYS, FEWEST_FAMILIES, FEWEST_MODELS

TAU = 0.9
"""Quantile of ln density that stands for the frontier."""

Spread = Literal["variance", "percentile"]
"""Whether the spread of resampled paces is their variance, or that of a normal distribution whose central 95 % is
as wide as theirs. On bent scales a few resamples are so far off that the variance does not converge."""

FEWEST_LINES = 5
"""Fewest lines of models with several sizes for `lambda_b`."""

FEWEST_BENCHMARKS = 3
"""Fewest benchmarks that are pooled; the variance between two would have one degree of freedom."""


class Pace(NamedTuple):
    """A growth rate with the parts of its error.

    Attributes:
        slope: growth of ln density, 1 / day.
        variance: of the slope.
        freedom: degrees of freedom of the t distribution.
        carried: resamples in which the slope is determined.
    """

    slope: float
    variance: float
    freedom: float
    carried: int

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of the slope that covers the truth with this probability."""
        half = float(stdtrit(self.freedom, (1 + level) / 2)) * self.variance**0.5
        return self.slope - half, self.slope + half


class Pooled(NamedTuple):
    """The pooled pace and the paces it is made of.

    Attributes:
        pace: of the mean; None if fewer than `FEWEST_BENCHMARKS` have one.
        tau: standard deviation of paces between benchmarks, 1 / day.
        slopes: pace of each benchmark, 1 / day, NaN where it is not determined, shape (k,).
        size_slopes: lambda_b of each benchmark, NaN where none, shape (k,).
        reasons: why each benchmark has no pace; empty where it has one, length k.
        drawn: paces of the benchmarks in every resample, NaN where none, shape (B, k).
        bends: bend of the scale of each benchmark, 0 for the logit, NaN where it has no pace, shape (k,).
        families: families behind any of them.
        spread: how the spread of resampled paces was taken.
    """

    pace: Pace | None
    tau: float
    slopes: FloatArray
    size_slopes: FloatArray
    reasons: tuple[str, ...]
    drawn: FloatArray
    bends: FloatArray
    families: int
    spread: Spread


def pooled_growth(
    of: Panel,
    window: DaySpan = ALWAYS,
    *,
    draws: int,
    seed: int,
    bend: Bend = "none",
    spread: Spread = "variance",
) -> Pooled:
    """The pace of every benchmark in a window and their pooled mean.

    Args:
        of: the scores.
        window: first and last release day of the models behind the frontier.
        draws: resamples of families.
        seed: seed of the resamples.
        bend: whether the scales of scores are bent.
        spread: how the spread of resampled paces is taken.
    """
    return pooled_growths(of, (window,), draws=draws, seed=seed, bend=bend, spread=spread)[0]


def pooled_growths(
    of: Panel,
    windows: Sequence[DaySpan],
    *,
    draws: int,
    seed: int,
    bend: Bend = "none",
    spread: Spread = "variance",
) -> list[Pooled]:
    """`pooled_growth` in several windows.

    The scale is a property of the benchmark, so it comes from the models of all years.

    Args:
        of: the scores.
        windows: first and last release day of the models behind each frontier.
        draws: as above.
        seed: as above.
        bend: as above.
        spread: as above.
    """
    weights = np.vstack(
        [np.ones((1, of.days.size)), cluster_weights(of.families, draws, seed)]
        if of.days.size
        else [np.ones((1, 0))]
    )
    columns = range(len(of.benchmarks))
    reasons = [tuple(missing(of, column, window) for column in columns) for window in windows]
    scaled = [column for column in columns if any(not each[column] for each in reasons)]
    scales = size_scales(of, scaled, weights, bend)
    found = []
    for window, lacking in zip(windows, reasons, strict=True):
        every = np.full((len(weights), len(of.benchmarks)), np.nan)
        slopes = np.full(len(of.benchmarks), np.nan)
        bends = np.full(len(of.benchmarks), np.nan)
        for column, scale in scales.items():
            if lacking[column]:
                continue
            slopes[column] = scale.slopes[0]
            bends[column] = 0.0 if scale.bends is None else scale.bends[0]
            every[:, column] = benchmark_paces(of, column, window, weights, scale)
        families = _all_families(of, window)
        found.append(pool(every[0], every[1:], families, slopes, lacking, bends, spread))
    return found


def benchmark_paces(
    of: Panel, column: int, window: DaySpan, weights: FloatArray, scale: Scale
) -> FloatArray:
    """The pace of a benchmark under every weighting, 1 / day, shape (B,).

    A pace is NaN where the weighted lines give no positive lambda_b, or the weighted models no line on days.

    Args:
        of: the scores.
        column: the benchmark.
        window: first and last release day of the models behind the frontier.
        weights: weightings of the models, shape (B, n).
        scale: its scale under the same weightings.
    """
    logits = of.logits[:, column]
    inside = np.isfinite(logits) & (of.days >= window[0]) & (of.days <= window[1])
    rising = np.flatnonzero(scale.slopes > 0)
    found = np.full(len(weights), np.nan)
    if rising.size:
        found[rising], _ = quantile_line(
            of.days[inside],
            scale.ln_sizes(logits[inside], rising) - of.ln_params[inside],
            TAU,
            weights[np.ix_(rising, inside)],
            np.arange(rising.size),
        )
    return found


def pool(
    slopes: FloatArray,
    drawn: FloatArray,
    families: int,
    size_slopes: FloatArray,
    reasons: tuple[str, ...],
    bends: FloatArray | None = None,
    spread: Spread = "variance",
) -> Pooled:
    """The mean of the paces of benchmarks, with its variance within and between benchmarks.

    Args:
        slopes: pace of each benchmark, NaN where it has none, shape (k,).
        drawn: the same in every resample of families, shape (B, k).
        families: families behind any of them.
        size_slopes: lambda_b, shape (k,).
        reasons: why a benchmark has no pace, length k.
        bends: of the scales, shape (k,); None for logits.
        spread: how the spread of resampled paces is taken.
    """
    bends = np.zeros(slopes.size) if bends is None else bends
    enough = np.isfinite(drawn).sum(axis=0) >= max(2.0, (1 - MOST_LOST) * len(drawn))
    reasons = tuple(
        reason
        or (
            ""
            if is_enough
            else f"a resample of families in {1 / MOST_LOST:.0f} or more gives it no line"
        )
        for reason, is_enough in zip(reasons, enough & np.isfinite(slopes), strict=True)
    )
    used = np.array([not reason for reason in reasons], dtype=np.bool_)
    k = int(used.sum())
    whole = drawn[:, used][np.isfinite(drawn[:, used]).all(axis=1)]
    if k < FEWEST_BENCHMARKS or families < FEWEST_FAMILIES or len(whole) < 2:
        return Pooled(None, np.nan, slopes, size_slopes, reasons, drawn, bends, families, spread)
    of_mean, of_each = _variances(whole, spread)
    within = of_mean * families / (families - 1)
    explained = (of_each * families / (families - 1) - k * within) / (k - 1)
    between = max(0.0, float(np.var(slopes[used], ddof=1)) - explained)
    variance = within + between / k
    parts = within**2 / (families - 1) + (between / k) ** 2 / (k - 1)
    pace = Pace(float(slopes[used].mean()), variance, variance**2 / parts, len(whole))
    return Pooled(pace, between**0.5, slopes, size_slopes, reasons, drawn, bends, families, spread)


def _variances(drawn: FloatArray, spread: Spread) -> tuple[float, float]:
    """Variance of the mean of the resampled paces, and the sum of the variances of each benchmark's.

    Args:
        drawn: shape (B, k).
        spread: how they are taken.
    """
    if spread == "variance":
        covariance = np.cov(drawn, rowvar=False)
        return float(covariance.sum()) / drawn.shape[1] ** 2, float(np.trace(covariance))
    found = []
    for one in (drawn.mean(axis=1), *drawn.T):
        low, high = percentile_interval(one) or (np.nan, np.nan)
        found.append(((high - low) / (2 * Z_95)) ** 2)
    # Not `sum`, which from Python 3.12 on rounds otherwise than before.
    return found[0], float(np.sum(found[1:]))


def monte_carlo_error(found: Pooled) -> Interval | None:
    """Monte Carlo standard errors of both ends of the 95 % interval of a pooled pace, 1 / day.

    Computed by a jackknife that leaves out a twentieth of the resamples in turn. None without a pace, or with
    too few resamples for twenty parts of several.
    """
    part = np.arange(len(found.drawn)) * PARTS // max(1, len(found.drawn))
    if found.pace is None or len(found.drawn) < 2 * PARTS:
        return None
    ends = []
    for left_out in range(PARTS):
        drawn = found.drawn[part != left_out]
        pace = pool(
            found.slopes,
            drawn,
            found.families,
            found.size_slopes,
            found.reasons,
            found.bends,
            found.spread,
        ).pace
        if pace is None:
            return None
        ends.append(pace.interval(LEVEL))
    low, high = np.std(ends, axis=0) * (PARTS - 1) ** 0.5
    return float(low), float(high)


def missing(of: Panel, column: int, window: DaySpan = ALWAYS) -> str:
    """Why the scores of a benchmark give no pace; empty if they do."""
    inside = _inside(of, column, window)
    for what, found, needed in (
        ("models with a score", int(inside.sum()), FEWEST_MODELS),
        ("release days", np.unique(of.days[inside]).size, FEWEST_DAYS),
        ("model families", _families(of, column, window), FEWEST_FAMILIES),
        ("lines of models with several sizes", size_lines(of, column).lines, FEWEST_LINES),
    ):
        if found < needed:
            return f"{what}: {found}, needed: {needed}"
    return ""


def _inside(of: Panel, column: int, window: DaySpan) -> np.ndarray:
    in_time = (of.days >= window[0]) & (of.days <= window[1])
    return np.asarray(in_time & np.isfinite(of.logits[:, column]))


def _families(of: Panel, column: int, window: DaySpan) -> int:
    inside = _inside(of, column, window)
    return len({name for name, kept in zip(of.families, inside, strict=True) if kept})


def _all_families(of: Panel, window: DaySpan) -> int:
    inside = np.any([_inside(of, c, window) for c in range(len(of.benchmarks))], axis=0)
    return len({name for name, kept in zip(of.families, inside, strict=True) if kept})
