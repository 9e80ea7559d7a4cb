"""A published number that moves is told, with what it was and why; one that stays is not."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from densing_pipeline.publication import revisions as changes
from densing_pipeline.publication.moved import markdown, sentences
from densing_pipeline.publication.release import Published, publish
from densing_pipeline.publication.revisions import INPUTS, RESTS_ON, WATCHED, revisions
from densing_pipeline.tables.published import PUBLISHED, REVISIONS
from tests.releases import SOURCES, some_provenance

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("one_figure")]

MADE = some_provenance()


@pytest.fixture
def tables(tables):
    return tables | {"revisions": REVISIONS.empty()}


def with_score(tables, score):
    return tables | {"scores": tables["scores"].with_columns(score=pl.lit(score))}


def revised(tables, folder, made=MADE):
    """Rows of `revisions` of tables against the latest release in a folder."""
    return REVISIONS.validate(revisions(tables, folder, made)).to_dicts()


def test_a_first_night_has_nothing_to_revise(tables, tmp_path):
    assert revised(tables, tmp_path) == []


def test_a_night_that_changes_nothing_notes_nothing(tables, tmp_path):
    publish(tables, tmp_path, MADE)
    assert revised(tables, tmp_path) == []


def test_a_score_that_moved_is_noted_with_both_values_and_why(tables, tmp_path):
    release = publish(with_score(tables, 0.5), tmp_path, MADE)
    [row] = revised(with_score(tables, 0.25), tmp_path)
    assert (row["table"], row["column"]) == ("scores", "score")
    assert (row["previous"], row["current"]) == (0.5, 0.25)
    assert row["release_id"] == release.release_id
    assert row["reason"] == "models, scores or prices"
    assert row["cause"] == "correction"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"git_sha": "def"}, "code"),
        ({"seed": 2}, "settings"),
        ({"versions": {"polars": "3"}}, "libraries"),
        ({"sources": SOURCES.with_columns(version=pl.lit("v3"))}, "sources: A paper"),
    ],
)
def test_the_reason_names_what_else_changed(tables, tmp_path, change, reason):
    publish(with_score(tables, 0.5), tmp_path, MADE)
    [row] = revised(with_score(tables, 0.25), tmp_path, replace(MADE, **change))
    assert row["reason"] == reason


def test_machine_noise_is_no_revision(tables, tmp_path):
    publish(with_score(tables, 0.5), tmp_path, MADE)
    assert revised(with_score(tables, 0.5 * (1 + 1e-7)), tmp_path) == []


def test_a_number_that_vanishes_or_appears_is_noted(tables, tmp_path):
    gone = tables["densing_law"].with_columns(is_headline=True)
    law = gone.with_columns(doubling_days=pl.lit(100.0), doubling_days_high=pl.lit(500.0))
    gone = gone.with_columns(doubling_days=pl.lit(100.0))
    publish(tables | {"densing_law": law}, tmp_path, MADE)
    [row] = revised(tables | {"densing_law": gone}, tmp_path)
    assert row["column"] == "doubling_days_high"
    assert (row["previous"], row["current"]) == (500.0, None)


def test_of_estimates_only_the_headline_is_watched(tables, tmp_path):
    other = tables["densing_law"].with_columns(is_headline=False, doubling_days=pl.lit(100.0))
    publish(tables | {"densing_law": other}, tmp_path, MADE)
    moved = other.with_columns(pl.col("doubling_days") * 2)
    assert revised(tables | {"densing_law": moved}, tmp_path) == []


def test_every_watched_number_is_a_number_and_every_cause_a_table_that_is_compared():
    assert set(RESTS_ON) == set(WATCHED)
    assert {each for inputs in RESTS_ON.values() for each in inputs} <= set(INPUTS)
    for name, columns in (*WATCHED.items(), *INPUTS.items()):
        assert set(columns) <= set(PUBLISHED[name].names), name
    for name, columns in WATCHED.items():
        assert {PUBLISHED[name].polars_schema[column] for column in columns} == {pl.Float64}, name


@pytest.mark.parametrize(
    ("table", "column", "cause_table"),
    [
        ("density_growth", "growth_per_year", "knowledge_probes"),
        ("ruler_densities", "density", "reported_fresh_text"),
        ("price_index", "index", "prices"),
        ("task_cost_halving", "halving_months", "task_runs"),
        ("implications", "value", "prices"),
    ],
)
def test_estimates_beside_the_headline_are_watched_with_their_cause(
    tables, tmp_path, table, column, cause_table
):
    before, after = (
        tables | {table: tables[table].with_columns(pl.lit(value).alias(column))}
        for value in (2.0, 3.0)
    )
    publish(before, tmp_path, MADE)
    [row] = [row for row in revised(after, tmp_path) if row["column"] == column]
    assert (row["table"], row["previous"], row["current"]) == (table, 2.0, 3.0)
    assert row["cause"] == "other data", "no input differs"
    [row] = [
        row
        for row in revised(after | {cause_table: tables[cause_table].clear()}, tmp_path)
        if row["table"] == table and row["column"] == column
    ]
    assert row["cause"] == "correction"


def test_what_was_noted_stays_when_later_nights_change_nothing(tables, tmp_path):
    publish(with_score(tables, 0.5), tmp_path, MADE)
    now = with_score(tables, 0.25)
    now |= {"revisions": revisions(now, tmp_path, MADE)}
    publish(now, tmp_path, replace(MADE, created=datetime(2026, 1, 2, tzinfo=UTC)))
    assert revised(now, tmp_path) == now["revisions"].to_dicts()
    assert len(now["revisions"]) == 1


def test_a_table_of_an_older_layout_is_passed_over(tables, tmp_path, monkeypatch):
    publish(with_score(tables, 0.5), tmp_path, MADE)
    older = {"scores": tables["scores"].drop("score"), "densities": tables["densities"]}
    monkeypatch.setattr(
        Published, "scan", lambda _, name: older[name].lazy() if name in older else None
    )
    now = with_score(tables, 0.25)
    now |= {"densities": tables["densities"].with_columns(density=pl.lit(7.0))}
    assert [row["table"] for row in revised(now, tmp_path)] == ["densities"]


def moved_density(tables):
    return {"densities": tables["densities"].with_columns(density=pl.lit(7.0))}


def more(frame, **values):
    """A frame with one row more, which has another key."""
    return pl.concat([frame, frame.head(1).with_columns(**values)])


NEW_SCORE = {"model_id": pl.lit("another/model")}


@pytest.mark.parametrize(
    ("inputs", "made", "cause"),
    [
        (lambda t: {"scores": more(t["scores"], **NEW_SCORE)}, {}, "new data"),
        (lambda t: {"models": t["models"].with_columns(params_total=pl.lit(7))}, {}, "correction"),
        (lambda t: {"reference_points": t["reference_points"].clear()}, {}, "correction"),
        (lambda t: {}, {"git_sha": "def"}, "method"),
        (lambda t: {"scores": more(t["scores"], **NEW_SCORE)}, {"seed": 2}, "several"),
        (lambda t: {"prices": t["prices"].clear()}, {}, "other data"),
    ],
    ids=[
        "more scores",
        "other parameters",
        "gone points",
        "code",
        "scores and seed",
        "prices alone",
    ],
)
def test_the_cause_is_told_from_the_inputs_of_the_table(tables, tmp_path, inputs, made, cause):
    publish(tables, tmp_path, MADE)
    now = tables | inputs(tables) | moved_density(tables)
    rows = revised(now, tmp_path, replace(MADE, **made))
    assert [(row["table"], row["cause"]) for row in rows] == [("densities", cause)]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda scores: scores.reverse(), "other data"),
        (lambda scores: more(scores, **NEW_SCORE), "new data"),
        (lambda scores: scores.head(-1), "correction"),
        (lambda scores: scores.with_columns(score=pl.lit(0.125)), "correction"),
    ],
)
def test_inputs_too_large_for_one_piece_have_the_same_cause(
    tables, tmp_path, monkeypatch, change, cause
):
    monkeypatch.setattr(changes, "COMPARED_AT_ONCE", 2)
    models = [pl.lit(f"org/model-{n}") for n in range(7)]
    scores = pl.concat([tables["scores"].with_columns(model_id=each) for each in models])
    publish(tables | {"scores": scores}, tmp_path, MADE)
    now = tables | {"scores": change(scores)} | moved_density(tables)
    causes = {row["table"]: row["cause"] for row in revised(now, tmp_path)}
    assert causes["densities"] == cause


@pytest.mark.parametrize(
    ("before", "now", "cause"),
    [
        ({"code": "1", "facts": "1"}, {"code": "1", "facts": "2"}, "correction"),
        ({"code": "1", "facts": "1"}, {"code": "2", "facts": "1"}, "method"),
        ({"code": "1", "facts": "1"}, {"code": "2", "facts": "2"}, "several"),
        ({}, {"code": "2", "facts": "2", "git_sha": "def"}, "method"),
        ({"code": "1", "git_sha": "abc"}, {"code": "1", "git_sha": "def"}, "correction"),
    ],
)
def test_another_score_is_a_correction_unless_only_the_code_changed(
    tables, tmp_path, before, now, cause
):
    publish(with_score(tables, 0.5), tmp_path, replace(MADE, **before))
    [row] = revised(with_score(tables, 0.25), tmp_path, replace(MADE, **now))
    assert row["cause"] == cause


def test_what_moved_is_told_in_a_sentence_for_each_column_and_cause(tables, tmp_path):
    publish(with_score(tables, 0.5), tmp_path, MADE)
    now = revisions(with_score(tables, 0.25), tmp_path, MADE)
    assert sentences(now) == [
        "`scores.score` (correction): 1 number moved, that of a model_id/MMLU/a protocol/a source/None, "
        "from 0.5 to 0.25."
    ]
    assert markdown(now.clear()) == "- No published number moved."
