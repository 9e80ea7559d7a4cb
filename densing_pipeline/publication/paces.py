"""Sentences on whether density still grows at the pace of its whole history.

The rule, fixed without looking at any result (docs/statistics.md): of the models that the first answer
rests on, a curve says that density grows slower (faster) than over the whole history if the 95 %
interval of its pace on the newest release date, less that of the line, lies below (above) zero; and it
is borne out if the interval of its skill over the line, six months ahead, lies above zero. The curves
disagree with the line where either holds; only then are they told.

Not here: the curves (`trends.density_paces`), their forecasts (`forecasts.pace_skill`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from densing_pipeline.publication.wording import listed
from densing_pipeline.tables.dates import DAYS_PER_MONTH

RECENT = "last-24-months"

BENT = {"saturating": "a saturating curve", "broken-line": "a broken line"}
"""Curves other than lines, in words."""

HORIZON_MONTHS = 6

UNTOLD = "not told from the whole history by these data"


def pace_text(
    paces: pl.DataFrame,
    skill: pl.DataFrame,
    series: Mapping[str, str],
    bases: Mapping[str, str],
) -> str:
    """The pace of the last 24 months, and the curves that disagree with the whole history.

    Args:
        paces: a `density_paces` frame.
        skill: a `pace_skill` frame.
        series: reference_id, score_set, estimator and population.
        bases: parameter bases, and what is counted in words.

    Returns:
        Sentences, each after a space; none without estimates.
    """
    of_series = [pl.col(name) == value for name, value in series.items()]
    rows = {
        (row["params_basis"], row["growth_curve"]): row
        for row in paces.filter(*of_series).to_dicts()
    }
    skills = {
        (row["params_basis"], row["growth_curve"]): row["skill_over_line_low"]
        for row in skill.filter(
            *of_series, pl.col("horizon_months") == HORIZON_MONTHS, pl.col("verdict") == "ok"
        ).to_dicts()
    }
    return _recent(rows, bases) + "".join(
        _rivals(
            {curve: rows[basis, curve] for curve in BENT if (basis, curve) in rows},
            {curve: skills.get((basis, curve)) for curve in BENT},
            words,
        )
        for basis, words in bases.items()
    )


def pace_words(row: Mapping[str, Any]) -> str:
    """A doubling time in words, also of a trend that tells none."""
    days, slope = row.get("doubling_days"), row.get("slope_per_day")
    if days is not None:
        return f"every {days / DAYS_PER_MONTH:.1f} months"
    return "less than one doubling" if slope is not None and slope > 0 else "no growth"


def _told(row: Mapping[str, Any]) -> str | None:
    """Whether a curve says slower or faster; None if neither."""
    low, high = row["slope_less_line_low"], row["slope_less_line_high"]
    if high is not None and high < 0:
        return "slower than over the whole history"
    if low is not None and low > 0:
        return "faster than over the whole history"
    return None


def _recent(rows: Mapping[tuple[str, str], Mapping[str, Any]], bases: Mapping[str, str]) -> str:
    """The pace of the last 24 months on every basis."""
    said: dict[str, list[str]] = {}
    for basis, words in bases.items():
        row = rows.get((basis, RECENT), {})
        if row.get("verdict") == "ok":
            said.setdefault(_told(row) or UNTOLD, []).append(f"{pace_words(row)} counting {words}")
    parts = [f"{listed(paces)}, {told}" for told, paces in said.items()]
    return f" In the last 24 months: {'; '.join(parts)}." if parts else ""


def _rivals(
    rows: Mapping[str, Mapping[str, Any]], skills: Mapping[str, float | None], counted: str
) -> str:
    """A sentence on the bent curves that disagree with the line on one basis; empty if none does."""
    clauses: list[str] = []
    for curve, row in rows.items():
        told, low = _told(row), skills[curve]
        is_better = low is not None and low > 0
        if told is None and not is_better:
            continue
        pace = f"{BENT[curve]} puts today's pace at {pace_words(row)}"
        ahead = f"the models of the following {_number(HORIZON_MONTHS)} months"
        if row["verdict"] != "ok":
            clauses.append(
                f"{BENT[curve]} forecast {ahead} better than the line, but the data do not determine "
                "its pace today"
            )
        elif told is None:
            clauses.append(f"{pace}, {UNTOLD}, but forecast {ahead} better than the line")
        elif is_better:
            clauses.append(f"{pace}, {told}, and forecast {ahead} better than the line")
        elif low is None:
            clauses.append(f"{pace}, {told}; its forecasts are too few to judge")
        else:
            clauses.append(f"{pace}, {told}, but did not forecast {ahead} better than the line")
    return f" Counting {counted}, {_joined(clauses)}." if clauses else ""


def _joined(clauses: Sequence[str]) -> str:
    return "; and ".join(clauses)


def _number(months: int) -> str:
    return {6: "six", 12: "twelve"}[months]
