"""The pace of density pooled over benchmarks by the headline's ruler, as it could be known on a past day.

Not here: the estimate (`trends.pooled_growth`), and forecasts by it (`methods`).
"""

from dataclasses import dataclass, field
from datetime import date

import polars as pl

from densing_pipeline.density.density_history import known_scores
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.density.size_scale import panel, score_ranges
from densing_pipeline.trends.pooled_growth import Pace, pooled_growth
from densing_pipeline.trends.pooled_rows import BENT_RULER, METHODS

BASIS = "total"
"""Parameters counted, as in the published rows whose pace this is."""

PACE_RESAMPLES = 50
"""Resamples of families behind the variance of one day's pace. Fewer than the published 1,000, for there are
dozens of days, and forecasts spread much wider than the 10 % by which 50 resamples miss a standard deviation."""


@dataclass(frozen=True)
class PooledPaces:
    """Computes the pooled pace of any day, over all models released by then.

    Attributes:
        models: a `models` frame with the present weights only (`hub.models.current`).
        scores: a `scores` frame.
        reference_laws: a `reference_laws` frame, for the ceilings of the benchmarks.
        seed: seed of the resamples.
    """

    models: pl.DataFrame
    scores: pl.DataFrame
    reference_laws: pl.DataFrame
    seed: int = 0
    _days: dict[date, Pace | None] = field(default_factory=dict, repr=False, compare=False)

    def as_of(self, day: date) -> Pace | None:
        """The pace of a day, None where too few benchmarks have one; cached by day.

        Args:
            day: last day of release, and on which a score was known.
        """
        if day not in self._days:
            of = panel(
                self.models,
                pooled_scores(known_scores(self.scores, day)),
                score_ranges(self.reference_laws),
                params_basis=BASIS,
                as_of=day,
            )
            self._days[day] = pooled_growth(
                of, draws=PACE_RESAMPLES, seed=self.seed, bend=METHODS[BENT_RULER][0]
            ).pace
        return self._days[day]
