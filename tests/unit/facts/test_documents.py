"""Documents that report scores: their teams and days, each rule on both sides of its edge."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from densing_pipeline.facts import FOLDER, load, read
from densing_pipeline.facts.consistency import check
from densing_pipeline.facts.documents import DRAFT_DAYS, check_documents, team, with_days
from densing_pipeline.facts.tables import FACTS
from densing_pipeline.tables.schemas import TableError

ROOT = Path(__file__).parents[3]

RELEASE = date(2025, 3, 10)
NAMES = pl.DataFrame({"organisation_name": ["org-mirror"], "organisation": ["org"]})
MODELS = pl.DataFrame(
    {"model_id": ["Org/model", "other/rival"], "release_date": [RELEASE, date(2024, 1, 1)]}
)


def document(**changed: object) -> pl.DataFrame:
    usual = {
        "source_url": "https://example.org/report", "document_kind": "report", "publisher": "org",
        "published_at": date(2025, 4, 1), "published_basis": "history",
    }  # fmt: skip
    return pl.DataFrame([usual | changed])


def row(**changed: object) -> pl.DataFrame:
    usual = {
        "model_id": "Org/model", "benchmark": "MMLU", "source": "report", "scored_by": "maker",
        "source_url": "https://example.org/report", "observed_at": date(2026, 11, 28),
        "published_at": None, "protocol": "5-shot acc",
    }  # fmt: skip
    return pl.DataFrame([usual | changed], schema_overrides={"published_at": pl.Date})


def refused(rows: pl.DataFrame, of: pl.DataFrame) -> str:
    with pytest.raises(TableError) as caught:
        check_documents(rows, of, MODELS, NAMES)
    return str(caught.value)


def taken(rows: pl.DataFrame, of: pl.DataFrame) -> dict:
    check_documents(rows, of, MODELS, NAMES)
    [found] = with_days(rows, of, MODELS).to_dicts()
    return found


def test_a_team_is_a_namespace_without_case_and_a_mirror_is_its_origin():
    ids = pl.DataFrame({"model_id": ["Org/model", "org-mirror/model", "other/rival"]})
    assert ids.select(team(pl.col("model_id"), NAMES)).to_series().to_list() == [
        "org",
        "org",
        "other",
    ]


def test_a_score_is_known_from_the_day_of_its_document():
    found = taken(row(), document())
    assert (found["known_from"], found["known_from_basis"]) == (date(2025, 4, 1), "history")
    assert found["publisher"] == "org"


def test_a_row_added_later_is_known_from_its_own_day():
    assert taken(row(published_at=date(2025, 9, 1)), document())["known_from"] == date(2025, 9, 1)


def test_no_score_is_known_before_its_model_is_released():
    early = document(published_at=RELEASE - timedelta(days=DRAFT_DAYS))
    found = taken(row(), early)
    assert (found["known_from"], found["known_from_basis"]) == (RELEASE, "model_release")


def test_a_document_much_older_than_the_teams_own_model_asks_for_the_rows_day():
    old = document(published_at=RELEASE - timedelta(days=DRAFT_DAYS + 1))
    assert "give the row's own day in published_at" in refused(row(), old)
    assert taken(row(published_at=RELEASE), old)["known_from"] == RELEASE


def test_nobody_else_scores_a_model_before_its_release():
    """A release date later than the first mention elsewhere is wrong: a registry's, or an upload's."""
    rival = {"publisher": "other"}
    day_before = document(published_at=RELEASE - timedelta(days=1), **rival)
    assert "or correct the model's release date" in refused(row(scored_by="rival"), day_before)
    assert taken(row(scored_by="rival"), document(published_at=RELEASE, **rival))


def test_each_row_of_a_board_states_its_day():
    board = document(document_kind="board", publisher="board")
    third = {"scored_by": "third_party"}
    assert "each states in published_at when it was" in refused(row(**third), board)
    assert taken(row(published_at=date(2025, 4, 1), **third), board)


def test_a_row_is_not_older_than_its_document_nor_newer_than_its_reading():
    assert "before its document's" in refused(row(published_at=date(2025, 3, 31)), document())
    assert "but read on 2026-11-28" in refused(row(published_at=date(2026, 11, 29)), document())
    assert "but read on 2026-11-28" in refused(row(), document(published_at=date(2026, 11, 29)))
    assert taken(row(published_at=date(2026, 11, 28)), document())


@pytest.mark.parametrize("scored_by", ["rival", "third_party"])
def test_the_makers_own_document_is_no_rivals(scored_by):
    assert "org, which published the source, is the model's maker" in refused(
        row(scored_by=scored_by), document()
    )


def test_a_document_of_another_team_is_not_the_makers():
    other = document(publisher="other")
    assert "is not the model's maker" in refused(row(), other)
    assert taken(row(scored_by="rival"), other)
    assert taken(row(scored_by="quote"), other)
    assert taken(row(scored_by="quote"), document())


def test_a_publisher_is_written_by_one_name():
    assert "is another name of a team" in refused(row(), document(publisher="org-mirror"))


@pytest.mark.parametrize(("benchmark", "variant"), [("MATH", "Minerva"), ("MBPP", "sanitized")])
def test_one_label_for_one_harness(benchmark, variant):
    """A report that does not name the variant is read as the team's others."""
    nvidia = document(publisher="nvidia")
    rival = {"scored_by": "rival", "benchmark": benchmark}
    assert f"end the protocol with ({variant})" in refused(
        row(protocol="4-shot em", **rival), nvidia
    )
    assert taken(row(protocol=f"4-shot em ({variant})", **rival), nvidia)
    assert taken(row(protocol="4-shot em", **rival), document(publisher="other"))


def test_the_example_in_contributing_is_a_row_that_is_taken(tmp_path):
    """The row shown to contributors, with its document, keeps to every rule."""
    shown = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [example] = [line for line in shown.splitlines() if line.startswith("allenai/")]
    header = (FOLDER / "reported_scores.csv").read_text(encoding="utf-8").partition("\n")[0]
    path = tmp_path / "reported_scores.csv"
    path.write_text(f"{header}\n{example}\n", encoding="utf-8")
    rows = read(path, FACTS["reported_scores"])
    board = (
        load("score_documents")
        .head(1)
        .with_columns(
            source_url=pl.lit("https://example.org/board"),
            document_kind=pl.lit("board"),
            publisher=pl.lit("some-board"),
            published_at=pl.lit(date(2026, 11, 1)),
        )
    )
    tables = {"score_documents": board}
    assert check("reported_scores", rows, lambda name: tables.get(name, load(name))).height == 1
