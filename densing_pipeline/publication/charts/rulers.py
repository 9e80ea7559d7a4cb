"""The chart of rulers: how fast density grows by every ruler and group of benchmarks."""

import math

import polars as pl

from densing_pipeline.paper import TREND_DOUBLING_DAYS
from densing_pipeline.publication.answers import CURRENT, CURRENT_BASES
from densing_pipeline.publication.charts.intervals import intervals
from densing_pipeline.publication.charts.style import Figure, nothing
from densing_pipeline.publication.wording import counted
from densing_pipeline.tables.dates import DAYS_PER_YEAR
from densing_pipeline.tables.schemas import Tables

RULERS = {
    "size-lines-bent": "{group}",
    "size-lines": "{group}, on a straight scale",
    "nmi-2025": "{group}, by the paper's law",
    "incompressible-knowledge-probes": "obscure facts, of chat models",
    "fresh-text-qwen2.5": "{group}",
}
"""What a ruler of `density_growth` measures in words, in the order of the chart; others are named as they are."""

GROUPS = {
    "all-benchmarks": "five benchmarks, together",
    "more-benchmarks": "eight benchmarks, together",
    "fresh-text": "fresh text, compressed",
    "fresh-text-arxiv": "fresh text of arXiv",
    "fresh-text-github": "fresh text of GitHub",
    "fresh-text-prose": "fresh prose",
}
"""Groups of `density_growth` in words, where their names are not words themselves."""

RULER_POPULATIONS = ("base", "instruct-and-thinking")
"""Populations that are shown; the others are parts of these, made for one comparison."""

UNSHOWN_RULER = "size-lines"
"""A ruler that is left out: the same as the headline's on a straight scale, which does not hold every world."""

FRONTIERS = (CURRENT[3], f"pooled-{CURRENT[3]}")
"""Estimators of the frontier, of one measure and pooled over several."""


def ruler_words(ruler: str, group: str) -> str:
    """What a ruler measures in words."""
    return RULERS.get(ruler, f"{{group}}, by {ruler}").format(group=GROUPS.get(group, group))


def rulers(tables: Tables) -> Figure:
    """Doublings a year by every ruler and group of benchmarks, by all and by active parameters."""
    name, title = "rulers", "Does every ruler agree?"
    found = tables["density_growth"].filter(
        pl.col("estimator").is_in(FRONTIERS),
        pl.col("verdict") == "ok",
        pl.col("ruler") != UNSHOWN_RULER,
        pl.col("population").is_in(RULER_POPULATIONS),
        pl.col("params_basis").is_in(list(CURRENT_BASES)),
        pl.col("growth_per_year").is_not_null(),
        pl.col("window") == CURRENT[2],
    )
    if found.is_empty():
        return nothing(name, title, "The release has no growth of density by any ruler.")
    doublings = 1 / math.log(2)
    place = pl.col("ruler").replace_strict(
        {ruler: at for at, ruler in enumerate(RULERS)}, default=len(RULERS), return_dtype=pl.Int64
    )
    # Several benchmarks together first, then one by one.
    rows = found.sort(
        place,
        "ruler",
        ~pl.col("group").is_in(list(GROUPS)),
        "group",
        "params_basis",
        descending=[False, False, False, False, True],
    )
    words = [ruler_words(*pair) for pair in rows.select("ruler", "group").iter_rows()]
    rows = rows.select(
        label=pl.Series(words, dtype=pl.String),
        basis=pl.col("params_basis").replace_strict(CURRENT_BASES, default=None),
        yearly=(pl.col("growth_per_year") * doublings).round(2),
        low=(pl.col("growth_low") * doublings).round(2),
        high=(pl.col("growth_high") * doublings).round(2),
        n="n_models",
        newest="newest_release",
        ruler="ruler",
    )
    grows = rows.filter(pl.col("low") > 0).height
    said = (
        "By every ruler density grows"
        if grows == rows.height
        else f"{grows} of {counted(rows.height, 'measure')} show that density grows; the others cannot tell"
    )
    return intervals(
        name,
        said,
        rows,
        "label",
        "basis",
        {"label": "What is measured", "basis": "Counting", "yearly": "Doublings a year", "low": "95 % from",
         "high": "to", "n": "Models", "newest": "Newest", "ruler": "Ruler"},
        "doublings a year, with 95 % interval",
        marks={0.0: "no growth", DAYS_PER_YEAR / TREND_DOUBLING_DAYS: "the paper"},
        basis=f"the 90 % quantile of models, by {counted(rows['ruler'].n_unique(), 'ruler')}",
    )  # fmt: skip
