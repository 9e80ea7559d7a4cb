"""Backtest over a release: forecasts at every past month end, and their scores.

`densing backtest` prints it. Every past month end is rebuilt from the released tables alone. Not
here: the computations (`forecasts`, `scores`, `skill`, `claims`).
"""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from densing_pipeline.density.density_history import DensityHistory
from densing_pipeline.forecasts.claims import paper_claims
from densing_pipeline.forecasts.forecasts import forecasts
from densing_pipeline.forecasts.inputs import ForecastInputs, forecast_market
from densing_pipeline.forecasts.pooled_pace import PooledPaces
from densing_pipeline.forecasts.scores import forecast_scores
from densing_pipeline.forecasts.skill import RIVALS, forecast_skill
from densing_pipeline.hub.models import current


class Backtest(NamedTuple):
    """The four tables of a backtest."""

    forecasts: pl.DataFrame
    scores: pl.DataFrame
    skill: pl.DataFrame
    claims: pl.DataFrame


def backtest(tables: Mapping[str, pl.DataFrame], *, draws: int, seed: int) -> Backtest:
    """Forecast at every past month end, score the forecasts whose date has passed, and summarise.

    Args:
        tables: densities with the models, scores and reference_laws behind them, price_frontier with the prices,
            model_links, capability_levels and capability_index behind it, and price_polls if there is one.
        draws: draws behind forecasts and intervals.
        seed: seed of the draws.
    """
    market = forecast_market(
        tables["prices"],
        tables["model_links"],
        tables["capability_levels"],
        tables["capability_index"],
        tables.get("price_polls"),
    )
    history = DensityHistory.of(
        current(tables["models"]), tables["scores"], tables["reference_laws"]
    )
    known = ForecastInputs.up_to_now(tables["densities"], history.as_of, market, history.prepare)
    paces = PooledPaces(history, seed)
    made = forecasts(known._replace(pooled_pace=paces.as_of), draws=draws, seed=seed)
    scored = forecast_scores(made, known, tables["price_frontier"])
    skill = forecast_skill(scored, as_of=known.as_of, draws=draws, seed=seed)
    claims = paper_claims(known, tables["price_frontier"], draws=draws, seed=seed)
    return Backtest(made, scored, skill, claims)


def skill_rows(forecast_skill: pl.DataFrame) -> list[list[str]]:
    """Skill over all series, by target, horizon and method; the first row is the header."""
    head = [
        "target", "months ahead", "method", "forecasts", "mean CRPS", "bias", "95 % covers",
        "skill over no change", "over the paper's constant", "over the last year's slope",
    ]  # fmt: skip
    shown = forecast_skill.filter(
        pl.col("series") == "all", pl.col("n_forecasts") > 0, pl.col("origin") == "backtest"
    )
    return [head] + [
        [
            row["target"],
            str(row["horizon_months"]),
            row["method"],
            f"{row['n_forecasts']}{'' if row['verdict'] == 'ok' else ' (too few)'}",
            "" if row["mean_crps"] is None else f"{row['mean_crps']:.2f}",
            "" if row["bias"] is None else f"{row['bias']:+.2f}",
            "" if row["coverage"] is None else f"{row['coverage']:.0%}",
            *(_interval(row, name) for name in RIVALS),
        ]
        for row in shown.iter_rows(named=True)
    ]


def claims_rows(paper_claims: pl.DataFrame) -> list[list[str]]:
    """The paper's claims at the end of 2024, and the outcomes; the first row is the header."""
    head = [
        "claim",
        "series",
        "up to",
        "promised",
        "range allowed",
        "came",
        "95 %",
        "pace",
        "within",
    ]
    within = {True: "yes", False: "no", None: ""}
    return [head] + [
        [
            row["claim"],
            row["series"],
            str(row["target_date"]),
            f"{row['claimed_fold']:,.2f}x",
            _range(row["claimed_low"], row["claimed_high"]),
            f"{row['actual_fold']:,.2f}x",
            _range(row["low"], row["high"]),
            row["reason"],
            within[row["is_within"]],
        ]
        for row in paper_claims.filter(pl.col("verdict") == "ok").iter_rows(named=True)
    ]


def _range(low: float | None, high: float | None) -> str:
    """`1.00 to 14.78`, and `at least 1.00` where an end is not told."""
    if low is not None and high is not None:
        return f"{low:,.2f} to {high:,.2f}"
    if low is None and high is None:
        return ""
    return f"at least {low:,.2f}" if high is None else f"at most {high:,.2f}"


def _interval(row: Mapping[str, float | None], name: str) -> str:
    value = row[name]
    if value is None:
        return ""
    inner = _range(row[f"{name}_low"], row[f"{name}_high"])
    return f"{value:+.2f}" + (f" ({inner})" if inner else "")
