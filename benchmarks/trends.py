"""Speed of the trend estimates and of a night's whole refit, against what a user would write."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import polars as pl
from dagster import DagsterInstance
from statsmodels.regression.quantile_regression import QuantReg
from statsmodels.tools.sm_exceptions import IterationLimitWarning

from benchmarks.density import multi_start
from benchmarks.measure import Measurement, Row, compare, machine, memory, row
from densing_pipeline import facts
from densing_pipeline.definitions import build_defs
from densing_pipeline.density.densities import densities
from densing_pipeline.density.reference_laws import reference_laws
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.hub import bundled
from densing_pipeline.settings import Settings
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import cluster_weights
from densing_pipeline.stats.quantile import quantile_line
from densing_pipeline.tables.dates import days_since_zero
from densing_pipeline.tables.published import REFERENCE_POINTS
from densing_pipeline.units import MIB

Series = tuple[FloatArray, FloatArray, tuple[str, ...]]

ROOT = Path(__file__).resolve().parent.parent

RESAMPLES = 2000
PEER_RESAMPLES = 40
NIGHTLY_RESAMPLES = 10
DRAWS = 1000


def benchmarks() -> Iterator[Row]:
    """Bootstrap of the headline estimator, and the refit of a night."""
    yield Row("trends.quantile_bootstrap", quantile_bootstrap)
    yield Row("trends.quantile_bootstrap_2000", quantile_bootstrap_2000)
    yield from linear()
    yield Row("nightly.refit", nightly_refit)


def quantile_bootstrap() -> Measurement:
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


def quantile_bootstrap_2000() -> Measurement:
    """2,000 quantile regressions at 2,000 models; the peer's time is that of 40, times 50."""
    x, y, weights = simulated_models(2000)
    few = [np.repeat(np.arange(x.size), row.astype(int)) for row in weights[:PEER_RESAMPLES]]
    ours = quantile_line(x, y, 0.9, weights)
    peers = np.array([quantreg(x[row], y[row], 0.9) for row in few]).T
    some = weights[:PEER_RESAMPLES]
    loss = check_loss(x, y, some, *(part[:PEER_RESAMPLES] for part in ours))
    assert (loss <= check_loss(x, y, some, *peers) * (1 + 1e-6)).all(), "not at the optimum"
    row = compare(
        "trends.quantile_bootstrap_2000",
        f"{RESAMPLES} exact bootstrap quantile regressions (tau 0.9) at n = {x.size}; the peer's time "
        f"is {RESAMPLES // PEER_RESAMPLES} times that of {PEER_RESAMPLES}",
        lambda: quantile_line(x, y, 0.9, weights),
        lambda: [quantreg(x[row], y[row], 0.9) for row in few],
        "statsmodels QuantReg, one resample at a time",
    )
    return scaled(row, RESAMPLES / PEER_RESAMPLES)


def linear() -> Iterator[Row]:
    """Cost against draws and models: ours is ten times the work of what stands as the peer."""
    x, y, weights = simulated_models(10_000, 500)
    tenth = slice(0, 1000)
    yield row(
        "trends.linear_in_models",
        "500 resampled quantile lines at 10,000 models; the peer is ours at 1,000 models",
        lambda: quantile_line(x, y, 0.9, weights),
        lambda: quantile_line(x[tenth], y[tenth], 0.9, weights[:, tenth]),
        "densing_pipeline itself, a tenth of the models",
    )
    yield row(
        "trends.linear_in_draws",
        "500 resampled quantile lines at 10,000 models; the peer is ours with 50 resamples",
        lambda: quantile_line(x, y, 0.9, weights),
        lambda: quantile_line(x, y, 0.9, weights[:50]),
        "densing_pipeline itself, a tenth of the draws",
    )


def nightly_refit() -> Measurement:
    """The statistical steps of a night with 1,000 draws: those of density, cost and forecasts.

    The nightly job runs on the bundled facts, and its own record says how long each step took. The
    peer does the fits of the laws and the non-embedding series over all models only, with few
    resamples; its time is scaled to 1,000.
    """
    every = list(series(our_laws()))
    fits = timed(peer_loss_fits)
    bootstrap = timed(lambda: [peer_trends(one) for one in every]) * DRAWS / NIGHTLY_RESAMPLES
    steps, peak = whole_night()
    ours = sum(steps.values())
    longest = ", ".join(
        f"{name} {steps[name]:.0f} s"
        for name in sorted(steps, key=lambda name: steps[name])[:-5:-1]
    )
    return Measurement(
        name="nightly.refit",
        what=f"the {len(steps)} statistical tables of a night with {DRAWS} draws ({longest}); "
        "peak_mb is that of all its processes together; the peer: loss fits and "
        f"{len(every)} series, from {NIGHTLY_RESAMPLES} resamples",
        ours=round(ours, 4),
        peer=round(fits + bootstrap, 4),
        peer_name="scipy L-BFGS-B multi-start, statsmodels QuantReg and numpy per resample",
        unit="s",
        ratio=round((fits + bootstrap) / ours, 1),
        peak_mb=round(peak, 1),
        machine=machine(),
        date=datetime.now(UTC).date().isoformat(),
    )


def whole_night() -> tuple[dict[str, float], float]:
    """Seconds of each statistical step of the nightly job, and the peak of its processes' memory, MB."""
    with TemporaryDirectory() as folder:
        environment = {
            "DAGSTER_HOME": str(ROOT),
            "DENSING_STATE_DIR": f"{folder}/state",
            "DENSING_PUBLISH_URL": f"{folder}/published",
            "DENSING_BOOTSTRAP_DRAWS": str(DRAWS),
            "DENSING_POLL": "false",
            "DENSING_HUB_POLL": "false",
        }
        with patch.dict(os.environ, environment):
            peak = run_apart([sys.executable, "-m", "densing_pipeline", "run"])
            specs = build_defs(Settings()).resolve_all_asset_specs()
            groups = {spec.key.path[-1]: spec.group_name for spec in specs}
            with DagsterInstance.get() as instance:
                steps = instance.get_run_step_stats(instance.get_runs()[0].run_id)
    return {
        step.step_key: step.end_time - step.start_time
        for step in steps
        if groups.get(step.step_key) in {"density", "cost", "forecasts"}
        and step.start_time is not None
        and step.end_time is not None
    }, peak


def run_apart(command: list[str]) -> float:
    """Run a program to its end; the most memory its processes took together, MB."""
    peak = 0.0
    program = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while program.poll() is None:
            peak = max(peak, memory(program.pid).mib * MIB / 1e6)
            time.sleep(0.2)
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGTERM)
    assert program.returncode == 0, f"{command} ended with {program.returncode}"
    return peak


def simulated_models(
    n: int, resamples: int = RESAMPLES
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Days, ln densities and resamples of n simulated models."""
    rng = np.random.default_rng(n)
    x = rng.uniform(0, 1500, n)
    y = 0.0066 * x - rng.exponential(1, n) + 0.3 * rng.normal(size=n)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    return x, y, weights.astype(np.float64)


def scaled(row: Measurement, times: float) -> Measurement:
    """A row whose peer did only a part of the work."""
    peer = row["peer"] * times
    return {**row, "peer": round(peer, 4), "ratio": round(peer / row["ours"], 1)}


def timed(work: Callable[[], object]) -> float:
    """Seconds the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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
        reported_scores.scores(
            facts.load("reported_scores"),
            plotted,
            facts.load("base_models"),
            facts.load("score_documents"),
        ),
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


def peer_trends(one: Series) -> list[list[float]]:
    """Resampled slopes by estimator, one resample at a time."""
    x, y, families = one
    weights = cluster_weights(families, NIGHTLY_RESAMPLES, seed=0)
    resamples = [np.repeat(np.arange(x.size), row.astype(int)) for row in weights]
    fits: list[Callable[[FloatArray, FloatArray], float]] = [peer_records, peer_ols]
    fits += [partial(peer_quantile, tau) for tau in (0.8, 0.9, 0.95)]
    return [[fit(x[rows], y[rows]) for rows in resamples] for fit in fits]


def peer_quantile(tau: float, x: FloatArray, y: FloatArray) -> float:
    """Slope of a quantile regression."""
    return float(quantreg(x, y, tau)[0])


def peer_records(x: FloatArray, y: FloatArray) -> float:
    """Slope of the line through the record setters."""
    kept, best = [], -np.inf
    for day in np.unique(x):
        highest = y[x == day].max()
        if highest > best:
            best = highest
            kept.append((day, highest))
    return float(np.polyfit(*zip(*kept, strict=True), 1)[0]) if len(kept) > 2 else float("nan")


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
