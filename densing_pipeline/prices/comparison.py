"""Comparison of price lists: which prices other lists contradict, and which they confirm.

Not here: the flags that follow (`book`).
"""

from functools import cache

import polars as pl

from densing_pipeline.prices.names import normal, seller, split
from densing_pipeline.prices.sources import own_lists
from densing_pipeline.prices.sources.snapshot import MAIN_PRICE_COLUMNS
from densing_pipeline.tables.dates import NO_END

HIGHEST_PLAUSIBLE = 1_000.0
"""USD per million tokens. The highest known list price is 600; higher prices are errors of unit."""

LOWEST_PLAUSIBLE = 0.001
"""USD per million tokens. The lowest known list price is 0.003; lower prices are errors of unit."""

APART = 3.0
"""Two sources that differ by more than this factor on one offer cannot both be right."""

UNSOUND = ("suspect", "future", "refused", "provisional", "slip")
"""Flags of amounts that are not, or not yet, believed."""

OUT_OF_FRONTIER = (*UNSOUND, "unconfirmed")
"""Flags whose prices never set a frontier."""

_NOT_COMPARED = ("figure", "future", "refused", "provisional", "slip")
"""Flags of prices that are neither compared with others nor believed because others have them too."""

_RANK = {"announced": 0, "documented": 1, "first_observed": 2, "undated": 3}
"""How well a price is documented, best first."""


def known_from() -> pl.Expr:
    """First day on which a row is known to hold.

    `valid_from` where the source states it. An undated price is known to hold on the day it was
    observed; if it was replaced before that day, then at least on the day before it was replaced.
    """
    before_replaced = pl.col("valid_to") - pl.duration(days=1)
    return pl.coalesce("valid_from", pl.min_horizontal("observed_from", before_replaced)).cast(
        pl.Date
    )


def implausible(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with a price above or below any plausible one: row number, verdict and reason.

    Args:
        rows: rows of `prices` with their number `row`.
    """
    is_sound = pl.col("flag").is_null() | ~pl.col("flag").is_in(UNSOUND)
    prices = pl.col(MAIN_PRICE_COLUMNS)
    is_high = pl.any_horizontal(prices > HIGHEST_PLAUSIBLE)
    is_low = pl.any_horizontal((prices > 0) & (prices < LOWEST_PLAUSIBLE))
    return rows.filter(is_sound, is_high | is_low).select(
        "row",
        verdict=pl.lit("suspect"),
        why=pl.when(is_high)
        .then(pl.format("above {} USD per million tokens", pl.lit(int(HIGHEST_PLAUSIBLE))))
        .otherwise(pl.format("below {} USD per million tokens", pl.lit(LOWEST_PLAUSIBLE))),
    )


def verdicts(compared: pl.DataFrame) -> pl.DataFrame:
    """Rows that other sources contradict, and suspect rows that another source confirms: row, verdict, why.

    A better documented source decides alone. Among equally documented sources the number that confirm
    the price is compared with the number that contradict it: with two against one, the one is
    `suspect`; with one against one, both are. A price that only its own list made suspect is `sound`
    if another source has it too.

    Args:
        compared: from `agreements`.
    """
    is_for, rank = ~pl.col("is_apart"), pl.col("rank_other")
    backing = pl.min_horizontal(pl.col("rank"), pl.when(is_for).then(rank).min().over("row")).alias(
        "backing"
    )
    votes = (
        compared.with_columns(backing)
        .sort("row", "rank_other", "source_other")
        .group_by("row", maintain_order=True)
        .agg(
            pl.col("flag").first(),
            n_for=is_for.sum(),
            n_better=(pl.col("is_apart") & (rank < pl.col("backing"))).sum(),
            n_equal=(pl.col("is_apart") & (rank == pl.col("backing"))).sum(),
            against=pl.col("what").filter("is_apart").first(),
            witness=pl.col("source_other").filter(is_for).first(),
        )
    )
    is_contradicted = (pl.col("n_better") > 0) | (pl.col("n_equal") > pl.col("n_for"))
    is_acquitted = (pl.col("flag") == "suspect") & (pl.col("n_for") > 0)
    return votes.with_columns(
        verdict=pl.when(is_contradicted)
        .then(pl.lit("suspect"))
        .when(is_acquitted)
        .then(pl.lit("sound"))
    ).select(
        "row",
        "verdict",
        why=pl.when(is_contradicted)
        .then("against")
        .otherwise(pl.format("{} has it too", "witness")),
    ).drop_nulls("verdict")  # fmt: skip


def agreements(rows: pl.DataFrame) -> pl.DataFrame:
    """For each price and each other source with comparable ones: whether it contradicts the price.

    Comparable are standard offers of one seller whose names have one normal form, that are still
    believed, and whose intervals overlap; an undated row may reach back any length of time. Prices
    that would not count on a frontier, and prices read off the paper's figure, are not compared with.

    Args:
        rows: rows of `prices` with their number `row`.

    Returns:
        row, flag, rank, source_other, rank_other, `is_apart` (all comparable prices of that source are
        more than three times apart), and of the best documented one `column`, `own`, `rival`, and
        both in words, `what`. Offers whose prices are nowhere apart nor doubted are left out.
    """
    told = _comparable(rows)
    is_witness = pl.col("flag").is_null() | ~pl.col("flag").is_in(OUT_OF_FRONTIER)
    witnesses = told.filter(is_witness).drop("row", "flag")
    apart = [_is_apart(name) for name in MAIN_PRICE_COLUMNS]
    pairs = (
        told.join(witnesses, on=("seller", "sold"), suffix="_other")
        .filter(
            pl.col("source") != pl.col("source_other"),
            pl.col("is_undated") | (pl.col("start") < pl.col("end_other").fill_null(NO_END)),
            pl.col("is_undated_other") | (pl.col("start_other") < pl.col("end").fill_null(NO_END)),
        )
        .with_columns(
            is_apart=pl.any_horizontal(apart),
            column=pl.when(apart[1] & ~apart[0]).then(pl.lit("output")).otherwise(pl.lit("input")),
        )
        .with_columns(own=_of_column(""), rival=_of_column("_other"))
    )
    best = pairs.sort("row", "source_other", "rank_other", "start_other", "rival").group_by(
        "row", "source_other", maintain_order=True
    )
    return best.agg(
        pl.col("is_apart").all(),
        pl.col("flag", "rank", "own", "rival", "rank_other", "column").first(),
    ).with_columns(
        what=pl.format("{} price {}, but {} says {}", "column", "own", "source_other", "rival"),
        column=pl.format("{}_usd_per_mtok", "column"),
    )


def _comparable(rows: pl.DataFrame) -> pl.DataFrame:
    """Standard prices by number, with seller and sold model in normal form, where lists may differ."""
    sound = rows.filter(
        pl.col("offer") == "standard",
        pl.col("observed_to").is_null(),
        pl.col("flag").is_null() | ~pl.col("flag").is_in(_NOT_COMPARED),
        pl.col("input_usd_per_mtok") > 0,
        pl.all_horizontal(pl.col(MAIN_PRICE_COLUMNS).fill_null(0) <= HIGHEST_PLAUSIBLE),
        pl.col("input_usd_per_mtok") >= LOWEST_PLAUSIBLE,
    ).select(
        "row", "source", "provider", "model", "flag", *MAIN_PRICE_COLUMNS,
        rank=pl.when(pl.col("source").is_in(own_lists()))
        .then(_RANK["documented"])
        .otherwise(pl.col("basis").replace_strict(_RANK, return_dtype=pl.Int8)),
        is_undated=pl.col("valid_from").is_null(),
        start=known_from(),
        end="valid_to",
    )  # fmt: skip
    names = sound.select("provider", "model").unique()
    forms = [(*name, seller(name[0]), _sold(*name)) for name in names.iter_rows()]
    keyed = pl.DataFrame(
        forms,
        schema=dict.fromkeys(("provider", "model", "seller", "sold"), pl.String),
        orient="row",
    )
    offer = ("seller", "sold")
    is_disputed = pl.any_horizontal(
        pl.col(name).max().over(offer) > APART * pl.col(name).min().over(offer)
        for name in MAIN_PRICE_COLUMNS
    ) | (pl.col("flag") == "suspect").any().over(offer)
    return sound.join(keyed, on=("provider", "model")).filter(
        is_disputed, pl.col("source").n_unique().over(offer) > 1
    )


@cache
def _sold(provider: str, model: str) -> str:
    return normal(split(provider, model)[1])


def _of_column(suffix: str) -> pl.Expr:
    return (
        pl.when(pl.col("column") == "output")
        .then(f"{MAIN_PRICE_COLUMNS[1]}{suffix}")
        .otherwise(f"{MAIN_PRICE_COLUMNS[0]}{suffix}")
    )


def _is_apart(name: str) -> pl.Expr:
    high = pl.max_horizontal(name, f"{name}_other")
    low = pl.min_horizontal(name, f"{name}_other")
    both = pl.col(name).is_not_null() & pl.col(f"{name}_other").is_not_null()
    return both & (high > APART * low)
