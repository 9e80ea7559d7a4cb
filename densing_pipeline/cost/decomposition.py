"""Causes of changes of the cheapest price on offer: `price_decomposition`.

Every change of `cheapest_now` is split into four parts, applied one after the other, each the change of the
minimum at its step, so that they add up to the change: models that were never sold before enter; further
offers of known models enter; offers that stay take their new prices; offers leave.

Not here: the curve itself (`frontier`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from densing_pipeline.cost import admission
from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.frontier import level_offers, timed
from densing_pipeline.cost.market import Market
from densing_pipeline.paper import NMI
from densing_pipeline.prices.names import seller
from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray
from densing_pipeline.tables.published import PRICE_DECOMPOSITION

PARTS = (
    "undated_log_change",
    "entry_of_models",
    "entry_of_providers",
    "repricing",
    "exit",
)
"""The parts in the order in which they are applied.

Falls of unknown date come first and are kept apart. Offers leave last, so an exit counts only as far as no
other offer took its place.
"""


def price_decomposition(market: Market) -> pl.DataFrame:
    """Parts of the change of the cheapest price of each level and blend, by calendar year and in all.

    Args:
        market: offers, links, levels and scores.

    Returns:
        Rows of `price_decomposition`. `log_change` is the sum of entry_of_models,
        entry_of_providers, repricing and exit; together with `undated_log_change` it is the change
        of ln `cheapest_now` over the period. A price that returns after nothing was on offer is
        compared with the last one before. Years without a price are left out.
    """
    if market.is_empty:
        return PRICE_DECOMPOSITION.empty()
    horizon = (market.last - admission.EPOCH).days
    rows = [
        {"level": level, "blend_input_share": share} | row
        for level, share, blend in level_offers(market)
        if level != NMI and not blend.is_empty()
        for row in _periods(Offers.of(timed(blend)), horizon)
    ]
    return PRICE_DECOMPOSITION.cast(pl.DataFrame(rows) if rows else PRICE_DECOMPOSITION.empty())


def parts_since(rows: pl.DataFrame, day: int, horizon: int) -> dict[str, float]:
    """The parts of the change of the cheapest price on offer after a day.

    Args:
        rows: offers of one level and blend, from `frontier.level_offers`.
        day: days since 1970; changes on later days count.
        horizon: last day.

    Returns:
        `log_change` and the parts of `PARTS`.
    """
    offers = Offers.of(timed(rows))
    days, winner = cheapest(offers.starts, offers.ends)
    price = np.append(offers.price, np.inf)[winner]
    changes = _changes(offers, days, price, horizon)
    found = _sum("", day, horizon, [parts for changed, parts in changes if changed > day])
    return {name: found[name] for name in ("log_change", *PARTS)}


@dataclass(frozen=True)
class Offers:
    """The offers of one level and blend, best first, one entry per price and run.

    Attributes:
        starts: first day of each run.
        ends: day after its last.
        price: blended price.
        offer: number of the offer: one seller and one model, however many lists and names it has.
        model: number of the model it sells.
        is_undated: whether the day the price began is not known.
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    price: FloatArray
    offer: IntArray
    model: IntArray
    is_undated: BoolArray

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "Offers":
        """From rows of `frontier.level_offers`."""
        offer = rows.select(pl.struct(_seller(), "canonical_id").rank("dense") - 1).to_series()
        model = rows.select(pl.col("canonical_id").rank("dense") - 1).to_series()
        return cls(
            rows["run_start"].to_numpy(),
            rows["run_end"].to_numpy(),
            rows["usd_per_mtok"].to_numpy(),
            offer.to_numpy().astype(np.intp),
            model.to_numpy().astype(np.intp),
            (rows["basis"] == "undated").to_numpy(),
        )

    def on(self, day: int) -> tuple[FloatArray, BoolArray]:
        """Price of each offer on a day (infinite if not on sale), and whether it is undated."""
        held = np.full(self.offer.max() + 1, np.inf)
        active = (self.starts <= day) & (day < self.ends)
        np.minimum.at(held, self.offer[active], self.price[active])
        is_undated = np.zeros(len(held), dtype=bool)
        sets = active & (self.price == held[self.offer])
        is_undated[self.offer[sets & self.is_undated]] = True
        is_undated[self.offer[sets & ~self.is_undated]] = False
        return held, is_undated

    def first_day_of_model(self) -> NDArray[np.int32]:
        """By offer, the first day on which anybody sold its model."""
        first = np.full(self.model.max() + 1, np.iinfo(np.int32).max, dtype=np.int32)
        np.minimum.at(first, self.model, self.starts)
        by_offer = np.empty(self.offer.max() + 1, dtype=np.int32)
        by_offer[self.offer] = first[self.model]
        return by_offer


def _periods(offers: Offers, horizon: int) -> Iterator[dict[str, Any]]:
    """The parts by calendar year, and over all of them."""
    days, winner = cheapest(offers.starts, offers.ends)
    price = np.append(offers.price, np.inf)[winner]
    changes = list(_changes(offers, days, price, horizon))
    start = int(days[0])
    first, last = admission.to_date(start).year, admission.to_date(horizon).year
    for year in range(first, last + 1):
        begin = max(start, (date(year, 1, 1) - admission.EPOCH).days)
        end = min(horizon, (date(year, 12, 31) - admission.EPOCH).days)
        yield _sum(str(year), begin, end, [parts for day, parts in changes if begin <= day <= end])
    yield _sum("all", start, horizon, [parts for _, parts in changes])


def _changes(
    offers: Offers, days: NDArray[np.int32], price: FloatArray, horizon: int
) -> Iterator[tuple[int, FloatArray]]:
    """Day and parts of each change from one price to the next."""
    first_of_model = offers.first_day_of_model()
    stretches = [
        (int(day), int(end) - 1, float(p))
        for day, end, p in zip(days, np.append(days[1:], horizon + 1), price, strict=True)
        if np.isfinite(p) and day <= horizon
    ]
    for (_, before, earlier), (day, _, later) in pairwise(stretches):
        if earlier != later:
            yield day, _parts(offers, before, day, first_of_model)


def _parts(offers: Offers, before: int, day: int, first_of_model: NDArray[np.int32]) -> FloatArray:
    """Change of the ln of the minimum by each part, in the order of `PARTS`."""
    was, _ = offers.on(before)
    now, is_undated = offers.on(day)
    stays = np.isfinite(was) & np.isfinite(now)
    enters = ~np.isfinite(was) & np.isfinite(now)
    leaves = np.isfinite(was) & ~np.isfinite(now)
    is_new_model = first_of_model > before
    minima = np.array(
        [
            was.min(),
            _least(now, is_undated & (enters | (stays & (now < was)))),
            _least(now, enters & is_new_model),
            _least(now, enters & ~is_new_model),
            min(now.min(), _least(was, leaves)),
            now.min(),
        ]
    )
    minima[:4] = np.minimum.accumulate(minima[:4])
    parts: FloatArray = np.diff(np.log(minima))
    return parts


def _seller() -> pl.Expr:
    return pl.col("provider").map_elements(seller, return_dtype=pl.String)


def _least(price: FloatArray, mask: BoolArray) -> float:
    return float(price[mask].min(initial=np.inf))


def _sum(period: str, start: int, end: int, parts: list[FloatArray]) -> dict[str, Any]:
    total = np.sum(parts, axis=0) if parts else np.zeros(len(PARTS))
    named = dict(zip(PARTS, map(float, total), strict=True))
    return named | {
        "period": period,
        "window_start": admission.to_date(start),
        "window_end": admission.to_date(end),
        "log_change": float(total[1:].sum()),
        "n_changes": len(parts),
    }
