"""What landed repositories say about the facts, on both sides of each edge."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from densing_pipeline.hub.fact_findings import (
    MOST_PUBLISHERS,
    contradictions,
    without_scores,
)
from densing_pipeline.hub.models import SOURCE

FACT = {
    "model_id": "org/model", "params_total": 10_000, "release_date": date(2026, 6, 1),
    "release_date_basis": "announced", "licence": "apache-2.0", "weights": "published",
    "total_includes": None,
}  # fmt: skip
LANDED = {
    "model_id": "org/model", "params_total": 10_000, "params_source": "config",
    "created_at": datetime(2026, 6, 1, 5, tzinfo=UTC), "licence": "apache-2.0", "weights": "a1",
    "hub_state": "present",
}  # fmt: skip


def found(fact: dict | None = None, landed: dict | None = None) -> list[tuple[str, str]]:
    facts = pl.DataFrame([FACT | (fact or {})], schema_overrides={"total_includes": pl.String})
    told = contradictions(facts, pl.DataFrame([LANDED | (landed or {})]))
    return [(each[0], each[1]) for each in told]


def test_a_fact_that_the_hub_confirms_is_not_listed():
    assert found() == []


def test_counts_contradict_each_other_from_one_per_cent_on():
    assert found(landed={"params_total": 9_900}) == [
        ("count", "org/model: params_total 10,000, on the Hub 9,900 (config)")
    ]
    assert found(landed={"params_total": 9_901}) == []
    assert found(landed={"params_total": None}) == []
    assert found({"total_includes": "vision_tower"}, {"params_total": 9_000}) == []


@pytest.mark.parametrize(
    ("basis", "day", "listed"),
    [
        ("announced", 22, False),
        ("announced", 23, True),
        ("approximate", 23, True),
        ("created_at", 1, False),
        ("created_at", 2, True),
    ],
)
def test_a_release_date_weeks_from_the_repositorys_is_listed(basis, day, listed):
    rules = [
        rule
        for rule, _ in found(
            {"release_date_basis": basis}, {"created_at": datetime(2026, 6, day, tzinfo=UTC)}
        )
    ]
    assert rules == (["date"] if listed else [])


def test_the_hubs_first_day_says_nothing_about_a_release():
    old = {"release_date": date(2021, 6, 9)}
    assert found(old, {"created_at": datetime(2022, 3, 2, 23, tzinfo=UTC)}) == []
    assert found(old, {"created_at": datetime(2022, 3, 3, tzinfo=UTC)})[0][0] == "date"


def test_another_licence_is_listed_and_none_is_not():
    assert found(landed={"licence": "mit"}) == [
        ("licence", "org/model: apache-2.0, on the Hub mit")
    ]
    assert found(landed={"licence": None}) == []


def test_closed_weights_that_are_there_and_open_ones_that_are_not():
    assert found({"weights": "not-published"})[0][1].endswith(
        "the repository is there with weights"
    )
    assert found({"weights": "not-published"}, {"weights": None}) == []
    assert found(landed={"hub_state": "gone"}) == [
        ("weights", "org/model: published, but the repository is gone and shows no weights")
    ]
    assert found(landed={"hub_state": "renamed"}) == []


def hub(*rows: dict) -> pl.DataFrame:
    usual = {
        "source": SOURCE, "is_base": True, "is_doubtful": None, "hub_state": "present",
        "release_date": date(2026, 6, 1),
    }  # fmt: skip
    return pl.DataFrame([usual | row for row in rows], schema_overrides={"is_doubtful": pl.Boolean})


def test_publishers_without_scores_are_listed_newest_first():
    models = hub(
        {"model_id": "Old/a", "release_date": date(2026, 5, 1)},
        {"model_id": "new/a", "release_date": date(2026, 6, 2)},
        {"model_id": "New/b"},
        {"model_id": "new/c"},
        {"model_id": "new/d"},
    )
    assert [each.what for each in without_scores(models, set())] == [
        "new, newest of 2026-06-02: new/a, New/b, new/c and 1 more",
        "old, newest of 2026-05-01: Old/a",
    ]
    assert [each.what for each in without_scores(models, {"new/a", "Old/a"})] == [
        "new, newest of 2026-06-01: New/b, new/c, new/d"
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"source": "report"},
        {"is_base": False},
        {"is_doubtful": True},
        {"hub_state": "gone"},
        {"hub_state": "replaced"},
    ],
)
def test_what_is_no_base_model_to_be_had_is_not_listed(row):
    assert without_scores(hub({"model_id": "org/a"} | row), set()) == []


def test_a_long_list_ends_with_how_many_more_there_are():
    rows = [{"model_id": f"org{n:03d}/a"} for n in range(MOST_PUBLISHERS + 2)]
    listed = without_scores(hub(*rows), set())
    assert len(listed) == MOST_PUBLISHERS + 1
    assert listed[-1].what == "and 2 more publishers"
    assert len(without_scores(hub(*rows[:-2]), set())) == MOST_PUBLISHERS
