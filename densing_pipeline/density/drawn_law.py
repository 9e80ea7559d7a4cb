"""A reference law as a set of draws, to propagate its error to effective parameters.

Draw k is a complete law, the same for every model, because all models share the error of the law.

Not here: how the draws are made (`reference_law_draws`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from densing_pipeline.density.score_sets import score_sets_of
from densing_pipeline.stats.arrays import BoolArray, FloatArray

COEFFICIENTS = ("a", "alpha", "b", "beta", "irreducible", "c", "gamma", "l", "d")


@dataclass(frozen=True)
class DrawnLaw:
    """Draws of one reference law.

    Attributes:
        coefficients: of each draw, in the order of `COEFFICIENTS`, shape (K, 9).
        reference_tokens: D0.
        jumped: whether each draw lies in another minimum than the law, shape (K,); None where not known.
    """

    coefficients: FloatArray
    reference_tokens: float
    jumped: BoolArray | None = None

    def effective_params(self, scores: FloatArray) -> FloatArray:
        """Effective parameters under every draw, shape (K, n): 0 where too low, inf where too high.

        Args:
            scores: fractions, of each model, shape (n,), or of each model for each draw, (K, n).
        """
        a, alpha, b, beta, e, c, gamma, midpoint, d = self.coefficients.T[:, :, None]
        with np.errstate(divide="ignore", over="ignore"):
            height = np.clip((scores - d) / c, 0, 1)
            loss = midpoint + (np.log1p(-height) - np.log(height)) / -gamma
            reducible = loss - b * self.reference_tokens**-beta - e
            return np.asarray((np.maximum(reducible, 0) / a) ** (-1 / alpha))

    def effective_params_each(self, scores: FloatArray) -> FloatArray:
        """Effective parameters of draws of one score, each under the next draw of the law, shape (m,)."""
        of = np.arange(scores.size) % len(self.coefficients)
        laws = DrawnLaw(self.coefficients[of], self.reference_tokens)
        return laws.effective_params(scores[:, None])[:, 0]


DrawnLaws = Mapping[tuple[str, str], DrawnLaw]
"""Drawn laws by reference law and score set."""


def drawn_laws(reference_laws: pl.DataFrame, law_draws: pl.DataFrame) -> DrawnLaws:
    """The draws of every law that has some, by reference law and score set.

    Args:
        reference_laws: a `reference_laws` frame.
        law_draws: a `reference_law_draws` frame.
    """
    tokens = {
        (row[0], row[1]): float(row[2])
        for row in reference_laws.select(
            "reference_id", "benchmark", "reference_tokens"
        ).iter_rows()
    }
    by_law = law_draws.sort("draw").partition_by("reference_id", "benchmark", as_dict=True)
    return {
        (str(reference_id), score_set): DrawnLaw(
            draws.select(COEFFICIENTS).to_numpy(),
            tokens[str(reference_id), str(benchmark)],
            _jumped(draws),
        )
        for (reference_id, benchmark), draws in by_law.items()
        if (reference_id, benchmark) in tokens
        for score_set in score_sets_of(str(reference_id), str(benchmark))
    }


def _jumped(draws: pl.DataFrame) -> BoolArray | None:
    """Whether each draw lies in another minimum; None of a release that does not say."""
    if "is_other_minimum" not in draws.columns or draws["is_other_minimum"].null_count():
        return None
    return draws["is_other_minimum"].to_numpy()
