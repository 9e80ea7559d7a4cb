"""Histories of made-up lists, folded as those of polled ones, and the book of the bundled lists."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.prices import bundled, embedded
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.fold import Open, fold
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.list_prices import listed_prices
from densing_pipeline.prices.sources.snapshot import QUOTES
from densing_pipeline.tables.published import CAPABILITY_INDEX, MODEL_LINKS, PRICE_POLLS, PRICES

Looks = Mapping[date, Mapping[str, tuple[float | None, float | None]]]
Book = dict[str, pl.DataFrame]


def links_of(prices: pl.DataFrame, canonical: Mapping[str, str]) -> pl.DataFrame:
    """Links of some names by hand; the others lead to nothing."""
    names = prices.select("source", "provider", "model").unique().sort(pl.all())
    found = [canonical.get(model) for model in names["model"]]
    return MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.Series(found, dtype=pl.String),
            method=pl.Series(["table" if one else "unlinked" for one in found], dtype=pl.String),
            confidence=pl.Series([1.0 if one else 0.0 for one in found], dtype=pl.Float64),
        )
    )


@pytest.fixture
def folded() -> Callable[..., Book]:
    """Makes the tables of one list from what it said on each day on which it was seen."""

    def make(looks: Looks, source: str = "openrouter", **canonical: str) -> Book:
        state, rows = Open.nothing(), list[pl.DataFrame]()
        for day, said in looks.items():
            quotes = [
                {
                    "source": source, "provider": "seller", "model": model,
                    "offer": "free" if price == (0, 0) else "standard", "context_over_tokens": 0,
                    "input_usd_per_mtok": price[0], "output_usd_per_mtok": price[1],
                    "currency": "USD", "basis": "first_observed",
                }
                for model, price in said.items()
            ]  # fmt: skip
            frame = pl.DataFrame(quotes, schema=QUOTES)
            done = fold(state, frame, source=source, observed_on=day, snapshot_sha256=f"of {day}")
            state = done.state
            rows.append(done.closed)
        prices = price_book([pl.concat([*rows, state.rows.select(PRICES.names)])])
        polls = pl.DataFrame({"source": source, "seen_on": list(looks)})
        names = {name.replace("_", "-"): one for name, one in canonical.items()}
        return {
            "prices": prices,
            "price_polls": PRICE_POLLS.cast(polls),
            "model_links": links_of(prices, names),
            "capability_index": CAPABILITY_INDEX.empty(),
        }

    return make


def book_of(lists: Mapping[str, pl.DataFrame]) -> Book:
    """The tables of the bundled list prices and of the histories of lists."""
    installed = embedded.embedded_prices(observed_on=embedded.published_on(facts.load("sources")))
    listed: list[Any] = [listed_prices(facts.load("list_prices")), installed, *lists.values()]
    prices = price_book(listed)
    return {
        "prices": prices,
        "price_polls": bundled.looks(lists),
        "model_links": model_links(prices, facts.load("offer_names"), sold_models()),
        "capability_index": CAPABILITY_INDEX.empty(),
    }


@pytest.fixture(scope="session")
def bundled_book() -> Book:
    """The tables of everything that is bundled."""
    return book_of(bundled.bundled_prices())
