"""Short tables below charts: what each level costs now, and the smallest model that reaches each score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from densing_pipeline.publication.wording import money, percent
from densing_pipeline.tables.schemas import Tables

RECORD_ROOM = 1.005
"""Ratio to the record low up to which a price is called the lowest so far."""


@dataclass(frozen=True)
class Listing:
    """A table of text in a section of the page.

    Attributes:
        title: what it lists.
        columns: its headings.
        rows: a cell for every heading.
        table: the published table that has it with more columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    table: str


def listings(tables: Tables) -> dict[str, Listing]:
    """The table of each section that has one and rows for it, by name of the section."""
    made = {
        "price": prices_now(tables["price_now"]),
        "smallest": smallest_models(tables["smallest_model"]),
    }
    return {name: listing for name, listing in made.items() if listing.rows}


def prices_now(price_now: pl.DataFrame) -> Listing:
    """The cheapest offer of each level today, and the lowest price so far.

    Args:
        price_now: the published table.
    """
    levels = price_now.filter(pl.col("level_scale").ne_missing("ECI")).sort("level")
    return Listing(
        "The cheapest offer of each level today, per million tokens",
        ("As capable as", "Now", "Model", "Seller", "On offer since", "Lowest so far"),
        tuple(_price(row) for row in levels.to_dicts()),
        "price_now",
    )


def _price(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["usd_per_mtok"] is None:
        return (row["level"], "not on offer", "", "", "", _record(row))
    return (
        row["level"],
        money(row["usd_per_mtok"]),
        row["canonical_id"] or row["model"],
        row["provider"],
        _between(row["since_earliest"], row["since"]),
        _record(row),
    )


def _record(row: Mapping[str, Any]) -> str:
    if row["record_usd_per_mtok"] is None:
        return ""
    if row["above_record"] is not None and row["above_record"] <= RECORD_ROOM:
        return "this one"
    return f"{money(row['record_usd_per_mtok'])} on {row['record_date']}"


def _between(earliest: object, latest: object) -> str:
    """A day, or the two between which it lies."""
    return str(latest) if earliest in (None, latest) else f"{earliest} to {latest}"


def smallest_models(smallest_model: pl.DataFrame) -> Listing:
    """The smallest open model of each score, the memory of its weights, and when half the size may do.

    Args:
        smallest_model: the published table.
    """
    known = smallest_model.drop_nulls("model_id").sort(
        "level_score", "params_basis", descending=[False, True]
    )
    return Listing(
        "The smallest open model of each score, by all and by active parameters, and the memory of its weights",
        ("Score", "Parameters", "Model", "Billions", "GiB at 16 bits", "at 4 bits", "Released",
         "Half the size may do from"),
        tuple(_smallest(row) for row in known.to_dicts()),
        "smallest_model",
    )  # fmt: skip


def _smallest(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['benchmark']} {percent(row['level_score'])}",
        row["params_basis"],
        row["model_id"],
        f"{row['params'] / 1e9:.2g}",
        *("" if row[name] is None else f"{row[name]:.2g}" for name in ("memory_gib_16_bit", "memory_gib_4_bit")),
        str(row["release_date"]),
        _half(row),
    )  # fmt: skip


def _half(row: Mapping[str, Any]) -> str:
    """When half the size may do, by month; a past month is one by which the trend expected it."""
    if row["half_on"] is None:
        return ""
    if row["half_earliest"] is None or row["half_latest"] is None:
        return f"{row['half_on']:%Y-%m}"
    return f"{row['half_on']:%Y-%m} ({row['half_earliest']:%Y-%m} to {row['half_latest']:%Y-%m})"
