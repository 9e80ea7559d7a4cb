"""Sentences on what gets denser: skills, knowledge and compression, by total and by active parameters.

A growth that its interval does not tell from zero is said as such, never as a doubling time. Not here: the
rates (`trends.growth_rows`), and which are quoted (`headline`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.headline import QuotedGrowth
from densing_pipeline.publication.estimate import Estimate, in_months
from densing_pipeline.publication.wording import counted

GrowthRows = Mapping[str, Mapping[str, Any]]
"""Rows of `density_growth` by parameter basis."""

BASES = {"total": "total", "active": "active"}
"""Parameter bases in the order of a sentence, in words."""

LEVEL = "95 % interval "
"""Stands in the first parentheses of the first sentence."""


def quoted_rows(growth: pl.DataFrame, quoted: QuotedGrowth) -> GrowthRows:
    """The rows of one ruler that are quoted, by parameter basis.

    Args:
        growth: a `density_growth` frame.
        quoted: which of them.
    """
    columns = ("ruler", "group", "population", "estimator", "window")
    rows = growth.filter(*(pl.col(name) == getattr(quoted, name) for name in columns))
    return {row["params_basis"]: row for row in rows.to_dicts() if row["params_basis"] in BASES}


def growth_sentence(quoted: QuotedGrowth, rows: GrowthRows, *, is_first: bool) -> str:
    """How fast density grows by one ruler, with its intervals, models and their newest day.

    Args:
        quoted: the ruler.
        rows: its quoted rows.
        is_first: whether the sentence says which interval stands in its parentheses.
    """
    subject = f"Density {quoted.words}"
    known = {basis: rows[basis] for basis in BASES if rows.get(basis, {}).get("verdict") == "ok"}
    if not known:
        return f"{subject} is not known."
    level = LEVEL if is_first else ""
    paces = {basis: pace(growth_estimate(row, basis)) for basis, row in known.items()}
    said = _by_basis(paces, level) if "active" in rows else _said(paces["total"], level)
    return f"{subject} {said}, on {_models(quoted, rows, known)}."


def _models(quoted: QuotedGrowth, rows: GrowthRows, known: GrowthRows) -> str:
    """`233 base models to 2026-09-10`: the most models that an estimate rests on, and the newest day."""
    # A ruler without a row by active parameters has dense models only: both counts are one.
    kind = quoted.models if "active" in rows else f"dense {quoted.models}"
    count = max(row["n_models"] for row in known.values())
    models = counted(count, kind.removesuffix("s"))
    dates = [row["newest_release"] for row in known.values() if row["newest_release"]]
    return f"{models} to {max(dates)}" if dates else models


class Pace(NamedTuple):
    """What is said of a growth: `doubles`, `every 6.6 months` and `2.8 to 13.8`; the last two may be empty."""

    verb: str
    time: str
    ends: str


UNKNOWN = Pace("is not known", "", "")

NOT_SHOWN = "shows no growth"


def growth_estimate(row: Mapping[str, Any], series: str) -> Estimate:
    """The doubling time and the growth of a row of `density_growth`.

    Args:
        row: of the table.
        series: name of the estimate.
    """
    return Estimate(
        series=series,
        verdict=row["verdict"],
        months=in_months(row["doubling_days"]),
        low=in_months(row["doubling_days_low"]),
        high=in_months(row["doubling_days_high"]),
        reason="; ".join(filter(None, (row["finding"], row["reason"]))),
        n=row["n_models"],
        until=row["newest_release"],
        growth=row["growth_per_year"],
        growth_low=row["growth_low"],
        growth_high=row["growth_high"],
    )


def pace(estimate: Estimate) -> Pace:
    """The doubling time with its interval in months; without one, whether density grows, and by how much a year."""
    low, high = estimate.growth_low, estimate.growth_high
    if estimate.growth is None:
        return UNKNOWN
    if low is None or high is None:
        return Pace(NOT_SHOWN, "", "")
    if estimate.months is not None and low > 0:
        return Pace("doubles", f"every {estimate.months:.1f} months", estimate.ends)
    verb = "grows slowly" if low > 0 else "falls" if high < 0 else NOT_SHOWN
    return Pace(verb, "", f"{np.exp(low):.1f}- to {np.exp(high):.1f}-fold a year")


def _by_basis(paces: Mapping[str, Pace], level: str) -> str:
    """The pace counting all parameters and that counting active ones; a verb that both share is said once."""
    total, active = (paces.get(basis, UNKNOWN) for basis in BASES)
    second = _said(active, "", "by active ones")
    if total.verb == active.verb:
        second = second.removeprefix(active.verb).strip()
    return f"{_said(total, level, 'by total parameters')} and {second}"


def _said(told: Pace, level: str = "", basis: str = "") -> str:
    """`doubles every 6.6 months by total parameters (2.8 to 13.8)`."""
    ends = f"({level}{told.ends})" if told.ends else ""
    return " ".join(filter(None, (told.verb, told.time, basis, ends)))
