"""Reference laws: loss from parameters and tokens, score from loss, and the inverse functions.

Not here: the fits of the coefficients (`fit_loss`, `fit_performance`), and the published laws
(`reference_laws`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from densing_pipeline.stats.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class LossLaw:
    """Loss of the reference models: L = a N^-alpha + b D^-beta + E (NMI Methods, eq. 1).

    Attributes:
        a: coefficient of the parameter term, nats.
        alpha: exponent of the parameter term.
        b: coefficient of the token term, nats.
        beta: exponent of the token term.
        irreducible: E, nats; 0 in the paper's form.
    """

    a: float
    alpha: float
    b: float
    beta: float
    irreducible: float = 0.0

    def loss(self, params: npt.ArrayLike, tokens: npt.ArrayLike) -> FloatArray:
        """Loss in nats per token at N parameters and D tokens (broadcast)."""
        params, tokens = np.asarray(params, np.float64), np.asarray(tokens, np.float64)
        return np.asarray(
            self.a * params**-self.alpha + self.b * tokens**-self.beta + self.irreducible
        )

    def params_at(self, loss: npt.ArrayLike, tokens: float) -> FloatArray:
        """Parameters that reach a loss at D tokens; infinity where no finite number does."""
        reducible = np.asarray(loss, np.float64) - float(self.loss(np.inf, tokens))
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray((np.maximum(reducible, 0) / self.a) ** (-1 / self.alpha))


@dataclass(frozen=True, slots=True)
class PerformanceLaw:
    """Score of the reference models: S = c / (1 + exp(-gamma (L - l))) + d (NMI Methods, eq. 2).

    Attributes:
        c: height of the sigmoid, fraction.
        gamma: steepness, 1 / nat; negative, because the score falls with the loss.
        l: loss at the midpoint, nats.
        d: floor, fraction.
    """

    c: float
    gamma: float
    l: float  # noqa: E741 - the paper's symbol
    d: float

    @property
    def ceiling(self) -> float:
        """Upper limit of the score, c + d, which no loss reaches."""
        return self.c + self.d

    def score(self, loss: npt.ArrayLike) -> FloatArray:
        """Score, a fraction, at a loss in nats per token."""
        falling = np.clip(-self.gamma * (np.asarray(loss, np.float64) - self.l), -700, 700)
        return np.asarray(self.c / (1 + np.exp(falling)) + self.d)

    def loss_at(self, score: npt.ArrayLike) -> FloatArray:
        """Loss at a score: +inf at or below the floor, -inf at or above the ceiling."""
        height = np.clip((np.asarray(score, np.float64) - self.d) / self.c, 0, 1)
        with np.errstate(divide="ignore"):
            return np.asarray(self.l + (np.log1p(-height) - np.log(height)) / -self.gamma)


@dataclass(frozen=True, slots=True)
class ReferenceLaw:
    """Score of the reference models as a function of their size alone, at D0 tokens.

    Attributes:
        loss_law: loss from size and tokens.
        performance_law: score from loss.
        reference_tokens: D0, the number of training tokens for which effective parameters are
            computed.
    """

    loss_law: LossLaw
    performance_law: PerformanceLaw
    reference_tokens: float

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The law in one row of `reference_laws` or of the bundled coefficients."""
        return cls(
            LossLaw(row["a"], row["alpha"], row["b"], row["beta"], row["irreducible"]),
            PerformanceLaw(row["c"], row["gamma"], row["l"], row["d"]),
            row["reference_tokens"],
        )

    @property
    def floor(self) -> float:
        """Lower limit of the score, for small models."""
        return self.performance_law.d

    def score(self, params: npt.ArrayLike) -> FloatArray:
        """Score of a reference model with N parameters trained on D0 tokens."""
        return self.performance_law.score(self.loss_law.loss(params, self.reference_tokens))

    def effective_params(self, score: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.str_]]:
        """Parameters a reference model needs for a score: N_eff = ((L^ - b D0^-beta - E) / a)^(-1/alpha).

        Args:
            score: scores as fractions, any shape.

        Returns:
            effective parameters (NaN where censored), and per score `none`, `low` (at or below the
            floor of the performance law) or `high` (at or above its ceiling, or better than the
            reference family gets at D0 tokens with any number of parameters).

        Raises:
            ValueError: a score is not a number.
        """
        score = np.asarray(score, np.float64)
        if np.isnan(score).any():
            raise ValueError("a score is not a number: leave models without a score out")
        params = self.loss_law.params_at(self.performance_law.loss_at(score), self.reference_tokens)
        low, high = params == 0, np.isinf(params)
        params = np.where(low | high, np.nan, params)
        return params, np.where(low, "low", np.where(high, "high", "none"))
