"""Marks headline prices of OpenRouter that are temporary promotions.

Its list of models shows the price after a discount without saying so; only its list of sellers does.
Not here: what the sellers' list says (`openrouter_endpoints`).
"""

import polars as pl

from densing_pipeline.prices.names import seller
from densing_pipeline.prices.sources import openrouter, openrouter_endpoints
from densing_pipeline.tables.dates import NO_END

_SAME = ("model", "context_over_tokens", "input_usd_per_mtok", "output_usd_per_mtok")
_FIRST = pl.date(1, 1, 1)


def mark(book: pl.DataFrame) -> pl.DataFrame:
    """The book with the offer of promotional headline prices set to `promotional`.

    A headline price is promotional if a seller asks exactly that, over the same time, under a
    discount, and none asks it as an ordinary price. A price that stays after its promotion has
    become the list price: an ordinary row of a seller then says so. Other lists copy OpenRouter's
    headline prices; copies of a promotional one are promotional too.

    Args:
        book: rows of `prices`.

    Returns:
        The same rows in the same order; `offer` is `promotional` on those, with the reason.
    """
    rows = book.with_row_index("row").with_columns(
        start=pl.coalesce("valid_from", "observed_from", _FIRST),
        end=pl.coalesce("valid_to", NO_END),
    )
    headline = rows.filter(
        pl.col("source") == openrouter.NAME,
        pl.col("offer").is_in(["standard", "long_context"]),
        pl.col("observed_to").is_null(),
    )
    sellers = rows.filter(
        pl.col("source") == openrouter_endpoints.NAME, pl.col("observed_to").is_null()
    ).select(*_SAME, "offer", "provider", "reason", "start", "end")
    found = (
        headline.join(sellers, on=_SAME, suffix="_seller", nulls_equal=True)
        .filter(pl.col("start") < pl.col("end_seller"), pl.col("start_seller") < pl.col("end"))
        .sort("row", "provider_seller")
        .group_by("row", maintain_order=True)
        .agg(
            (pl.col("offer_seller") == "promotional").all().alias("is_promotion"),
            pl.format(
                "asked by {}, {}",
                pl.col("provider_seller").first(),
                pl.col("reason_seller").first().fill_null("at its ordinary price"),
            ).alias("why"),
        )
        .filter("is_promotion")
    )
    copied = _copies(rows, headline.join(found, on="row"))
    marks = pl.concat([found.select("row", "why"), copied])
    is_found = pl.col("why").is_not_null()
    return (
        book.with_row_index("row")
        .join(marks, on="row", how="left", maintain_order="left")
        .with_columns(
            offer=pl.when(is_found).then(pl.lit("promotional")).otherwise("offer"),
            reason=pl.when(is_found).then("why").otherwise("reason"),
            listed_offer=pl.when(is_found).then("offer").otherwise("listed_offer"),
            listed_flag=pl.when(is_found).then("flag").otherwise("listed_flag"),
            listed_reason=pl.when(is_found).then("reason").otherwise("listed_reason"),
        )
        .drop("row", "why")
    )


def is_copied(book: pl.DataFrame) -> pl.Expr:
    """Whether a row is OpenRouter's price in a list that people keep: a copy of its own list.

    Args:
        book: rows of `prices`.
    """
    providers = [name for name in book["provider"].unique() if seller(name) == openrouter.NAME]
    is_own = pl.col("source").is_in([openrouter.NAME, openrouter_endpoints.NAME])
    return pl.col("provider").is_in(providers) & ~is_own


def _copies(rows: pl.DataFrame, promotions: pl.DataFrame) -> pl.DataFrame:
    """Rows of other lists that have a promotional headline price, over the same time: row and reason.

    Args:
        rows: the book, with numbers and intervals of its rows.
        promotions: the promotional headline prices among them.
    """
    prefix = f"{openrouter.NAME}/"
    copies = rows.filter(is_copied(rows), pl.col("observed_to").is_null(), offer="standard")
    return (
        copies.with_columns(pl.col("model").str.strip_prefix(prefix))
        .join(promotions, on=_SAME, suffix="_headline", nulls_equal=True)
        .filter(pl.col("start") < pl.col("end_headline"), pl.col("start_headline") < pl.col("end"))
        .select("row", why=pl.format("a copy of OpenRouter's promotion, {}", "why"))
        .unique("row", keep="first", maintain_order=True)
    )
