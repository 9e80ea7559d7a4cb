"""Recorded cases of price lists: what the book, the links and the curve of the GPT-3.5 level must be.

Each test names its case. The thirteenth, `b09-etag-that-lies`, is a server's behaviour and no list:
`test_poll.test_a_list_that_is_the_same_for_two_weeks_is_asked_for_as_a_whole` has it, and
`test_history.test_after_two_weeks_of_denials_a_change_may_have_come_on_any_of_these_nights` what follows.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.cost.decomposition import price_decomposition
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.landing import LandingZone
from densing_pipeline.prices import backfill, history
from densing_pipeline.prices.as_of import as_of
from densing_pipeline.prices.book import price_book
from densing_pipeline.prices.links import model_links, sold_models
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot
from densing_pipeline.tables.published import CAPABILITY_LEVELS

pytestmark = pytest.mark.shared

Load = Callable[[str], Market]


@pytest.fixture
def load(recorded: Path, tmp_path: Path) -> Load:
    """The market that the lists of a case make."""

    def loaded(case: str) -> Market:
        zone = LandingZone(tmp_path / "landing")
        for path in sorted((recorded.parent / "cases" / "prices" / case / "in").glob("*/*.json")):
            day = datetime.fromisoformat(path.stem).replace(tzinfo=UTC)
            zone.store(path.parent.name, "", path.read_bytes(), day)
        history.update_all(zone, tmp_path / "book")
        prices = price_book(list(history.histories(tmp_path / "book").values()))
        scores = facts.load("capability_scores")
        links = model_links(prices, facts.load("offer_names"), sold_models())
        return Market(
            prices, links, CAPABILITY_LEVELS.cast(facts.load("capability_levels")), scores
        )

    return loaded


def curve(market: Market) -> list[tuple[str, float | None]]:
    found = price_frontier(market, blends=(0.75,)).filter(level="gpt-3.5", curve="cheapest_now")
    return [
        (str(day), price and round(price, 6)) for day, price in found["date", "usd_per_mtok"].rows()
    ]


def believed(market: Market, model: str) -> pl.DataFrame:
    return market.prices.filter(
        pl.col("observed_to").is_null(), pl.col("model").str.contains(model)
    ).sort("valid_from")


def test_a_price_replaced_after_a_gap_held_until_the_other_was_seen(load: Load) -> None:
    market = load("a01-replaced-after-gap")
    assert curve(market) == [("2026-01-01", 0.0225), ("2026-03-20", 0.02325)]
    assert believed(market, "llama")["valid_to"][0] == date(2026, 3, 20)
    parts = price_decomposition(market).filter(
        level="gpt-3.5", blend_input_share=0.75, period="all"
    )
    assert parts["repricing"][0] > 0
    assert parts.select("exit", "entry_of_models", "entry_of_providers").row(0) == (0, 0, 0)


def test_a_seller_that_was_not_asked_for_keeps_its_price(load: Load) -> None:
    market = load("a02-seller-not-asked-for")
    assert curve(market) == [("2026-01-01", 0.02), ("2026-03-20", 0.019)]


def test_a_slip_of_one_night_rewrites_nothing(load: Load) -> None:
    market = load("a03-one-night-slip-rewrites-history")
    assert curve(market) == [("2025-01-01", 0.0275)]
    past = as_of(market.prices, date(2025, 6, 15), date(2026, 3, 1))
    assert past.filter(pl.col("model").str.contains("Llama"))["input_usd_per_mtok"].to_list() == [
        0.02
    ]


def test_a_free_night_is_no_rise(load: Load) -> None:
    market = load("a05-one-night-zero")
    assert curve(market) == [("2025-01-01", 0.02)]
    row = believed(market, "llama").row(-1, named=True)
    assert (row["valid_from"], row["basis"], row["flag"]) == (
        date(2026, 1, 3),
        "first_observed",
        None,
    )


def test_a_cut_in_the_first_week_is_a_move(load: Load) -> None:
    market = load("a06-first-week-price-war")
    rows = believed(market, "gpt-oss-120b")
    assert rows.select("input_usd_per_mtok", "valid_from", "valid_to", "flag", "basis").rows() == [
        (1.74, date(2026, 4, 24), date(2026, 4, 26), None, "first_observed"),
        (0.435, date(2026, 4, 26), None, None, "first_observed"),
    ]
    assert curve(market) == [("2026-04-24", 2.175), ("2026-04-26", 0.54375)]


def test_a_price_that_is_a_thousand_times_too_low_sets_no_floor(load: Load) -> None:
    market = load("a09-too-cheap-has-no-bound")
    assert believed(market, "Llama")["flag"].to_list() == ["suspect"]
    assert curve(market) == []


def kinds(market: Market, model: str) -> dict[tuple[str, str, int], tuple[float, float]]:
    """Input and output price by list, kind of offer and prompt length, of prices without a flag."""
    rows = believed(market, model).filter(pl.col("flag").is_null())
    key = rows.select("source", "offer", "context_over_tokens").rows()
    return dict(
        zip(key, rows.select("input_usd_per_mtok", "output_usd_per_mtok").rows(), strict=True)
    )


def read(recorded: Path, case: str, source: str) -> ParsedSnapshot:
    """What the first list of a case says."""
    path = next((recorded.parent / "cases" / "prices" / case / "in" / source).iterdir())
    return SOURCES[source].read(path.read_bytes(), date.fromisoformat(path.stem))


def test_the_price_of_most_of_the_week_is_the_standard_one(load: Load) -> None:
    market = load("b01-litellm-off-peak-most-of-the-week")
    assert kinds(market, "deepseek-flash") == {
        ("litellm", "standard", 0): (0.15, 0.6),
        ("litellm", "peak", 0): (0.3, 1.2),
        ("openrouter", "standard", 0): (0.15, 0.6),
        ("openrouter", "peak", 0): (0.3, 1.2),
    }


def test_the_prefix_of_a_reseller_is_not_the_maker(load: Load) -> None:
    links = load("b02-azure-prefix-is-not-the-maker").links
    ours = links.filter(pl.col("provider") != "acme")
    assert dict(ours.select("model", "canonical_id").sort("model").rows()) == {
        "azure/gpt-4o-mini": "openai/gpt-4o-mini",
        "azure_ai/gpt-oss-120b": "openai/gpt-oss-120b",
        "bedrock/us-gov-west-1/amazon.nova-lite-v1:0": "amazon/nova-lite",
        "fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct": "meta-llama/Llama-3.1-8B-Instruct",
        "gemini/gemini-2.0-flash": "google/gemini-2.0-flash",
        "lambda_ai/llama3.2-11b-vision-instruct": "meta-llama/Llama-3.2-11B-Vision-Instruct",
        "sambanova/DeepSeek-R1": "deepseek-ai/DeepSeek-R1",
        "vertex_ai/claude-3-opus": "anthropic/claude-3-opus",
    }


def test_thresholds_of_prompt_length_are_read_in_every_spelling(load: Load) -> None:
    assert kinds(load("b04-thresholds-without-k"), "a/b") == {
        ("litellm", "standard", 0): (1.0, 2.0),
        ("litellm", "long_context", 500_000): (2.0, 4.0),
        ("litellm", "long_context", 1_000_000): (
            3.0,
            2.0,
        ),  # of output it states none, so the base price
    }


def test_of_a_key_that_is_stated_twice_the_first_counts_and_the_second_is_quarantined(
    recorded: Path,
) -> None:
    found = read(recorded, "b05-duplicate-json-keys", "openrouter")
    assert set(found.quotes["input_usd_per_mtok"]) == {1.0}
    assert found.quarantined.height == found.quotes.height > 0
    assert found.quarantined["reason"].str.contains("stated twice").all()


@pytest.mark.parametrize(
    ("source", "models", "reason"),
    [
        ("openrouter", ["a/cny", "a/unit"], "in CNY|per character"),
        ("models-dev", ["hostcny/meta-llama/llama-3.1-8b-instruct"], "in CNY"),
    ],
)
def test_another_currency_or_unit_is_left_out_with_a_word(
    recorded: Path, source: str, models: list[str], reason: str
) -> None:
    found = read(recorded, "b07-currency-and-unit-not-read", source)
    assert found.quotes.filter(~pl.col("model").str.contains("filler|a/req")).is_empty()
    assert sorted(found.left_out["key"]) == models
    assert found.left_out["reason"].str.contains(reason).all()


def test_a_fee_per_request_leaves_a_price_unconfirmed(load: Load) -> None:
    market = load("b07-currency-and-unit-not-read")
    row = believed(market, "a/req").row(0, named=True)
    assert row["flag"] == "unconfirmed"
    assert "request" in row["reason"]


def test_a_list_that_lost_its_batch_variants_is_taken(recorded: Path, tmp_path: Path) -> None:
    zone = LandingZone(tmp_path)
    case = recorded.parent / "cases" / "prices" / "a07-list-refused-for-its-batch-variants" / "in"
    assert {result.outcome for result in backfill.land(zone, backfill.find(case))} == {
        "ok",
        "unchanged",
    }
