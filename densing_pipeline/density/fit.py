"""Fit a loss law to a file of training runs (`densing fit losses RUNS.csv`, or from Python).

Not here: how files are read (`own_files`), the fit itself (`fit_loss`) and its bootstrap (`bootstrap_laws`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from densing_pipeline.density.bootstrap_laws import LossDraws, bootstrap_loss_law
from densing_pipeline.density.fit_loss import FitError, LossFit, Objective, fit_loss_law
from densing_pipeline.own_files.effort import usual_draws
from densing_pipeline.own_files.reading import NOTHING_TOLD, Told, read_roles
from densing_pipeline.own_files.roles import FLOP_UNITS, LOGARITHMS, LOSS_UNITS, MULTIPLES, Role
from densing_pipeline.stats.arrays import FloatArray, IntArray
from densing_pipeline.stats.intervals import clustered_interval

PARAMS = Role(
    "params",
    "the number of parameters N",
    (
        "n", "params", "param", "parameters", "parameter", "nparams", "nparam", "nparameters", "numparams",
        "numparameters", "numberofparameters", "paramcount", "parametercount", "modelsize", "size",
        "modelparams", "modelparameters", "nonembeddingparams", "nonembeddingparameters",
        "paramsnonembedding", "nonembparams", "paramstotal", "totalparams", "totalparameters",
    ),
    units=(*MULTIPLES, *LOGARITHMS),
    fillers=("params", "parameters"),
    least=1e4,
    most=1e14,
)  # fmt: skip
TOKENS = Role(
    "tokens",
    "the number of training tokens D",
    (
        "d", "tokens", "ntokens", "numtokens", "trainingtokens", "traintokens", "tokenstrained", "tokensseen",
        "tokencount", "numberoftokens", "datasize", "datasetsize", "trainingdata", "totaltokens",
    ),
    units=(*MULTIPLES, *LOGARITHMS),
    fillers=("tokens", "token"),
    least=1e5,
    most=1e16,
)  # fmt: skip
COMPUTE = Role(
    "flop",
    "the training compute C",
    (
        "flop", "flops", "c", "compute", "trainingflop", "trainingflops", "trainflop", "trainflops",
        "trainingcompute", "traincompute", "totalflop", "totalflops", "pfdays", "petaflop", "exaflop",
        "zettaflop", "pflops", "eflops", "zflops",
    ),
    units=(*MULTIPLES, *FLOP_UNITS, *LOGARITHMS),
    implied={"pfdays": "pf-days", "petaflop": "petaflop", "exaflop": "exaflop", "zettaflop": "zettaflop",
             "pflops": "petaflop", "eflops": "exaflop", "zflops": "zettaflop"},
    fillers=("flop", "flops"),
    least=1e9,
    most=1e30,
)  # fmt: skip
LOSS = Role(
    "loss",
    "the loss L",
    (
        "loss", "l", "finalloss", "trainloss", "trainingloss", "valloss", "validationloss", "evalloss",
        "testloss", "crossentropy", "celoss", "ce", "nll", "perplexity", "ppl", "valppl", "evalppl",
        "valperplexity", "validationperplexity", "finalperplexity", "bpb", "bitsperbyte",
    ),
    units=LOSS_UNITS,
    plain=LOSS_UNITS[0],
    implied={"perplexity": "perplexity", "ppl": "perplexity", "valppl": "perplexity", "evalppl": "perplexity",
             "valperplexity": "perplexity", "validationperplexity": "perplexity",
             "finalperplexity": "perplexity", "bpb": "bits", "bitsperbyte": "bits"},
    fillers=("token", "tokens", "byte"),
    most=20.0,
)  # fmt: skip
RUN = Role("run", "the training run", ("run", "runid", "runname", "experiment"), kind="label")

ROLES = (PARAMS, TOKENS, COMPUTE, LOSS, RUN)
NEEDED = (("params", "tokens", "loss"), ("params", "flop", "loss"))
"""With compute in place of tokens, D = C / (6 N) (Kaplan et al. 2020)."""

LOSS_COEFFICIENTS = ("a", "alpha", "b", "beta", "irreducible")

FEWEST_FITTED = 8
"""Points: twice the coefficients of the paper's form; two more for the irreducible term."""
FEWEST_RUNS = 5
"""Fewest runs that are resampled; fewer give too few distinct resamples."""
FEWEST_SIZES = 3
"""Fewest different numbers of parameters, and of tokens: two fix no exponent."""
LEAST_FOLD = 1.5
"""Fold by which tokens must differ from the best power of size. On a line D = k N^p the two terms of the law
are one, whatever the number of points."""

ELEMENTS_AT_ONCE = 4_000_000
"""Weights of resamples held at once, 32 MB."""


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
        notes: how the file was read, and what was left out.
    """

    minima: tuple[LossFit, ...]
    intervals: dict[str, tuple[float, float] | None]
    n_points: int
    n_runs: int
    draws: int
    notes: tuple[str, ...] = ()


def fit_file(
    path: Path | str,
    *,
    irreducible: bool = False,
    objective: Objective = "least_squares",
    draws: int | None = None,
    seed: int = 0,
    told: Told = NOTHING_TOLD,
) -> FileFit:
    """Fit L = a N^-alpha + b D^-beta (+ E) to a file of training runs.

    Args:
        path: a delimited file with columns for N, D (or training FLOP) and loss, under any of the names of
            `ROLES`. With a column `run`, runs are resampled instead of points.
        irreducible: whether to fit the irreducible term E (Chinchilla's form).
        objective: `least_squares` on the loss, or `huber_log`: Huber(1e-3) on log loss.
        draws: bootstrap resamples behind the intervals; `effort.usual_draws` if None.
        seed: seed of the resamples.
        told: columns and units, where the file does not say them.

    Raises:
        FileError: the file cannot be read, or a column is missing or in an unknown unit.
        FitError: the points do not determine the law.
    """
    found = read_roles(Path(path), ROLES, NEEDED, told)
    params, loss = (found.columns[name].to_numpy() for name in ("params", "loss"))
    tokens = (
        found.columns["tokens"].to_numpy()
        if "tokens" in found.columns
        else found.columns["flop"].to_numpy() / (6 * params)
    )
    cluster, n_runs = _runs(found.columns)
    _check(params, tokens, loss, n_runs, irreducible=irreducible)
    draws = draws or usual_draws(loss.size)
    minima = fit_loss_law(params, tokens, loss, irreducible=irreducible, objective=objective)
    laws = [fit.law for fit in minima]
    rng = np.random.default_rng(seed)
    parts = list[LossDraws]()
    for start in range(0, draws, size := max(1, ELEMENTS_AT_ONCE // loss.size)):
        chosen = rng.integers(n_runs, size=(min(size, draws - start), n_runs))
        times = np.stack([np.bincount(row, minlength=n_runs) for row in chosen]).astype(np.float64)
        parts.append(
            bootstrap_loss_law(
                laws, params, tokens, loss, times[:, cluster],
                irreducible=irreducible, objective=objective,
            )
        )  # fmt: skip
    names = LOSS_COEFFICIENTS if irreducible else LOSS_COEFFICIENTS[:-1]
    drawn = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    intervals = {name: _interval(values, n_runs) for name, values in drawn.items()}
    if not any(intervals.values()):
        carried = int(np.isfinite(drawn["alpha"]).sum())
        raise FitError(
            f"the points do not determine the law: only {carried} of {draws} resamples have a minimum; "
            "it takes more runs, or tokens that vary more at each size"
        )
    return FileFit(minima, intervals, loss.size, n_runs, draws, found.notes)


def _interval(drawn: FloatArray, n_runs: int) -> tuple[float, float] | None:
    """The interval of a coefficient, widened for few runs on the logarithmic scale.

    Coefficients are positive, and those of several minima are magnitudes apart: widened on their own scale, an end
    could be negative.
    """
    with np.errstate(divide="ignore"):
        found = clustered_interval(np.log(drawn), n_runs)
    return found and (float(np.exp(found[0])), float(np.exp(found[1])))


def _runs(columns: pl.DataFrame) -> tuple[IntArray, int]:
    """Index of the run of each point, shape (n,), and the number of runs."""
    if "run" not in columns:
        return np.arange(columns.height), columns.height
    index = columns["run"].rank("dense").to_numpy().astype(np.intp) - 1
    return index, int(index.max()) + 1


def _check(
    params: FloatArray, tokens: FloatArray, loss: FloatArray, n_runs: int, *, irreducible: bool
) -> None:
    """Refuse points that cannot determine the law, whatever their losses are.

    Raises:
        FitError: too few points, runs, sizes or token counts; tokens go with size; or one loss.
    """
    needed = FEWEST_FITTED + 2 * irreducible
    if loss.size < needed:
        raise FitError(f"{loss.size} points cannot determine the law: {needed} are needed")
    for what, values in (("sizes", params), ("token counts", tokens)):
        if (count := np.unique(values).size) < FEWEST_SIZES:
            raise FitError(f"{count} different {what} fix no exponent: {FEWEST_SIZES} are needed")
    if np.ptp(loss) <= 1e-9 * loss.max():
        raise FitError(f"every loss is {loss[0]:g}: there is nothing to fit")
    log_n, log_d = np.log(params), np.log(tokens)
    power, shift = np.polyfit(log_n, log_d, 1)
    spread = float(np.exp(np.ptp(log_d - power * log_n - shift)))
    if spread < LEAST_FOLD:
        raise FitError(
            f"tokens go with size (D = k N^{power:.2f} up to {spread:.2f}-fold), so the terms of N and D "
            f"cannot be told apart: train some sizes on {LEAST_FOLD:g} times as many tokens or more"
        )
    if n_runs < FEWEST_RUNS:
        raise FitError(
            f"{n_runs} training runs carry no interval: {FEWEST_RUNS} are needed. Without a column `run` "
            "the points are resampled as if each were a run of its own"
        )
