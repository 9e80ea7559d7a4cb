"""The price book: all lists in one table, and the rules that keep wrong prices out of frontiers.

A price is never dropped and never changed: what fails a rule keeps its row, with `flag` and
`reason`. Not here: reading the lists, and which sound prices count for a level (`cost.admission`).
"""

from collections.abc import Sequence

import polars as pl

from densing_pipeline.prices import promotions
from densing_pipeline.prices.names import normal, organisation, split
from densing_pipeline.tables.published import PRICES
from densing_pipeline.tables.schemas import TableError

HIGHEST_PLAUSIBLE = 1_000.0
"""USD per million tokens. The dearest list price known is 600; above are errors of unit."""

APART = 3.0
"""Two sources that differ by more than this factor on one offer cannot both be right."""

UNSOUND = ("suspect", "future", "refused")
"""Flags of amounts that are no price one could pay, at least not yet."""

OUT_OF_FRONTIER = (*UNSOUND, "unconfirmed")
"""Flags whose prices never set a frontier."""

FAR = pl.date(9999, 1, 1)
"""End of an interval that has none."""

_RANK = {"announced": 0, "documented": 1, "first_observed": 2, "undated": 3}
"""How well a price is documented, best first."""

_OWN_LISTS = ("openrouter", "openrouter-endpoints")
"""Polled lists of the seller itself: what they say on a day is a document of that day."""

_PRICES = ("input_usd_per_mtok", "output_usd_per_mtok")


def price_book(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All price lists in one table, with suspect prices marked.

    Args:
        frames: rows of `prices`, one frame per list.

    Returns:
        Every row of every list. `flag` is `suspect` where a price is above 1,000 USD per million
        tokens, or more than three times apart from what a better (or equally well) documented
        source says of the same offer over the same time. `offer` is `promotional` where a headline
        price is a seller's discounted one.

    Raises:
        TableError: one list prices the same offer, day and prompt length twice, differently.
    """
    book = PRICES.cast(pl.concat([PRICES.empty(), *map(PRICES.cast, frames)])).unique(
        maintain_order=True
    )
    doubled = book.filter(pl.struct(PRICES.key).is_duplicated()).select(PRICES.key)
    if not doubled.is_empty():
        raise TableError(
            f"prices: {doubled.n_unique()} offers have two prices for one key, the first being "
            f"{doubled.row(0, named=True)}. Give each interval its own valid_from in its list"
        )
    book = promotions.mark(book)
    return PRICES.cast(_mark(_mark(book, _implausible(book)), _contradicted(book)))


def known_from() -> pl.Expr:
    """First day on which a row is known to hold.

    `valid_from` where the source states it. An undated price is known to hold on the day it was
    observed; if it was replaced before that day, then at least on the day before it was replaced.
    """
    before_replaced = pl.col("valid_to") - pl.duration(days=1)
    return pl.coalesce("valid_from", pl.min_horizontal("observed_from", before_replaced)).cast(
        pl.Date
    )


def _mark(book: pl.DataFrame, suspects: pl.DataFrame) -> pl.DataFrame:
    """Flag rows given by number with their reason; one that is already unsound stays as it is."""
    marked = book.with_row_index("row").join(suspects, on="row", how="left", suffix="_suspect")
    is_sound = pl.col("flag").is_null() | ~pl.col("flag").is_in(UNSOUND)
    is_new = pl.col("reason_suspect").is_not_null() & is_sound
    return (
        marked.sort("row")
        .with_columns(
            flag=pl.when(is_new).then(pl.lit("suspect")).otherwise("flag"),
            reason=pl.when(is_new).then("reason_suspect").otherwise("reason"),
        )
        .drop("row", "reason_suspect")
    )


def _implausible(book: pl.DataFrame) -> pl.DataFrame:
    """Rows with a price no token ever cost."""
    return (
        book.with_row_index("row")
        .filter(pl.any_horizontal(pl.col(_PRICES) > HIGHEST_PLAUSIBLE))
        .select(
            "row",
            reason=pl.format("above {} USD per million tokens", pl.lit(int(HIGHEST_PLAUSIBLE))),
        )
    )


def _contradicted(book: pl.DataFrame) -> pl.DataFrame:
    """Rows that every comparable row of another, no worse documented source contradicts.

    Comparable are standard offers of one provider whose names have one normal form, that are still
    believed, and whose intervals overlap; an undated row may reach back any length of time. The paper's plotted prices
    are read off a figure and take no part.
    """
    rows = _comparable(book)
    pairs = (
        rows.join(rows, on=("seller", "sold"), suffix="_other")
        .filter(
            pl.col("source") != pl.col("source_other"),
            pl.col("is_undated") | (pl.col("start") < pl.col("end_other").fill_null(FAR)),
            pl.col("is_undated_other") | (pl.col("start_other") < pl.col("end").fill_null(FAR)),
        )
        .with_columns(is_apart=pl.any_horizontal(_is_apart(name) for name in _PRICES))
    )
    return (
        pairs.group_by("row", "source_other")
        .agg(
            pl.all("is_apart").all(),
            pl.col("rank").first(),
            pl.col("rank_other").min(),
            pl.col("input_usd_per_mtok").first(),
            pl.col("input_usd_per_mtok_other").sort_by("rank_other", "start_other").first(),
        )
        .filter("is_apart", pl.col("rank") >= pl.col("rank_other"))
        .sort("row", "source_other")
        .group_by("row", maintain_order=True)
        .first()
        .select(
            "row",
            reason=pl.format(
                "input price {}, but {} says {}",
                "input_usd_per_mtok",
                "source_other",
                "input_usd_per_mtok_other",
            ),
        )
    )


def _comparable(book: pl.DataFrame) -> pl.DataFrame:
    """Sound standard prices by number, with seller and sold model in normal form."""
    sound = (
        book.with_row_index("row")
        .filter(
            pl.col("offer") == "standard",
            pl.col("observed_to").is_null(),
            pl.col("flag").is_null() | ~pl.col("flag").is_in(["figure", *UNSOUND]),
            pl.col("input_usd_per_mtok") > 0,
        )
        .select(
            "row", "source", "provider", "model", *_PRICES,
            rank=pl.when(pl.col("source").is_in(_OWN_LISTS))
            .then(_RANK["documented"])
            .otherwise(pl.col("basis").replace_strict(_RANK, return_dtype=pl.Int8)),
            is_undated=pl.col("valid_from").is_null(),
            start=known_from(),
            end="valid_to",
        )
    )  # fmt: skip
    names = sound.select("provider", "model").unique()
    forms = [
        (provider, model, organisation(provider), normal(split(provider, model)[1]))
        for provider, model in names.iter_rows()
    ]
    keyed = pl.DataFrame(
        forms,
        schema=dict.fromkeys(("provider", "model", "seller", "sold"), pl.String),
        orient="row",
    )
    return sound.join(keyed, on=("provider", "model"))


def _is_apart(name: str) -> pl.Expr:
    high = pl.max_horizontal(name, f"{name}_other")
    low = pl.min_horizontal(name, f"{name}_other")
    both = pl.col(name).is_not_null() & pl.col(f"{name}_other").is_not_null()
    return both & (high > APART * low)
