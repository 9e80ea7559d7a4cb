"""Fit a loss law to a CSV file of training runs (`densing fit losses RUNS.csv`, or from Python).

Not here: the fit itself (`fit_loss`) and its bootstrap (`bootstrap_laws`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from densing_pipeline.density.bootstrap_laws import bootstrap_loss_law
from densing_pipeline.density.fit_loss import FitError, LossFit, Objective, fit_loss_law
from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import percentile_interval

NAMES: dict[str, tuple[str, ...]] = {
    "params": ("n", "params", "parameters", "model size", "model_size"),
    "tokens": ("d", "tokens", "training tokens", "training_tokens"),
    "loss": ("loss", "loss_nats_per_token", "l"),
    "run": ("run", "run_id"),
}
"""Accepted column names, case-insensitive; the first one found is used."""

FLOP_NAMES = ("flop", "flops", "training flop", "c", "compute")
"""Column names of the training compute C; without tokens, D = C / (6 N) (Kaplan et al. 2020)."""

LOSS_COEFFICIENTS = ("a", "alpha", "b", "beta", "irreducible")


@dataclass(frozen=True, slots=True)
class FileFit:
    """A fitted law with its intervals.

    Attributes:
        minima: every distinct minimum, the global one first.
        intervals: 95 % interval of each coefficient of the global fit; None if too few resamples
            have a minimum.
        n_points: points fitted.
        n_runs: number of training runs that were resampled.
        draws: resamples.
    """

    minima: tuple[LossFit, ...]
    intervals: dict[str, tuple[float, float] | None]
    n_points: int
    n_runs: int
    draws: int


def fit_file(
    path: Path | str,
    *,
    irreducible: bool = False,
    objective: Objective = "least_squares",
    draws: int = 1000,
    seed: int = 0,
) -> FileFit:
    """Fit L = a N^-alpha + b D^-beta (+ E) to a CSV file of training runs.

    Args:
        path: a CSV with columns N, D and loss (or the names in `NAMES`; training FLOP in place of
            D). With a column `run`, runs are resampled instead of points.
        irreducible: whether to fit the irreducible term E (Chinchilla's form).
        objective: `least_squares` on the loss, or `huber_log`: Huber(1e-3) on log loss.
        draws: bootstrap resamples behind the intervals.
        seed: seed of the resamples.

    Raises:
        FitError: a column is missing, a value is not a positive number, or the points do not
            determine the law; the message names file, column and row.
    """
    runs, cluster = _read(Path(path))
    params, tokens, loss = runs
    minima = fit_loss_law(params, tokens, loss, irreducible=irreducible, objective=objective)
    n_runs = int(cluster.max()) + 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(n_runs, np.full(n_runs, 1 / n_runs), size=draws)
    drawn = bootstrap_loss_law(
        [fit.law for fit in minima], params, tokens, loss, times[:, cluster].astype(np.float64),
        irreducible=irreducible, objective=objective,
    )  # fmt: skip
    intervals = {name: percentile_interval(getattr(drawn, name)) for name in LOSS_COEFFICIENTS}
    return FileFit(minima, intervals, loss.size, n_runs, draws)


def _read(path: Path) -> tuple[tuple[FloatArray, FloatArray, FloatArray], npt.NDArray[np.intp]]:
    """Params, tokens and loss of each point, and the index of its run, shape (n,) each."""
    try:
        frame = pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FitError(f"{path}: not a readable CSV ({error})") from error
    by_name = {name.strip().lower(): name for name in reversed(frame.columns)}
    found = {
        key: next((by_name[name] for name in names if name in by_name), None)
        for key, names in NAMES.items()
    }
    flop = next((by_name[name] for name in FLOP_NAMES if name in by_name), None)
    if found["params"] is None or found["loss"] is None or (found["tokens"] or flop) is None:
        raise FitError(
            f"{path}: needs the columns N, D (or FLOP) and loss, has {', '.join(frame.columns)}"
        )
    params, loss = (_column(path, frame, str(found[key])) for key in ("params", "loss"))
    if found["tokens"] is not None:
        tokens = _column(path, frame, found["tokens"])
    else:
        tokens = _column(path, frame, str(flop)) / (6 * params)
    labels = frame[found["run"]].to_numpy() if found["run"] else np.arange(frame.height)
    _, cluster = np.unique(labels.astype(str), return_inverse=True)
    return (params, tokens, loss), cluster


def _column(path: Path, frame: pl.DataFrame, name: str) -> FloatArray:
    values = frame[name].cast(pl.Float64, strict=False).to_numpy()
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise FitError(
            f"{path}, line {bad[0] + 2}, {name}: {frame[name][int(bad[0])]!r} is not a positive "
            f"number ({bad.size} such values): mend or leave out these rows"
        )
    return values
