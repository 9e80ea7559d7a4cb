"""Uncertainty of the price curves about which models reach a level.

The curves of `frontier` count every model that reaches a level with probability 0.5 or more. Here the
members of a level are drawn from their probabilities repeatedly; each draw gives its own curves. They
give the interval of a price, and the curves that the interval of a halving time is drawn from.

Not here: the probabilities (`levels`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.frontier import CHANGE, candidate_offers, changes, timed
from densing_pipeline.cost.levels import drawn
from densing_pipeline.cost.market import Market
from densing_pipeline.stats.arrays import BoolArray
from densing_pipeline.stats.streams import stream
from densing_pipeline.tables.published import PRICE_FRONTIER

DRAWS = 40
"""Number of draws of the members of a level."""

DRAWN = pl.Schema(
    {name: PRICE_FRONTIER.polars_schema[name] for name in CHANGE}
    | {"draw": pl.Int64, "weight": pl.Int64}
)
"""Change points of drawn curves: `draw` numbers the different curves of a series, `weight` counts the
draws that gave that curve."""

SERIES = ("level", "blend_input_share", "curve")


class _Drawn(NamedTuple):
    """Drawn curves, and what they were drawn from."""

    market: Market
    draws: int
    seed: int
    curves: pl.DataFrame


def drawn_frontiers(market: Market, *, draws: int, seed: int) -> pl.DataFrame:
    """The curves that draws of the members of each level give.

    Prices and halving times of a night need the same curves, which take seconds to compute; so the
    last ones are kept for callers with an equal market.

    Args:
        market: offers, links, levels and scores.
        draws: number of draws.
        seed: seed of the draws; each series has its own stream.

    Returns:
        Rows of `DRAWN`; draws that give the same curve stand there once.
    """
    for kept in _KEPT:
        if (kept.draws, kept.seed) == (draws, seed) and kept.market.is_same(market):
            return kept.curves
    curves = _drawn_frontiers(market, draws, seed)
    _KEPT[:] = [_Drawn(market, draws, seed, curves)]
    return curves


_KEPT: list[_Drawn] = []
"""The curves drawn last."""


def _drawn_frontiers(market: Market, draws: int, seed: int) -> pl.DataFrame:
    if market.is_empty:
        return DRAWN.to_frame()
    found = [
        _distinct(level, share, timed(offers), draws, seed)
        for level, share, offers in candidate_offers(market)
        if not offers.is_empty()
    ]
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
    return PRICE_FRONTIER.cast(pl.concat(rows)) if rows else price_frontier


def _distinct(
    level: str, share: float, offers: pl.DataFrame, draws: int, seed: int
) -> pl.DataFrame:
    """The different curves of one level and blend, each with the number of draws that gave it."""
    models = offers.select("canonical_id", "probability").unique().sort("canonical_id")
    reached = drawn(models["probability"].to_numpy(), draws, stream(seed, repr([level, share])))
    model = offers["canonical_id"].replace_strict(
        models["canonical_id"], range(models.height), return_dtype=pl.Int64
    )
    found: dict[bytes, tuple[BoolArray, int]] = {}
    for members in reached[:, model.to_numpy()]:
        curve = _fingerprint(offers, members)
        found[curve] = members, found.get(curve, (members, 0))[1] + 1
    frames = [
        _curves(level, share, offers, members).with_columns(
            draw=pl.lit(number, pl.Int64), weight=pl.lit(weight, pl.Int64)
        )
        for number, (members, weight) in enumerate(found.values())
    ]
    return pl.concat([DRAWN.to_frame(), *frames])


def _curves(level: str, share: float, offers: pl.DataFrame, members: BoolArray) -> pl.DataFrame:
    """Change points for the members of one draw; without a member there is no offer."""
    if members.any():
        return changes(level, share, offers.filter(members))
    nothing = changes(level, share, offers.head(1)).unique(
        "curve", keep="first", maintain_order=True
    )
    return nothing.with_columns(
        pl.lit(None, nothing.schema[name]).alias(name)
        for name in ("usd_per_mtok", "provider", "model", "source", "basis")
    )


def _fingerprint(offers: pl.DataFrame, members: BoolArray) -> bytes:
    """Bytes that are equal exactly for equal curves."""
    if not members.any():
        return b""
    held = offers["run_start"].to_numpy()[members], offers["run_end"].to_numpy()[members]
    days, winner = cheapest(*held)
    place = np.append(np.flatnonzero(members), -1)[winner]
    is_change = np.append(True, place[1:] != place[:-1])
    fingerprint: bytes = days[is_change].tobytes() + place[is_change].tobytes()
    return fingerprint


def _interval(steps: pl.DataFrame, alternatives: pl.DataFrame) -> Iterator[pl.Series]:
    """Series `low` and `high` for the days of one curve."""
    days = steps["date"].to_physical().to_numpy()
    prices, weights = [], []
    for _, curve in alternatives.group_by("draw", maintain_order=True):
        ordered = curve.sort("date")
        place = np.searchsorted(ordered["date"].to_physical().to_numpy(), days, side="right")
        known = ordered["usd_per_mtok"].fill_null(float("inf")).to_numpy()
        prices.append(np.append(np.inf, known)[place])
        weights.append(int(ordered["weight"][0]))
    spread = np.repeat(np.array(prices), weights, axis=0)
    for name, share, method in (("low", 0.025, "lower"), ("high", 0.975, "higher")):
        ends = np.quantile(spread, share, axis=0, method=method)  # type: ignore[call-overload]
        yield pl.Series(name, np.where(np.isinf(ends), np.nan, ends)).fill_nan(None)
