"""The chart of choices: how far the trend moves with each of them.

As in `sensitivity`, each distinct choice counts alike, however many combinations it stands in.
"""

import math
from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl

from densing_pipeline.paper import NMI
from densing_pipeline.publication.charts.style import (
    BLUE,
    FOCUS,
    INK,
    MUTED,
    NARROW,
    Figure,
    named_rows,
    nothing,
    ring,
    rows_of,
)
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.tables.schemas import Tables
from densing_pipeline.trends.choice_weights import weighted_quantiles
from densing_pipeline.trends.sensitivity import FACTORS

NAMES = {
    "reference law": "reference law", "D0": "tokens of the reference", "score set": "scores",
    "parameter basis": "parameters", "window": "period", "estimator": "estimator",
    "family cap": "models of a family",
}  # fmt: skip
"""Choices of `sensitivity` in words."""

WORDS = {
    "reference_id": {
        "nmi-2025": "the paper's law", "nmi-2025-refit": "law fitted again",
        "nmi-2025-refit-local": "law fitted again nearby", "olmo-ladder": "law of OLMo models",
    },
    "score_set": {
        "average": "average", "mmlu": "MMLU alone", "nmi-2025-average": "the paper's average",
    },
    "params_basis": {
        "nonembedding": "outside the embedding", "inference_time": "by inference time",
        "total": "all parameters", "active": "active parameters",
    },
    "window": {"all": "whole history", "last-24-months": "last 24 months", NMI: "the paper's period"},
    "estimator": {
        "quantile-0.9": "90 % quantile", "quantile-0.8": "80 % quantile", "quantile-0.95": "95 % quantile",
        "monthly-max": "best of each month", "ols-all": "mean of all models", "paper": "record setters",
    },
}  # fmt: skip
"""Options of the choices in words that stand alone, by column; others are named as they are."""

SHARES = [0.05, 0.5, 0.95]
"""Quantiles that a bar and its dot show."""


def choices(tables: Tables) -> Figure:
    """Range of the trend under each choice, over all other choices, with the headline."""
    name = "choices"
    ok = tables["sensitivity"].filter(
        pl.col("verdict") == "ok", pl.col("slope_per_day").is_not_null(), pl.col("weight") > 0
    )
    if ok.is_empty():
        return nothing(
            name, "How much hangs on our choices", "No combination of choices carries an estimate."
        )
    ok = ok.with_columns(yearly=pl.col("slope_per_day") * DAYS_PER_YEAR / math.log(2))
    rows = pl.DataFrame(
        [row for factor in FACTORS for row in _options(ok, factor)], infer_schema_length=None
    )
    headline = ok.filter("is_headline").select(at="yearly").head(1)
    y = named_rows("choice")
    x = alt.X(
        "low:Q",
        title="doublings a year, middle 90 % of the combinations",
        axis=alt.Axis(grid=True),
    )
    tooltip = [alt.Tooltip("factor:N", title="choice of"), alt.Tooltip("choice:N"), alt.Tooltip("low:Q", title="5 %"),
               alt.Tooltip("middle:Q", title="median"), alt.Tooltip("high:Q", title="95 %"),
               alt.Tooltip("n:Q", title="combinations")]  # fmt: skip
    colour = alt.Color("factor:N", sort=None, legend=None, scale=alt.Scale(range=[BLUE, MUTED]))
    base = rows_of()
    chart = alt.layer(
        base.mark_bar(height=5, cornerRadius=2, opacity=0.55).encode(y=y, x=x, x2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(size=45, filled=True, opacity=1).encode(y=y, x="middle:Q", color=colour, tooltip=tooltip),
        rows_of("headline").mark_rule(color=INK, strokeWidth=1.5).encode(x="at:Q"),
        ring(base, alt.X("middle:Q"), y),
    ).add_params(NARROW, FOCUS).properties(height=17 * rows.height)  # fmt: skip
    low, _, high = _quantiles(ok)
    least = f"{low:.1f}" if low > 0 else "no rise"
    said = f"Other defensible choices put the paper's trend anywhere from {least} to {high:.1f} doublings a year"
    return Figure(
        name,
        said,
        chart,
        rows,
        {"factor": "Choice of", "choice": "Choice", "low": "5 %", "middle": "Median", "high": "95 %",
         "n": "Combinations"},
        f"Range of the doublings a year under each choice, over {ok.height:,} combinations of all other "
        f"choices: from {low:.1f} to {high:.1f} in the middle 90 %.",
        more={"headline": headline},
        basis=f"{counted(ok.height, 'combination')}; the line is the headline of the paper's models",
    )  # fmt: skip


def _options(ok: pl.DataFrame, factor: str) -> list[dict[str, object]]:
    """A row for each option of a choice: the quantiles of the pace over all combinations that have it."""
    columns = FACTORS[factor]
    found = ok.partition_by(columns, as_dict=True, maintain_order=True)
    in_order = sorted(
        found.items(), key=lambda one: tuple((value is None, value) for value in one[0])
    )
    made: list[dict[str, object]] = []
    for values, combinations in in_order:
        low, middle, high = (round(one, 2) for one in _quantiles(combinations))
        choice = choice_words(dict(zip(columns, values, strict=True)), columns)
        made.append(
            {
                "low": low, "middle": middle, "high": high, "n": combinations.height,
                "factor": NAMES[factor], "choice": choice,
            }
        )  # fmt: skip
    return made


def _quantiles(combinations: pl.DataFrame) -> list[float]:
    """The `SHARES` of doublings a year, each distinct choice counting alike."""
    yearly, weights = (np.asarray(combinations[name]) for name in ("yearly", "weight"))
    return [float(one) for one in weighted_quantiles(yearly, weights, SHARES)]


def choice_words(row: Mapping[str, object], columns: tuple[str, ...]) -> str:
    """An option of a choice of `sensitivity` in words."""
    named = str(row[columns[0]])
    if columns == ("reference_tokens",):
        return f"{float(named) / 1e12:g} trillion tokens"
    if columns == ("family_cap",):
        return "whole families" if row["family_cap"] is None else f"at most {named} of a family"
    left_out = row.get("dropped_benchmark", "none")
    if left_out != "none":
        return f"without {left_out}"
    words = WORDS[columns[0]].get(named, named)
    return words if row.get("inversion", "one-law") == "one-law" else f"{words}, by benchmark"
