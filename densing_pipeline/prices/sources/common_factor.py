"""Whether a price list as a whole moved by a common factor, as when it changes its unit.

A list of which the median price moved more than threefold, or of which many prices moved by one factor, states
its prices in another unit, or in another way, unless another list bears the new prices out. Not here: how many
prices a list lost (`snapshot`), and what becomes of a list that is not believed (`polling.judging`).
"""

import math
from collections.abc import Mapping

import polars as pl

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.names import ROUTER, normal, seller, split
from densing_pipeline.prices.sources.snapshot import (
    FEWEST_COUNTED,
    MAIN,
    MAIN_PRICE_COLUMNS,
    QUOTE_KEY,
)

LARGEST_MEDIAN_FACTOR = 3.0
"""A list whose median price moved by more than this factor is taken for one in another unit."""

LARGEST_COMMON_SHARE = 0.3
"""A list of which more than this share changed by one factor is taken for one in another unit."""

EQUAL_PRICES = 1e-3
"""Relative difference up to which two prices are taken for equal."""

FEWEST_WITNESSED = 5
"""Fewest offers that another list must have too to bear a common change out."""

_OTHER_UNIT = "taken for a change of unit"


def check_unit(
    now: pl.DataFrame, before: pl.DataFrame, others: Mapping[str, pl.DataFrame]
) -> list[str]:
    """Compare the input prices, and the output prices, of the offers that a list and the one before both have.

    Args:
        now: quotes of the list.
        before: quotes of its last good predecessor.
        others: quotes of the other lists, by name.

    Returns:
        A remark for each sort of price that moved by a common factor, if another list has the new prices too.

    Raises:
        SnapshotError: the median of one sort moved too far, or too many moved by one factor.
    """
    both = now.join(before, on=QUOTE_KEY, nulls_equal=True, suffix="_before")
    return [
        remark
        for name, price in zip(MAIN, MAIN_PRICE_COLUMNS, strict=True)
        for remark in _check_sort(name, price, both, others)
    ]


def _check_sort(
    name: str, price: str, both: pl.DataFrame, others: Mapping[str, pl.DataFrame]
) -> list[str]:
    """The remark on one sort of price, if it needs one.

    Raises:
        SnapshotError: they moved by a common factor that no other list bears out.
    """
    moved = both.filter(pl.col(price) > 0, pl.col(f"{price}_before") > 0).with_columns(
        factor=pl.col(price) / pl.col(f"{price}_before")
    )
    why = _common_move(name, moved["factor"]) if moved.height >= FEWEST_COUNTED else None
    if why is None:
        return []
    for other, quotes in sorted(others.items()):
        if found := _borne_out(price, moved, quotes):
            return [f"{why}, and {other} has {found} too"]
    raise SnapshotError(f"{why}: {_OTHER_UNIT}")


def _common_move(name: str, factor: pl.Series) -> str | None:
    """In words, by which common factor the prices of a sort moved; None if they did not."""
    median = float(factor.sort()[len(factor) // 2])
    if not 1 / LARGEST_MEDIAN_FACTOR <= median <= LARGEST_MEDIAN_FACTOR:
        return f"the median {name} price is {median:.3g} times that of the list before"
    moved = factor.filter((factor - 1).abs() > EQUAL_PRICES).round_sig_figs(3)
    commonest = moved.value_counts(sort=True).row(0) if moved.len() else (1.0, 0)
    if commonest[1] > LARGEST_COMMON_SHARE * len(factor):
        return (
            f"{commonest[1]} of {len(factor)} {name} prices are {commonest[0]:.3g} times those of the "
            "list before"
        )
    return None


def _borne_out(price: str, moved: pl.DataFrame, quotes: pl.DataFrame) -> str | None:
    """In words, how many of the changed prices another list has too; None if not most of those it can judge.

    It can judge an offer of the same seller, whose new price it then has, or, of a change of more than
    threefold, any offer of the model: then the new price is within threefold of that and the old one is not.
    Prices of a router in lists that copy it bear nothing out.

    Args:
        price: column of the price that moved.
        moved: the offers that both lists have, with `factor`.
        quotes: of the other list.
    """
    ours = _sold(moved.filter((pl.col("factor") - 1).abs() > EQUAL_PRICES))
    theirs = _sold(quotes.filter(pl.col(price) > 0)).select("seller", "sold", other=price)
    theirs = theirs.filter(pl.col("seller") != ROUTER)
    same = ours.join(theirs, on=("seller", "sold")).select(
        agrees=(pl.col(price) / pl.col("other") - 1).abs() <= EQUAL_PRICES
    )
    threefold = math.log(LARGEST_MEDIAN_FACTOR)
    anyones = (
        ours.filter(pl.col("factor").log().abs() > threefold)
        .join(theirs.group_by("sold").agg(pl.col("other").median()), on="sold")
        .select(
            agrees=((pl.col(price) / pl.col("other")).log().abs() <= threefold)
            & ((pl.col(f"{price}_before") / pl.col("other")).log().abs() > threefold)
        )
    )
    for found in (same["agrees"], anyones["agrees"]):
        if len(found) >= FEWEST_WITNESSED and 2 * found.sum() > len(found):
            return f"{found.sum()} of {len(found)}"
    return None


def _sold(quotes: pl.DataFrame) -> pl.DataFrame:
    """Ordinary offers with their seller and the model they sell, each once, in normal form."""
    plain = quotes.filter(pl.col("offer") == "standard", pl.col("context_over_tokens") == 0)
    names = plain.select("provider", "model").unique().rows()
    keyed = pl.DataFrame(
        [(*name, seller(name[0]), normal(split(*name)[1])) for name in names],
        schema=dict.fromkeys(("provider", "model", "seller", "sold"), pl.String),
        orient="row",
    )
    joined = plain.join(keyed, on=("provider", "model"))
    return joined.unique(("seller", "sold"), keep="first", maintain_order=True)
