"""The column `width` says how much the interval beside it does."""

import polars as pl
import pytest

from densing_pipeline.tables.schemas import Table
from densing_pipeline.tables.width import MOST_FOLD, WIDE_FOLD, with_width

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
