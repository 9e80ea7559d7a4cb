"""Density of knowledge: instruct and thinking models by the share of obscure facts that they know.

*Incompressible Knowledge Probes* (Li, arXiv 2604.24827; results CC BY 4.0) asks 1,311 questions in seven
tiers, from facts that everybody knows to obscure ones; the score is the plain mean over the tiers, without
a penalty for wrong answers. The source finds that the score goes with ln N. The ruler is the line through
its open models:

    score = intercept + per_ln_params ln N + per_year years + thinking (1 if the model thinks)

so a model's effective parameters are the size of the average model, at the average release date, that knows
as much. Instruct models are another population than the base models of the benchmarks; nothing is averaged
over both. Not here: growth (`trends.knowledge_growth`).
"""

from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.stats.arrays import FloatArray
from densing_pipeline.stats.intervals import Z_95
from densing_pipeline.tables.dates import DAY_ZERO, DAYS_PER_YEAR

RULER = "incompressible-knowledge-probes"

SOURCE = "ikp"
"""Name of the polled source (`score_sources.sources.ikp`) in `benchmark_reports`."""

TIERS = tuple(f"tier_{tier}" for tier in range(1, 8))

FEWEST_ITEMS = 1000
"""Fewest answered questions of a model that enters densities and growth."""

AS_PRINTED = 5e-5
"""Difference up to which a polled score equals the bundled one, which has five digits."""

PARAMS = {"total": "params_total", "active": "params_active"}
"""Column of the parameters by basis."""

BEGIN = date(2024, 1, 1)
"""Day from which the source counts months."""


def with_polls(facts: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """The bundled probes as rows of `knowledge_probes`, with the newest score that a poll gave.

    The source fits its summary anew in place. A model that the facts lack has no parameters or date there,
    so it stays in `benchmark_reports`.

    Args:
        facts: the fact table `knowledge_probes`.
        reports: a `benchmark_reports` frame.
    """
    polled = reports.filter(
        pl.col("source") == SOURCE,
        pl.col("observed_to").is_null(),
    ).select(
        "model",
        polled_score="score",
        polled_error="std_error",
        polled_items="n_items",
        polled_at="observed_from",
    )
    joined = facts.join(polled, on="model", how="left").with_columns(
        std_error=tiered_error([pl.col(tier) for tier in TIERS], pl.col("n_items"))
    )
    differs = (pl.col("polled_score") - pl.col("score")).abs() > AS_PRINTED
    is_newer = pl.col("polled_at") > pl.col("observed_at")
    joined = joined.with_columns(is_revised=(differs & is_newer).fill_null(value=False))
    return joined.with_columns(
        *(
            pl.when("is_revised").then(pl.coalesce(new, old)).otherwise(old).alias(old)
            for old, new in (
                ("score", "polled_score"),
                ("std_error", "polled_error"),
                ("n_items", "polled_items"),
                ("observed_at", "polled_at"),
            )
        )
    ).with_columns(used_in_fit=pl.col("n_items") >= FEWEST_ITEMS).drop(
        *TIERS, "refused", "wrong", "licence", "polled_score", "polled_error", "polled_items", "polled_at"
    )  # fmt: skip


def tiered_error(tiers: list[pl.Expr], n_items: pl.Expr) -> pl.Expr:
    """Standard error of the mean of equally large tiers from the binomial error of each."""
    of_each = n_items / len(tiers)
    variances = pl.sum_horizontal([tier * (1 - tier) / of_each for tier in tiers])
    return variances.sqrt() / len(tiers)


class SourceRegression(NamedTuple):
    """The source's own test of the Densing Law (data/analysis_densing_law.md of its repository).

    Attributes:
        n: models; the source leaves none out.
        per_log10_params: rise of the score with log10 N, of size alone.
        per_month: rise of the score with a month, of size and date together.
        per_log10_params_dated: rise with log10 N of the same regression.
        constant_per_month: the rise that 3.5 months a doubling would need at `per_log10_params`.
    """

    n: int
    per_log10_params: float
    per_month: float
    per_log10_params_dated: float
    constant_per_month: float

    @property
    def growth_per_year(self) -> float:
        """The growth of ln density that it implies."""
        return 12 * self.per_month / self.per_log10_params_dated * float(np.log(10))


def source_regression(probes: pl.DataFrame, constant_months: float) -> SourceRegression:
    """The source's regression of the score on log10 of total parameters and on months.

    Months are 12 (year - 2024) + month - 1 + (day - 1) / 30, as the source counts them.

    Args:
        probes: a `knowledge_probes` frame, all of it.
        constant_months: doubling time that it is compared with.
    """
    score = probes["score"].to_numpy()
    size = np.log10(probes["params_total"].cast(pl.Float64).to_numpy() / 1e9)
    days = probes["release_date"]
    months = (
        12 * (days.dt.year() - BEGIN.year) + days.dt.month() - 1 + (days.dt.day() - 1) / 30
    ).to_numpy()
    ones = np.ones_like(score)
    alone = np.linalg.lstsq(np.stack([ones, size], axis=1), score, rcond=None)[0]
    dated = np.linalg.lstsq(np.stack([ones, size, months], axis=1), score, rcond=None)[0]
    return SourceRegression(
        n=score.size,
        per_log10_params=float(alone[1]),
        per_month=float(dated[2]),
        per_log10_params_dated=float(dated[1]),
        constant_per_month=float(alone[1] * np.log10(2) / constant_months),
    )


class Features(NamedTuple):
    """The regression of one parameter basis.

    Attributes:
        features: one, ln N, years and thinking, the middle two less their means, shape (n, 4).
        score: shape (n,).
        ln_params: shape (n,).
    """

    features: FloatArray
    score: FloatArray
    ln_params: FloatArray


SIZE, YEARS, THINKING = 1, 2, 3
"""Columns of `Features.features`."""


def features(probes: pl.DataFrame, basis: str) -> Features:
    """The regression of the models that are used in fits, on one parameter basis."""
    used = probes.filter("used_in_fit").sort("release_date", "model")
    ln_params = np.log(used[PARAMS[basis]].cast(pl.Float64).to_numpy())
    days = (used["release_date"] - DAY_ZERO).dt.total_days().cast(pl.Float64).to_numpy()
    years = days / DAYS_PER_YEAR
    columns = [
        np.ones_like(ln_params),
        ln_params - ln_params.mean(),
        years - years.mean(),
        used["is_thinking"].cast(pl.Float64).to_numpy(),
    ]
    return Features(np.stack(columns, axis=1), used["score"].to_numpy(), ln_params)


def mean_lines(found: Features, weights: FloatArray) -> FloatArray:
    """Least-squares coefficients for every weighting, shape (B, 4); NaN where it determines none.

    Args:
        found: the regression.
        weights: not negative, shape (B, n).
    """
    products = np.einsum("bn,ni,nj->bij", weights, found.features, found.features)
    targets = np.einsum("bn,ni,n->bi", weights, found.features, found.score)
    determined = np.linalg.matrix_rank(products, hermitian=True) == found.features.shape[1]
    lines = np.full(targets.shape, np.nan)
    solved = np.linalg.solve(products[determined], targets[determined][..., None])
    lines[determined] = solved[..., 0]
    return lines


def knowledge_densities(probes: pl.DataFrame) -> list[dict[str, Any]]:
    """Density of knowledge of every model with enough answers, by both bases, as rows of `ruler_densities`.

    The score of a thinking model is lowered by the ruler's gain from thinking. The 95 % interval is that of
    the questions' number alone.

    Args:
        probes: a `knowledge_probes` frame.
    """
    used = probes.filter("used_in_fit").sort("release_date", "model")
    rows: list[dict[str, Any]] = []
    for basis, column in PARAMS.items():
        found = features(probes, basis)
        if not found.score.size:
            continue
        line = mean_lines(found, np.ones((1, found.score.size)))[0]
        if not line[SIZE] > 0:
            continue
        adjusted = found.score - line[0] - line[THINKING] * found.features[:, THINKING]
        ln_effective = adjusted / line[SIZE] + found.ln_params.mean()
        error = used["std_error"].to_numpy() / line[SIZE]
        smallest, largest = found.ln_params.min(), found.ln_params.max()
        for place, model in enumerate(used.iter_rows(named=True)):
            own, half = ln_effective[place], Z_95 * error[place]
            ln_params = found.ln_params[place]
            rows.append(
                {
                    "ruler": RULER,
                    "group": "knowledge",
                    "population": "instruct-and-thinking",
                    "params_basis": basis,
                    "model_id": model["model"],
                    "family": model["family"],
                    "vendor": model["vendor"],
                    "release_date": model["release_date"],
                    "params": model[column],
                    "score": model["score"],
                    "effective_params": float(np.exp(own)),
                    "density": float(np.exp(own - ln_params)),
                    "density_low": float(np.exp(own - half - ln_params)),
                    "density_high": float(np.exp(own + half - ln_params)),
                    "is_extrapolated": not smallest <= own <= largest,
                    "source_url": model["source_url"],
                }
            )
    return rows
