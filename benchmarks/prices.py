"""Benchmarks of the cost of a capability: the cheapest price over time, and its intervals."""

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
from scipy import stats

from benchmarks.measure import Row, row
from densing_pipeline.cost import curves
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, MODEL_LINKS, PRICES

OFFERS = 2_000
PRICES_EACH = 10
DAYS = 1_500
START = date(2022, 11, 30)
BLENDS = (1.0, 0.9, 0.75, 0.5)
STEPS = 40
DRAWS = 1_000


def benchmarks() -> Iterator[Row]:
    """Frontier of a large synthetic book, and the bootstrap of one curve."""
    book = _book()
    links, level, scores = _level(book)
    as_pandas = _for_pandas(book)
    yield row(
        "cost.frontier",
        f"cheapest price of one level over {DAYS:,} days, 4 blends, {book.height:,} prices",
        lambda: price_frontier(Market(book, links, level, scores)),
        lambda: _per_day(as_pandas),
        "pandas, minimum of the open prices of each day (no persistence rule, no links)",
    )
    rng = np.random.default_rng(0)
    waits, falls = rng.exponential(20, STEPS), -rng.exponential(0.2, STEPS)
    yield row(
        "cost.step_bootstrap",
        f"{DRAWS:,} resampled slopes of a curve of {STEPS} records",
        lambda: curves.event_slope(
            *curves.resampled(waits, falls, STEPS, DRAWS, np.random.default_rng(0))
        ),
        lambda: stats.bootstrap(
            (waits, falls),
            lambda w, f: np.polyfit(np.append(0, np.cumsum(w)), np.append(0, np.cumsum(f)), 1)[0],
            n_resamples=DRAWS,
            paired=True,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(0),
        ),
        "scipy.stats.bootstrap over numpy.polyfit",
    )


def _book() -> pl.DataFrame:
    """Offers whose prices change ten times, at random days, downwards on average."""
    rng = np.random.default_rng(0)
    days = np.sort(rng.integers(0, DAYS, (OFFERS, PRICES_EACH)), axis=1)
    prices = np.exp(rng.normal(1, 1, (OFFERS, 1)) - np.cumsum(rng.exponential(0.2, days.shape), 1))
    starts = [START + timedelta(days=int(day)) for day in days.ravel()]
    rows = pl.DataFrame(
        {
            "source": "list",
            "provider": "maker",
            "model": np.repeat([f"m{i}" for i in range(OFFERS)], PRICES_EACH),
            "offer": "standard",
            "input_usd_per_mtok": prices.ravel(),
            "output_usd_per_mtok": 3 * prices.ravel(),
            "context_over_tokens": 0,
            "currency": "USD",
            "valid_from": starts,
            "observed_from": START + timedelta(days=DAYS),
            "basis": "announced",
            "snapshot_sha256": "",
        }
    )
    return PRICES.cast(rows.unique(["model", "valid_from"], keep="first", maintain_order=True))


def _level(book: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    names = book.select("source", "provider", "model", canonical_id="model").unique()
    links = MODEL_LINKS.cast(names.with_columns(method=pl.lit("exact"), confidence=pl.lit(1.0)))
    scores = names.select(
        "canonical_id", benchmark=pl.lit("MMLU"), protocol=pl.lit("5-shot"), score=pl.lit(0.8)
    ).with_columns(std_error=pl.lit(0.004))
    level = {
        "level": ["able"],
        "defined_by": "m0",
        "benchmark": "MMLU",
        "score": 0.7,
        "source": "-",
    }
    return links, CAPABILITY_LEVELS.cast(pl.DataFrame(level)), scores


def _for_pandas(book: pl.DataFrame) -> pd.DataFrame:
    ends = pl.col("valid_from").shift(-1).over("model", order_by="valid_from")
    return book.with_columns(
        start=pl.col("valid_from").cast(pl.Datetime),
        end=ends.fill_null(START + timedelta(days=DAYS + 1)).cast(pl.Datetime),
    ).to_pandas()


def _per_day(book: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    days = pd.date_range(START, periods=DAYS)
    for share in BLENDS:
        price = share * book["input_usd_per_mtok"] + (1 - share) * book["output_usd_per_mtok"]
        columns[share] = [price[(book["start"] <= day) & (day < book["end"])].min() for day in days]
    now = pd.DataFrame(columns, index=days)
    return now.join(now.cummin(), rsuffix=" ever")
