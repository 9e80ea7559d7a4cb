"""The interval of a price over draws of the models that reach its level."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.cost.membership import DRAWN, with_intervals
from densing_pipeline.tables.published import PRICE_FRONTIER

SERIES = {"level": "able", "blend_input_share": 1.0, "curve": "cheapest_now"}
DAY = date(2025, 1, 1)


def curves(prices: list[float | None], weights: list[int]) -> pl.DataFrame:
    """One curve of one price for each draw, with the number of draws that gave it."""
    rows = [
        SERIES | {"date": DAY, "usd_per_mtok": price, "draw": draw, "weight": weight}
        for draw, (price, weight) in enumerate(zip(prices, weights, strict=True))
    ]
    return pl.DataFrame(rows, schema=DRAWN)


@pytest.mark.parametrize(
    ("prices", "weights", "ends"),
    [
        ([float(price) for price in range(1, 41)], [1] * 40, (1.0, 40.0)),
        ([1.0, 5.0, 9.0], [1, 38, 1], (1.0, 9.0)),
        ([1.0, 5.0, 9.0], [1, 98, 1], (5.0, 5.0)),
        ([5.0, None], [38, 2], (5.0, None)),
    ],
)
def test_the_interval_of_a_price_holds_95_percent_of_the_draws(prices, weights, ends):
    frontier = PRICE_FRONTIER.cast(pl.DataFrame([SERIES | {"date": DAY, "usd_per_mtok": 5.0}]))
    found = with_intervals(frontier, curves(prices, weights)).row(0, named=True)
    assert (found["low"], found["high"]) == ends
