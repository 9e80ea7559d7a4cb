"""Observations over time: names, weights, absence."""

from datetime import UTC, datetime, timedelta

import polars as pl

from densing_pipeline.hub.observations import OBSERVED
from densing_pipeline.hub.repositories import repositories

DAY = datetime(2026, 6, 1, tzinfo=UTC)
CREATED = datetime(2026, 5, 30, tzinfo=UTC)


def seen(day, model_id="lab/model", **changes):
    """An observation of a base model on a day."""
    row = {
        "model_id": model_id,
        "revision": "a" * 40,
        "repo_id": "1",
        "created_at": CREATED,
        "weights": "w1",
        "hub_state": "present",
        "is_base": True,
        "is_doubtful": False,
    }
    return row | {"observed_at": DAY + timedelta(days=day)} | changes


def told(day, model_id="lab/model", state="gone", renamed_to=None):
    """An answer without a record."""
    return {
        "model_id": model_id,
        "hub_state": state,
        "renamed_to": renamed_to,
        "observed_at": DAY + timedelta(days=day),
    }


def folded(*rows, fixed=frozenset()):
    frame = pl.DataFrame([dict.fromkeys(OBSERVED) | row for row in rows], schema=OBSERVED)
    return repositories(frame, fixed)


def test_many_observations_are_one_row_first_and_last_seen():
    row = folded(seen(0), seen(3), seen(1)).row(0, named=True)
    assert row["first_seen_at"] == DAY
    assert row["last_seen_at"] == DAY + timedelta(days=3)
    assert row["hub_state"] == "present"


def test_a_new_commit_with_the_same_weights_is_the_same_model_at_its_first_commit():
    table = folded(seen(0), seen(1, revision="b" * 40))
    assert table["revision"].to_list() == ["a" * 40]


def test_element_counts_that_the_hub_reads_late_make_no_second_model():
    assert folded(seen(0, weights=None), seen(1), seen(2, weights=None)).height == 1


def test_other_weights_replace_the_earlier_ones():
    table = folded(seen(0), seen(1, weights="w2", revision="b" * 40))
    states = dict(table.select("revision", "hub_state").iter_rows())
    assert states == {"a" * 40: "replaced", "b" * 40: "present"}


def test_a_repository_deleted_and_made_again_is_replaced_even_with_the_same_weights():
    again = seen(2, created_at=DAY, repo_id="2", revision="b" * 40)
    assert folded(seen(0), told(1), again)["hub_state"].to_list() == ["replaced", "present"]


def test_the_last_answer_decides_whether_it_is_gone():
    assert folded(seen(0), told(1))["hub_state"].to_list() == ["gone"]
    assert folded(seen(0), told(1), seen(2))["hub_state"].to_list() == ["present"]


def test_a_model_never_seen_can_be_known_to_be_gone():
    row = folded(told(0, "lab/bundled")).row(0, named=True)
    assert (row["hub_state"], row["is_base"]) == ("gone", None)


def test_a_new_name_told_by_the_hub_keeps_the_first():
    rows = (
        seen(0),
        told(5, state="renamed", renamed_to="lab/new"),
        seen(5, "lab/new"),
    )
    row = folded(*rows).row(0, named=True)
    assert (row["model_id"], row["name"], row["hub_state"]) == ("lab/model", "lab/new", "renamed")
    assert row["first_seen_at"] == DAY


def test_a_new_name_is_known_by_the_identifier_of_the_repository():
    table = folded(seen(0), seen(3, "lab/second"), seen(6, "lab/third"))
    row = table.row(0, named=True)
    assert table.height == 1
    assert (row["model_id"], row["renamed_to"]) == ("lab/model", "lab/third")


def test_two_models_of_the_facts_stay_two_whatever_the_hub_says():
    rows = (told(5, "lab/old", state="renamed", renamed_to="lab/new"), seen(5, "lab/new"))
    table = folded(*rows, fixed={"lab/old", "lab/new"})
    assert dict(table.select("model_id", "hub_state").iter_rows()) == {
        "lab/old": "renamed",
        "lab/new": "present",
    }


def test_a_name_taken_by_another_repository_after_a_renaming_leaves_two_models():
    rows = (
        seen(0),
        seen(3, "lab/renamed"),
        seen(4, repo_id="2", created_at=DAY + timedelta(days=4), revision="b" * 40, weights="w2"),
        seen(5, "lab/renamed"),
    )
    table = folded(*rows)
    found = {row["model_id"]: (row["revision"], row["hub_state"]) for row in table.to_dicts()}
    assert found == {
        "lab/renamed": ("a" * 40, "present"),
        "lab/model": ("b" * 40, "present"),
    }


def test_an_answer_is_about_the_repository_that_had_the_name_then():
    rows = (
        seen(0),
        told(3),
        seen(4, repo_id="2", created_at=DAY + timedelta(days=4), revision="b" * 40),
    )
    assert folded(*rows)["hub_state"].to_list() == ["replaced", "present"]
    moved = (seen(0), seen(2, "lab/new"), told(4, "lab/new"))
    row = folded(*moved).row(0, named=True)
    assert (row["model_id"], row["hub_state"]) == ("lab/model", "gone")


def test_a_record_without_identifier_is_the_repository_of_that_name_and_creation():
    assert folded(seen(0), seen(1, repo_id=None)).height == 1
    assert folded(seen(0, repo_id=None), seen(1, repo_id=None)).height == 1


def test_the_revision_is_one_that_has_all_the_files():
    table = folded(
        seen(0, files="half", weights=None),
        seen(1, files="all", weights=None, revision="b" * 40),
        seen(2, files="all", revision="c" * 40),
        seen(3, files="all", revision="d" * 40),
    )
    assert table["revision"].to_list() == ["c" * 40], "counted when the last shard was there"
    pickles = folded(
        seen(0, files="half", weights=None),
        seen(1, files="all", weights=None, revision="b" * 40),
        seen(2, files="all", weights=None, revision="c" * 40),
    )
    assert pickles["revision"].to_list() == ["b" * 40]


def test_weights_uploaded_anew_under_the_same_names_are_other_weights():
    table = folded(
        seen(0),
        seen(1, blobs="h1"),
        seen(2, revision="b" * 40),
        seen(3, revision="b" * 40, blobs="h2"),
    )
    states = dict(table.select("revision", "hub_state").iter_rows())
    assert states == {"a" * 40: "replaced", "b" * 40: "present"}


def test_other_counts_with_hashes_seen_late_are_two_sets_of_weights_not_three():
    table = folded(
        seen(0, blobs="h1"),
        seen(1, weights="w2", revision="b" * 40),
        seen(2, weights="w2", revision="b" * 40, blobs="h2"),
    )
    assert table["hub_state"].to_list() == ["replaced", "present"]


def test_a_commit_after_the_hashes_were_seen_asks_for_them_again():
    assert folded(seen(0), seen(1, blobs="h1"), seen(2))["is_hashed"].to_list() == [True]
    moved = folded(seen(0, blobs="h1"), seen(2, revision="b" * 40))
    assert moved["is_hashed"].to_list() == [False]
