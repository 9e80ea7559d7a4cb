"""The column `width` says how much the interval beside it does."""

import polars as pl
import pytest

from densing_pipeline.tables.published import PUBLISHED
from densing_pipeline.tables.schemas import Table
from densing_pipeline.tables.width import MOST_FOLD, WIDE_FOLD, with_told_ends, with_width

ESTIMATES = Table(
    name="estimates",
    grain="one estimate",
    key=("level",),
    columns=("level", "verdict", "reason", "low?", "high?", "width?"),
)


def judged(verdict: str, reason: str, low: float | None, high: float | None) -> pl.DataFrame:
    row = {"level": ["a"], "verdict": [verdict], "reason": [reason], "low": [low], "high": [high]}
    return with_width(ESTIMATES, pl.DataFrame(row), "low", "high")


@pytest.mark.parametrize(
    ("verdict", "low", "high", "width"),
    [
        ("ok", 1.0, 2.0, "narrow"),
        ("ok", 1.0, float(WIDE_FOLD), "narrow"),
        ("ok", 1.0, WIDE_FOLD * 1.001, "wide"),
        ("ok", 1.0, None, "open"),
        ("ok", None, None, None),
        ("insufficient", 1.0, 2.0, None),
    ],
)
def test_width_by_the_ends_of_the_interval(verdict, low, high, width):
    frame = judged(verdict, "few models", low, high)
    assert frame["width"].to_list() == [width]
    assert frame["high"].to_list() == [high]
    assert frame["reason"].to_list() == ["few models"]


@pytest.mark.parametrize("reason", ["", "few models"])
def test_an_end_over_a_hundred_times_the_other_is_not_told(reason):
    frame = judged("ok", reason, 0.5, 0.5 * MOST_FOLD * 1.01)
    assert frame.select("low", "high", "width").row(0) == (0.5, None, "open")
    told = "no upper end told: it is 101 times the lower one"
    assert frame["reason"].item() == (f"{reason}; {told}" if reason else told)


def test_an_end_a_hundred_times_the_other_is_told():
    assert judged("ok", "", 0.5, 0.5 * MOST_FOLD)["width"].item() == "wide"


def test_rows_without_any_interval_have_the_column_too():
    frame = pl.DataFrame({"level": ["a"], "verdict": ["insufficient"], "reason": ["no models"]})
    assert with_width(ESTIMATES, frame, "low", "high")["width"].to_list() == [None]


RATIOS = Table(
    name="ratios",
    grain="one ratio",
    key=("level",),
    columns=("level", "low?", "high?", "log_ratio?", "reason", "width?"),
)


def told(low: float | None, value: float | None, high: float | None) -> pl.DataFrame:
    """One row whose value and ends are logarithms of a ratio."""
    row = {"level": ["a"], "low": [low], "log_ratio": [value], "high": [high], "reason": [""]}
    schema = dict.fromkeys(("low", "log_ratio", "high"), pl.Float64)
    frame = pl.DataFrame(row, schema_overrides=schema)
    return with_told_ends(RATIOS, frame, "low", "high", of="log_ratio", is_log=True)


LN_MOST = 4.605  # just under ln 100


@pytest.mark.parametrize(
    ("low", "value", "high", "ends", "width"),
    [
        (-1.0, 0.0, 1.0, (-1.0, 1.0), "narrow"),
        (-2.0, 0.0, 2.0, (-2.0, 2.0), "wide"),
        # Within the bound, and just beyond it: the end farther from the value goes.
        (0.0, 1.0, LN_MOST, (0.0, LN_MOST), "wide"),
        (0.0, 1.0, LN_MOST + 0.001, (0.0, None), "open"),
        (-LN_MOST - 0.001, -1.0, 0.0, (None, 0.0), "open"),
        # So far away that neither says anything.
        (-LN_MOST - 0.001, 0.0, LN_MOST + 0.001, (None, None), "open"),
        (-LN_MOST - 0.001, 0.0, None, (None, None), "open"),
        (-LN_MOST, 0.0, None, (-LN_MOST, None), "open"),
        (None, None, None, (None, None), None),
    ],
)
def test_the_end_of_a_ratio_that_says_nothing_is_not_told(low, value, high, ends, width):
    frame = told(low, value, high)
    assert (frame["low"].item(), frame["high"].item()) == ends
    assert frame["width"].item() == width
    assert bool(frame["reason"].item()) is (ends != (low, high))


def test_ends_are_judged_alike_as_numbers_and_as_logarithms():
    ratios = pl.DataFrame({"low": [0.02, 0.5], "log_ratio": [1.0, 1.0], "high": [2.5, 40.0]})
    ratios = ratios.with_columns(level=pl.Series(["a", "b"]), reason=pl.lit(""))
    numbers = with_told_ends(RATIOS, ratios, "low", "high", of="log_ratio")
    logs = ratios.with_columns(pl.col("low", "log_ratio", "high").log())
    as_logs = with_told_ends(RATIOS, logs, "low", "high", of="log_ratio", is_log=True)
    assert numbers["low"].to_list() == [None, 0.5]
    assert numbers["width"].to_list() == as_logs["width"].to_list() == ["open", "wide"]


WITHOUT_WIDTH = {
    "capability_index": "an index, stated by its source",
    "capability_levels": "the same",
    "pooled_scores": "scores",
    "score_conflicts": "two scores, no interval",
    "source_effects": "differences of scores",
    "score_gaps": "differences of scores",
    "contamination": "differences of scores",
    "forecast_scores": "what came of a forecast; its ends are those of the density",
    "forecast_skill": "skills, which can be negative",
    "pace_skill": "skills, which can be negative",
}


def test_every_table_with_an_interval_has_the_width_or_says_why_not():
    lacking = {
        name
        for name, table in PUBLISHED.items()
        if any(
            column.replace("low", "high", 1) in table.names
            for column in table.names
            if "low" in column.split("_")
        )
        and "width" not in table.names
    }
    assert lacking == set(WITHOUT_WIDTH)
