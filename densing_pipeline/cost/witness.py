"""Prices that are too low for their level to be taken from one list that people keep.

Such lists have had prices of another unit, a hundred or a thousand times too low, for months. So a price in one
counts for a level only if it is not under a third of the lowest price that any other source has for the level
over the same days. What the seller itself says needs no witness. Not here: prices that no level can have, and
lists that contradict each other on one offer (`prices.comparison`).
"""

import numpy as np
import polars as pl

from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.levels import MEMBERSHIP
from densing_pipeline.prices.comparison import APART
from densing_pipeline.prices.sources import own_lists
from densing_pipeline.stats.arrays import FloatArray

_SELLERS_WORD = ("announced", "documented")
"""Bases of prices that the seller has announced, or a document of its own states."""


def witnessed(offers: pl.DataFrame) -> pl.DataFrame:
    """The offers of a level without prices that no other source makes plausible.

    Args:
        offers: persistent offers of one level and blend, with `source`, `basis`, `usd_per_mtok`, `run_start`,
            `run_end` and `probability`. Only members of the level are witnesses.

    Returns:
        The rows in their order. An offer over whose days no other source has any is kept: it has lasted for 30
        days, and there is nothing to compare it with.
    """
    is_word = pl.col("source").is_in(own_lists()) | pl.col("basis").is_in(_SELLERS_WORD)
    kept_by_hand = offers.filter(~is_word)["source"].unique()
    members = offers.filter(pl.col("probability") >= MEMBERSHIP).sort("usd_per_mtok")
    lowest = np.full(offers.height, np.inf)
    for source in kept_by_hand:
        own = (offers["source"] == source).to_numpy()
        lowest[own] = _lowest(members.filter(pl.col("source") != source), offers.filter(own))
    is_plausible = APART * offers["usd_per_mtok"].to_numpy() >= lowest
    return offers.filter(is_word | pl.Series(is_plausible | np.isinf(lowest)))


def _lowest(others: pl.DataFrame, offers: pl.DataFrame) -> FloatArray:
    """Lowest price of others during the run of each offer; infinite where they have none.

    Args:
        others: offers to compare with, the cheapest first.
        offers: offers.
    """
    if others.is_empty():
        return np.full(offers.height, np.inf)
    days, winner = cheapest(others["run_start"].to_numpy(), others["run_end"].to_numpy())
    price = np.append(np.append(others["usd_per_mtok"].to_numpy(), np.inf)[winner], np.inf)
    first = np.searchsorted(days, offers["run_start"].to_numpy(), side="right") - 1
    last = np.searchsorted(days, offers["run_end"].to_numpy(), side="left")
    ranges = np.column_stack([np.maximum(first, 0), np.maximum(last, 1)]).ravel()
    found: FloatArray = np.minimum.reduceat(price, ranges)[::2]
    return np.where(last > 0, found, np.inf)
