"""Which reports of outside sources become scores, and that no revision moves a past day."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.density.density_history import known_scores
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.evaluation import board_scores
from densing_pipeline.tables.published import BENCHMARK_REPORTS, MODELS, SCORES

MARCH, AUGUST = date(2026, 3, 12), date(2026, 8, 11)


def report(**columns: Any) -> dict[str, Any]:
    """A linked report of Epoch's archive in the paper's protocol."""
    return {
        "source": "epoch-benchmarks",
        "benchmark_name": "MMLU",
        "benchmark": "MMLU",
        "model": "m",
        "entry": "rec1",
        "score": 0.7,
        "protocol": "5-shot EM",
        "cited": "A report",
        "source_url": "https://example.org/report",
        "licence_basis": "CC-BY-4.0",
        "model_id": "maker/m",
        "method": "separators",
        "confidence": 0.97,
        "observed_from": MARCH,
        "observed_to": None,
        "snapshot_sha256": "0" * 64,
    } | columns


def scores(*reports: dict[str, Any], models: pl.DataFrame | None = None) -> pl.DataFrame:
    frame = BENCHMARK_REPORTS.cast(pl.DataFrame(list(reports), infer_schema_length=None))
    found = board_scores.scores(
        frame,
        known_models() if models is None else models,
        facts.load("reported_scores"),
        facts.load("score_documents"),
        facts.load("organisation_names"),
    )
    return SCORES.validate(found)


def known_models(**columns: Any) -> pl.DataFrame:
    """The table `models` with one base model."""
    row = {
        "model_id": "maker/m",
        "model": "m",
        "organisation": "maker",
        "family": "m",
        "release_date": date(2025, 1, 1),
        "release_date_basis": "announced",
        "is_moe": False,
        "is_base": True,
        "base_evidence": "bundled",
        "source": "facts",
    } | columns
    return MODELS.cast(pl.DataFrame([row], infer_schema_length=None))


def test_a_linked_report_in_the_papers_protocol_is_a_score() -> None:
    row = scores(report()).row(0, named=True)
    assert row["source"] == "A report (as listed by Epoch AI, epoch-benchmarks)"
    assert {name: row[name] for name in ("protocol", "is_paper_protocol", "source_kind")} == {
        "protocol": "5-shot em", "is_paper_protocol": True, "source_kind": "reported",
    }  # fmt: skip
    assert (row["known_from"], row["known_from_basis"], row["known_to"]) == (
        MARCH, "first_seen", None,
    )  # fmt: skip
    assert (row["scored_by"], row["source_confidence"]) == ("third_party", "medium")


@pytest.mark.parametrize(
    "columns",
    [
        {"protocol": "0-shot EM"},
        {"protocol": "5-shot EM (log-likelihood)"},
        {"protocol": "EM"},
        {"protocol": None},
        {"benchmark": "GSM8K", "benchmark_name": "GSM8K"},
        {"benchmark": None, "benchmark_name": "Winogrande"},
        {"benchmark": "BBH", "protocol": "5-shot EM"},
        {"model_id": None, "method": "unlinked", "confidence": 0.0},
        {"confidence": 0.94},
        {"model_id": "maker/stranger"},
    ],
)
def test_other_reports_are_no_scores(columns: dict[str, Any]) -> None:
    assert scores(report(**columns)).is_empty()
    assert scores(report(**columns), report(entry="rec2", score=0.69)).height == 1


def test_a_report_of_a_tuned_model_is_no_score() -> None:
    assert scores(report(), models=known_models(is_base=False)).is_empty()


def test_the_edge_of_confidence() -> None:
    assert scores(report(confidence=board_scores.SUREST)).height == 1


def test_what_the_facts_have_from_the_same_address_is_not_taken_again() -> None:
    fact = facts.load("reported_scores").filter(
        pl.col("benchmark") == "MMLU",
        pl.col("source_url").str.contains("arxiv.org/abs", literal=True),
        pl.col("is_paper_protocol"),
    )
    model, url = fact.select("model_id", "source_url").row(0)
    again = report(model_id=model, score=0.1, source_url=url.replace("https://", "http://"))
    as_pdf = report(model_id=model, entry="2", source_url=url.replace("/abs/", "/pdf/"))
    other = report(model_id=model, entry="3", source_url="https://example.org/other")
    found = scores(again, as_pdf, other, models=known_models(model_id=model))
    assert found["source_url"].to_list() == ["https://example.org/other"]


def test_a_revision_is_a_further_row_and_the_past_keeps_its_value() -> None:
    first = report(score=0.7, observed_to=AUGUST)
    before = scores(report(score=0.7))
    after = scores(first, report(score=0.72, observed_from=AUGUST))
    assert after.select("score", "known_from", "known_to").sort("known_from").rows() == [
        (0.7, MARCH, AUGUST), (0.72, AUGUST, None),
    ]  # fmt: skip
    assert after["source"].sort().to_list()[1].endswith(", 2026-08-11")
    for day in (MARCH, date(2026, 8, 10)):
        assert known_scores(after, day).equals(known_scores(before, day))
    assert pooled_scores(known_scores(after, MARCH))["score"].to_list() == [0.7]
    assert pooled_scores(after)["score"].to_list() == [0.72], "only the value that counts now"


def test_a_withdrawn_report_counts_until_then() -> None:
    found = scores(report(observed_to=AUGUST))
    assert known_scores(found, date(2026, 8, 10)).height == 1
    assert known_scores(found, AUGUST).is_empty()
    assert pooled_scores(found).is_empty()


def test_a_row_under_a_new_identifier_hides_neither_past_nor_present() -> None:
    found = scores(
        report(observed_to=AUGUST), report(entry="rec9", score=0.71, observed_from=AUGUST)
    )
    assert [known_scores(found, day)["score"].to_list() for day in (MARCH, AUGUST)] == [
        [0.7],
        [0.71],
    ]


def test_a_change_of_anything_but_the_score_is_no_revision() -> None:
    renamed = report(observed_from=AUGUST, organisation="Maker, Inc.")
    found = scores(report(observed_to=AUGUST), renamed)
    assert found.select("score", "known_from", "known_to").rows() == [(0.7, MARCH, None)]


def test_a_score_is_not_known_before_its_model() -> None:
    found = scores(report(), models=known_models(release_date=date(2026, 5, 1)))
    assert found.select("known_from", "known_from_basis").row(0) == (
        date(2026, 5, 1), "model_release",
    )  # fmt: skip


def test_a_makers_own_document_is_known_as_such() -> None:
    documents = facts.load("score_documents").filter(publisher="qwen")
    url = documents["source_url"][0]
    mine = report(model_id="Qwen/new", source_url=url)
    found = scores(mine, models=known_models(model_id="Qwen/new"))
    assert found.select("scored_by", "publisher").row(0) == ("maker", "qwen")


def test_a_number_that_stands_under_two_benchmarks_is_not_believed() -> None:
    other = report(benchmark="GSM8K", benchmark_name="GSM8K", entry="rec2")
    assert scores(report(), other).is_empty()
    assert scores(report(), other | {"score": 0.701}).height == 1
    assert scores(report(), other | {"source_url": "https://example.org/other"}).height == 1
    assert scores(report(), other | {"model_id": "maker/other"}).height == 1


def test_a_number_that_comes_later_takes_nothing_back() -> None:
    later = report(
        benchmark="BBH", benchmark_name="BBH", entry="rec2", protocol="3-shot Average",
        observed_from=AUGUST,
    )  # fmt: skip
    found = scores(report(), later)
    assert found.select("benchmark", "known_from").rows() == [("MMLU", MARCH)]
