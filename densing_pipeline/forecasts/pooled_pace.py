"""The pace of density by the headline's own estimate, as it could be known on a past day.

Not here: the estimate (`trends.pooled_growth`), and forecasts by it (`methods`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import polars as pl

from densing_pipeline.density.density_history import FEWEST_PAST_DAYS, DensityHistory
from densing_pipeline.density.size_scale import ScoreRange, panel, score_ranges
from densing_pipeline.headline import GROWTH_HEADLINE
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.trends.pooled_growth import Pace, pooled_growth
from densing_pipeline.trends.pooled_rows import METHODS

PACE_RESAMPLES = 100
"""Resamples of families behind the variance of one day's pace. Fewer than the published 1,000, for there are
dozens of days, and forecasts spread much wider than the tenth by which 100 resamples miss a standard deviation."""


@dataclass(frozen=True)
class PooledPaces:
    """Computes the pace of any day, over all models released by then: ruler, parameters and spread of the headline.

    Attributes:
        history: the models and scores.
        seed: seed of the resamples.
    """

    history: DensityHistory
    seed: int
    _days: dict[date, Pace | None] = field(default_factory=dict, repr=False, compare=False)

    def as_of(self, day: date) -> Pace | None:
        """The pace of a day, None where too few benchmarks have one; cached by day.

        Args:
            day: last day of release, and on which a score was known.
        """
        self.prepare([day])
        return self._days[day]

    def prepare(self, days: Sequence[date]) -> None:
        """Compute several days at once, many of them in two processes, for later callers.

        Args:
            days: as in `as_of`.
        """
        self.history.prepare(days)
        missing = [day for day in days if day not in self._days]
        known = [(day, self.history.on(day).pooled_scores) for day in missing]
        work = partial(
            _pace, self.history.models, score_ranges(self.history.reference_laws), self.seed
        )
        found = parallel_map(work, known, fewest=FEWEST_PAST_DAYS)
        self._days.update(zip(missing, found, strict=True))


def _pace(
    models: pl.DataFrame,
    ranges: Mapping[str, ScoreRange],
    seed: int,
    known: tuple[date, pl.DataFrame],
) -> Pace | None:
    """The pace of a day, from the `pooled_scores` known then."""
    day, scores = known
    basis = GROWTH_HEADLINE.params_basis
    of = panel(models, scores, ranges, params_basis=basis, as_of=day)
    bend, spread = METHODS[GROWTH_HEADLINE.ruler]
    return pooled_growth(of, draws=PACE_RESAMPLES, seed=seed, bend=bend, spread=spread).pace
