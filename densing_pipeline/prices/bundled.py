"""The bundled history of price lists: what two lists said over time, before they are polled here.

`facts/price_history.parquet` has the prices of OpenRouter's and LiteLLM's lists as public archives recorded them,
almost daily from 2024-09 on, as rows of `prices`: as if the lists had been polled on those days
(`compile_history`). A list that is polled or backfilled replaces its bundled history from its own first
look on. Not here: figures compiled by hand (`list_prices`), and the list of a package (`embedded`).
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import cache

import polars as pl

from densing_pipeline.facts import FOLDER
from densing_pipeline.tables.published import PRICE_POLLS, PRICES

FILE = FOLDER / "price_history.parquet"

ADDRESSES = {
    "litellm": "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json",
    "openrouter": "https://openrouter.ai/api/v1/models",
}
"""Where each bundled list is published, by its name."""

CONSTANT = {"currency": "USD", "context_over_tokens": 0}
"""Columns that have one value in the file, which does not hold them."""


@cache
def bundled_prices() -> dict[str, pl.DataFrame]:
    """The bundled history of each list, as rows of `prices`, by the name of the list."""
    rows = pl.read_parquet(FILE).with_columns(
        **{name: pl.lit(value) for name, value in CONSTANT.items()},
        source_url=pl.col("source").replace_strict(ADDRESSES),
        snapshot_sha256=pl.lit(hashlib.sha256(FILE.read_bytes()).hexdigest()),
    )
    return {
        str(name): PRICES.cast(own)
        for (name,), own in rows.partition_by("source", as_dict=True).items()
    }


def bundled_until(polled: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The bundled history of each list up to its own first look (`until_polled`), by name.

    Args:
        polled: rows of `prices` of the lists that were polled, by name.
    """
    return {
        name: until_polled(rows, polled.get(name))
        for name, rows in sorted(bundled_prices().items())
    }


def until_polled(bundled: pl.DataFrame, polled: pl.DataFrame | None) -> pl.DataFrame:
    """The bundled history of a list up to its own first look, from which on the polled history counts.

    Args:
        bundled: rows of `prices` of the bundled list.
        polled: rows of `prices` of the polled one, if it was ever polled.

    Returns:
        The rows as they stood on the eve of the first look. A price that was asked then is known to have
        been asked until that day; whether it still is, the polled list says.
    """
    if polled is None or polled.is_empty():
        return bundled
    first = polled["observed_from"].min()
    if not isinstance(first, date):
        raise AssertionError("observed_from is never empty")
    eve = bundled.filter(pl.col("observed_from") < first).with_columns(
        observed_to=pl.when(pl.col("observed_to") < first).then("observed_to"),
        last_seen=pl.min_horizontal("last_seen", pl.lit(first).dt.offset_by("-1d")),
    )
    is_open = pl.col("observed_to").is_null() & pl.col("valid_to").is_null()
    ended = eve.filter(is_open).with_columns(
        valid_from=pl.coalesce("valid_from", "observed_from"),
        valid_to=pl.lit(first),
        observed_from=pl.lit(first),
    )
    still = eve.with_columns(
        observed_to=pl.when(is_open).then(pl.lit(first)).otherwise("observed_to")
    )
    return PRICES.cast(pl.concat([still, ended.select(still.columns)]))


def looks(histories: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The days on which bundled lists were seen, as far as their prices show, as rows of `price_polls`.

    Args:
        histories: rows of `prices` by the name of the list, as `until_polled` gives them.
    """
    days = [
        pl.concat([rows["observed_from"], rows["last_seen"]])
        .drop_nulls()
        .unique()
        .to_frame("seen_on")
        .select(pl.lit(name).alias("source"), pl.lit(None, pl.String).alias("model"), "seen_on")
        for name, rows in histories.items()
    ]
    return PRICE_POLLS.cast(pl.concat([PRICE_POLLS.empty(), *days]))
