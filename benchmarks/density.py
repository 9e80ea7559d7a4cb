"""Speed of the reference fit, against what a user would write with scipy."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import minimize

from benchmarks.measure import compare
from densing_pipeline import facts
from densing_pipeline.density.fit_loss import fit_loss_law

FloatArray = npt.NDArray[np.float64]

STARTS = list(
    product((0.0, 2.0, 4.0, 6.0), (0.05, 0.2, 0.5), (0.0, 2.0, 4.0, 6.0), (0.05, 0.2, 0.5))
)
"""Grid of (ln a, alpha, ln b, beta), in the manner of Hoffmann et al. 2022, Appendix D.3."""


def benchmarks() -> Iterator[dict[str, Any]]:
    """Global fit of the loss law to the paper's 33 AVERAGE points."""
    params, tokens, loss = paper_points()
    ours, peer = fit_loss_law(params, tokens, loss)[0].sse, multi_start(params, tokens, loss)
    assert ours <= peer * (1 + 1e-6), f"our minimum {ours} is above the peer's {peer}"
    yield compare(
        "density.reference_fit",
        f"global minimum of the loss law over {loss.size} points (the peer from {len(STARTS)} starts)",
        lambda: fit_loss_law(params, tokens, loss),
        lambda: multi_start(params, tokens, loss),
        "scipy.optimize.minimize L-BFGS-B, analytic gradient, multi-start",
    )


def paper_points() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Parameters, tokens and losses of the paper's AVERAGE points."""
    runs = facts.load("reference_points").filter(
        (pl.col("reference_id") == "nmi-2025")
        & (pl.col("benchmark") == "AVERAGE")
        & pl.col("score").is_null()
    )
    columns = ("params", "tokens", "loss_nats_per_token")
    params, tokens, loss = (runs[name].cast(pl.Float64).to_numpy() for name in columns)
    return params, tokens, loss


def multi_start(params: FloatArray, tokens: FloatArray, loss: FloatArray) -> float:
    """Least sum of squares over all starts."""
    log_n, log_d = np.log(params), np.log(tokens)

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        n_term, d_term = np.exp(theta[0] - theta[1] * log_n), np.exp(theta[2] - theta[3] * log_d)
        residual = n_term + d_term - loss
        slopes = np.stack([n_term, -log_n * n_term, d_term, -log_d * d_term])
        return float(residual @ residual), 2 * slopes @ residual

    bounds = [(-10, 20), (0.001, 3), (-10, 20), (0.001, 3)]
    options = {"maxiter": 5000, "maxfun": 10000, "ftol": 1e-15, "gtol": 1e-10}
    fits = (
        minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        for start in STARTS
    )
    return min(float(fit.fun) for fit in fits)
