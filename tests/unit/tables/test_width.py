"""The column `width` says how much the interval beside it does."""

import polars as pl
import pytest

from densing_pipeline.tables.schemas import Table
from densing_pipeline.tables.width import WIDE_FOLD, with_width

ESTIMATES = Table(
    name="estimates",
    grain="one estimate",
    key=("level",),
    columns=("level", "verdict", "low?", "high?", "width?"),
)


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
    row = {"level": ["a"], "verdict": [verdict], "low": [low], "high": [high]}
    frame = with_width(ESTIMATES, pl.DataFrame(row), "low", "high")
    assert frame["width"].to_list() == [width]


def test_rows_without_any_interval_have_the_column_too():
    frame = pl.DataFrame({"level": ["a"], "verdict": ["insufficient"]})
    assert with_width(ESTIMATES, frame, "low", "high")["width"].to_list() == [None]
