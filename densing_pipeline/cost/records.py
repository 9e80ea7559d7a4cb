"""The last record low price of each capability level, and what happened since: `price_records`.

Not here: the curves (`frontier`), and the causes of every change by year (`decomposition`).
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from densing_pipeline.cost import admission
from densing_pipeline.cost.decomposition import parts_since
from densing_pipeline.cost.frontier import BLENDS, level_offers
from densing_pipeline.cost.market import Market
from densing_pipeline.paper import NMI
from densing_pipeline.tables.published import PRICE_RECORDS

UNWATCHED_DAYS = admission.PERSISTENCE_DAYS
"""Days without a look at an offer's list after which it is `unwatched`: whether it is still sold at that
price is not known."""

ON_SALE, REPRICED, EXIT, UNWATCHED = "on sale", "repriced", "exit", "unwatched"
"""What became of the price that set a record."""


def price_records(
    market: Market, price_frontier: pl.DataFrame, *, blends: tuple[float, ...] = BLENDS
) -> pl.DataFrame:
    """The last record of each level and blend.

    Args:
        market: offers, links, levels and scores.
        price_frontier: the curves of that market.
        blends: shares of input tokens.

    Returns:
        Rows of `price_records`. The paper's own level has none, and a level without a price neither. Of
        falls of unknown date the day is the first on which the price is known.
    """
    curves = price_frontier.sort("date").partition_by("level", "blend_input_share", as_dict=True)
    rows = [
        _record(level, share, offers, curves[level, share], market)
        for level, share, offers in _offered(market, blends)
        if (level, share) in curves
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else PRICE_RECORDS.empty()
    return PRICE_RECORDS.cast(frame)


def _offered(
    market: Market, blends: tuple[float, ...]
) -> Iterator[tuple[str, float, pl.DataFrame]]:
    if market.is_empty:
        return
    for level, share, offers in level_offers(market, blends):
        if level != NMI and not offers.is_empty():
            yield level, share, offers


def _record(
    level: str, share: float, offers: pl.DataFrame, curves: pl.DataFrame, market: Market
) -> dict[str, Any]:
    """The row of one level and blend."""
    lows = curves.filter(curve="cheapest_ever")
    record = lows.row(-1, named=True)
    now = curves.filter(curve="cheapest_now").row(-1, named=True)
    price, day = record["usd_per_mtok"], (record["date"] - admission.EPOCH).days
    fate, fate_day = _fate(offers, record, price, day, market)
    later = offers.filter(pl.col("run_start").min().over("canonical_id") > day)
    return {
        "level": level,
        "blend_input_share": share,
        "record_date": record["date"],
        **{name: record[name] for name in ("usd_per_mtok", "provider", "model", "source", "basis")},
        "n_records": lows.height,
        "record_fate": fate,
        "fate_date": admission.to_date(fate_day) if fate_day is not None else None,
        "now_usd_per_mtok": now["usd_per_mtok"],
        "now_provider": now["provider"],
        "now_model": now["model"],
        "above_record": now["usd_per_mtok"] and now["usd_per_mtok"] / price,
        "n_models_since": later["canonical_id"].n_unique(),
        "entry_usd_per_mtok": later["usd_per_mtok"].min(),
        **parts_since(offers, day, _horizon(market)),
        "as_of": market.last,
    }


def _horizon(market: Market) -> int:
    return (market.last - admission.EPOCH).days


def _fate(
    offers: pl.DataFrame, record: dict[str, Any], price: float, day: int, market: Market
) -> tuple[str, int | None]:
    """What became of the offer at the record's price, and since when."""
    same = {name: record[name] for name in admission.OFFER}
    held = offers.filter(
        pl.col("usd_per_mtok") <= price, pl.col("run_start") <= day, pl.col("run_end") > day, **same
    ).sort("end")
    end, seen_to = held["run_end"].max(), held["seen_to"].max()
    last = _horizon(market)
    if end > last:  # type: ignore[operator]
        is_seen = last + 1 - seen_to < UNWATCHED_DAYS  # type: ignore[operator]
        return (ON_SALE, None) if is_seen else (UNWATCHED, int(seen_to))  # type: ignore[arg-type]
    goes_on = market.on_sale.filter(pl.col("start") == end, **same)
    return (EXIT if goes_on.is_empty() else REPRICED), int(end)  # type: ignore[arg-type]
