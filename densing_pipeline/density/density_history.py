"""Densities as known on a past day, from the models released and scores published by then.

A score counts from the day `known_from` of its row, so that a later report does not change earlier
days; a score without one, from the day it was read. The reference law has no such date: the current law is used for every day.

Not here: the published densities (`densities`), and the forecasts (`forecasts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import NamedTuple

import polars as pl

from densing_pipeline.density.densities import densities
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.paper import NMI
from densing_pipeline.stats.parallel import parallel_map

FEWEST_PAST_DAYS = 12
"""Fewest days, of some tenths of a second each, for which a second process is started."""


class PastDay(NamedTuple):
    """What could be known on a day.

    Attributes:
        densities: the `densities` of the day, without the error of the laws.
        pooled_scores: the `pooled_scores` they rest on.
    """

    densities: pl.DataFrame
    pooled_scores: pl.DataFrame


@dataclass(frozen=True)
class DensityHistory:
    """Computes densities as known on any day.

    Attributes:
        models: a `models` frame.
        scores: a `scores` frame.
        reference_laws: the laws in question, rows of a `reference_laws` frame.
    """

    models: pl.DataFrame
    scores: pl.DataFrame
    reference_laws: pl.DataFrame
    _days: dict[date, PastDay] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls, models: pl.DataFrame, scores: pl.DataFrame, reference_laws: pl.DataFrame
    ) -> "DensityHistory":
        """The history under the paper's law, which all forecasts use.

        Several tables of a night are made from the same history, which takes seconds to compute; so
        the last one is kept for callers with equal tables.

        Args:
            models: a `models` frame with the present weights only (`hub.models.current`).
            scores: a `scores` frame.
            reference_laws: a `reference_laws` frame.
        """
        law = reference_laws.filter(pl.col("reference_id") == NMI)
        made = cls(models, scores, law)
        for kept in _KEPT:
            if all(
                getattr(kept, name).equals(getattr(made, name))
                for name in ("models", "scores", "reference_laws")
            ):
                return kept
        _KEPT[:] = [made]
        return made

    def as_of(self, day: date) -> pl.DataFrame:
        """The `densities` of a day, without the error of the laws; cached by day.

        Args:
            day: last day of release, and of `known_from` (of `observed_at` where that is empty).
        """
        return self.on(day).densities

    def on(self, day: date) -> PastDay:
        """What could be known on a day; cached by day.

        Args:
            day: as in `as_of`.
        """
        self.prepare([day])
        return self._days[day]

    def prepare(self, days: Sequence[date]) -> None:
        """Compute several days at once, many of them in two processes, for later callers.

        Args:
            days: as in `as_of`.
        """
        missing = [day for day in days if day not in self._days]
        work = partial(_past_day, self.models, self.scores, self.reference_laws)
        found = parallel_map(work, missing, fewest=FEWEST_PAST_DAYS)
        self._days.update(zip(missing, found, strict=True))


def _past_day(
    models: pl.DataFrame, scores: pl.DataFrame, reference_laws: pl.DataFrame, day: date
) -> PastDay:
    known = known_scores(scores, day)
    pooled = pooled_scores(known)
    released = models.filter(pl.col("release_date") <= day)
    return PastDay(densities(released, known, reference_laws, pooled=pooled), pooled)


def known_scores(scores: pl.DataFrame, day: date) -> pl.DataFrame:
    """The scores that counted on a day.

    Args:
        scores: a `scores` frame.
        day: the day; a score that its source revised later counts with the value it had.
    """
    has_begun = pl.coalesce("known_from", "observed_at") <= day
    goes_on = pl.col("known_to").is_null() | (pl.col("known_to") > day)
    return scores.filter(has_begun & goes_on).with_columns(known_to=pl.lit(None, pl.Date))


_KEPT: list[DensityHistory] = []
"""The history made last."""
