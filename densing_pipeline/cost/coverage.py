"""Bias and coverage of price halving times on simulated markets with a known one.

A simulated curve is a sequence of cuts at random times by random factors, so its truth is the mean fall over the
mean wait. Where some dates are censored, a third of the time nobody looks at the lists, for one to six months
on end: what falls then is found on the day of the next look, and of several falls only the last is seen.
`densing simulate --prices` prints the table of docs/prices.md.

Not here: the estimator (`curves`, `step_bootstrap`).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from densing_pipeline.cost import curves, step_bootstrap
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.tables import markdown

MEAN_WAIT_DAYS, MEAN_FALL = 60.0, 0.35
"""Mean time between record lows and mean fall of ln price at one, as at the GPT-3.5 level (64 days, 0.36): the price
halves every 3.9 months. Neither changes a coverage, but beside the length of gaps."""

GAP_DAYS = (30.0, 182.0)
"""Shortest and longest time without a look."""

BLIND_SHARE = 1 / 3
"""Share of the time without looks."""

EVENTS = (6, 8, 11, 20)
STUDY_MARKETS, STUDY_DRAWS = 12_000, 200
"""Markets of each cell of the study, and resamples of each; the standard error of a coverage near .95 is
.002."""

MARKETS_PER_ROW, DRAWS_PER_ROW = 200, 50
"""The same for a row of `price_halving`."""

MARKETS_AT_ONCE = 200

Draw = Callable[[np.random.Generator, tuple[int, int]], FloatArray]


class Kind(NamedTuple):
    """How the steps of a market are drawn, each with mean 1."""

    waits: Draw
    falls: Draw


def _lognormal(variation: float) -> Draw:
    """Lognormal with mean 1 and this coefficient of variation."""
    spread = np.sqrt(np.log(1 + variation**2))
    return lambda rng, shape: rng.lognormal(-(spread**2) / 2, spread, shape)


KINDS = {
    "regular": Kind(
        lambda rng, shape: rng.gamma(4, 1 / 4, shape), lambda rng, shape: rng.gamma(4, 1 / 4, shape)
    ),
    "random": Kind(
        lambda rng, shape: rng.exponential(1, shape), lambda rng, shape: rng.exponential(1, shape)
    ),
    "as measured": Kind(lambda rng, shape: rng.exponential(1, shape), _lognormal(1.4)),
    "few large falls": Kind(lambda rng, shape: rng.exponential(1, shape), _lognormal(2.0)),
}
"""Markets by name. Coefficients of variation of waits and falls: .5 and .5; 1 and 1; 1 and 1.4, the medians of the
levels' curves; 1 and 2, the most of one of them (GPT-4)."""

ROW_KIND = "as measured"


class Events(NamedTuple):
    """Observed prices of simulated markets, each of shape (markets, n + 1).

    Attributes:
        earliest: earliest day on which each price can have begun.
        latest: first day on which it is known to have held.
        log_prices: ln price.
    """

    earliest: FloatArray
    latest: FloatArray
    log_prices: FloatArray


class Simulated(NamedTuple):
    """Relative bias of the slope, and share of 95 % intervals that contain the true one."""

    bias: float
    coverage: float


def events(
    kind: Kind, n: int, markets: int, rng: np.random.Generator, *, is_censored: bool
) -> Events:
    """The first price and n changes, as somebody who looks at the lists observes them.

    Args:
        kind: how steps are drawn.
        n: observed changes.
        markets: number of markets.
        rng: source of randomness.
        is_censored: whether there are times without looks.
    """
    steps = (markets, 4 * n + 40 if is_censored else n)
    start = np.zeros((markets, 1))
    times = np.append(start, np.cumsum(MEAN_WAIT_DAYS * kind.waits(rng, steps), 1), 1)
    logs = np.append(start, -np.cumsum(MEAN_FALL * kind.falls(rng, steps), 1), 1)
    if not is_censored:
        return Events(times, times, logs)
    gap = rng.uniform(*GAP_DAYS, (markets, 1))
    period = gap / BLIND_SHARE
    offset = rng.uniform(0, period - gap)
    next_look = np.ceil((times + offset) / period) * period - offset
    is_unseen = times > next_look - gap
    latest = np.where(is_unseen, next_look, times)
    earliest = np.where(is_unseen, latest - gap, times)
    # Of the prices that were found on one day only the last is seen.
    order = np.argsort(~step_bootstrap.held(latest), axis=1, kind="stable")[:, : n + 1]
    return Events(*(np.take_along_axis(part, order, 1) for part in (earliest, latest, logs)))


@lru_cache(maxsize=256)
def simulated(
    kind: str,
    n: int,
    *,
    is_censored: bool,
    seed: int,
    markets: int = MARKETS_PER_ROW,
    draws: int = DRAWS_PER_ROW,
) -> Simulated:
    """Bias and coverage of the estimator `record-events` with n changes; cached, for many rows share it.

    Args:
        kind: a name of `KINDS`.
        n: observed changes, at least 2.
        is_censored: whether some of their days are known to an interval only.
        seed: seed of markets and resamples.
        markets: number of markets.
        draws: resamples of each.
    """
    rng = np.random.default_rng(seed)
    true = -MEAN_FALL / MEAN_WAIT_DAYS
    slopes, covered = [], 0
    for begin in range(0, markets, MARKETS_AT_ONCE):
        count = min(MARKETS_AT_ONCE, markets - begin)
        seen = events(KINDS[kind], n, count, rng, is_censored=is_censored)
        days = step_bootstrap.expected_days(seen.earliest, seen.latest)
        slopes.append(curves.event_slope(days, seen.log_prices, step_bootstrap.held(days)))
        drawn = step_bootstrap.event_slopes(*seen, draws, rng)
        steep, flat = step_bootstrap.slope_intervals(
            drawn, n, is_running_minimum=True, is_balanced=True
        ).T
        covered += int(((steep <= true) & (true <= flat)).sum())
    return Simulated(float(np.concatenate(slopes).mean() / true - 1), covered / markets)


def study() -> str:
    """Bias and coverage by kind of market, dates and number of changes: the table of docs/prices.md in Markdown."""
    rows = [["market", "dates", *(f"n = {n}" for n in EVENTS)]]
    for name in KINDS:
        for is_censored in (False, True):
            cells = [
                simulated(
                    name,
                    n,
                    is_censored=is_censored,
                    seed=0,
                    markets=STUDY_MARKETS,
                    draws=STUDY_DRAWS,
                )
                for n in EVENTS
            ]
            rows.append(
                [
                    name,
                    "some censored" if is_censored else "exact",
                    *(f"{cell.bias:+.3f}, {cell.coverage:.3f}" for cell in cells),
                ]
            )
    return markdown.table(rows)
