"""Speed of the trend estimates and of a night's whole refit, against what a user would write."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from statsmodels.regression.quantile_regression import QuantReg
from statsmodels.tools.sm_exceptions import IterationLimitWarning

from benchmarks.density import multi_start
from benchmarks.measure import compare
from densing_pipeline import facts
from densing_pipeline.density.densities import densities
from densing_pipeline.density.laws import reference_laws
from densing_pipeline.evaluation import reported
from densing_pipeline.hub import bundled
from densing_pipeline.tables.published import REFERENCE_POINTS
from densing_pipeline.trends.bootstrap import cluster_weights
from densing_pipeline.trends.estimators import ALWAYS, TREND_ESTIMATORS
from densing_pipeline.trends.quantile import quantile_line
from densing_pipeline.trends.windows import days_since_zero

FloatArray = npt.NDArray[np.float64]
Series = tuple[FloatArray, FloatArray, tuple[str, ...]]

RESAMPLES = 2000
NIGHTLY_RESAMPLES = 40


def benchmarks() -> Iterator[dict[str, Any]]:
    """Bootstrap of the headline estimator, and the refit of a night."""
    yield quantile_bootstrap()
    yield nightly_refit()


def quantile_bootstrap() -> dict[str, Any]:
    """2,000 quantile regressions at the paper's 51 models, resampled model by model."""
    x, y, _ = next(series(our_laws(), paper_only=True))
    drawn = np.random.default_rng(0).integers(0, x.size, (RESAMPLES, x.size))
    weights = np.stack([np.bincount(row, minlength=x.size) for row in drawn]).astype(np.float64)
    ours = quantile_line(x, y, 0.9, weights)
    peers = np.array([quantreg(x[row], y[row], 0.9) for row in drawn]).T
    loss, peer_loss = (check_loss(x, y, weights, *line) for line in (ours, peers))
    assert (loss <= peer_loss * (1 + 1e-6)).all(), "a resample of ours is not at its optimum"
    return compare(
        "trends.quantile_bootstrap",
        f"{RESAMPLES} exact bootstrap quantile regressions (tau 0.9) at n = {x.size}",
        lambda: quantile_line(x, y, 0.9, weights),
        lambda: [quantreg(x[row], y[row], 0.9) for row in drawn],
        "statsmodels QuantReg, one resample at a time",
    )


def nightly_refit() -> dict[str, Any]:
    """Reference fits, densities, and every estimator's bootstrap over every series of all models.

    The peer does the same work with scipy and statsmodels, one fit and one resample at a time; the
    number of resamples is far below a night's 1,000 so that the peer ends.
    """
    laws = our_laws()
    every = list(series(laws))
    return compare(
        "nightly.refit",
        f"reference laws, densities and {len(TREND_ESTIMATORS)} estimators over {len(every)} series "
        f"with {NIGHTLY_RESAMPLES} resamples each",
        lambda: [our_trends(one) for one in series(our_laws())],
        lambda: [peer_loss_fits(), *(peer_trends(one) for one in series(laws))],
        "scipy L-BFGS-B multi-start, statsmodels QuantReg and numpy per resample",
    )


def our_laws() -> pl.DataFrame:
    """Every reference law, fitted by us."""
    return reference_laws(
        REFERENCE_POINTS.cast(facts.load("reference_points")), facts.load("reference_coefficients")
    )


def series(laws: pl.DataFrame, *, paper_only: bool = False) -> Iterator[Series]:
    """Days, ln densities and families of every non-embedding series under these laws."""
    plotted = facts.load("nmi_models")
    dense = densities(
        bundled.models(facts.load("base_models"), plotted),
        reported.scores(facts.load("reported_scores"), plotted),
        laws,
    ).filter(pl.col("density").is_not_null() & (pl.col("params_basis") == "nonembedding"))
    if paper_only:
        own = (pl.col("reference_id") == "nmi-2025") & (pl.col("score_set") == "nmi-2025-average")
        dense = dense.filter(own)
    for _, group in dense.sort("release_date").group_by(
        "reference_id", "score_set", maintain_order=True
    ):
        days: Sequence[date] = group["release_date"].to_list()
        yield (
            np.array([days_since_zero(day) for day in days]),
            np.log(group["density"].to_numpy()),
            tuple(group["family"]),
        )


def our_trends(one: Series) -> list[FloatArray]:
    """Resampled slopes by estimator, all resamples at once."""
    x, y, families = one
    weights = cluster_weights(families, NIGHTLY_RESAMPLES, seed=0)
    return [
        estimator.lines(x, y, weights, ALWAYS)[0].slope for estimator in TREND_ESTIMATORS.values()
    ]


def peer_trends(one: Series) -> list[list[float]]:
    """Resampled slopes by estimator, one resample at a time."""
    x, y, families = one
    weights = cluster_weights(families, NIGHTLY_RESAMPLES, seed=0)
    resamples = [np.repeat(np.arange(x.size), row.astype(int)) for row in weights]
    fits: list[Callable[[FloatArray, FloatArray], float]] = [peer_records, peer_ols]
    fits += [lambda a, b, tau=tau: quantreg(a, b, tau)[0] for tau in (0.8, 0.9, 0.95)]
    return [[fit(x[rows], y[rows]) for rows in resamples] for fit in fits]


def peer_records(x: FloatArray, y: FloatArray) -> float:
    """Slope of the line through the record setters."""
    kept, best = [], -np.inf
    for day in np.unique(x):
        highest = y[x == day].max()
        if highest > best:
            best = highest
            kept.append((day, highest))
    return float(np.polyfit(*np.array(kept).T, 1)[0]) if len(kept) > 2 else float("nan")


def peer_ols(x: FloatArray, y: FloatArray) -> float:
    """Slope of the least-squares line."""
    return float(np.polyfit(x, y, 1)[0])


def peer_loss_fits() -> list[float]:
    """The multi-start fit of every reference family's loss."""
    runs = facts.load("reference_points").filter("used_in_fit", pl.col("score").is_null())
    return [
        multi_start(
            *(
                group[name].cast(pl.Float64).to_numpy()
                for name in ("params", "tokens", "loss_nats_per_token")
            )
        )
        for _, group in runs.group_by("reference_id", "benchmark", maintain_order=True)
    ]


def quantreg(x: FloatArray, y: FloatArray, tau: float) -> tuple[float, float]:
    """Slope and intercept of one quantile regression by iterated weighted least squares."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IterationLimitWarning)
        slope, intercept = QuantReg(y, design).fit(q=tau).params
    return float(slope), float(intercept)


def check_loss(
    x: FloatArray, y: FloatArray, weights: FloatArray, slope: FloatArray, intercept: FloatArray
) -> FloatArray:
    """Objective of each resample's line at tau 0.9."""
    residual = y - intercept[:, None] - slope[:, None] * x
    return np.asarray((weights * np.maximum(0.9 * residual, -0.1 * residual)).sum(axis=1))
