"""The price book: all lists in one table, and the rules that keep wrong prices out of frontiers.

No price is dropped or changed: a price that fails a rule keeps its row and gets `flag` and `reason`;
the flag of the list itself stays in `listed_flag`. Prices kept out for their
amount also stand in `quarantine`, with both values where two lists differ.

Not here: how lists are compared (`comparison`), and which sound prices count for a level
(`cost.admission`).
"""

from collections.abc import Sequence

import polars as pl

from densing_pipeline.prices import comparison, presumed
from densing_pipeline.prices.sources import openrouter_promotions
from densing_pipeline.tables.published import PRICES, QUARANTINE
from densing_pipeline.tables.schemas import TableError


def price_book(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All price lists in one table, with suspect prices marked.

    Args:
        frames: rows of `prices`, one frame per list.

    Returns:
        Every row of every list, compared with the others (`rejudged`).

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
    return PRICES.cast(rejudged(book))


def rejudged(book: pl.DataFrame) -> pl.DataFrame:
    """The book with the flags that a comparison of its lists gives; earlier results of it are replaced.

    Args:
        book: rows of `prices`; only those still believed are compared.

    Returns:
        The same rows in the same order. `flag` is `suspect` where a price is above 1,000 USD per
        million tokens, or more than three times apart from what better documented sources, or as
        many equally documented ones as bear it out, say of the same offer over the same time.
        `offer` is `promotional` where a headline price is a seller's discounted one, or a copy of it.
        `presumed_from` is the day from which nothing shows any more that the seller still sells.
    """
    rows = presumed.mark(openrouter_promotions.mark(_as_listed(book))).with_row_index("row")
    verdicts = pl.concat(
        [comparison.implausible(rows), comparison.verdicts(comparison.agreements(rows))]
    ).unique("row", keep="first")
    is_told = pl.col("verdict").is_not_null()
    is_listed = pl.col("listed_offer").is_null() & is_told
    return (
        rows.join(verdicts, on="row", how="left", maintain_order="left")
        .with_columns(
            flag=pl.when(is_told).then(pl.col("verdict").replace("sound", None)).otherwise("flag"),
            reason=pl.when(is_told).then("why").otherwise("reason"),
            listed_offer=pl.when(is_listed).then("offer").otherwise("listed_offer"),
            listed_flag=pl.when(is_listed).then("flag").otherwise("listed_flag"),
            listed_reason=pl.when(is_listed).then("reason").otherwise("listed_reason"),
        )
        .select(book.columns)
    )


def disputed(prices: pl.DataFrame) -> pl.DataFrame:
    """The prices kept out because of their amount, as rows of `quarantine`: both values, where two differ.

    Args:
        prices: rows of `prices`.
    """
    rows = prices.with_row_index("row")
    rivals = (
        comparison.agreements(_as_listed(prices).with_row_index("row"))
        .filter("is_apart")
        .sort("row", "rank_other", "source_other")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "column", "own", "rival", "source_other")
    )
    found = (
        rows.filter(pl.col("observed_to").is_null(), pl.col("flag") == "suspect")
        .join(rivals, on="row", how="left", maintain_order="left")
        .select(
            "source",
            "reason",
            "snapshot_sha256",
            key=pl.format("{}/{}", "provider", "model"),
            column=pl.coalesce("column", pl.lit("input_usd_per_mtok")),
            values=pl.coalesce(
                pl.format("{} against {} of {}", "own", "rival", "source_other"),
                pl.col("input_usd_per_mtok").cast(pl.String),
            ),
            observed_at="observed_from",
        )
    )
    return QUARANTINE.cast(found.unique(QUARANTINE.key, keep="first", maintain_order=True))


def _as_listed(book: pl.DataFrame) -> pl.DataFrame:
    """The rows as each list alone has them."""
    is_changed = pl.col("listed_offer").is_not_null()
    return book.with_columns(
        offer=pl.coalesce("listed_offer", "offer"),
        flag=pl.when(is_changed).then("listed_flag").otherwise("flag"),
        reason=pl.when(is_changed).then("listed_reason").otherwise("reason"),
        listed_offer=pl.lit(None, pl.String),
        listed_flag=pl.lit(None, pl.String),
        listed_reason=pl.lit(None, pl.String),
    )
