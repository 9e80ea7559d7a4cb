"""Each short table answers its question in few rows, and says why a value is empty."""

from datetime import date, timedelta

import polars as pl
import pytest

from densing_pipeline.publication import short_tables
from densing_pipeline.publication.answers import CURRENT, Answer
from densing_pipeline.publication.estimate import Estimate
from densing_pipeline.tables.published import (
    CAPABILITY_LEVELS,
    DENSING_LAW,
    DENSITIES,
    EVALUATION_QUEUE,
    HEADLINE_TABLE,
    MODEL_LINKS,
    MODELS,
    PRICE_FRONTIER,
    PRICE_NOW,
    PRICE_RECORDS,
    SMALLEST_MODEL,
    WAITING,
)
from tests.conftest import one_row

DAY = date(2026, 1, 1)


def rows_like(table, *changes):
    """Rows of a table that are valid, with these values in place of theirs."""
    rows = [one_row(table).row(0, named=True) | change for change in changes]
    return table.cast(pl.DataFrame(rows, schema=table.polars_schema))


def explained(frame, reason="reason"):
    """Whether every row with an empty value says why."""
    others = [name for name in frame.columns if name != reason]
    has_empty = pl.any_horizontal(pl.col(name).is_null() for name in others)
    return frame.filter(has_empty, pl.col(reason).is_null()).is_empty()


def test_the_headline_has_the_numbers_of_the_answers_in_their_order():
    rate = Estimate("skills, total", "ok", 6.6, 2.9, 14.5, "", 40, DAY, 1.26, 0.57, 2.8)
    price = Estimate("gpt-4", "ok", 3.4, 1.2, None, "few changes", 15, DAY)
    none = Estimate("o1", "insufficient", None, None, None, "too few changes")
    given = (
        Answer("what gets denser", "Density doubles.", "It rests.", 40, "m", DAY, DAY, (rate,)),
        Answer("price", "It halves.", "It rests.", 15, "p", DAY, DAY, (price, none)),
    )
    found = HEADLINE_TABLE.validate(short_tables.headline(given))
    assert found.sort("question", "position")["series"].to_list() == [
        "gpt-4",
        "o1",
        "skills, total",
    ]
    assert found.filter(series="gpt-4")["months"].to_list() == [3.4]
    assert "no upper end" in found.filter(series="gpt-4")["reason"][0]
    assert found.filter(series="skills, total")["sentence"][0] == "Density doubles. It rests."
    assert explained(found)
    assert short_tables.headline(()).is_empty()


def test_price_now_has_a_row_for_each_level_even_without_an_offer():
    levels = rows_like(CAPABILITY_LEVELS, {"level": "a"}, {"level": "b"})
    change = {"level": "a", "blend_input_share": 0.75, "curve": "cheapest_now"}
    frontier = rows_like(
        PRICE_FRONTIER,
        change | {"date": DAY, "usd_per_mtok": 2.0},
        change | {"date": DAY + timedelta(days=9), "usd_per_mtok": 1.0},
        change | {"date": DAY + timedelta(days=20), "usd_per_mtok": 0.1, "curve": "cheapest_ever"},
        change | {"date": DAY + timedelta(days=20), "usd_per_mtok": 0.1, "blend_input_share": 1.0},
    )
    found = PRICE_NOW.validate(
        short_tables.price_now(frontier, PRICE_RECORDS.empty(), levels, MODEL_LINKS.empty())
    )
    assert dict(found["level", "usd_per_mtok"].iter_rows()) == {"a": 1.0, "b": None}
    assert found["since"].to_list() == [DAY + timedelta(days=9), None]
    assert "no model that reaches the level is on offer" in found.filter(level="b")["reason"][0]
    assert explained(found)


@pytest.fixture
def open_models():
    """Scores on MMLU of a large and a small open model, and of a smaller one whose weights nobody has."""
    series: dict[str, object] = {"reference_id": CURRENT[0], "score_set": CURRENT[1]}
    models = {"org/large": (8e10, 0.75), "org/small": (4e9, 0.72), "org/closed": (1e9, 0.85)}
    return rows_like(
        DENSITIES,
        *(
            series
            | {"model_id": name, "params_basis": basis, "params": params, "score": score}
            | {"release_date": DAY, "weights": "not-published" if "closed" in name else "published"}
            for name, (params, score) in models.items()
            for basis in ("total", "active")
        ),
    )


def law(**values):
    row = {
        "reference_id": CURRENT[0], "score_set": CURRENT[1], "window": CURRENT[2],
        "estimator": CURRENT[3], "verdict": "ok", "doubling_days": 200.0,
        "doubling_days_low": 100.0, "doubling_days_high": None,
    } | values  # fmt: skip
    return [
        row | {"params_basis": basis, "estimate_id": f"{basis} {row['population']}"}
        for basis in ("total", "active")
    ]


def smallest(open_models, *laws):
    models = rows_like(
        MODELS,
        *({"model_id": name, "params_total": 4 * 2**30, "canonical_id": name}
          for name in ("org/large", "org/small")),
    )  # fmt: skip
    found = short_tables.smallest_model(open_models, models, rows_like(DENSING_LAW, *laws))
    return SMALLEST_MODEL.validate(found)


def test_the_smallest_open_model_of_each_score_with_its_memory_and_half_of_it(open_models):
    paces = [*law(population="all"), *law(population="open-weights", doubling_days=300.0)]
    found = smallest(open_models, *paces)
    assert found.height == 2 * len(short_tables.SCORE_LEVELS)
    of = {row["level_score"]: row for row in found.filter(params_basis="total").to_dicts()}
    assert (of[0.7]["model_id"], of[0.7]["params"]) == ("org/small", 4e9)
    assert of[0.8]["model_id"] is None
    assert of[0.8]["reason"].startswith("no open model")
    assert (of[0.7]["memory_gib_16_bit"], of[0.7]["memory_gib_4_bit"]) == (8.0, 2.0)
    assert of[0.7]["pace_of"] == "open-weights"
    assert of[0.7]["half_on"] == DAY + timedelta(days=300)
    assert (of[0.7]["half_earliest"], of[0.7]["half_latest"]) == (DAY + timedelta(days=100), None)
    assert explained(found)


def test_without_a_pace_of_open_weights_that_of_all_counts_and_without_any_the_reason(open_models):
    missing = {
        "verdict": "insufficient",
        "reason": "few",
        "doubling_days": None,
        "doubling_days_low": None,
    }
    of_all = [*law(population="all"), *law(population="open-weights", **missing)]
    found = smallest(open_models, *of_all).filter(level_score=0.7, params_basis="total")
    assert found["pace_of"].to_list() == ["all"]
    none = smallest(open_models, *law(population="all", **missing)).filter(level_score=0.7)
    assert none["half_on"].null_count() == 2
    assert none["reason"].to_list() == ["no doubling time is estimated: few"] * 2


def test_waiting_has_every_model_that_is_not_done_with_its_reason():
    queue = rows_like(
        EVALUATION_QUEUE,
        {"model_id": "org/a", "state": "queued", "reason": "a base model", "priority": 1},
        {"model_id": "org/b", "state": "blocked", "reason": "too large", "priority": 9},
        {"model_id": "org/c", "state": "done", "reason": "measured", "priority": 0},
    )
    densities = rows_like(DENSITIES, {"model_id": "org/a", "density": 1.0})
    found = WAITING.validate(short_tables.waiting(queue, MODELS.empty(), densities))
    assert dict(found["model_id", "has_reported_density"].iter_rows()) == {
        "org/a": True,
        "org/b": False,
    }
    assert found["reason"].to_list() == ["a base model", "too large"]
    assert explained(found, "empty_because")
