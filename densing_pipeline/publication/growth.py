"""Sentences on what gets denser: skills, knowledge and compression, by total and by active parameters.

A growth that its interval does not tell from zero is said as such, never as a doubling time. Not here: the
rates (`trends.growth_rows`), and which are quoted (`headline`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.headline import QuotedGrowth
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAYS_PER_MONTH

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
    said = _by_basis(known, level) if "active" in rows else _said(_pace(known["total"]), level)
    return f"{subject} {said}, on {_models(quoted, rows, known)}."


def _models(quoted: QuotedGrowth, rows: GrowthRows, known: GrowthRows) -> str:
    """`233 base models to 2026-09-10`: the most models that an estimate rests on, and the newest day."""
    # A ruler without a row by active parameters has dense models only: both counts are one.
    kind = quoted.models if "active" in rows else f"dense {quoted.models}"
    count = max(row["n_models"] for row in known.values())
    models = counted(count, kind.removesuffix("s"))
    dates = [row["newest_release"] for row in known.values() if row["newest_release"]]
    return f"{models} to {max(dates)}" if dates else models


class _Pace(NamedTuple):
    """What is said of a rate: `doubles`, `every 6.6 months` and `2.8 to 13.8`; the last two may be empty."""

    verb: str
    time: str
    ends: str


UNKNOWN = _Pace("is not known", "", "")


def _by_basis(known: GrowthRows, level: str) -> str:
    """The pace counting all parameters and that counting active ones; a verb that both share is said once."""
    total, active = (_pace(known[basis]) if basis in known else UNKNOWN for basis in BASES)
    second = _said(active, "", "by active ones")
    if total.verb == active.verb:
        second = second.removeprefix(active.verb).strip()
    return f"{_said(total, level, 'by total parameters')} and {second}"


def _pace(row: Mapping[str, Any]) -> _Pace:
    """The doubling time with its interval, or that no growth is shown and what the interval allows."""
    low, high = row["growth_low"], row["growth_high"]
    if row["finding"] == "growth" and row["doubling_days"] is not None:
        fastest, slowest = row["doubling_days_low"], row["doubling_days_high"]
        ends = (
            f"at least {_months(fastest)}"
            if slowest is None
            else f"{_months(fastest)} to {_months(slowest)}"
        )
        return _Pace("doubles", f"every {_months(row['doubling_days'])} months", ends)
    verb = {"growth": "grows slowly", "decline": "falls"}.get(row["finding"], "shows no growth")
    if low is None or high is None:
        return _Pace(verb, "", "")
    return _Pace(verb, "", f"{np.exp(low):.1f}- to {np.exp(high):.1f}-fold a year")


def _said(pace: _Pace, level: str = "", basis: str = "") -> str:
    """`doubles every 6.6 months by total parameters (2.8 to 13.8)`."""
    ends = f"({level}{pace.ends})" if pace.ends else ""
    return " ".join(filter(None, (pace.verb, pace.time, basis, ends)))


def _months(days: float) -> str:
    return f"{days / DAYS_PER_MONTH:.1f}"
