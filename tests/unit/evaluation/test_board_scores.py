"""Which reports of outside sources become scores, and that no revision moves a past day."""

from datetime import date, timedelta
from functools import cache
from typing import Any

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import BELOW_GUESSING, LOWEST_SCORE
from densing_pipeline.density.density_history import known_scores
from densing_pipeline.density.pooled_scores import pooled_scores
from densing_pipeline.density.score_changes import score_changes
from densing_pipeline.evaluation import board_scores, reported_scores
from densing_pipeline.tables.published import BENCHMARK_REPORTS, MODELS, SCORES
from densing_pipeline.tables.revised_scores import OF_SCORE

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


@cache
def bundled() -> pl.DataFrame:
    """The bundled scores as rows of `scores`."""
    names = ("reported_scores", "nmi_models", "base_models", "score_documents")
    return reported_scores.scores(*map(facts.load, names))


def all_scores(*reports: dict[str, Any], models: pl.DataFrame | None = None) -> pl.DataFrame:
    """The bundled scores, and what counts of the reports."""
    frame = BENCHMARK_REPORTS.cast(pl.DataFrame(list(reports), infer_schema_length=None))
    found = board_scores.scores(
        frame,
        known_models() if models is None else models,
        bundled(),
        facts.load("score_documents"),
        facts.load("organisation_names"),
    )
    return SCORES.validate(found)


def scores(*reports: dict[str, Any], models: pl.DataFrame | None = None) -> pl.DataFrame:
    """What counts of the reports."""
    found = all_scores(*reports, models=models)
    return found.join(bundled(), on=SCORES.key, how="anti", nulls_equal=True, maintain_order="left")


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


def test_a_report_of_a_compared_benchmark_is_a_score_outside_the_papers_protocol() -> None:
    gsm8k = {"benchmark": "GSM8K", "benchmark_name": "GSM8K"}
    [row] = scores(report(protocol="8-shot EM", **gsm8k)).to_dicts()
    assert (row["protocol"], row["is_paper_protocol"]) == ("8-shot em", False)


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


READ = date(2026, 11, 23)
"""Day on which the fact below was read."""


def fact() -> dict[str, Any]:
    """A bundled score of MMLU from a paper, the only one from its address."""
    facts_of_mmlu = bundled().filter(
        pl.col("benchmark") == "MMLU",
        pl.col("source_url").str.contains("arxiv.org/abs", literal=True),
        pl.len().over("model_id", "benchmark", "source_url") == 1,
        "is_paper_protocol",
        observed_at=READ,
    )
    return facts_of_mmlu.row(0, named=True)


def from_there(**columns: Any) -> dict[str, Any]:
    """A report that gives the fact from the same address."""
    told = {name: fact()[name] for name in ("model_id", "score", "source_url")}
    return report(**(told | columns))


def beside_the_fact(*reports: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The scores of the fact's model on its benchmark: the fact, and those of reports."""
    models = known_models(model_id=fact()["model_id"])
    found = all_scores(*reports, models=models)
    own = found.filter(model_id=fact()["model_id"], benchmark="MMLU")
    is_of_fact = pl.col("source") == fact()["source"]
    is_new = pl.col("known_from_basis") == "first_seen"
    return (
        own.filter(is_of_fact | is_new)
        .sort("known_from")
        .select("score", "known_from", "known_to")
        .rows()
    )


def stands(until: date | None = None) -> tuple[Any, ...]:
    return fact()["score"], fact()["known_from"], until


@pytest.mark.parametrize("apart", [0.0, 0.0004, -0.0005])
def test_what_the_facts_have_from_the_same_address_is_not_taken_again(apart: float) -> None:
    """The same number, up to the rounding of three digits, however the address is written."""
    score, url = fact()["score"] + apart, fact()["source_url"]
    http = from_there(score=score, source_url=url.replace("https://", "http://"))
    as_pdf = from_there(score=score, entry="2", source_url=url.replace("/abs/", "/pdf/"))
    assert beside_the_fact(http, as_pdf) == [stands()]
    elsewhere = from_there(score=score, entry="3", source_url="https://example.org/other")
    assert beside_the_fact(http, elsewhere) == [stands(), (score, MARCH, None)]


DECEMBER, JANUARY = date(2026, 12, 1), date(2027, 1, 1)


def test_a_fact_stands_until_a_source_revises_it() -> None:
    """The row gave the fact's value, then another one; past days keep the fact."""
    revised = fact()["score"] + 0.02
    first, later = from_there(observed_to=AUGUST), from_there(score=revised, observed_from=AUGUST)
    assert beside_the_fact(first, later) == [stands(AUGUST), (revised, AUGUST, None)]
    models = known_models(model_id=fact()["model_id"])
    now, before = all_scores(first, later, models=models), bundled()
    for day in (MARCH, AUGUST - timedelta(days=1)):
        assert known_scores(now, day).equals(known_scores(before, day))
        cut = all_scores(from_there(), models=models)
        assert known_scores(now, day).equals(known_scores(cut, day))
    one = pl.col("model_id") == fact()["model_id"]
    counting = known_scores(now, AUGUST).filter(one, pl.col("benchmark") == "MMLU")
    assert fact()["source"] not in counting["source"].to_list()


def test_what_a_source_revises_is_no_change_of_the_facts() -> None:
    """`densing facts check` compares the facts with a release, in which a source may have revised them."""
    later = from_there(score=fact()["score"] + 0.02, observed_from=DECEMBER)
    released = all_scores(later, models=known_models(model_id=fact()["model_id"]))
    assert released["known_to"].null_count() < released.height
    assert score_changes(released, bundled()) == []
    is_fact = pl.all_horizontal(pl.col(name) == fact()[name] for name in OF_SCORE)
    corrected = bundled().with_columns(
        score=pl.when(is_fact).then(fact()["score"] + 0.02).otherwise("score")
    )
    (change,) = score_changes(released, corrected)
    assert change.startswith(f"changed: {fact()['model_id']}, MMLU")


def test_a_value_that_comes_after_the_fact_was_read_replaces_it() -> None:
    other = fact()["score"] + 0.0006
    for day in (READ + timedelta(days=1), DECEMBER):
        row = from_there(score=other, observed_from=day)
        assert beside_the_fact(row) == [stands(day), (other, day, None)]


def test_a_fact_that_was_read_after_another_value_stands() -> None:
    """Who reads the document again corrects the source."""
    for day in (MARCH, READ):
        assert beside_the_fact(from_there(score=0.1 + 0.2, observed_from=day)) == [stands()]


def test_a_fact_stands_while_another_row_of_the_source_gives_it() -> None:
    variant = from_there(score=0.3, entry="rec2", observed_from=DECEMBER)
    assert beside_the_fact(from_there(), variant) == [stands()]
    withdrawn = from_there(observed_to=DECEMBER)
    assert beside_the_fact(withdrawn, variant) == [stands(DECEMBER), (0.3, DECEMBER, None)]


def test_a_revision_that_is_taken_back_gives_the_first_value_again() -> None:
    rows = (
        from_there(observed_to=AUGUST),
        from_there(score=0.3, observed_from=AUGUST, observed_to=DECEMBER),
        from_there(observed_from=DECEMBER),
    )
    score = fact()["score"]
    assert beside_the_fact(*rows) == [
        stands(AUGUST), (0.3, AUGUST, DECEMBER), (score, DECEMBER, None),
    ]  # fmt: skip


def test_a_source_that_withdraws_its_row_does_not_end_the_fact() -> None:
    assert beside_the_fact(from_there(observed_to=AUGUST)) == [stands()]


def test_a_number_under_another_protocol_is_another_number() -> None:
    """A fact without shots does not keep a report with five shots from the same address away."""
    other = bundled().filter(
        ~pl.col("is_paper_protocol").any().over("model_id", "benchmark", "source_url"),
        benchmark="MMLU",
    )
    told = other.select("model_id", "source_url", "score").row(0, named=True)
    models = known_models(model_id=told["model_id"])
    assert scores(report(**told), models=models).is_empty(), "the facts know its protocol"
    further = report(**(told | {"score": told["score"] + 0.01}))
    assert scores(further, models=models).height == 1


@pytest.mark.parametrize(("score", "n"), [(0.0071, 0), (0.1249, 0), (LOWEST_SCORE["MMLU"], 1)])
def test_a_report_far_below_guessing_is_no_score_and_says_so(score: float, n: int) -> None:
    """71 divided by 100 twice, or a score from which guessing was subtracted."""
    assert scores(report(score=score)).height == n
    frame = BENCHMARK_REPORTS.cast(pl.DataFrame([report(score=score)], infer_schema_length=None))
    told = BENCHMARK_REPORTS.validate(board_scores.with_reasons(frame))
    assert told["reason"].to_list() == ([None] if n else [BELOW_GUESSING])
    assert told.drop("reason").equals(frame.drop("reason"))


def test_the_reason_why_a_report_is_not_linked_stays() -> None:
    row = report(score=0.0071, model_id=None, method="unlinked", reason="no rule")
    frame = BENCHMARK_REPORTS.cast(pl.DataFrame([row], infer_schema_length=None))
    assert board_scores.with_reasons(frame)["reason"].to_list() == ["no rule"]


def test_free_answers_are_not_guessed() -> None:
    row = report(score=0.0071, benchmark="MATH", benchmark_name="MATH", protocol="4-shot em")
    assert scores(row).height == 1


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


SECOND = report(entry="rec2", score=0.72)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([report()], [(0.7, MARCH, None)]),
        ([report(observed_to=AUGUST)], [(0.7, MARCH, AUGUST), (0.72, AUGUST, None)]),
        (
            [report(observed_to=AUGUST), report(score=0.74, observed_from=AUGUST)],
            [(0.7, MARCH, AUGUST), (0.74, AUGUST, None)],
        ),
        (
            [report(observed_to=AUGUST), report(entry="rec3", score=0.74, observed_from=AUGUST)],
            [(0.7, MARCH, AUGUST), (0.72, AUGUST, None)],
        ),
    ],
)
def test_the_second_of_two_values_counts_when_the_first_is_gone(
    rows: list[dict[str, Any]], expected: list[tuple[Any, ...]]
) -> None:
    found = scores(*rows, SECOND)
    assert found.select("score", "known_from", "known_to").sort("known_from").rows() == expected
    cut = scores(report(), SECOND)
    assert known_scores(found, MARCH).equals(known_scores(cut, MARCH))


def test_a_second_value_that_ends_before_the_first_never_counts() -> None:
    found = scores(report(observed_to=DECEMBER), SECOND | {"observed_to": AUGUST})
    assert found.select("score", "known_to").rows() == [(0.7, DECEMBER)]


def test_a_second_value_counts_from_its_turn_and_not_from_the_models_release() -> None:
    released = known_models(release_date=date(2026, 5, 1))
    found = scores(report(observed_to=AUGUST), SECOND, models=released).sort("known_from")
    assert found.select("known_from", "known_from_basis").rows() == [
        (date(2026, 5, 1), "model_release"), (AUGUST, "first_seen"),
    ]  # fmt: skip


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
