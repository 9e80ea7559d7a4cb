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
    AFTER_COLON,
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
from densing_pipeline.trends.choice_weights import weighted_quantiles
from densing_pipeline.trends.sensitivity import FACTORS

Tables = Mapping[str, pl.DataFrame]

NAMES = {
    "reference law": "reference law", "D0": "tokens of the reference", "score set": "scores",
    "parameter basis": "parameters", "window": "period", "estimator": "estimator",
    "family cap": "models of a family",
}  # fmt: skip
"""Choices of `sensitivity` in words."""

WORDS = {
    "nmi-2025": "the paper's", "nmi-2025-refit": "fitted again", "nmi-2025-refit-local": "fitted again nearby",
    "nmi-2025-v2": "the paper's first version", "olmo-ladder": "OLMo models", "olmo-ladder-direct": "OLMo models, one step",
    "family-qwen2.5": "Qwen2.5 models",
    "average": "average", "average by benchmark": "each benchmark first", "mmlu": "MMLU",
    "nmi-2025-average": "the paper's average",
    "nonembedding": "outside the embedding", "inference_time": "by the time they take", "total": "all",
    "active": "active per token",
    "all": "whole history", "last-24-months": "last 24 months",
    "quantile-0.9": "90 % quantile", "quantile-0.8": "80 % quantile", "quantile-0.95": "95 % quantile",
    "monthly-max": "best of each month", "ols-all": "mean of all", "paper": "record setters",
    "none": "all", "3 models": "at most three",
}  # fmt: skip
"""Options of the choices in words; others are named as they are."""

PAPERS_PERIOD = "the paper's"
"""The period of the paper, which has the name of its reference law."""

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
    y = named_rows("label", AFTER_COLON)
    x = alt.X(
        "low:Q",
        title="doublings a year, middle 90 % of the combinations",
        axis=alt.Axis(grid=True),
    )
    tooltip = [alt.Tooltip("label:N", title="choice"), alt.Tooltip("low:Q", title="5 %"),
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
                "factor": NAMES[factor], "choice": choice, "label": f"{NAMES[factor]}: {choice}",
            }
        )  # fmt: skip
    return made


def _quantiles(combinations: pl.DataFrame) -> list[float]:
    """The `SHARES` of doublings a year, each distinct choice counting alike."""
    yearly, weights = (np.asarray(combinations[name]) for name in ("yearly", "weight"))
    return [float(one) for one in weighted_quantiles(yearly, weights, SHARES)]


def choice_words(row: Mapping[str, object], columns: tuple[str, ...]) -> str:
    """A choice of `sensitivity` in words."""
    if columns == ("reference_tokens",):
        return f"{float(str(row['reference_tokens'])) / 1e12:g} trillion"
    if columns == ("family_cap",):
        return WORDS["none"] if row["family_cap"] is None else WORDS[f"{row['family_cap']} models"]
    if columns == ("window",) and row["window"] == NMI:
        return PAPERS_PERIOD
    named, *left_out = [str(row[name]) for name in columns if row[name] not in ("none", "one-law")]
    if "mean-of-laws" in left_out:
        left_out.remove("mean-of-laws")
        named = f"{named} by benchmark"
    return " without ".join([WORDS.get(named, named), *left_out])
