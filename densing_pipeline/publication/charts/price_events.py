"""The largest falls of the price curves by the model that brought each: what a reader asks of a long step."""

import math
import re
from typing import Any

import polars as pl

from densing_pipeline.publication.charts.labels import Label
from densing_pipeline.publication.charts.style import HEIGHT, WIDTH
from densing_pipeline.publication.charts.unwatched import Box

NAMED_FOLD = 4.0
"""Least fall that is named, as the ratio of the price before to the price after."""

LETTER_PIXELS, LINE_PIXELS = 6.5, 16
"""Width of a letter and height of a line of the names."""

SCHEMA = {
    "scale": pl.String, "curve": pl.String, "day": pl.Date, "usd": pl.Float64, "words": pl.String,
}  # fmt: skip


def events(rows: pl.DataFrame, whole: Box) -> pl.DataFrame:
    """The falls of at least `NAMED_FOLD`, the largest first, where their names have room.

    Args:
        rows: steps of the curves: scale, level, curve, day, usd, model, ascending within each curve.
        whole: the rectangle of the chart.

    Returns:
        scale, curve, day, usd (the middle of the step on the axis), words; one row for a model and day, for a model
        mostly reaches several levels at once.
    """
    before = pl.col("usd").shift(1).over("scale", "level", "curve")
    falls = (
        rows.with_columns(before=before)
        .filter(pl.col("before") >= NAMED_FOLD * pl.col("usd"))
        .with_columns(fold=pl.col("before") / pl.col("usd"))
        .sort("fold", "level", descending=[True, False])
        .unique(["scale", "curve", "model", "day"], keep="first", maintain_order=True)
    )
    kept: list[dict[str, Any]] = []
    for _, shown in falls.group_by("scale", "curve", maintain_order=True):
        taken: list[Label] = []
        for row in shown.to_dicts():
            middle = math.sqrt(row["before"] * row["usd"])
            words = f"{_name(row['model'])}: 1/{_digits(row['fold'])}"
            label = _label(row, middle, words, whole)
            if label.x + label.width < WIDTH and not any(map(label.meets, taken)):
                taken.append(label)
                kept.append({**row, "usd": middle, "words": words})
    return pl.DataFrame(kept, schema_overrides=SCHEMA).select(list(SCHEMA)) if kept else pl.DataFrame(schema=SCHEMA)  # fmt: skip


def _label(row: dict[str, Any], middle: float, words: str, whole: Box) -> Label:
    across = (row["day"] - whole.start).days / max((whole.end - whole.start).days, 1)
    up = math.log(middle / whole.low) / math.log(whole.high / whole.low)
    return Label(across * WIDTH, up * HEIGHT, len(words) * LETTER_PIXELS, LINE_PIXELS)


def _name(model: str) -> str:
    """The name of a model; a list that writes it in brackets after that of the offer gives it."""
    bracketed = re.search(r"\(([^()]+)\)$", model)
    return bracketed[1] if bracketed else model


def _digits(fold: float) -> str:
    """A fall with two significant digits."""
    return f"{float(f'{fold:.2g}'):,g}"
