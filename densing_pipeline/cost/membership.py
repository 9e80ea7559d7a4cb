"""Uncertainty of the price curves about which models reach a level.

The curves of `frontier` count every model that reaches a level with probability 0.5 or more. Here the
members of a level are drawn from their probabilities repeatedly; each draw gives its own curves. They
give the interval of a price, and the curves that the interval of a halving time is drawn from.

Not here: the probabilities (`levels`).
"""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.frontier import (
    CHANGE,
    candidate_offers,
    change_points,
    points_of,
    timed,
    where_changed,
)
from densing_pipeline.cost.levels import drawn
from densing_pipeline.cost.market import Market
from densing_pipeline.stats.arrays import BoolArray, IntArray
from densing_pipeline.stats.parallel import parallel_map
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import PRICE_FRONTIER
from densing_pipeline.tables.width import width_of

DRAWS = 40
"""Number of draws of the members of a level."""

FEWEST_DRAWN_SERIES = 12
"""Fewest levels and blends, of a tenth of a second each, for which a second process is started."""

DRAWN = pl.Schema(
    {name: PRICE_FRONTIER.polars_schema[name] for name in CHANGE}
    | {"draw": pl.Int64, "weight": pl.Int64}
)
"""Change points of drawn curves: `draw` numbers the different curves of a series, `weight` counts the
draws that gave that curve."""

SERIES = ("level", "blend_input_share", "curve")


@lru_cache(maxsize=1)
def drawn_frontiers(market: Market, *, draws: int, seed: int) -> pl.DataFrame:
    """The curves that draws of the members of each level give.

    Args:
        market: offers, links, levels and scores.
        draws: number of draws.
        seed: seed of the draws; each series has its own stream.

    Returns:
        Rows of `DRAWN`; draws that give the same curve stand there once. Kept for the next caller with the same market.
    """
    if market.is_empty:
        return DRAWN.to_frame()
    pieces = [each for each in candidate_offers(market) if not each[2].is_empty()]
    found = parallel_map(
        partial(_distinct, draws=draws, seed=seed), pieces, fewest=FEWEST_DRAWN_SERIES
    )
    return pl.concat([DRAWN.to_frame(), *found]).filter(pl.col("date") <= market.last)


def with_intervals(price_frontier: pl.DataFrame, drawn_curves: pl.DataFrame) -> pl.DataFrame:
    """The frontier with 95 % intervals of each price over the draws.

    Args:
        price_frontier: change points of the curves.
        drawn_curves: from `drawn_frontiers`.

    Returns:
        The same rows. An end of an interval is empty where nothing is on offer in so many of the draws.
    """
    alternatives = drawn_curves.partition_by(*SERIES, as_dict=True)
    rows = [
        steps.with_columns(_interval(steps, alternatives[key]))
        for key, steps in price_frontier.partition_by(
            *SERIES, as_dict=True, maintain_order=True
        ).items()
    ]
    if not rows:
        return price_frontier
    is_known = pl.col("usd_per_mtok").is_not_null()
    made = pl.concat(rows).with_columns(width=width_of("low", "high", is_known))
    return PRICE_FRONTIER.cast(made)


def _distinct(piece: tuple[str, float, pl.DataFrame], draws: int, seed: int) -> pl.DataFrame:
    """The different curves of one level and blend, each with the number of draws that gave it."""
    level, share, offers = piece[0], piece[1], timed(piece[2])
    models = offers.select("canonical_id", "probability").unique().sort("canonical_id")
    reached = drawn(models["probability"].to_numpy(), draws, stream(seed, repr([level, share])))
    model = offers["canonical_id"].replace_strict(
        models["canonical_id"], range(models.height), return_dtype=pl.Int64
    )
    starts, ends = offers["run_start"].to_numpy(), offers["run_end"].to_numpy()
    found: dict[bytes, tuple[_Holders, int]] = {}
    for members, times in Counter(map(bytes, reached)).items():
        holders = _holders(starts, ends, np.frombuffer(members, np.bool_)[model.to_numpy()])
        curve = holders.days.tobytes() + holders.offers.tobytes()
        found[curve] = holders, found.get(curve, (holders, 0))[1] + times
    prices = np.append(offers["usd_per_mtok"].to_numpy(), np.inf)
    points = [
        points_of(curve, holders.days, holders.offers, changed).with_columns(
            draw=pl.lit(number, pl.Int64), weight=pl.lit(weight, pl.Int64)
        )
        for number, (holders, weight) in enumerate(found.values())
        for curve, changed in where_changed(prices[holders.offers]).items()
    ]
    return change_points(level, share, offers, pl.concat(points)).select(DRAWN.names())


class _Holders(NamedTuple):
    """The cheapest offers of one draw: from each of these days on another one.

    Attributes:
        days: as days since 1970, ascending, shape (n,).
        offers: their rows among the offers of the level, -1 where nothing is on offer, shape (n,).
    """

    days: NDArray[np.int32]
    offers: IntArray


def _holders(starts: NDArray[np.int32], ends: NDArray[np.int32], members: BoolArray) -> _Holders:
    """The cheapest of the offers of the members of one draw; without a member nothing from the first offer's day on."""
    if not members.any():
        return _Holders(starts[:1], np.full(1, -1))
    days, winner = cheapest(starts[members], ends[members])
    offers = np.append(np.flatnonzero(members), -1)[winner]
    is_change = np.append(True, offers[1:] != offers[:-1])
    return _Holders(days[is_change], offers[is_change])


def _interval(steps: pl.DataFrame, alternatives: pl.DataFrame) -> Iterator[pl.Series]:
    """Series `low` and `high` for the days of one curve."""
    days = steps["date"].to_physical().to_numpy()
    ordered = alternatives.sort("draw", "date")
    dates = ordered["date"].to_physical().to_numpy()
    known = ordered["usd_per_mtok"].fill_null(float("inf")).to_numpy()
    starts = np.flatnonzero(np.diff(ordered["draw"].to_numpy(), prepend=-1))
    prices = [
        np.append(np.inf, own)[np.searchsorted(of, days, side="right")]
        for of, own in zip(np.split(dates, starts[1:]), np.split(known, starts[1:]), strict=True)
    ]
    weights = ordered["weight"].to_numpy()[starts]
    spread = np.repeat(np.array(prices), weights, axis=0)
    for name, share, method in (("low", 0.025, "lower"), ("high", 0.975, "higher")):
        ends = np.quantile(spread, share, axis=0, method=method)  # type: ignore[call-overload]
        yield pl.Series(name, np.where(np.isinf(ends), np.nan, ends)).fill_nan(None)
