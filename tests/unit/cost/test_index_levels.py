"""Levels on an index of capability: one vintage, and who reaches them."""

from datetime import date
from typing import Any

import polars as pl
import pytest
from scipy.stats import norm

from densing_pipeline import facts
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.index_levels import (
    capability_levels,
    memberships,
    with_scale,
)
from densing_pipeline.cost.levels import on_benchmarks
from densing_pipeline.cost.market import Market
from densing_pipeline.score_sources.index_values import INDEX_SCORES, index_scores, vintage
from densing_pipeline.tables.published import CAPABILITY_INDEX, CAPABILITY_LEVELS
from tests.unit.cost.conftest import links, offers

OLD, NEW = date(2025, 12, 19), date(2026, 8, 11)


def value(model: str, index_value: float, **columns: Any) -> dict[str, Any]:
    """One row of `capability_index`, of the newest vintage unless it says otherwise."""
    usual = {
        "source": "epoch-eci", "index_name": "ECI", "licence_basis": "CC-BY-4.0",
        "release_date": date(2025, 1, 1), "observed_from": NEW, "snapshot_sha256": "abc",
    }  # fmt: skip
    return usual | {"model": model, "index_value": index_value} | columns


def index(*rows: dict[str, Any]) -> pl.DataFrame:
    return CAPABILITY_INDEX.cast(pl.DataFrame(rows, infer_schema_length=None))


def level(model: str) -> pl.DataFrame:
    """The facts of the level `able`, which a row of the index defines."""
    return pl.DataFrame(
        {"level": "able", "index_name": "ECI", "index_model": model, "defined_by": f"maker/{model}", "source": "test"}
    )  # fmt: skip


def sold(*models: str) -> pl.DataFrame:
    return pl.DataFrame({"canonical_id": [f"maker/{m}" for m in models], "index_model": models})


NO_SCORED = CAPABILITY_LEVELS.empty().select(
    "level", "defined_by", "benchmark", "score", "std_error", "source", "source_url"
)


def reached(rows: pl.DataFrame, *models: str) -> dict[str, float]:
    """Probability that each model reaches the level of `reference`."""
    levels = capability_levels(NO_SCORED, level("reference"), rows)
    found = memberships(levels, index_scores(rows, sold("reference", *models)))
    return dict(found.select("canonical_id", "probability").rows())


def test_a_level_and_its_members_are_of_one_vintage() -> None:
    """In the older vintage `model` was above the level; the index was fitted anew since."""
    rows = index(
        value("reference", 140.0, observed_from=OLD, observed_to=NEW),
        value("model", 150.0, observed_from=OLD, observed_to=NEW),
        value("reference", 145.0, index_low=144.0, index_high=146.0),
        value("model", 141.0, index_low=140.0, index_high=142.0),
    )
    levels = capability_levels(NO_SCORED, level("reference"), rows)
    assert levels.select("index_value", "index_vintage").row(0) == (145.0, NEW)
    assert reached(rows, "model")["maker/model"] < 0.01
    before = vintage(rows, OLD)
    assert dict(before.select("index_model", "index_value").rows()) == {
        "reference": 140.0,
        "model": 150.0,
    }
    assert before["index_vintage"].unique().to_list() == [OLD]


def test_a_value_that_a_refit_left_alone_belongs_to_the_newest_vintage() -> None:
    rows = index(value("anchor", 130.0, observed_from=OLD), value("other", 120.0))
    assert vintage(rows)["index_vintage"].to_list() == [NEW, NEW]


def test_values_of_benchmarks_are_no_models() -> None:
    difficulty = value("", 140.0) | {"model": None, "benchmark_name": "MMLU", "index_name": "EDI"}
    assert vintage(index(value("model", 150.0), difficulty))["index_model"].to_list() == ["model"]


def test_the_error_is_that_of_the_sides_that_face_each_other() -> None:
    """Above the level, what counts is how far the model may lie lower and the level higher."""
    rows = index(
        value("reference", 140.0, index_low=130.0, index_high=142.0),
        value("above", 143.0, index_low=139.0, index_high=143.5),
        value("below", 137.0, index_low=136.5, index_high=141.0),
    )
    found = reached(rows, "above", "below")
    z90 = norm.ppf(0.95)
    assert found["maker/above"] == pytest.approx(norm.cdf(3 / ((4**2 + 2**2) ** 0.5 / z90)))
    assert found["maker/below"] == pytest.approx(norm.cdf(-3 / ((4**2 + 10**2) ** 0.5 / z90)))


def test_the_row_that_defines_a_level_reaches_it_under_each_of_its_names() -> None:
    rows = index(value("reference", 140.0, index_low=130.0, index_high=145.0))
    both = pl.concat(
        [sold("reference"), sold("reference").with_columns(canonical_id=pl.lit("m/x"))]
    )
    levels = capability_levels(NO_SCORED, level("reference"), rows)
    found = memberships(levels, index_scores(rows, both))
    assert found["probability"].to_list() == [1.0, 1.0]


@pytest.mark.parametrize(("other", "probability"), [(150.0, 1.0), (150.1, 1.0), (149.9, 0.0)])
def test_rows_that_fix_the_scale_have_no_error(other: float, probability: float) -> None:
    found = reached(index(value("reference", 150.0), value("model", other)), "model")
    assert found["maker/model"] == probability


def test_a_level_whose_row_is_gone_stands_without_a_value_and_nobody_reaches_it() -> None:
    rows = index(value("renamed", 140.0), value("model", 150.0))
    levels = capability_levels(NO_SCORED, level("reference"), rows)
    assert levels.select("level", "index_value").rows() == [("able", None)]
    assert reached(rows, "model") == {}


def test_without_any_index_the_levels_on_benchmarks_are_left() -> None:
    scored = facts.load("capability_levels")
    levels = capability_levels(scored, facts.load("index_levels"), CAPABILITY_INDEX.empty())
    assert on_benchmarks(levels)["level"].to_list() == sorted(scored["level"])
    assert levels.filter(pl.col("level_scale") == "ECI").height == facts.load("index_levels").height
    assert levels["index_value"].null_count() == levels.height


def curve(rows: pl.DataFrame, *prices: dict[str, Any]) -> list[tuple[date, float]]:
    """The cheapest price on offer of the level of `reference`, input alone."""
    book = offers({"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0} | row for row in prices)
    models = [name.removeprefix("maker/") for name in book["model"].unique()]
    levels = capability_levels(NO_SCORED, level("reference"), rows)
    scores = pl.DataFrame(schema=dict.fromkeys(("canonical_id", "benchmark", "protocol"), pl.String) | {"score": pl.Float64, "std_error": pl.Float64})  # fmt: skip
    market = Market(book, links(book), levels, scores, index=index_scores(rows, sold(*models)))
    found = price_frontier(market).filter(curve="cheapest_now", blend_input_share=1.0, level="able")
    assert with_scale(found, levels)["level_scale"].unique().to_list() == ["ECI"]
    return found.select("date", "usd_per_mtok").rows()


def test_an_offer_counts_once_the_model_it_is_taken_for_is_released() -> None:
    """Under one name a predecessor was sold at the same price before (`deepseek-chat`)."""
    rows = index(
        value("reference", 140.0, release_date=date(2025, 1, 1)),
        value("later", 150.0, release_date=date(2025, 6, 1)),
    )
    found = curve(
        rows,
        {"model": "maker/reference", "valid_from": date(2025, 1, 1), "input_usd_per_mtok": 9.0},
        {"model": "maker/later", "valid_from": date(2024, 6, 1), "input_usd_per_mtok": 2.0},
    )
    assert found == [(date(2025, 1, 1), 9.0), (date(2025, 6, 1), 2.0)]


def test_the_release_on_the_index_counts_on_every_scale_and_an_unknown_one_changes_nothing() -> (
    None
):
    """`deepseek-chat` set a record on MMLU half a year before the model that it is taken for was released."""
    rows = index(
        value("before", 140.0, release_date=date(2024, 5, 1)),
        value("later", 150.0, release_date=date(2025, 6, 1)),
        value("gone", 150.0, release_date=date(2025, 9, 1)),
    )
    prices = offers(
        [
            {"model": "maker/before", "valid_from": date(2024, 6, 1), "input_usd_per_mtok": 3.0},
            {"model": "maker/later", "valid_from": date(2024, 6, 1), "input_usd_per_mtok": 2.0},
            {"model": "maker/gone", "valid_from": date(2024, 6, 1), "valid_to": date(2025, 9, 1),
             "input_usd_per_mtok": 1.0},
            {"model": "maker/unknown", "valid_from": date(2024, 6, 1), "input_usd_per_mtok": 4.0},
        ]
    )  # fmt: skip
    values = index_scores(rows, sold("before", "later", "gone"))
    linked = Market(prices, links(prices), NO_SCORED, pl.DataFrame(), index=values).linked
    began = dict(linked.select("canonical_id", pl.col("start").cast(pl.Date)).rows())
    assert began == {
        "maker/before": date(2024, 6, 1),
        "maker/later": date(2025, 6, 1),
        "maker/unknown": date(2024, 6, 1),
    }


def test_a_curve_begins_with_the_model_of_its_level() -> None:
    rows = index(
        value("reference", 140.0, release_date=date(2025, 3, 1)),
        value("abler", 150.0, release_date=date(2024, 1, 1)),
    )
    found = curve(
        rows,
        {"model": "maker/abler", "valid_from": date(2024, 1, 1), "input_usd_per_mtok": 30.0},
        {"model": "maker/reference", "valid_from": date(2025, 3, 1), "input_usd_per_mtok": 9.0},
    )
    assert found == [(date(2025, 3, 1), 9.0)]


def test_every_level_names_a_row_of_the_bundled_index_and_a_model_that_is_sold_under_it() -> None:
    sold_as = dict(facts.load("sold_models").select("canonical_id", "index_model").rows())
    for row in facts.load("index_levels").iter_rows(named=True):
        assert sold_as[row["defined_by"]] == row["index_model"]
    assert INDEX_SCORES.names() == index_scores(CAPABILITY_INDEX.empty(), facts.load("sold_models")).columns  # fmt: skip
