"""No verdict is ok across more than half a year in which nobody knows when the price fell, whatever the curve."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost import halving
from densing_pipeline.tables.published import PRICE_FRONTIER

START = date(2023, 1, 1)
CURVES, CHANGES = 40, 14
HALF_A_YEAR = 183


def random_frontier(seed: int) -> pl.DataFrame:
    """Curves that fall at random, and sometimes rise, some after months or years without a look, some on no known day."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(CURVES):
        for curve in ("cheapest_now", "cheapest_ever"):
            waits = rng.choice(
                [5, 20, 60, 120, 200, 500], CHANGES, p=[0.2, 0.3, 0.3, 0.1, 0.05, 0.05]
            )
            days = np.cumsum(waits)
            factors = rng.choice([0.4, 0.7, 0.9, 1.3 if curve == "cheapest_now" else 0.8], CHANGES)
            blind = np.where(rng.random(CHANGES) < 0.25, rng.integers(1, 700, CHANGES), 0)
            undated = rng.random(CHANGES) < 0.05
            rows += [
                {
                    "level": f"level {number}", "blend_input_share": 0.75, "curve": curve,
                    "date": START + timedelta(days=int(day)),
                    "date_earliest": None if unknown else START + timedelta(days=int(day - gap)),
                    "usd_per_mtok": float(price), "provider": f"p{k % 4}", "model": "m", "source": "list",
                    "basis": "undated" if unknown else "first_observed",
                }
                for k, (day, gap, unknown, price) in enumerate(
                    zip(days, blind, undated, np.cumprod(factors), strict=True)
                )
            ]  # fmt: skip
    return PRICE_FRONTIER.cast(pl.DataFrame(rows, infer_schema_length=None))


@pytest.mark.parametrize("seed", range(2))
def test_no_verdict_is_ok_across_half_a_year_in_which_a_price_may_have_fallen_on_any_day(seed):
    frontier = random_frontier(seed)
    as_of = frontier["date"].max() + timedelta(days=40)
    table = halving.price_halving(frontier, as_of=as_of, draws=10, seed=1)
    sure = table.filter(verdict="ok")
    assert sure.height > 20
    assert sure["widest_gap_months"].max() <= 6
    whole = 0
    for row in sure.iter_rows(named=True):
        curve = frontier.filter(level=row["level"], curve=row["curve"]).sort("date")
        first = max(row["window_start"], curve["date"][0])
        dates, prices = curve["date"].to_list(), curve["usd_per_mtok"].to_list()
        risen = first
        for k, earliest in enumerate(curve["date_earliest"].to_list()[1:]):
            before, after, is_rise = dates[k], dates[k + 1], prices[k + 1] > prices[k]
            # A change came after every earlier rise; a rise, and a change of no known day, after any change.
            since = max(risen, first, earliest or before, before if is_rise else first)
            if first < after <= row["window_end"] and prices[k] != prices[k + 1]:
                assert (after - since).days <= HALF_A_YEAR, row
            risen = after if is_rise else risen
        whole += row["window_start"] == dates[0] and row["window_end"] == as_of
    assert whole < sure.height, "some windows were cut short"
