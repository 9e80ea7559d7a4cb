"""How fast the price of a capability halves."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.halving import price_halving
from densing_pipeline.cost.market import Market
from densing_pipeline.paper import NMI
from densing_pipeline.prices import list_prices
from densing_pipeline.tables.dates import DAYS_PER_MONTH
from densing_pipeline.tables.published import (
    CAPABILITY_LEVELS,
    MODEL_LINKS,
    PRICE_FRONTIER,
    PRICE_HALVING,
)

AS_OF = date(2026, 11, 23)
START = date(2023, 1, 1)


def frontier(
    days: Iterable[float],
    prices: Iterable[float],
    *,
    sellers: int = 4,
    curve: str = "cheapest_ever",
) -> pl.DataFrame:
    """A frontier with the given prices on the given days after START, sold in turn."""
    rows = [
        {
            "level": "able",
            "blend_input_share": 0.75,
            "curve": curve,
            "date": START + timedelta(days=int(day)),
            "usd_per_mtok": float(price),
            "provider": f"p{i % sellers}",
            "basis": "announced",
        }
        for i, (day, price) in enumerate(zip(days, prices, strict=True))
    ]
    return PRICE_FRONTIER.cast(pl.DataFrame(rows))


def halve(
    changes: pl.DataFrame, as_of: date = AS_OF, draws: int = 200, seed: int = 1
) -> pl.DataFrame:
    return PRICE_HALVING.validate(price_halving(changes, as_of=as_of, draws=draws, seed=seed))


def estimate(
    changes: pl.DataFrame, estimator: str = "record-events", **given: Any
) -> dict[str, Any]:
    found = halve(changes, **given).filter(estimator=estimator, window="all")
    return found.row(0, named=True)


def geometric(months: float, n: int = 20, every: int = 30) -> pl.DataFrame:
    """Prices that halve exactly every so many months, cut at regular intervals."""
    days = np.arange(n) * every
    return frontier(days, 2.0 ** (-days / (months * DAYS_PER_MONTH)))


def paper() -> pl.DataFrame:
    prices = list_prices.listed_prices(facts.load("list_prices"))
    nothing = MODEL_LINKS.empty(), CAPABILITY_LEVELS.empty(), facts.load("capability_scores")
    return price_frontier(Market(prices, *nothing))


def test_the_papers_end_points() -> None:
    """$20 on 2022-11-30 to $0.075 on 2024-08-12: 266.7-fold, halving every 2.53 months of 30.44 days."""
    row = halve(paper()).filter(level=NMI, is_headline=True).row(0, named=True)
    assert row["estimator"] == "end-points"
    assert row["fold"] == pytest.approx(266.7, abs=0.05)
    assert row["halving_months"] == pytest.approx(2.53, abs=0.005)


def test_the_papers_end_points_are_too_few_to_be_quoted_unwarned() -> None:
    row = halve(paper()).filter(level=NMI, is_headline=True).row(0, named=True)
    assert row["verdict"] == "insufficient"
    assert "4 changes (6 needed)" in row["reason"]


@pytest.mark.parametrize("estimator", ["end-points", "record-events", "weekly"])
@pytest.mark.parametrize("months", [1.5, 6.0])
def test_steady_fall_is_recovered(estimator: str, months: float) -> None:
    last_cut = START + timedelta(days=19 * 30)
    row = estimate(geometric(months), estimator, as_of=last_cut)
    assert row["halving_months"] == pytest.approx(months, rel=0.03)
    assert row["low"] <= row["halving_months"] * 1.03
    assert row["high"] >= row["halving_months"] * 0.97


def test_verdict_needs_a_year_six_changes_and_three_providers() -> None:
    days = np.arange(7) * 61
    enough = {"days": days, "prices": 0.5 ** np.arange(7)}
    assert estimate(frontier(**enough), as_of=date(2024, 1, 2))["verdict"] == "ok"
    few = estimate(frontier(days[:6], 0.5 ** np.arange(6)), as_of=date(2024, 1, 2))
    assert (few["verdict"], few["reason"]) == ("insufficient", "5 changes (6 needed)")
    short = estimate(frontier(days // 2, enough["prices"]), as_of=date(2023, 7, 10))
    assert "6 months (12 needed)" in short["reason"]
    duopoly = estimate(frontier(**enough, sellers=2), as_of=date(2024, 1, 2))
    assert "2 providers (3 needed)" in duopoly["reason"]


def test_insufficient_estimate_keeps_its_fold_and_no_number() -> None:
    few = estimate(frontier([0, 100, 200], [4.0, 2.0, 1.0]), as_of=date(2024, 1, 2))
    assert few["verdict"] == "insufficient"
    assert (few["halving_months"], few["low"], few["high"]) == (None, None, None)
    assert few["fold"] == pytest.approx(4)


def test_price_that_does_not_fall_has_no_halving_time() -> None:
    rising = frontier([0, 200, 400], [1.0, 2.0, 4.0], curve="cheapest_now")
    row = estimate(rising, "end-points")
    assert row["halving_months"] is None
    assert row["fold"] == pytest.approx(0.25)
    assert "the price did not fall in the window" in row["reason"]


def test_constant_price_has_no_halving_time() -> None:
    found = halve(frontier([0], [1.0]))
    assert found["halving_months"].null_count() == found.height
    assert set(found["verdict"]) == {"insufficient"}


def test_interval_is_open_where_it_reaches_prices_that_do_not_fall() -> None:
    days, prices = [0, 100, 200, 300, 400, 500, 600], [8, 1, 4, 0.5, 4, 1, 2]
    mixed = frontier(days, prices, curve="cheapest_now")
    row = estimate(mixed, "end-points", as_of=date(2024, 12, 1))
    assert row["verdict"] == "ok"
    assert row["low"] is not None
    assert row["high"] is None
    assert "the interval reaches prices that do not fall" in row["reason"]


def test_stalled_floor_is_told_by_the_age_of_the_record() -> None:
    row = estimate(frontier([0, 100], [2.0, 1.0]), as_of=START + timedelta(days=100 + 365))
    assert row["months_since_record"] == pytest.approx(12, abs=0.01)


def test_long_silence_is_told_in_the_reason() -> None:
    quiet = estimate(frontier([0, 100, 600], [4.0, 2.0, 1.0]), as_of=START + timedelta(days=650))
    assert "no change known for 16 months on end" in quiet["reason"]


def test_fall_of_unknown_date_does_not_steepen_the_records() -> None:
    dated = geometric(3.0)
    last = dated.tail(1)
    undated = last.with_columns(
        date=pl.col("date").dt.offset_by("30d"),
        usd_per_mtok=pl.col("usd_per_mtok") / 1_000,
        basis=pl.lit("undated"),
    )
    with_it = estimate(pl.concat([dated, undated]))
    assert with_it["halving_months"] == pytest.approx(3.0, rel=0.01)
    assert "falls of unknown date not used for the slope: 1" in with_it["reason"]


def test_one_headline_per_level_fixed_in_advance() -> None:
    headlines = halve(pl.concat([geometric(3.0), paper()])).filter("is_headline")
    assert headlines.select("level", "window", "estimator").rows() == [
        ("able", "all", "record-events"),
        (NMI, "nmi-2025", "end-points"),
    ]


def test_same_seed_same_table_whatever_else_is_estimated() -> None:
    alone, again = halve(geometric(3.0)), halve(geometric(3.0))
    assert alone.equals(again)
    together = halve(pl.concat([geometric(3.0), paper()])).filter(level="able")
    assert together.equals(alone)
    assert not alone.drop("seed").equals(halve(geometric(3.0), seed=2).drop("seed"))


def test_no_frontier_no_rows() -> None:
    assert halve(PRICE_FRONTIER.empty()).is_empty()


def test_days_before_2025_have_no_window_since_2025() -> None:
    found = halve(geometric(3.0), as_of=date(2024, 6, 1)).filter(window="since-2025")
    assert (found["window_start"] <= found["window_end"]).all()


@pytest.mark.shared
def test_gpt35_level_in_the_papers_years(
    recorded: Path, book: Callable[[Iterable[dict[str, Any]]], pl.DataFrame]
) -> None:
    """Input prices of GPT-3.5-level models: record lows halve every 2.8 months or so until 2024-08."""
    events = pl.read_csv(recorded / "prices" / "gpt35_events.csv", try_parse_dates=True)
    score = pl.col("mmlu").cast(pl.Float64, strict=False)
    able = events.filter((pl.col("mmlu") == "anchor") | (score >= 68.0))
    prices = book(
        able.select(
            "model",
            "valid_from",
            "valid_to",
            "input_usd_per_mtok",
            "output_usd_per_mtok",
            provider=pl.col("model").str.split("/").list.first(),
            observed_from=pl.lit(AS_OF),
        ).to_dicts()
    )
    names = prices.select("source", "provider", "model", canonical_id="model").unique()
    links = MODEL_LINKS.cast(names.with_columns(method=pl.lit("exact"), confidence=pl.lit(1.0)))
    scores = names.select(
        "canonical_id", benchmark=pl.lit("MMLU"), protocol=pl.lit("5-shot")
    ).unique()
    level = CAPABILITY_LEVELS.cast(facts.load("capability_levels")).filter(level="gpt-3.5")
    able = scores.with_columns(score=pl.lit(0.9), std_error=pl.lit(0.004))
    curves = price_frontier(Market(prices, links, level, able))
    found = halve(curves, draws=1000).filter(blend_input_share=1.0)
    records = found.filter(window="nmi-2025", estimator="record-events").row(0, named=True)
    assert records["verdict"] == "ok"
    assert 2.2 < records["halving_months"] < 3.9
    assert records["halving_months"] == pytest.approx(2.8, abs=0.1)
    # After 2025 the floor rose again: what one can buy at is dearer than the record.
    now = found.filter(window="all", estimator="end-points")
    folds = dict(now.select("curve", "fold").rows())
    assert folds["cheapest_now"] < folds["cheapest_ever"] / 2


def simulated_market(rng: np.random.Generator, rate_per_day: float) -> pl.DataFrame:
    """Record lows of a market whose offers fall at a rate, 40 offers over two years."""
    days = np.sort(rng.choice(730, 40, replace=False))
    logs = -rate_per_day * days + rng.exponential(0.7, 40)
    is_record = np.append(True, logs[1:] < np.minimum.accumulate(logs)[:-1])
    return frontier(days[is_record], np.exp(logs[is_record]))


def simulated_walk(rng: np.random.Generator, rate_per_day: float) -> pl.DataFrame:
    """Price cuts at random times by random factors, about 20 over two years."""
    days = np.cumsum(np.ceil(rng.exponential(730 / 20, 60)))
    days = np.append(0.0, days[days < 730])
    cuts = rng.exponential(rate_per_day * 730 / 20, len(days) - 1)
    return frontier(days, np.exp(-np.append(0.0, np.cumsum(cuts))))


@pytest.mark.slow
@pytest.mark.parametrize("simulate", [simulated_market, simulated_walk])
def test_intervals_cover_a_known_halving_time(
    simulate: Callable[[np.random.Generator, float], pl.DataFrame],
) -> None:
    """The 95 % intervals of the step bootstrap cover at least 85 % of 200 simulated markets."""
    months, end = 3.0, START + timedelta(days=730)
    rng = np.random.default_rng(11)
    rate = np.log(2) / (months * DAYS_PER_MONTH)
    found = pl.concat(halve(simulate(rng, rate), as_of=end, draws=300) for _ in range(200))
    covers = (pl.col("low") <= months) & (pl.col("high").fill_null(np.inf) >= months)
    coverage = (
        found.filter(window="all").group_by("estimator").agg(covers.fill_null(value=False).mean())
    )
    assert dict(coverage.iter_rows()).keys() == {"end-points", "record-events", "weekly"}
    assert coverage["low"].min() >= 0.85, coverage
