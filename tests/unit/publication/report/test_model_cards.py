"""A card of a model says what the tables of the release say of it."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.publication.lineage import Node
from densing_pipeline.publication.report.model_cards import flat, model_cards
from tests.full_release import full_release


@pytest.fixture
def release(tables):
    return full_release(tables)


def test_a_lineage_is_told_in_order_with_the_depth_of_each_statement():
    tree = Node("density", (Node("size", (Node("source"),)), Node("score")))
    assert flat(tree) == [(0, "density"), (1, "size"), (2, "source"), (1, "score")]


def test_every_model_with_a_density_has_a_card_with_its_lineage(release):
    made = model_cards(release)
    assert set(made["models"]) == set(release["densities"]["model_id"])
    for model_id, card in made["models"].items():
        assert made["statements"][card["lineage"][0][1]].startswith(f"{model_id}, released ")


def test_a_density_has_its_interval_and_its_rank_in_its_series(release):
    of_one = pl.col("model_id") == "org/model-38"
    densities = release["densities"].with_columns(
        density_low=pl.when(of_one).then(2.0), density_high=pl.when(of_one).then(1234.0)
    )
    lines = dict(
        model_cards({**release, "densities": densities})["models"]["org/model-38"]["densities"]
    )
    assert lines["MMLU, counting all parameters"] == "4.4 (2.0 to 1,200), number 2 of 40"


def test_a_score_says_whether_it_was_measured_and_by_how_many_it_is_reported(release):
    row = release["pooled_scores"].head(1)
    pooled = pl.concat([row, row, row]).with_columns(
        model_id=pl.lit("org/model-0"), benchmark=pl.Series(["BBH", "MATH", "MMLU"]),
        score=pl.Series([0.5, 0.25, 0.705]), source_kind=pl.Series(["measured", "reported", "reported"]),
        n_sources=pl.Series([1, 1, 3]),
    )  # fmt: skip
    card = model_cards({**release, "pooled_scores": pooled})["models"]["org/model-0"]
    assert card["scores"] == [
        ("BBH", "50.0%, measured"),
        ("MATH", "25.0%, reported by 1 source"),
        ("MMLU", "70.5%, reported by 3 sources"),
    ]


@pytest.mark.parametrize(
    ("sold", "is_told"),
    [("Org/Model-0-Instruct", True), ("org/model-0", True), ("org/model-01", False), ("org/model-0-vl", False)],
)  # fmt: skip
def test_an_offer_is_that_of_a_model_or_of_the_chat_model_named_after_it(release, sold, is_told):
    names = {"source": ["litellm"], "provider": ["seller"], "model": ["m"]}
    prices = release["prices"].head(1).with_columns(
        **{name: pl.Series(value) for name, value in names.items()}, flag=pl.lit(None, pl.String),
        input_usd_per_mtok=pl.lit(1.0), output_usd_per_mtok=pl.lit(5.0), context_over_tokens=pl.lit(0),
        observed_to=pl.lit(None, pl.Date), valid_to=pl.lit(None, pl.Date), valid_from=pl.lit(date(2026, 1, 1)),
    )  # fmt: skip
    links = (
        release["model_links"]
        .head(1)
        .with_columns(
            **{name: pl.Series(value) for name, value in names.items()}, canonical_id=pl.lit(sold)
        )
    )
    index = release["capability_index"].clear()
    told_of = model_cards(
        {**release, "prices": prices, "model_links": links, "capability_index": index}
    )["models"]["org/model-0"]["market"]
    line = (
        f"Cheapest offer ({sold})",
        "$2.00 a million tokens, 75% of them input; seller in litellm",
    )
    assert told_of == ([line] if is_told else [])
