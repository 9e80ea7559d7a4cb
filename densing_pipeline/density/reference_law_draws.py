"""Uncertainty of reference laws: refits to bootstrap resamples of their training runs.

A draw is a complete law, loss and performance step together, so that inverting scores with it
preserves the correlation of the coefficients. Draw k of every law of one reference family and
benchmark is fitted to the same resample.

Not here: the fits (`bootstrap_laws`, `bootstrap_scores`), and densities.
"""

from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from densing_pipeline.density.bootstrap_laws import bootstrap_loss_law
from densing_pipeline.density.bootstrap_scores import bootstrap_performance_law
from densing_pipeline.density.drawn_law import COEFFICIENTS
from densing_pipeline.density.fit_loss import FitError, fit_loss_law
from densing_pipeline.density.law import LossLaw, ReferenceLaw
from densing_pipeline.density.measured_laws import FEWEST_SCALED, scale_of
from densing_pipeline.density.reference_laws import (
    LADDER,
    PUBLISHED_POINTS,
    REFITTED,
    fitted_points,
    loss_step,
    score_step,
)
from densing_pipeline.paper import NMI
from densing_pipeline.stats.arrays import BoolArray, FloatArray
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import REFERENCE_LAW_DRAWS

LAW_DRAWS = 200
"""Number of published draws per law."""

HEADLINE_LAW = (NMI, "AVERAGE")
HEADLINE_LAW_TIMES = 10
"""Factor by which the headline's law has more draws, to reduce its Monte Carlo error."""

SPARE = 2
"""Resamples per published draw; the spare ones replace resamples that determine no law."""

FEWEST_DISTINCT = 5
"""Fewest distinct runs (and models of the score step) with which a resample determines a law."""

FEWEST_LAWS = 4
"""Fewest laws, of tenths of a second each, for which a second process is started."""

FEWEST_RUNS = 5
BLOCKS = 10
"""Number of blocks per run in which score points of fewer than 5 training runs are resampled,
because checkpoints of one run are not independent."""


def reference_law_draws(
    reference_laws: pl.DataFrame, points: pl.DataFrame, *, seed: int, draws: int = LAW_DRAWS
) -> pl.DataFrame:
    """Every reference law refitted to resamples of its training runs.

    Loss runs are drawn with replacement, and so are the models of the score step (blocks of
    checkpoints where they come from fewer than five runs); the anchor is always included. A law
    fitted to its global minimum takes the lowest of the known minima in every resample, so its
    draws include the uncertainty about the minimum; any other law stays in its own minimum. The
    draws of published coefficients are refits of the points they were fitted to.

    Args:
        reference_laws: a `reference_laws` frame.
        points: a `reference_points` frame.
        seed: seed of the resamples.
        draws: draws of each law; the headline's has ten times as many.

    Returns:
        A `reference_law_draws` frame, which says of each draw whether it lies in another minimum; a law without points has no rows, nor has one for which most
        resamples determine no law.
    """
    work = partial(_of_law, points=points, seed=seed, draws=draws)
    laws = reference_laws.rows(named=True)
    rows = list(chain.from_iterable(parallel_map(work, laws, fewest=FEWEST_LAWS)))
    return REFERENCE_LAW_DRAWS.cast(pl.DataFrame(rows)) if rows else REFERENCE_LAW_DRAWS.empty()


def _of_law(
    law: dict[str, Any], points: pl.DataFrame, seed: int, draws: int
) -> list[dict[str, Any]]:
    """The rows of one law."""
    is_headline = (law["reference_id"], law["benchmark"]) == HEADLINE_LAW
    wanted = draws * (HEADLINE_LAW_TIMES if is_headline else 1)
    coefficients = _coefficients(law, points, seed, wanted, most=draws * HEADLINE_LAW_TIMES)
    return [
        {"reference_id": law["reference_id"], "benchmark": law["benchmark"], "draw": draw}
        | dict(zip(COEFFICIENTS, map(float, values), strict=True))
        | {"is_other_minimum": bool(is_other)}
        for draw, (values, is_other) in enumerate(
            zip(coefficients, _in_other_minimum(law, points, coefficients), strict=True)
        )
    ]


def _coefficients(
    law: dict[str, Any], points: pl.DataFrame, seed: int, draws: int, most: int
) -> FloatArray:
    """Coefficients of the draws of one law, shape (draws, 9), or (0, 9).

    Resamples are drawn for the law with the most draws, so that draw k is the same for all.
    """
    family = _family(law["reference_id"])
    fitted = fitted_points(points, family, law["benchmark"])
    nothing = np.empty((0, len(COEFFICIENTS)))
    if not fitted.height:
        return nothing
    runs, (loss, score) = loss_step(fitted), score_step(fitted)
    own = ReferenceLaw.from_row(law)
    rng = stream(seed, f"{family}/{law['benchmark']}")
    run_weights = _resamples(np.arange(runs[0].size), SPARE * most, rng)[: SPARE * draws]
    score_weights = _resamples(score_clusters(fitted), SPARE * most, rng)[: SPARE * draws]
    try:
        found, fewest = _loss_draws(law, own.loss_law, runs, run_weights)
    except FitError:
        return nothing
    performance = bootstrap_performance_law(
        own.performance_law, loss, score, score_weights,
        anchor=family != LADDER, bounded=family == LADDER,
    )  # fmt: skip
    every = np.column_stack([*found[:5], performance])
    enough = ((run_weights > 0).sum(1) >= fewest) & ((score_weights > 0).sum(1) >= FEWEST_DISTINCT)
    kept = every[np.isfinite(every).all(axis=1) & enough]
    return kept[:draws] if len(kept) >= draws else nothing


def _in_other_minimum(
    law: dict[str, Any], points: pl.DataFrame, coefficients: FloatArray
) -> BoolArray:
    """Whether each draw of a law lies nearer to another minimum of its points than to the law, shape (draws,).

    The distance is that of the logarithms of alpha and beta. A resample of a law that stays in its minimum
    may have no minimum there any more: then the descent slides into the other.
    """
    nowhere = np.zeros(len(coefficients), dtype=np.bool_)
    if law["fit"] == "scaled" or not len(coefficients):
        return nowhere
    runs = loss_step(fitted_points(points, _family(law["reference_id"]), law["benchmark"]))
    own = np.log([law["alpha"], law["beta"]])
    minima = fit_loss_law(*runs, irreducible=law["irreducible"] > 0)
    exponents = np.log([[fit.law.alpha, fit.law.beta] for fit in minima])
    mine = int(np.square(exponents - own).sum(axis=1).argmin())
    at = COEFFICIENTS.index("alpha"), COEFFICIENTS.index("beta")
    gaps = np.log(coefficients[:, at])[:, None] - exponents
    return np.asarray(np.square(gaps).sum(axis=2).argmin(axis=1) != mine)


def _family(reference_id: str) -> str:
    """The reference family to whose points a law is fitted."""
    for name in (REFITTED, LADDER):
        if reference_id.startswith(name):
            return name
    return PUBLISHED_POINTS.get(reference_id, reference_id)


def _loss_draws(
    law: dict[str, Any],
    own: LossLaw,
    runs: tuple[FloatArray, FloatArray, FloatArray],
    weights: FloatArray,
) -> tuple[tuple[FloatArray, ...], int]:
    """Coefficients of the loss step in every resample, and the fewest distinct runs it needs.

    For a published law that was scaled, only the scale is drawn.
    """
    if law["fit"] == "scaled":
        scale = scale_of(own, *runs, weights)
        one = np.ones_like(scale)
        drawn = (scale * own.a, one * own.alpha, scale * own.b, one * own.beta)
        return (*drawn, scale * own.irreducible), FEWEST_SCALED
    found = bootstrap_loss_law(
        _starts(law, own, runs), *runs, weights, irreducible=own.irreducible > 0
    )
    return tuple(found[:5]), FEWEST_DISTINCT


def _starts(
    law: dict[str, Any], own: LossLaw, runs: tuple[FloatArray, FloatArray, FloatArray]
) -> list[LossLaw]:
    if law["fit"] != "global":
        return [own]
    return [fit.law for fit in fit_loss_law(*runs, irreducible=own.irreducible > 0)]


def _resamples(cluster: np.ndarray[Any, Any], count: int, rng: np.random.Generator) -> FloatArray:
    """Weights of each point when its clusters are drawn with replacement, shape (count, n)."""
    clusters = int(cluster.max()) + 1
    times = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=count)
    return times[:, cluster].astype(np.float64)


def score_clusters(fitted: pl.DataFrame) -> np.ndarray[Any, Any]:
    """Cluster of each score point, in the order of `score_step`, as integers of shape (points,).

    With `FEWEST_RUNS` training runs (told apart by their size) or more every point is its own
    cluster; with fewer, the points of a run are cut into `BLOCKS` clusters by their tokens.
    """
    models = fitted.filter(pl.col("score").is_not_null())
    sizes = models["params"].to_numpy()
    if models["params"].null_count() or np.unique(sizes).size >= FEWEST_RUNS:
        return np.arange(models.height)
    rank = models.select(pl.col("tokens").rank("ordinal").over("params") - 1).to_series()
    length = models.select(pl.len().over("params")).to_series()
    block = (rank * BLOCKS // length).to_numpy().astype(np.int64)
    _, run = np.unique(sizes, return_inverse=True)
    return np.unique(run * BLOCKS + block, return_inverse=True)[1]
