"""Sentence on what gets denser: skills, knowledge and compression, by total and by active parameters.

A growth that its interval does not tell from zero is said as such, never as a doubling time. Not here: the
rates (`trends.growth_rows`), and which are quoted (`headline`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.headline import QuotedGrowth
from densing_pipeline.publication.wording import listed
from densing_pipeline.tables.dates import DAYS_PER_MONTH

GrowthRows = Mapping[str, Mapping[str, Any]]
"""Rows of `density_growth` by parameter basis."""

BASES = {"total": "total", "active": "active"}
"""Parameter bases in the order of a sentence, in words."""

LEVEL = "95 % interval "
"""Stands in the first parentheses of the sentence."""


def quoted_rows(growth: pl.DataFrame, quoted: QuotedGrowth) -> GrowthRows:
    """The rows of one ruler that are quoted, by parameter basis.

    Args:
        growth: a `density_growth` frame.
        quoted: which of them.
    """
    columns = ("ruler", "group", "population", "estimator", "window")
    rows = growth.filter(*(pl.col(name) == getattr(quoted, name) for name in columns))
    return {row["params_basis"]: row for row in rows.to_dicts() if row["params_basis"] in BASES}


def growth_text(found: Sequence[tuple[QuotedGrowth, GrowthRows]]) -> str:
    """One sentence: how fast density grows by each ruler, with intervals, models and newest day.

    Args:
        found: the quoted rows of each ruler.
    """
    clauses = [
        _clause(quoted, rows, is_first=not place) for place, (quoted, rows) in enumerate(found)
    ]
    return f"{'; '.join(clauses)}."


class _Pace(NamedTuple):
    """What is said of a rate: `doubles`, `every 6.6 months` and `2.8 to 13.8`; the last two may be empty."""

    verb: str
    time: str
    ends: str


UNKNOWN = _Pace("is not known", "", "")


def _clause(quoted: QuotedGrowth, rows: GrowthRows, *, is_first: bool) -> str:
    """What is said of one ruler: its models and newest day, and its pace on each basis."""
    subject = f"{'Density' if is_first else 'density'} {quoted.words}"
    known = {basis: rows[basis] for basis in BASES if rows.get(basis, {}).get("verdict") == "ok"}
    if not known:
        return f"{subject} is not known"
    dates = [row["newest_release"] for row in known.values() if row["newest_release"]]
    # A ruler without a row by active parameters has dense models only: both counts are one.
    models = quoted.models if "active" in rows else f"dense {quoted.models}"
    subject += f" ({models}{f' to {max(dates)}' if dates else ''})"
    level = LEVEL if is_first else ""
    if "active" not in rows:
        return f"{subject} {_said(_pace(known['total']), level)}"
    total, active = (_pace(known[basis]) if basis in known else UNKNOWN for basis in BASES)
    if total.verb == active.verb:
        both = _said(total, level, "by total"), _said(active, "", "by active parameters")
        return f"{subject} {listed([both[0], both[1].removeprefix(active.verb).strip()])}"
    both = _said(total, level, "by total parameters"), _said(active, "", "by active ones")
    return f"{subject} {listed(both)}"


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


def _said(pace: _Pace, level: str = "", counted: str = "") -> str:
    """`doubles every 6.6 months by total parameters (2.8 to 13.8)`."""
    ends = f"({level}{pace.ends})" if pace.ends else ""
    return " ".join(filter(None, (pace.verb, pace.time, counted, ends)))


def _months(days: float) -> str:
    return f"{days / DAYS_PER_MONTH:.1f}"
