"""Prices of recorded days, answered by a book that was compiled without the months of these days."""

import gzip
from bisect import bisect_left
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from densing_pipeline.past_prices.on_day import KNOWN, price_on_day
from densing_pipeline.prices import bundled
from densing_pipeline.prices.compile_history import RECORDED, compile_history
from densing_pipeline.prices.sources import SOURCES
from tests.unit.past_prices.conftest import book_of

pytestmark = [pytest.mark.shared, pytest.mark.slow]

SEED = 20261129
MONTHS, MODELS = 8, 40
ROUNDING = 0.51e-6
"""The recorded history has six decimals of USD per million tokens."""


def month(day: date) -> str:
    return f"{day:%Y-%m}"


def drawn_days(recorded: Path, source: str) -> list[date]:
    """Days of recorded lists of a source in months drawn by chance, neither the first nor the last."""
    paths = sorted((recorded / "prices" / "raw" / source).glob("*.json.gz"))
    by_month = {path.name[:7]: date.fromisoformat(path.name[:10]) for path in paths}
    between = sorted(by_month)[1:-1]
    rng = np.random.default_rng(SEED)
    return sorted(by_month[one] for one in rng.choice(between, MONTHS, replace=False))


def without(
    recorded_rows: pl.DataFrame, left_out: set[str], more_looks: list[date]
) -> pl.DataFrame:
    """Recorded intervals of one list as they would be had nobody looked in some months.

    What began or ended in a month was seen at the first look after it; what did both was never seen.
    """
    columns = ["valid_from", "valid_to", "observed_at"]
    looks = pl.concat([*(recorded_rows[name] for name in columns), pl.Series(more_looks)])
    kept = sorted(day for day in set(looks.drop_nulls()) if month(day) not in left_out)

    def seen_on(day):
        place = len(kept) if day is None else bisect_left(kept, day)
        return kept[place] if place < len(kept) else None

    moved = recorded_rows.with_columns(
        pl.Series(name, map(seen_on, recorded_rows[name]), pl.Date) for name in columns[:2]
    ).with_columns(observed_at=pl.coalesce("valid_from", "observed_at"))
    was_seen = pl.col("valid_to").is_null() | (pl.col("valid_from") < pl.col("valid_to"))
    return moved.filter(was_seen)


@pytest.fixture(scope="module")
def held_out(recorded, tmp_path_factory):
    """The days, and the tables of a bundle compiled without their months."""
    folder = tmp_path_factory.mktemp("held_out")
    history = pl.read_parquet(recorded / "prices" / RECORDED)
    days = {source: drawn_days(recorded, source) for source in bundled.ADDRESSES}
    frames = []
    for source, drawn in days.items():
        left_out = {month(day) for day in drawn}
        raw = folder / "raw" / source
        raw.mkdir(parents=True)
        looks = []
        for path in sorted((recorded / "prices" / "raw" / source).glob("*.json.gz")):
            if path.name[:7] not in left_out:
                (raw / path.name).symlink_to(path.resolve())
                looks.append(date.fromisoformat(path.name[:10]))
        frames.append(without(history.filter(source=source), left_out, looks))
    pl.concat(frames).write_parquet(folder / RECORDED)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bundled, "FILE", folder / "bundle.parquet")
        bundled.FILE.write_bytes(compile_history(folder))
        lists = bundled.bundled_prices.__wrapped__()
    for source, drawn in days.items():
        seen = bundled.looks({source: lists[source]})["seen_on"]
        assert {month(day) for day in drawn}.isdisjoint(map(month, seen)), "the months are left out"
    return days, book_of(lists)


def is_equal(prices, listed) -> bool:
    return all(
        (said is None) == (true is None) and (true is None or abs(said - true) <= ROUNDING)
        for said, true in zip(prices, listed, strict=True)
    )


@pytest.mark.parametrize("source", list(bundled.ADDRESSES))
def test_prices_of_days_in_months_that_were_left_out(recorded, held_out, source):
    days, book = held_out
    rng = np.random.default_rng(SEED)
    found, wrong = Counter[str](), []
    known = book["prices"].filter(source=source)
    for day in days[source]:
        path = recorded / "prices" / "raw" / source / f"{day}.json.gz"
        quotes = SOURCES[source].read(gzip.decompress(path.read_bytes()), day).quotes
        listed = quotes.filter(
            pl.col("input_usd_per_mtok") > 0, offer="standard", context_over_tokens=0
        ).unique("model", keep="none", maintain_order=True)
        # What a list had in a month that was left out and never else, the book cannot know.
        listed = listed.join(known, on="model", how="semi", maintain_order="left")
        places = rng.choice(listed.height, min(MODELS, listed.height), replace=False)
        for row in listed[sorted(places)].iter_rows(named=True):
            true = row["input_usd_per_mtok"], row["output_usd_per_mtok"]
            offer = next(
                one
                for one in price_on_day(book, row["model"], day).offers
                if (one.source, one.model, one.context_over_tokens) == (source, row["model"], 0)
            )
            if offer.certainty == "changing":
                # The interval holds the day: the price is one of the two, or a third that nobody saw.
                either = [
                    (offer.input_usd_per_mtok, offer.output_usd_per_mtok),
                    (offer.or_input_usd_per_mtok, offer.or_output_usd_per_mtok),
                ]
                is_told = any(is_equal(prices, true) for prices in either)
                found["one of two" if is_told else "a third price"] += 1
            elif is_equal((offer.input_usd_per_mtok, offer.output_usd_per_mtok), true):
                found["equal" if offer.certainty in KNOWN else offer.certainty] += 1
            elif offer.certainty == "not offered" and offer.seen_before < day < offer.seen_after:
                found["back between two looks"] += 1
            else:
                wrong.append((str(day), offer, true))
    print(source, found, *wrong, sep="\n")
    assert wrong == []
    assert found.total() > 200
    assert found["equal"] > 0.6 * found.total()
    assert found["back between two looks"] < 0.02 * found.total()
    assert found["a third price"] < 0.2 * (found["one of two"] + found["a third price"])
