"""Benchmarks of the price book: one night, days looked up, a whole history rebuilt.

The book is ten years of a list of 4,500 offers with five million intervals. Memory is the peak
resident size of a process that does the work and nothing else (`python -m benchmarks.book`).
"""

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Row, own_peak_mb, row
from densing_pipeline.prices.as_of import as_of
from densing_pipeline.prices.fold import Open, fold
from densing_pipeline.prices.history import Snapshot, history, snapshots_digest, update
from densing_pipeline.prices.sources import openrouter
from densing_pipeline.prices.sources.snapshot import QUARANTINED, ParsedSnapshot
from densing_pipeline.prices.store import Head, Store
from densing_pipeline.tables.published import PRICE_POLLS, PRICES

OFFERS, CHANGED = 4_500, 100
INTERVALS = 5_000_000
START, DAYS = date(2016, 1, 1), 3_650
MODELS, NIGHTS = 400, 660


def benchmarks() -> Iterator[Row]:
    """A night, look-ups and a rebuild, each against what one would write without the book."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat, found = folder / "book.parquet", cache(responses)

        @cache
        def built() -> pl.DataFrame:
            """The days of the looks of the book, which is built the first time."""
            build_book(folder / "book")
            Store(folder / "book").scan().sink_parquet(flat)
            return Store(folder / "book").polls()

        nights = itertools.count(1)
        yield row(
            "prices.fold",
            f"a snapshot of {OFFERS:,} offers, {CHANGED} changed, into {INTERVALS:,} intervals",
            lambda: fold_night(folder / "book", next(nights)),
            lambda: rewrite(flat),
            "polars, the book as one parquet file: read, join, close, append, write",
            ready=built,
            repeats=1,
            peak=lambda: peak_mb("fold", folder / "book", next(nights)),
        )
        yield row(
            "prices.as_of",
            f"what held on ten single days of ten years, in all, {INTERVALS:,} intervals",
            lambda: look_up(folder / "book"),
            lambda: [as_of(pl.scan_parquet(flat), day, day, built()) for day in days()],
            "polars, the same filter over the book as one parquet file",
            ready=built,
            peak=lambda: peak_mb("look_up", folder / "book"),
        )
        yield row(
            "prices.rebuild",
            f"{NIGHTS} daily OpenRouter responses of {MODELS} models, from bytes to the history",
            lambda: rebuild(folder / "rebuilt", found()),
            lambda: stacked(found()),
            "json and polars: all days in one frame, runs of equal prices (no corrections, no as-of)",
            ready=found,
            repeats=1,
            peak=lambda: peak_mb("rebuild", folder / "again"),
        )


def days() -> list[date]:
    """Ten days spread over the ten years."""
    return [START + timedelta(days=int(day)) for day in np.linspace(30, DAYS - 30, 10)]


def build_book(folder: Path) -> None:
    """Ten years in which each offer's price changes every three days or so."""
    rng = np.random.default_rng(0)
    months = pl.date_range(START, START + timedelta(days=DAYS - 1), "1mo", eager=True)
    each = INTERVALS // len(months) // 2
    past = [daily(day) for day in range(DAYS + 1)]
    state = fold(
        Open.nothing(), quotes(b"0", past[-1].day).quotes,
        source="openrouter", observed_on=past[-1].day, snapshot_sha256="0",
    ).state  # fmt: skip
    store, head = Store(folder), Head("bench", len(past), snapshots_digest(past))
    looks = PRICE_POLLS.cast(
        pl.DataFrame({"source": "openrouter", "seen_on": [look.day for look in past]})
    )
    for month in months:
        ended = (month - START).days + rng.integers(1, 29, each)
        began = np.maximum(ended - rng.integers(1, 400, each), 0)
        epoch = pl.lit(START).cast(pl.Int32)
        rows = pl.DataFrame({"began": began, "ended": ended, "of": rng.integers(0, OFFERS, each)})
        rows = rows.select(
            source=pl.lit("openrouter"),
            provider=pl.lit("openrouter"),
            model=pl.format("maker/model-{}", "of"),
            offer=pl.lit("standard"),
            input_usd_per_mtok=pl.Series(rng.uniform(0.1, 10, each)),
            output_usd_per_mtok=pl.Series(rng.uniform(0.1, 10, each)),
            context_over_tokens=pl.lit(0),
            currency=pl.lit("USD"),
            valid_from=(epoch + pl.col("began").cast(pl.Int32)).cast(pl.Date),
            end=(epoch + pl.col("ended").cast(pl.Int32)).cast(pl.Date),
            basis=pl.lit("first_observed"),
            snapshot_sha256=pl.lit("0" * 64),
        )
        superseded = rows.with_columns(
            observed_from="valid_from", observed_to="end", last_seen="end"
        )
        settled = rows.with_columns(valid_to="end", observed_from="end", last_seen="end")
        closed = pl.concat([PRICES.cast(part.drop("end")) for part in (superseded, settled)])
        head = store.commit(head, state, {f"{month:%Y-%m}": closed}, [looks])
        looks = looks.clear()


def daily(day: int) -> Snapshot:
    """A snapshot of which only day and hash matter."""
    return Snapshot(START + timedelta(days=day), str(day), partial(str.encode, str(day)))


def quotes(content: bytes, observed_on: date) -> ParsedSnapshot:
    """The list of a night: all prices stay but for those whose turn it is."""
    night = int(content)
    changed = (np.arange(OFFERS) // CHANGED) < night
    found = pl.DataFrame({"n": np.arange(OFFERS), "price": 1.0 + 0.1 * night * changed}).select(
        provider=pl.lit("openrouter"),
        model=pl.format("maker/model-{}", "n"),
        offer=pl.lit("standard"),
        context_over_tokens=pl.lit(0),
        input_usd_per_mtok="price",
        output_usd_per_mtok="price",
    )
    none = QUARANTINED.to_frame()
    return ParsedSnapshot(found, none, none)


def fold_night(folder: Path, night: int) -> None:
    """One more night of the ten-year book, from the landed list to files on disk."""
    nights = [daily(day) for day in range(DAYS + 1)]
    nights += [
        Snapshot(START + timedelta(days=DAYS + n), str(n), partial(str.encode, str(n)))
        for n in range(1, night + 1)
    ]
    update(Store(folder), "openrouter", nights, quotes, code="bench")


def look_up(folder: Path) -> None:
    """What held on each of the ten days, as known then."""
    store = Store(folder)
    for day in days():
        as_of(store.scan(since=day), day, day, store.polls())


def rewrite(flat: Path) -> None:
    """The night without the book: everything is read and written again."""
    told = quotes(b"1", START).quotes.select("model", new="input_usd_per_mtok")
    everything = pl.read_parquet(flat)
    still_open = pl.col("observed_to").is_null() & pl.col("valid_to").is_null()
    joined = everything.join(told, on="model", how="left")
    moved = still_open & (pl.col("new") != pl.col("input_usd_per_mtok"))
    day = pl.lit(START + timedelta(days=DAYS + 1))
    closed = joined.with_columns(valid_to=pl.when(moved).then(day).otherwise("valid_to"))
    added = joined.filter(moved).with_columns(input_usd_per_mtok="new", valid_from=day)
    whole = pl.concat([closed, added]).drop("new")
    whole.write_parquet(flat.with_suffix(".new"), compression="zstd")


def responses() -> list[bytes]:
    """Daily responses in OpenRouter's shape: a price in fifty changes, a few models come and go."""
    rng = np.random.default_rng(0)
    prices = np.exp(rng.normal(-14, 1, MODELS))
    found = []
    for _ in range(NIGHTS):
        prices = prices * np.where(rng.random(MODELS) < 0.02, rng.choice([0.8, 1.25], MODELS), 1)
        shown = np.flatnonzero(rng.random(MODELS) < 0.99)
        models = [
            {
                "id": f"maker/model-{i}",
                "hugging_face_id": f"maker/model-{i}",
                "name": f"Maker: Model {i}",
                "created": 1_700_000_000 + int(i),
                "description": "A model that does what models do. " * 20,
                "context_length": 131_072,
                "architecture": {"modality": "text->text", "tokenizer": "Other"},
                "pricing": {
                    "prompt": f"{prices[i]:.10f}",
                    "completion": f"{3 * prices[i]:.10f}",
                    "request": "0",
                    "image": "0",
                },
            }
            for i in shown
        ]
        found.append(json.dumps({"data": models}).encode())
    return found


def rebuild(folder: Path, found: list[bytes]) -> None:
    """The history of the responses, from nothing."""
    nights = [
        Snapshot(START + timedelta(days=i), str(i), partial(bytes, content))
        for i, content in enumerate(found)
    ]
    update(Store(folder), "openrouter", nights, openrouter.parse, code="bench")
    history(Store(folder))


def stacked(found: list[bytes]) -> pl.DataFrame:
    """Intervals of equal prices of each model, from one frame of all days."""
    rows = [
        (i, model["id"], float(model["pricing"]["prompt"]), float(model["pricing"]["completion"]))
        for i, content in enumerate(found)
        for model in json.loads(content)["data"]
    ]
    frame = pl.DataFrame(rows, schema=["day", "model", "input", "output"], orient="row")
    run = pl.struct("input", "output").rle_id().over("model")
    return (
        frame.sort("model", "day")
        .with_columns(run=run)
        .group_by("model", "run")
        .agg(pl.col("input", "output", "day").first(), last=pl.col("day").last())
        .sort("model", "day")
    )


def peak_mb(work: str, folder: Path, *arguments: int) -> float:
    """Peak resident size of a process that does the work, in MB."""
    command = [sys.executable, "-m", "benchmarks.book", work, str(folder), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)


def main(work: str, folder: str, *arguments: str) -> None:
    """Do one piece of work and print the peak resident size in MB."""
    path = Path(folder)
    if work == "fold":
        fold_night(path, int(arguments[0]))
    elif work == "look_up":
        look_up(path)
    else:
        rebuild(path, responses())
    sys.stdout.write(f"{own_peak_mb():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
