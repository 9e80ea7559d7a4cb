"""The pace of density by the headline's own estimate, as it could be known on a past day.

Not here: the estimate (`trends.pooled_growth`), and forecasts by it (`methods`).
"""

from dataclasses import dataclass, field
from datetime import date

from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.density.size_scale import panel, score_ranges
from densing_pipeline.headline import GROWTH_HEADLINE
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
        if day not in self._days:
            of = panel(
                self.history.models,
                self.history.on(day).pooled_scores,
                score_ranges(self.history.reference_laws),
                params_basis=GROWTH_HEADLINE.params_basis,
                as_of=day,
            )
            bend, spread = METHODS[GROWTH_HEADLINE.ruler]
            self._days[day] = pooled_growth(
                of, draws=PACE_RESAMPLES, seed=self.seed, bend=bend, spread=spread
            ).pace
        return self._days[day]
