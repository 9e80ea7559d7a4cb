"""The cheapest OpenRouter models of each capability level, whose sellers are asked for.

Not here: which prices set a frontier (`cost`). A price counts there once it has lasted 30 days; whether
it is a promotion must be known earlier, so candidates are chosen by the price of the day.
"""

import polars as pl


def seller_candidates(
    quotes: pl.DataFrame, links: pl.DataFrame, members: pl.DataFrame, most: int
) -> list[str]:
    """The cheapest models of each capability level.

    Args:
        quotes: the newest list of OpenRouter, as `QUOTES`.
        links: rows of `model_links`.
        members: rows of `level_memberships`.
        most: how many models at most.

    Returns:
        Model ids: the cheapest of each level by input price, then the second of each, and so on.
    """
    ordinary = quotes.filter(
        pl.col("offer") == "standard",
        pl.col("context_over_tokens") == 0,
        pl.col("input_usd_per_mtok") > 0,
    )
    ranked = (
        ordinary.join(links.drop_nulls("canonical_id"), on=("source", "provider", "model"))
        .join(members.filter("is_member"), on="canonical_id")
        .sort("level", "input_usd_per_mtok", "model")
        .with_columns(rank=pl.int_range(pl.len()).over("level"))
        .sort("rank", "input_usd_per_mtok", "model")
    )
    return ranked["model"].unique(maintain_order=True).head(most).to_list()
