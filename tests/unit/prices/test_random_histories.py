"""What holds whatever a list says: hundreds of offers whose prices come, go, slip and return at random.

Every list is looked at on random days, also after weeks and months without a look.
"""

from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.confirmation import REVERSAL_DAYS
from densing_pipeline.prices.fold import Open, fold
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICES

pytestmark = pytest.mark.heavy

START = date(2025, 1, 1)
OFFERS, LOOKS = 150, 36
GAPS = (1, 1, 1, 1, 1, 2, 5, 13, 14, 15, 16, 40, 200)
PRICES_SEEN = (1.0, 1.0, 1.0, 0.5, 0.3, 0.1, 10.0, 0.0, None)
"""USD per million tokens; 0 is a free day, None a day without the offer."""

OWN, KEPT = "openrouter", "litellm"
SLOW_SEEDS = (pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))
seeds = pytest.mark.parametrize("seed", [0, *SLOW_SEEDS])


@cache
def looks(seed: int) -> tuple[tuple[date, tuple[float | None, ...]], ...]:
    """The days of the looks, each with the price of every offer. Most prices stay from one look to the next."""
    rng = np.random.default_rng(seed)
    days = START + np.cumsum(rng.choice(GAPS, LOOKS)) * timedelta(days=1)
    now = rng.integers(0, len(PRICES_SEEN), OFFERS)
    found = []
    for day in days:
        moves = rng.random(OFFERS) < 0.4
        now = np.where(moves, rng.integers(0, len(PRICES_SEEN), OFFERS), now)
        found.append((day, tuple(PRICES_SEEN[k] for k in now)))
    return tuple(found)


def quotes(source: str, prices: tuple[float | None, ...]) -> pl.DataFrame:
    """A list; its last offer is always there, so that no list is empty."""
    rows = [
        {
            "source": source, "provider": "maker", "model": f"m{n}",
            "offer": "standard" if price else "free",
            "input_usd_per_mtok": price, "output_usd_per_mtok": price,
        }
        for n, price in enumerate((*prices, 5.0))
        if price is not None
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=PRICES.polars_schema)


@cache
def history(source: str, seed: int, first: int = LOOKS) -> pl.DataFrame:
    """The rows after the first looks."""
    state, closed = Open.nothing(), list[pl.DataFrame]()
    for day, prices in looks(seed)[:first]:
        folded = fold(
            state, quotes(source, prices), source=source, observed_on=day, snapshot_sha256="0"
        )
        state = folded.state
        closed.append(folded.closed)
    return PRICES.cast(pl.concat([*closed, state.rows.select(PRICES.names)]))


def believed(source: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """The rows that are believed in the end, with the start of their validity, by model."""
    rows = history(source, seed).filter(pl.col("observed_to").is_null())
    rows = rows.with_columns(start=pl.coalesce("valid_from", "observed_from"))
    found: dict[str, list[dict[str, Any]]] = {f"m{n}": [] for n in range(OFFERS)}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["model"], []).append(row)
    return found


def on(rows: list[dict[str, Any]], day: date) -> list[dict[str, Any]]:
    """The rows that are valid on a day."""
    return [r for r in rows if r["start"] <= day and (r["valid_to"] is None or day < r["valid_to"])]


@seeds
def test_what_a_sellers_own_list_charged_on_a_day_is_the_price_of_that_day_for_ever(seed):
    rows = believed(OWN, seed)
    newest = looks(seed)[-1][0]
    for day, prices in looks(seed):
        for n, price in enumerate(prices):
            held = on(rows[f"m{n}"], day)
            if price is None:
                continue
            mine = [row for row in held if row["input_usd_per_mtok"] == price]
            assert len(mine) == 1, (n, day, price, held)
            is_new = mine[0]["flag"] == "provisional" and day == newest
            assert len(held) == 1 or is_new, (n, day, price, held)


@seeds
def test_an_offer_that_is_back_in_two_weeks_at_another_price_had_the_old_one_until_then(seed):
    rows, seen = believed(OWN, seed), looks(seed)
    returns = 0
    for n in range(OFFERS):
        listed = [(day, prices[n]) for day, prices in seen]
        there = [place for place, (_, price) in enumerate(listed) if price is not None]
        for left, back in pairwise(there):
            (last_day, old), (first_day, new) = listed[left], listed[back]
            is_in_time = (first_day - listed[left + 1][0]).days <= REVERSAL_DAYS
            if back == left + 1 or new == old or not is_in_time:
                continue
            returns += 1
            for days in range((first_day - last_day).days):
                held = on(rows[f"m{n}"], last_day + timedelta(days=days))
                assert [row["input_usd_per_mtok"] for row in held] == [old], (n, last_day, held)
            began = {
                row["valid_from_earliest"]
                for row in rows[f"m{n}"]
                if row["valid_from"] == first_day
            }
            assert began == {last_day + timedelta(days=1)}, (n, first_day)
    assert returns > 15


@seeds
@pytest.mark.parametrize("source", [OWN, KEPT])
def test_of_believed_prices_one_holds_at_a_time(source, seed):
    for name, rows in believed(source, seed).items():
        sure = sorted(
            (row for row in rows if row["flag"] not in ("provisional", "slip")),
            key=lambda row: row["start"],
        )
        for before, after in pairwise(sure):
            assert before["valid_to"] is not None, (name, before, after)
            assert before["valid_to"] <= after["start"], (name, before, after)


@seeds
@pytest.mark.parametrize("source", [OWN, KEPT])
def test_what_was_known_on_a_day_is_what_the_looks_until_then_said(source, seed):
    columns = ("model", "input_usd_per_mtok", "valid_from", "valid_to", "flag", "basis")
    for first in (9, 20, 31):
        day = looks(seed)[first - 1][0]
        then = history(source, seed).filter(
            pl.col("observed_from") <= day,
            pl.col("observed_to").is_null() | (pl.col("observed_to") > day),
        )
        cut = history(source, seed, first).filter(pl.col("observed_to").is_null())
        known, told = (rows.select(columns).sort(columns, nulls_last=True) for rows in (then, cut))
        assert known.equals(told)


@seeds
def test_in_a_list_kept_by_hand_a_price_that_returns_in_two_weeks_held_all_along(seed):
    rows = believed(KEPT, seed)
    seen = looks(seed)
    returns = 0
    for n in range(OFFERS):
        at = [prices[n] for _, prices in seen]
        for i in range(1, LOOKS - 2):
            since = seen[i][0] - timedelta(days=REVERSAL_DAYS + 1)
            lately = [at[k] for k in range(i) if seen[k + 1][0] > since]
            if (
                at[i] is None
                or len(lately) < 2
                or {*lately, at[i]} != {at[i]}
                or at[i + 1] == at[i]
            ):
                continue
            back = next((k for k in range(i + 2, LOOKS) if at[k] == at[i]), None)
            if back is None or (seen[back][0] - seen[i + 1][0]).days > REVERSAL_DAYS:
                continue
            between = at[i + 1 : back]
            if len({price for price, after in pairwise(between) if price == after}) > 1:
                continue  # two other prices stood in turn
            returns += 1
            for day, _ in seen[i : back + 1]:
                sure = [
                    r for r in on(rows[f"m{n}"], day) if r["flag"] not in ("slip", "provisional")
                ]
                assert [r["input_usd_per_mtok"] for r in sure] == [at[i]], (n, day, at[i], sure)
    assert returns > 15


def market(seed: int, as_of: date | None = None) -> Market:
    """The offers of both lists as members of one level: those of the second list are read a seed later."""
    prices = price_book([history(OWN, seed), history(KEPT, seed + 1)])
    names = prices.select("source", "provider", "model", canonical_id="model").unique()
    links = MODEL_LINKS.cast(names.with_columns(method=pl.lit("exact"), confidence=pl.lit(1.0)))
    scores = names.select(
        pl.col("canonical_id").unique(), benchmark=pl.lit("MMLU"), protocol=pl.lit("5-shot"),
        score=pl.lit(0.8), std_error=pl.lit(0.001),
    )  # fmt: skip
    level = {
        "level": ["able"],
        "defined_by": "m0",
        "benchmark": "MMLU",
        "score": 0.7,
        "source": "-",
    }
    return Market(prices, links, CAPABILITY_LEVELS.cast(pl.DataFrame(level)), scores, as_of=as_of)


@seeds
def test_a_price_that_one_look_alone_found_never_sets_a_record(seed):
    of_list = {OWN: looks(seed), KEPT: looks(seed + 1)}
    for as_of in (None, looks(seed)[15][0], looks(seed)[26][0]):
        frontier = price_frontier(market(seed, as_of), blends=(1.0,))
        records = frontier.filter(level="able", curve="cheapest_ever").drop_nulls("usd_per_mtok")
        assert records.height > 0
        for price, source, model in records.select("usd_per_mtok", "source", "model").rows():
            n = int(model[1:])
            days = [
                day
                for day, prices in of_list[source]
                if (n == OFFERS or prices[n] == price) and (as_of is None or day <= as_of)
            ]
            assert len(days) >= 2, (source, model, price, days)
