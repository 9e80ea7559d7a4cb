"""What of a market says something about a level."""

import polars as pl

from densing_pipeline import facts
from densing_pipeline.cost.market import Market
from densing_pipeline.tables.published import CAPABILITY_LEVELS, PRICES


def test_links_to_models_without_a_score_say_nothing_about_a_level() -> None:
    ids = ["openai/gpt-4", "openai/gpt-5.6-sol", None]
    links = pl.DataFrame({"canonical_id": ids}, schema={"canonical_id": pl.String})
    scores = facts.load("capability_scores")
    market = Market(PRICES.empty(), links, CAPABILITY_LEVELS.empty(), scores)
    assert market.scored_links["canonical_id"].to_list() == ["openai/gpt-4"]
