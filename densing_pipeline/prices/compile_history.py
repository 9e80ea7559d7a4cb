"""Compile the bundled history of price lists from recorded intervals (`densing facts compile-prices`).

The recorded intervals say from which look to which a list had a price. The looks are put back together and
folded one after the other as if the lists had been polled then, so the rules for slips, corrections and
absences are those of every polled list. Offers whose price is no ordinary one (batches, aliases) set no
frontier and are left out. Not here: reading the result (`bundled`).
"""

import gzip
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from densing_pipeline.prices.bundled import ADDRESSES, CONSTANT
from densing_pipeline.prices.fold import Open, fold
from densing_pipeline.prices.offers import Quote, kind_by_name, label
from densing_pipeline.prices.sources import SOURCES, litellm, openrouter
from densing_pipeline.prices.sources.snapshot import QUOTES
from densing_pipeline.tables.published import PRICES

RECORDED = "price_history.parquet"
"""File of the recorded intervals."""

KEPT = ("standard", "free", "promotional")
"""Kinds of offer that are kept; the others never set a frontier."""

DROPPED = (*CONSTANT, "snapshot_sha256", "source_url")
"""Columns that the reader adds."""


def compile_history(folder: Path) -> bytes:
    """The file of the bundled history.

    Args:
        folder: holds `RECORDED`, the recorded intervals, and in `raw/<list>/` recorded lists
            (`<YYYY-MM-DD>.json.gz`), which name the seller or the Hub repository of each offer.

    Returns:
        A parquet file with the columns of `prices` that vary.
    """
    lists = pl.concat([_lists(folder / "raw" / name, name) for name in ADDRESSES])
    quotes = _quotes(_exact_amounts(pl.read_parquet(folder / RECORDED), lists), lists)
    rows = pl.concat(
        [
            _folded(quotes.filter(source=name), name, lists.filter(source=name)["day"])
            for name in ADDRESSES
        ]
    )
    kept = rows.filter(pl.col("offer").is_in(KEPT)).drop(DROPPED)
    varying = [name for name in kept.columns if kept[name].null_count() < kept.height]
    file = io.BytesIO()
    kept.select(varying).sort(pl.all(), nulls_last=True).write_parquet(
        file, compression="zstd", compression_level=19, statistics=False
    )
    return file.getvalue()


def _folded(quotes: pl.DataFrame, source: str, recorded: pl.Series) -> pl.DataFrame:
    """The history of one list, folded look by look.

    Args:
        quotes: its prices with the looks from which and to which it had them.
        source: its name.
        recorded: days of recorded lists, which are looks too, though nothing may have changed.
    """
    days = pl.concat([quotes["valid_from"], quotes["valid_to"], quotes["observed_at"], recorded])
    told = quotes.select(*(name for name in QUOTES if name in quotes.columns))
    state, closed = Open.nothing(), list[pl.DataFrame]()
    for day in days.drop_nulls().unique().sort():
        is_listed = (quotes["valid_from"] <= day) & (
            quotes["valid_to"].is_null() | (quotes["valid_to"] > day)
        )
        listed = told.filter(is_listed).with_columns(
            pl.lit(None, pl.Date).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to")
        )
        folded = fold(state, listed, source=source, observed_on=day, snapshot_sha256="")
        state = folded.state
        closed.append(folded.closed)
    return PRICES.cast(pl.concat([*closed, state.rows.select(PRICES.names)]))


def _quotes(recorded: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """The recorded intervals of the lists that are bundled, with kind, seller and Hub repository of each.

    Args:
        recorded: the intervals.
        lists: recorded lists, of which the newest that names the seller or the repository counts.
    """
    said = pl.col("provider").replace({litellm.UNSTATED: None})
    named = (
        lists.sort("day", maintain_order=True)
        .group_by("source", "model")
        .agg(said.drop_nulls().last(), pl.col("hub_id").drop_nulls().last())
    )
    sellers = dict(
        named.filter(source=litellm.NAME).drop_nulls("provider").select("model", "provider").rows()
    )
    modes = ["", *litellm.TEXT_MODES]
    rows = recorded.filter(
        pl.col("source").is_in(list(ADDRESSES)),
        pl.col("mode").is_in(modes),
        pl.all_horizontal(pl.col("input_usd_per_mtok", "output_usd_per_mtok").fill_null(0) >= 0),
    )
    found = [_offer(row, sellers) for row in rows.to_dicts()]
    return (
        rows.drop("provider", "basis", "flag")
        .with_columns(
            pl.Series("provider", [f["provider"] for f in found], pl.String),
            pl.Series("offer", [f["offer"] for f in found], pl.String),
            pl.Series("flag", [f["flag"] for f in found], pl.String),
            pl.Series("reason", [f["reason"] for f in found], pl.String),
            basis=pl.lit("first_observed"),
            currency=pl.lit("USD"),
            context_over_tokens=pl.lit(0),
        )
        .join(named.select("source", "model", "hub_id"), on=["source", "model"], how="left")
    )


def _offer(row: Mapping[str, object], sellers: Mapping[str, str]) -> dict[str, str | None]:
    """Seller, kind of offer and doubts of a recorded interval."""
    model = str(row["model"])
    quote = Quote(_exact(row["input_usd_per_mtok"]), _exact(row["output_usd_per_mtok"]), None)
    found = dict.fromkeys(("flag", "reason"), None) | {
        "provider": openrouter.NAME,
        "offer": label("standard", kind_by_name(model), 0, quote),
    }
    if row["source"] == openrouter.NAME:
        return found
    seller = sellers.get(model) or str(row["provider"]) or model.rpartition("/")[0].split("/")[0]
    if seller:
        return found | {"provider": seller}
    return found | {
        "provider": litellm.UNSTATED,
        "flag": "unconfirmed",
        "reason": litellm.NO_SELLER,
    }


def _exact(amount: object) -> Decimal | None:
    return None if amount is None else Decimal(repr(amount))


def _exact_amounts(recorded: pl.DataFrame, lists: pl.DataFrame) -> pl.DataFrame:
    """The intervals with the amounts of a recorded list that falls into them, if one does.

    The recorded intervals have six decimals, and of prices by the hour the one that stands first.
    """
    amounts = ("input_usd_per_mtok", "output_usd_per_mtok")
    rows = recorded.with_row_index("row")
    plain = lists.filter(
        pl.all_horizontal(pl.col(amounts).is_not_null()), offer="standard", context_over_tokens=0
    )
    falls_into = (pl.col("valid_from") <= pl.col("day")) & (
        pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    )
    exact = (
        rows.select("row", "source", "model", "valid_from", "valid_to")
        .join(plain.select("source", "model", "day", *amounts), on=["source", "model"])
        .filter(falls_into)
        .sort("row", "day", maintain_order=True)
        .unique("row", keep="first", maintain_order=True)
        .select("row", *amounts)
    )
    return rows.update(exact, on="row").drop("row")


def _lists(folder: Path, source: str) -> pl.DataFrame:
    """The quotes of recorded lists of a source, with the day of each."""
    found = [QUOTES.to_frame().with_columns(day=pl.lit(None, pl.Date))]
    for path in sorted(folder.glob("*.json.gz")):
        day = date.fromisoformat(path.name.removesuffix(".json.gz"))
        quotes = SOURCES[source].read(gzip.decompress(path.read_bytes()), day).quotes
        found.append(quotes.with_columns(day=pl.lit(day)))
    return pl.concat(found)
