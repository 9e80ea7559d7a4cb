"""Direct law: the logit of the score as a linear function of ln N (and ln D), without a loss.

Not here: laws in two steps through the loss (`law`), and the models of a family's law
(`direct_laws`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from densing_pipeline.benchmarks import ITEMS
from densing_pipeline.density.fit_loss import FitError, fit_loss_law
from densing_pipeline.density.fit_performance import fit_bounded_performance_law
from densing_pipeline.density.reference_laws import (
    LADDER,
    LADDER_FLOOR,
    LADDER_TOKENS,
    fitted_points,
    loss_step,
)
from densing_pipeline.stats.arrays import FloatArray

REACH = 10.0
"""Factor beyond its smallest and largest model within which a direct law is used; farther
extrapolation is not supported by the models."""

ABOVE_GUESSING = LADDER_FLOOR + 3 * (LADDER_FLOOR * (1 - LADDER_FLOOR) / ITEMS["MMLU"]) ** 0.5
"""Lowest score fitted: three standard errors above guessing; below it the logit is mostly noise."""

NO_SLOPE = 1e-9
"""Logit per ln N that is no slope: of equal scores rounding leaves up to some 1e-15, on which processor depends its sign."""

LARGEST_SHARE = 0.2
"""Share of checkpoints, those with the most training compute, held out for the comparison."""


@dataclass(frozen=True, slots=True)
class DirectLaw:
    """logit((S - floor) / (1 - floor)) = intercept + per_ln_params ln N + per_ln_tokens ln D0.

    Attributes:
        floor: score of guessing.
        intercept: logit at ln N = 0, including the term of D0.
        per_ln_params: above 0.
        params_from: fewest parameters for which the law is used.
        params_to: most parameters for which the law is used.
    """

    floor: float
    intercept: float
    per_ln_params: float
    params_from: float
    params_to: float

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """The law in one row of `direct_laws`."""
        return cls(*(row[name] for name in ("d", *FIELDS)))

    def score(self, params: npt.ArrayLike) -> FloatArray:
        """Score of a reference model with N parameters."""
        height = self.intercept + self.per_ln_params * np.log(np.asarray(params, np.float64))
        return np.asarray(self.floor + (1 - self.floor) / (1 + np.exp(-height)))

    def effective_params(self, score: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.str_]]:
        """As `ReferenceLaw.effective_params`; censored beyond the law's range of parameters."""
        score = np.asarray(score, np.float64)
        if np.isnan(score).any():
            raise ValueError("a score is not a number: leave models without a score out")
        height = _logit(np.clip(score, 0, 1), self.floor)
        with np.errstate(over="ignore"):
            params = np.exp((height - self.intercept) / self.per_ln_params)
        low, high = params < self.params_from, params > self.params_to
        params = np.where(low | high, np.nan, params)
        return params, np.where(low, "low", np.where(high, "high", "none"))


LADDER_DIRECT = f"{LADDER}-direct"
"""The law of the OLMo ladder in one step; it ends at a small multiple of its largest model."""

FIELDS = ("logit_intercept", "logit_per_ln_params", "params_from", "params_to")


def fit_direct(
    params: FloatArray, score: FloatArray, floor: float, tokens: FloatArray | None = None
) -> FloatArray:
    """Least squares of the logit: intercept, slope in ln N and, with tokens, slope in ln D.

    Raises:
        FitError: a score is at or below guessing, the points do not determine the line, or its
            slope in ln N is not positive.
    """
    if not ((score > floor) & (score < 1)).all():
        raise FitError("a direct law needs scores above guessing and below 1")
    columns = [np.ones_like(score), np.log(params)] + ([] if tokens is None else [np.log(tokens)])
    line, _, rank, _ = np.linalg.lstsq(np.stack(columns, axis=1), _logit(score, floor), rcond=1e-10)
    if rank < len(columns):
        raise FitError("the models do not differ in parameters (and tokens) enough to fix a line")
    if line[1] <= NO_SLOPE:
        raise FitError("larger models of the reference score no better")
    return np.asarray(line)


def ladder_one_step(points: pl.DataFrame) -> dict[str, Any] | None:
    """The direct law of the OLMo checkpoints on MMLU; None without points.

    For comparison with the two-step law, both are fitted to the 80 % of the checkpoints with the
    least training compute and evaluated on the scores of the others.

    Returns:
        A row of `direct_laws`.

    Raises:
        FitError: the points determine no law.
    """
    fitted = fitted_points(points, LADDER, "MMLU")
    scored = fitted.filter(pl.col("score") > ABOVE_GUESSING).drop_nulls(["params", "tokens"])
    if not scored.height:
        return None
    params, tokens, loss, score = (
        scored[name].cast(pl.Float64).to_numpy()
        for name in ("params", "tokens", "loss_nats_per_token", "score")
    )
    compute = params * tokens
    small = compute <= np.quantile(compute, 1 - LARGEST_SHARE)
    line = fit_direct(params[small], score[small], LADDER_FLOOR, tokens[small])
    height = line[0] + line[1] * np.log(params) + line[2] * np.log(tokens)
    predicted = LADDER_FLOOR + (1 - LADDER_FLOOR) / (1 + np.exp(-height))
    sigmoid = fit_bounded_performance_law(loss[small], score[small], floor=LADDER_FLOOR).law
    two_step = sigmoid.score(fit_loss_law(*loss_step(fitted))[0].law.loss(params, tokens))
    own, rival = (
        float(np.sqrt(np.mean((guess - score)[~small] ** 2))) for guess in (predicted, two_step)
    )
    line = fit_direct(params, score, LADDER_FLOOR, tokens)
    return direct_row(
        LADDER_DIRECT, "MMLU", LADDER_FLOOR, line[0] + line[2] * np.log(LADDER_TOKENS), line[1],
        params, own,
    ) | {
        "law_kind": "one-step", "logit_per_ln_tokens": float(line[2]),
        "reference_tokens": LADDER_TOKENS, "two_step_largest_out_error": rival,
        "is_chosen": own < rival,
        "source": f"fitted on {score.size} OLMo checkpoints of {np.unique(params).size} sizes, "
        "Bhagia et al. 2024; errors over the fifth with the most training compute",
    }  # fmt: skip


def direct_row(
    reference_id: str,
    benchmark: str,
    floor: float,
    intercept: float,
    slope: float,
    params: FloatArray,
    largest_out_error: float,
) -> dict[str, Any]:
    """The columns that every row of `direct_laws` has."""
    return {
        "reference_id": reference_id,
        "benchmark": benchmark,
        "d": floor,
        "logit_intercept": float(intercept),
        "logit_per_ln_params": float(slope),
        "params_from": float(params.min() / REACH),
        "params_to": float(params.max() * REACH),
        "n_points": params.size,
        "largest_out_error": largest_out_error,
    }


def _logit(score: npt.ArrayLike, floor: float) -> FloatArray:
    height = np.clip((np.asarray(score, np.float64) - floor) / (1 - floor), 0, 1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(height) - np.log1p(-height))
