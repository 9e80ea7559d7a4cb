"""The cheapest price of each capability level over time: `price_frontier`.

Not here: which prices count (`admission`, `witness`), which models reach a level (`levels`), the uncertainty of the
curves about that (`membership`), and how fast the price falls (`halving`).
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from densing_pipeline.cost import admission
from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.levels import MEMBERSHIP, on_benchmarks
from densing_pipeline.cost.market import Market
from densing_pipeline.cost.witness import witnessed
from densing_pipeline.paper import NMI
from densing_pipeline.prices.names import ROUTER, seller
from densing_pipeline.stats.arrays import BoolArray, FloatArray, IntArray
from densing_pipeline.tables.published import PRICE_FRONTIER

BLENDS = (1.0, 0.9, 0.75, 0.5)
"""Shares of input tokens the published curves are computed for."""

CHANGE = tuple(
    name for name in PRICE_FRONTIER.names if name not in ("low", "high", "level_scale", "width")
)
"""Columns of a change point; its interval and width come from `membership`, the scale from `index_levels`."""


def price_frontier(market: Market, *, blends: tuple[float, ...] = BLENDS) -> pl.DataFrame:
    """Every change of the cheapest price of each level, blend and curve.

    `cheapest_now` is the lowest price one can buy at; it rises when that offer is withdrawn or becomes more
    expensive, and is empty while there is no offer. `cheapest_ever` is its running minimum. The row names
    the offer that set the price; of several at one price, the one that was there first.

    The level `nmi-2025` is the paper's own: its ten plotted prices, all of models the paper counts as
    GPT-3.5 or better, input tokens only, each from its plotted day on. They enter no other level.

    Args:
        market: offers, links, levels and scores.
        blends: shares of input tokens.
    """
    if market.is_empty:
        return PRICE_FRONTIER.empty()
    levels = [
        changes(level, share, timed(blend))
        for level, share, blend in level_offers(market, blends)
        if not blend.is_empty()
    ]
    found = pl.concat([PRICE_FRONTIER.empty().select(CHANGE), *levels])
    return PRICE_FRONTIER.cast(found.filter(pl.col("date") <= market.last))


def level_offers(
    market: Market, blends: tuple[float, ...] = BLENDS
) -> Iterator[tuple[str, float, pl.DataFrame]]:
    """The offers that count for each level and blend, with the runs they count for.

    Args:
        market: offers, links, levels and scores.
        blends: shares of input tokens.

    Yields:
        Level, input share and offers. The paper's own level comes first, for input prices alone,
        and takes all its offers for one model.
    """
    for level, share, blend in candidate_offers(market, blends):
        yield level, share, blend.filter(pl.col("probability") >= MEMBERSHIP)


def candidate_offers(
    market: Market, blends: tuple[float, ...] = BLENDS
) -> Iterator[tuple[str, float, pl.DataFrame]]:
    """Like `level_offers`, but of every model on the level's scale, with the `probability` that it reaches the level.

    Of levels on an index, offers count from the day on which the level's own model was released: of earlier
    models of its kind the index may have no value.
    """
    figure = admission.blended(market.on_sale.filter(pl.col("source") == NMI), 1.0)
    yield (
        NMI,
        1.0,
        figure.with_columns(
            canonical_id=pl.lit(NMI),
            seller=pl.col("provider").replace_strict(
                {name: seller(name) for name in figure["provider"].unique()}, return_dtype=pl.String
            ),
            run_start="start",
            run_end="end",
            run_earliest="earliest",
            run_end_earliest="end",
            probability=1.0,
        ),
    )
    blended = _lasting(market.linked, blends)
    for level in on_benchmarks(market.levels)["level"]:
        of_level = market.memberships.filter(level=level).drop("level")
        for share, blend in blended.items():
            yield level, share, _candidates(blend, of_level)
    on_index = market.levels.drop_nulls("index_value")
    for level, released in on_index.select("level", "release_date").iter_rows():
        of_level = market.memberships.filter(level=level).drop("level")
        level_start = pl.lit(released, pl.Date).to_physical()
        for share, blend in blended.items():
            offers = blend.with_columns(
                run_start=pl.max_horizontal("run_start", level_start),
                run_earliest=pl.max_horizontal("run_earliest", level_start),
                run_end_earliest=pl.max_horizontal("run_end_earliest", level_start),
            ).filter(pl.col("run_start") < pl.col("run_end"))
            yield level, share, _candidates(offers, of_level)


def _candidates(offers: pl.DataFrame, of_level: pl.DataFrame) -> pl.DataFrame:
    """The offers of scored models that other sources make plausible for the level."""
    return witnessed(offers.join(of_level, on="canonical_id", maintain_order="left"))


def _lasting(linked: pl.DataFrame, blends: tuple[float, ...]) -> dict[float, pl.DataFrame]:
    """The offers by input share, at the prices that lasted."""
    return {
        share: admission.persistent(
            admission.blended(linked, share).sort(*admission.OFFER, "start")
        )
        for share in blends
    }


def timed(offers: pl.DataFrame) -> pl.DataFrame:
    """The offers in order of preference: cheapest, then earliest, then by name, a named seller before a router."""
    is_router = pl.col("provider") == ROUTER
    return offers.sort("usd_per_mtok", "start", is_router, "provider", "model", "source")


def changes(level: str, share: float, offers: pl.DataFrame) -> pl.DataFrame:
    """Change points of both curves of one level and blend."""
    days, winner = cheapest(offers["run_start"].to_numpy(), offers["run_end"].to_numpy())
    prices = np.append(offers["usd_per_mtok"].to_numpy(), np.inf)
    holder = np.where(winner == offers.height, -1, winner)
    points = [
        points_of(curve, days, holder, changed)
        for curve, changed in where_changed(prices[winner]).items()
    ]
    return change_points(level, share, offers, pl.concat(points)).select(CHANGE)


def where_changed(price: FloatArray) -> dict[str, BoolArray]:
    """Where each curve changes, by its name.

    Args:
        price: lowest price on offer from each day on, infinite where there is none, shape (n,).
    """
    lowest = np.minimum.accumulate(price)
    return {
        "cheapest_now": np.append(True, price[1:] != price[:-1]),
        "cheapest_ever": np.append(True, lowest[1:] < lowest[:-1]),
    }


def points_of(
    curve: str, days: NDArray[np.int32], holder: IntArray, changed: BoolArray
) -> pl.DataFrame:
    """The points of one curve, as `change_points` takes them.

    Args:
        curve: name of the curve.
        days: days on which the cheapest offer may change, as days since 1970, ascending, shape (n,).
        holder: the row of the offer that is the cheapest from each of them on, -1 for none, shape (n,).
        changed: on which of them the curve changes, shape (n,).
    """
    found = days[changed]
    return pl.DataFrame(
        {
            "date": found,
            "index": holder[changed],
            "index_before": np.append(-1, holder[:-1])[changed],
            "date_before": np.append(found[:1], found[:-1]),
        }
    ).with_columns(curve=pl.lit(curve))


def change_points(
    level: str, share: float, offers: pl.DataFrame, points: pl.DataFrame
) -> pl.DataFrame:
    """The columns of `CHANGE` of points on curves of one level and blend, in their order.

    Args:
        level: name of the level.
        share: share of input tokens.
        offers: the offers of the level.
        points: from `points_of`: date and that of the change before, as days since 1970; index, the row of `offers`
            that holds the price from then on, and that of the one before, -1 for none; curve; other columns stay.
    """
    sellers = offers.select(
        "provider", "seller", "model", "source", "basis", "usd_per_mtok",
        run_start=pl.col("run_start").cast(pl.Date), run_earliest=pl.col("run_earliest").cast(pl.Date),
    ).with_row_index()  # fmt: skip
    before = offers.select(
        price_before="usd_per_mtok", ended=pl.col("run_end").cast(pl.Date),
        end_earliest=pl.col("run_end_earliest").cast(pl.Date),
    ).with_row_index("index_before")  # fmt: skip
    is_rise = pl.col("ended").eq_missing(pl.col("date")) & (
        pl.col("usd_per_mtok").is_null() | (pl.col("usd_per_mtok") > pl.col("price_before"))
    )
    # A price that had begun before it became the cheapest one did so on the day the other ended.
    begins = pl.col("date") == pl.col("run_start")
    return (
        points.with_columns(pl.col("date", "date_before").cast(pl.Int32).cast(pl.Date))
        .join(sellers.cast({"index": pl.Int64}), on="index", how="left", maintain_order="left")
        .join(
            before.cast({"index_before": pl.Int64}),
            on="index_before",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            date_earliest=pl.when(is_rise)
            .then(pl.max_horizontal("end_earliest", "date_before"))
            .when(begins.fill_null(value=False))
            .then("run_earliest")
            .otherwise("date"),
            level=pl.lit(level),
            blend_input_share=pl.lit(share),
        )
    )
