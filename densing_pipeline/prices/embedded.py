"""The price list that is installed with the pipeline: the data of the `genai-prices` package.

It needs no network, is versioned by the lock file, and dates only some of its prices. Not here: how
the list is read (`sources.genai_dated`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

import polars as pl
from genai_prices.types import ModelPrice, Provider

from densing_pipeline.prices.sources import genai_dated
from densing_pipeline.tables.published import PRICES

READ_OF_PROVIDER = ("id", "pricing_urls", "models")
READ_OF_MODEL = ("id", "prices", "price_variants", "price_comments")


def embedded_prices(*, observed_on: date) -> pl.DataFrame:
    """The prices of the installed list, as rows of `prices`.

    Args:
        observed_on: day the installed version was published (`published_on`).
    """
    providers = installed_providers()
    rows, _ = genai_dated.read_prices(
        providers, observed_on=observed_on, snapshot_sha256=snapshot_sha256(providers)
    )
    return PRICES.cast(rows)


def until_polled(embedded: pl.DataFrame, polled: pl.DataFrame | None) -> pl.DataFrame:
    """The installed list up to the first poll of the online list, which replaces it from that day on.

    Args:
        embedded: rows of `prices` of the installed list.
        polled: rows of `prices` of the polled one, if it was ever polled.
    """
    if polled is None or polled.is_empty():
        return embedded
    first = polled["observed_from"].min()
    return embedded.filter(pl.col("observed_from") < first).with_columns(observed_to=pl.lit(first))


def embedded_left_out() -> pl.DataFrame:
    """Entries of the installed list without a row in `prices`: provider, model and reason."""
    _, left_out = genai_dated.read_prices(
        installed_providers(), observed_on=date(2026, 1, 1), snapshot_sha256=""
    )
    return left_out.sort("provider", "model", "reason")


def published_on(sources: pl.DataFrame) -> date:
    """Day the installed list was published, from the bundled `sources`.

    Raises:
        ValueError: `sources` does not know the installed version, so its prices cannot be dated.
    """
    installed = version("genai-prices")
    known = sources.filter(source=genai_dated.SOURCE, version=installed)
    if known.height != 1:
        raise ValueError(
            f"genai-prices {installed} is installed, but facts/sources.csv has no publication date "
            f"for that version: add its version and published_at to the row {genai_dated.SOURCE!r}"
        )
    day: date = known["published_at"][0]
    return day


@cache
def installed_providers() -> Sequence[Provider]:
    """The providers of the installed list."""
    from genai_prices.data import providers  # 0.7 s of work, so not at import time

    return tuple(providers)


def snapshot_sha256(providers: Sequence[Provider]) -> str:
    """Hash of a canonical JSON of what is read of the list: the same data gives the same hash."""
    read = [
        {name: _plain(getattr(provider, name)) for name in READ_OF_PROVIDER[:-1]}
        | {"models": [{n: _plain(getattr(m, n)) for n in READ_OF_MODEL} for m in provider.models]}
        for provider in providers
    ]
    text = json.dumps(read, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value of the list in JSON types, decimals as text."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, ModelPrice):
        return _plain(vars(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"": type(value).__name__} | named
    raise TypeError(f"{type(value).__name__} has no canonical form")
