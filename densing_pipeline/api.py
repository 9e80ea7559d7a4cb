"""Reading releases and computing single numbers from Python: `read`, `price`, `density`, `halving`.

`densing_pipeline` offers these four by name; `docs/api.md` has examples. Not here: how the numbers are
made (`density`, `cost`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from densing_pipeline import facts
from densing_pipeline.benchmarks import AVERAGED
from densing_pipeline.cost.halving import estimate_prices
from densing_pipeline.density.densities import densities
from densing_pipeline.past_prices.on_day import TABLES, PriceAnswer, price_on_day
from densing_pipeline.publication.reading import read as read
from densing_pipeline.publication.reading import read_tables
from densing_pipeline.tables.dates import checked_day
from densing_pipeline.tables.published import (
    DIRECT_LAWS,
    MODELS,
    REFERENCE_LAW_DRAWS,
    REFERENCE_LAWS,
    SCORES,
)
from densing_pipeline.tables.schemas import TableError

UNUSED_DAY = date(2024, 1, 1)
"""Stands for dates that a density does not depend on."""


@dataclass(frozen=True, slots=True)
class Density:
    """The capacity density of one model.

    Attributes:
        density: effective over actual parameters; None if the law cannot invert the score.
        low: lower end of the 95 % interval; None if open.
        high: upper end; None if open.
        effective_params: parameters at which the reference law gives the score; None as above.
        censored: `none`, or why there is no density: `low` (score too near to guessing) or `high`
            (score beyond what the law reaches).
        score: the score inverted, a fraction.
        reference_id: the reference law.
        draws: draws of the law behind the interval; 0 if it holds the score's error alone.
    """

    density: float | None
    low: float | None
    high: float | None
    effective_params: float | None
    censored: str
    score: float
    reference_id: str
    draws: int


@dataclass(frozen=True, slots=True)
class Halving:
    """How fast a price halves.

    Attributes:
        months: halving time in months by record events; None if the price does not fall.
        low: lower end of the 95 % interval, in months; None with fewer than three steps.
        high: upper end; None as above, or if the interval reaches prices that do not fall.
        fold: first price over last record low.
        n_changes: record lows after the first price.
        verdict: `ok` where the published tables would quote the number, else `insufficient`.
        reason: what is lacking, or what must be read with the number.
    """

    months: float | None
    low: float | None
    high: float | None
    fold: float | None
    n_changes: int
    verdict: str
    reason: str


def price(
    model: str,
    on: date,
    *,
    known: date | None = None,
    release: Path | str | None = None,
) -> PriceAnswer:
    """What a model cost on a day: each offer with its prices, since when, how sure, and what it rests on.

    Args:
        model: name in a price list, Hub id, or another spelling of one.
        on: the day, UTC.
        known: answer with what was known at the end of this day; with everything if left out.
        release: folder of the release; the latest of `DENSING_PUBLISH_URL` if left out.

    Returns:
        The offers, those sold under the name first, the surest first; `frame` has them as a table. An offer
        whose price is not known of that day has no price, and a reason.

    Raises:
        UnknownModelError: no offer has the name; its `suggestions` resemble it.
        FutureDayError: the day has not come.
        TypeError: `on` or `known` is no day.
        TableError: there is no release, or a file does not read.
    """
    day = checked_day(on, "on")
    known_on = None if known is None else checked_day(known, "known")
    return price_on_day(read_tables(TABLES, release), model, day, known_on)


def density(
    params: float,
    *,
    law: str = "nmi-2025",
    release: Path | str | None = None,
    **scores: float,
) -> Density:
    """The capacity density of a model from its parameters and scores.

    Args:
        params: parameters of the model, embeddings left out as in the headline.
        law: the reference law.
        release: folder of a release whose laws and draws are used. Without one, the published
            coefficients bundled with the package count as known exactly, and the interval holds the
            error of the score alone.
        scores: the benchmarks by name, as fractions: `MMLU` alone, or all five of MMLU, BBH, MATH,
            HumanEval and MBPP, of which the mean is inverted.

    Raises:
        ValueError: params is not positive, a score is no fraction, or the scores are neither MMLU
            nor all five.
        TableError: the law or the release is not there.

    Examples:
        >>> round(density(params=4e9, MMLU=0.70).density, 1)
        2.7
    """
    score_set = _score_set(params, scores)
    laws, draws, direct = _laws(release)
    if law not in (known := sorted({*laws["reference_id"], *direct["reference_id"]})):
        raise TableError(f"no reference law {law!r}: there are {', '.join(known)}")
    mine = pl.col("reference_id") == law
    model = MODELS.cast(_one_model(params))
    scored = SCORES.cast(_its_scores(scores))
    found = densities(
        model, scored, laws.filter(mine), draws.filter(mine), direct.filter(mine)
    ).filter(score_set=score_set, params_basis="nonembedding")
    if found.is_empty():
        raise TableError(f"reference law {law!r} has no law for the scores given")
    row = found.row(0, named=True)
    benchmark = "MMLU" if score_set == "mmlu" else "AVERAGE"
    return Density(
        density=row["density"],
        low=row["density_low"],
        high=row["density_high"],
        effective_params=row["effective_params"],
        censored=row["censored"],
        score=row["score"],
        reference_id=law,
        draws=draws.filter(mine, pl.col("benchmark") == benchmark).height,
    )


def halving(
    prices: Mapping[date, float] | pl.DataFrame,
    *,
    as_of: date | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Halving:
    """How fast the cheapest price of something halves.

    Args:
        prices: prices by the day they began, in any one unit; or a frame with the columns `date` and
            `usd_per_mtok`, and perhaps `provider`. A price above an earlier one changes nothing, for
            the estimate is of record lows.
        as_of: last day the prices are known for; the day of the last price if left out.
        draws: resamples behind the interval.
        seed: seed of the resampling.

    Raises:
        ValueError: there are no prices, or one of them is not a positive number.

    Examples:
        >>> halved = {date(2024, month, 1): 8 / 2 ** month for month in range(1, 9)}
        >>> round(halving(halved).months, 1)
        1.0
    """
    frame = (
        prices
        if isinstance(prices, pl.DataFrame)
        else pl.DataFrame({"date": list(prices), "usd_per_mtok": list(prices.values())})
    )
    values = frame["usd_per_mtok"].cast(pl.Float64).to_numpy() if frame.height else np.array([])
    if not values.size or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError("prices: at least one, and every one a positive number")
    found = estimate_prices(frame, as_of=as_of, draws=draws, seed=seed)
    return Halving(
        months=found["halving_months"],
        low=found["low"],
        high=found["high"],
        fold=found["fold"],
        n_changes=found["n_changes"],
        verdict=found["verdict"],
        reason=found["reason"],
    )


def _score_set(params: float, scores: Mapping[str, float]) -> str:
    if not (np.isfinite(params) and params > 0):
        raise ValueError(f"params: {params!r} is not a positive number")
    for name, score in scores.items():
        if name in AVERAGED and not 0 <= score <= 1:
            raise ValueError(f"{name}: {score!r} is not a fraction between 0 and 1")
    if set(scores) == set(AVERAGED):
        return "average"
    if set(scores) == {"MMLU"}:
        return "mmlu"
    raise ValueError(
        f"scores: {', '.join(scores) or 'none'}; give MMLU alone, or all of {', '.join(AVERAGED)}"
    )


def _laws(release: Path | str | None) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Reference laws, their draws and the direct laws: of a release, or those bundled."""
    if release is not None:
        return (
            read("reference_laws", release),
            read("reference_law_draws", release),
            read("direct_laws", release),
        )
    published = facts.load("reference_coefficients").with_columns(fit=pl.lit("published"))
    return REFERENCE_LAWS.cast(published), REFERENCE_LAW_DRAWS.empty(), DIRECT_LAWS.empty()


def _one_model(params: float) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_id": ["model"],
            "model": ["model"],
            "family": ["model"],
            "release_date": [UNUSED_DAY],
            "release_date_basis": ["announced"],
            "params_total": [round(params)],
            "params_nonembedding": [round(params)],
            "organisation": ["given"],
            "is_moe": [False],
            "is_base": [True],
            "base_evidence": ["given"],
            "source": ["given"],
        }
    )


def _its_scores(scores: Mapping[str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_id": "model",
            "benchmark": list(scores),
            "protocol": "given",
            "is_paper_protocol": True,
            "score": [float(score) for score in scores.values()],
            "source_kind": "reported",
            "source": "given",
            "observed_at": UNUSED_DAY,
        }
    )
