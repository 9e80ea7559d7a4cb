"""The installed price list, read whole."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.prices import embedded
from densing_pipeline.tables.published import PRICES

PUBLISHED = date(2026, 11, 10)


@pytest.fixture(scope="module")
def prices() -> pl.DataFrame:
    return embedded.embedded_prices(observed_on=PUBLISHED)


def test_whole_list_satisfies_the_table(prices: pl.DataFrame) -> None:
    assert PRICES.validate(prices).height > 1_000


def test_every_model_has_a_row_or_a_reason(prices: pl.DataFrame) -> None:
    listed = {(p.id, m.id) for p in embedded.installed_providers() for m in p.models}
    priced = set(prices.select("provider", "model").iter_rows())
    left_out = set(embedded.embedded_left_out().select("provider", "model").iter_rows())
    assert len(listed) > 1_000
    assert priced | left_out == listed


def test_prices_are_plausible(prices: pl.DataFrame) -> None:
    standard = prices.filter(offer="standard")
    assert standard.height > 1_000
    assert standard["input_usd_per_mtok"].max() < 1_000
    assert prices.filter(flag="refused").is_empty()


def test_list_prices_that_made_history_are_there(prices: pl.DataFrame) -> None:
    of_openai = prices.filter(provider="openai", offer="standard", context_over_tokens=0)
    found = {
        model: of_openai.filter(pl.col("model") == model)["input_usd_per_mtok"].to_list()
        for model in ("text-davinci-003", "gpt-4", "gpt-4o-mini")
    }
    assert found == {"text-davinci-003": [20.0], "gpt-4": [30.0], "gpt-4o-mini": [0.15]}


def test_nothing_effective_starts_after_publication(prices: pl.DataFrame) -> None:
    later = prices.filter(pl.col("valid_from") > PUBLISHED)
    assert set(later["flag"]) <= {"future"}
    assert prices.filter(pl.col("valid_to") > PUBLISHED, pl.col("flag") != "future").is_empty()


def test_same_data_give_same_hash_and_rows(prices: pl.DataFrame) -> None:
    again = embedded.embedded_prices(observed_on=PUBLISHED)
    assert again.equals(prices)
    assert prices["snapshot_sha256"].n_unique() == 1
    assert len(prices["snapshot_sha256"][0]) == 64


def test_installed_version_has_a_publication_date() -> None:
    assert embedded.published_on(facts.load("sources")) == PUBLISHED


def test_unknown_installed_version_is_named_with_the_remedy() -> None:
    sources = pl.DataFrame(
        {"source": ["genai-prices"], "version": ["0.0.0"], "published_at": [PUBLISHED]}
    )
    with pytest.raises(ValueError, match="add its version and published_at"):
        embedded.published_on(sources)
