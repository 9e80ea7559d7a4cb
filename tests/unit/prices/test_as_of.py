"""What the book says of a past day is what it said on that day: nothing that came later shows."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.halving import price_halving
from densing_pipeline.cost.market import Market
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import history
from densing_pipeline.prices.as_of import as_of, last_day
from densing_pipeline.prices.book import price_book, rejudged
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICES

pytestmark = pytest.mark.heavy

START = date(2025, 1, 1)
DAYS = [START + timedelta(days=n) for n in (1, 5, 13, 22, 34, 41, 50, 59, 67, 76, 88, 97, 104)]
MODELS = [f"maker/m{i}" for i in range(16)]


def lists(rng: np.random.Generator, prices: dict[str, float]) -> dict[str, bytes]:
    """What three lists say of one market, with mistakes, gaps, retirements and promotions."""
    for name in rng.choice(MODELS, 2, replace=False):
        prices[name] *= float(rng.choice([0.1, 0.5, 0.8, 1.25, 12.0]))
    shown = [name for name in MODELS if rng.random() < 0.9]
    models = [
        {
            "id": name,
            "pricing": {"prompt": f"{prices[name]:.12f}", "completion": f"{prices[name]:.12f}"},
            "hugging_face_id": "maker/A" if rng.random() < 0.95 else "maker/B",
        }
        for name in shown
    ]
    wrong = {name: prices[name] * (5 if rng.random() < 0.05 else 1) for name in shown}
    keys: dict[str, Any] = {
        f"openrouter/{name}": {
            "litellm_provider": "openrouter",
            "mode": "chat",
            "input_cost_per_token": wrong[name],
            "output_cost_per_token": wrong[name],
        }
        | ({"deprecation_date": "2024-12-01"} if rng.random() < 0.03 else {})
        for name in shown
    }
    pages = [
        {
            "data": {
                "id": name,
                "endpoints": [
                    {
                        "tag": f"host{n}",
                        "pricing": {
                            "prompt": f"{prices[name]:.12f}",
                            "completion": f"{prices[name]:.12f}",
                            "discount": 0.5 if rng.random() < 0.3 else 0,
                        },
                    }
                    for n in range(2)
                    if rng.random() < 0.9
                ],
            }
        }
        for name in rng.choice(MODELS, 6, replace=False)
    ]
    return {
        "openrouter": json.dumps({"data": models}).encode(),
        "litellm": json.dumps(keys).encode(),
        "openrouter-endpoints": json.dumps({"pages": pages}).encode(),
    }


@pytest.fixture(scope="module")
def polled() -> dict[date, dict[str, bytes]]:
    """Nights with the lists that answered: some are missing now and then, some nights altogether."""
    rng = np.random.default_rng(11)
    prices = {name: float(rng.uniform(1e-7, 1e-5)) for name in MODELS}
    found: dict[date, dict[str, bytes]] = {}
    last: dict[str, bytes] = {}
    for n in range(110):
        now = lists(rng, prices) if n % 3 == 0 else last
        last = now
        if rng.random() < 0.85:
            found[START + timedelta(days=n)] = {
                source: content for source, content in now.items() if rng.random() < 0.9
            }
    return found


Book = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture(scope="module")
def books(
    polled: dict[date, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> dict[date, Book]:
    """`prices` and `price_polls` of what had landed by each day; the last one is today's."""
    folder, found = tmp_path_factory.mktemp("books"), dict[date, Book]()
    zone = LandingZone(folder / "landing")
    left = sorted(polled)
    for day in [*DAYS, max(polled)]:
        while left and left[0] <= day:
            night = left.pop(0)
            for source, content in polled[night].items():
                instant = datetime(night.year, night.month, night.day, tzinfo=UTC)
                zone.store(source, "", content, instant)
        history.update_all(zone, folder / "book")
        prices = price_book(list(history.histories(folder / "book").values()))
        found[day] = prices, history.polls(folder / "book")
    return found


@pytest.fixture(scope="module")
def today(books: dict[date, Book]) -> Book:
    return books[max(books)]


def estimates(
    prices: pl.DataFrame, polls: pl.DataFrame | None, day: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frontier and halving times as of a day."""
    names = prices.select("source", "provider", "model").unique()
    links = MODEL_LINKS.cast(
        names.with_columns(
            canonical_id=pl.col("model").str.strip_prefix("openrouter/"),
            method=pl.lit("exact"),
            confidence=pl.lit(1.0),
        )
    )
    level = {"level": "able", "defined_by": "x", "benchmark": "MMLU", "score": 0.7, "source": "s"}
    scores = pl.DataFrame(
        {
            "canonical_id": MODELS,
            "benchmark": "MMLU",
            "protocol": "5-shot",
            "score": 0.8,
            "std_error": 0.004,
        }
    )
    levels = CAPABILITY_LEVELS.cast(pl.DataFrame([level]))
    frontier = price_frontier(Market(prices, links, levels, scores, polls, day))
    return frontier, price_halving(frontier, as_of=day, draws=100, seed=1)


@pytest.mark.parametrize("day", DAYS)
def test_a_past_day_is_as_it_was_on_that_day(books, today, day: date) -> None:
    prices, polls = today
    prices_then, polls_then = books[day]
    for valid in (day, day - timedelta(days=20)):
        assert_frame_equal(
            PRICES.cast(as_of(prices, valid, day, polls)),
            PRICES.cast(as_of(prices_then, valid, day, polls_then)),
        )
    assert prices_then["last_seen"].max() == last_day(prices_then) <= day
    for now, then in zip(
        estimates(prices, polls, day), estimates(prices_then, polls_then, day), strict=True
    ):
        assert_frame_equal(now, then)


def test_a_list_nobody_had_polled_by_then_says_nothing_of_what_it_lacks(today) -> None:
    prices, polls = today
    later = polls.filter(pl.col("seen_on") > DAYS[0])
    then = as_of(prices, DAYS[0], DAYS[0], later)
    seen = prices.filter(pl.col("observed_from") <= DAYS[0])
    assert then.height
    assert set(then["model"]) <= set(seen["model"])
    assert then["last_seen"].drop_nulls().is_between(date(2000, 1, 1), DAYS[0]).all()


def test_the_market_of_this_test_has_what_it_is_about(today) -> None:
    prices, polls = today
    assert {"suspect", "correction", "unconfirmed"} <= set(prices["flag"])
    assert "promotional" in set(prices.filter(source="openrouter")["offer"])
    assert prices.filter(pl.col("observed_to").is_not_null()).height > 200
    assert polls.filter(source="openrouter-endpoints")["model"].null_count() == 0


def test_without_the_days_of_polls_nothing_later_shows_either(today) -> None:
    prices, polls = today
    for day in DAYS:
        guessed, sure = as_of(prices, day, day), as_of(prices, day, day, polls)
        assert guessed.drop("last_seen").equals(sure.drop("last_seen"))
        assert (guessed["last_seen"] <= sure["last_seen"]).all()


def test_comparing_the_lists_again_changes_nothing(today) -> None:
    prices, _ = today
    assert rejudged(prices).equals(prices)
