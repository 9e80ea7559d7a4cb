"""Measured scores beside reported ones and beside a rewritten benchmark."""

from datetime import date

import polars as pl
import pytest

from densing_pipeline.evaluation.score_gaps import contamination, score_gaps
from densing_pipeline.tables.published import CONTAMINATION, SCORE_GAPS, SCORES


def scores(*rows: dict) -> pl.DataFrame:
    usual = {
        "model_id": "org/model", "benchmark": "MMLU", "protocol": "5-shot", "score": 0.5,
        "is_paper_protocol": True, "source_kind": "reported", "source": "report",
        "observed_at": date(2026, 1, 1),
    }  # fmt: skip
    return SCORES.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))


MEASURED = {
    "source_kind": "measured", "source": "us", "protocol": "5-shot; suite v1", "revision": "r1",
    "suite_version": "v1", "std_error": 0.004,
}  # fmt: skip


def test_the_gap_is_measured_less_reported_with_the_errors_of_both():
    table = score_gaps(scores(MEASURED | {"score": 0.52}, {"score": 0.50, "std_error": 0.003}))
    row = SCORE_GAPS.validate(table).row(0, named=True)
    assert row["gap"] == pytest.approx(0.02)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * 0.005, rel=1e-3)
    assert (row["source"], row["protocol"], row["revision"]) == ("report", "5-shot", "r1")


def test_every_report_of_a_score_is_compared():
    reports = [{"source": name, "score": 0.4} for name in ("a", "b")]
    assert score_gaps(scores(MEASURED, *reports))["source"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    ("measured", "error", "large"),
    [(0.52, 0.001, False), (0.56, 0.001, True), (0.44, 0.001, True), (0.56, 0.1, False)],
    ids=["within 3 points", "above", "below", "chance explains it"],
)
def test_a_gap_is_large_from_3_points_on_if_chance_does_not_explain_it(measured, error, large):
    table = score_gaps(scores(MEASURED | {"score": measured, "std_error": error}, {"score": 0.5}))
    assert table["is_large"].to_list() == [large]


@pytest.mark.parametrize(("measured", "large"), [(0.03, True), (0.0299, False)])
def test_three_points_are_just_large(measured, large):
    ours = MEASURED | {"score": measured, "std_error": 0.001}
    table = score_gaps(scores(ours, {"score": 0.0, "std_error": 0.001}))
    assert table["is_large"].to_list() == [large]


@pytest.mark.parametrize(("models", "verdict"), [(6, "ok"), (5, "insufficient")])
def test_five_other_models_say_what_gap_is_usual(models, verdict):
    rows = [row for n in range(models) for row in rewritten(f"org/{n}", 0.6, 0.5)]
    table = contamination(scores(*rows))
    assert set(table["verdict"]) == {verdict}
    assert (table["median_gap"].null_count() == 0) == (verdict == "ok")


def test_other_protocols_are_not_compared():
    assert score_gaps(scores(MEASURED, {"is_paper_protocol": False})).is_empty()
    assert score_gaps(scores(MEASURED | {"is_paper_protocol": False}, {})).is_empty()


@pytest.mark.parametrize(
    ("benchmark", "protocol", "is_compared"),
    [
        ("MMLU-Pro", "5-shot em CoT", True),
        ("MMLU-Pro", "5-shot logprobs", False),
        ("GSM8K", "8-shot em", True),
        ("GSM8K", "5-shot em", False),
        ("AGIEval", "5-shot em", False),
    ],
)
def test_benchmarks_beside_the_suite_are_compared_under_the_protocols_that_are_pooled(
    benchmark, protocol, is_compared
):
    beside = {"benchmark": benchmark, "is_paper_protocol": False}
    ours = MEASURED | beside | {"is_in_force": True}
    table = score_gaps(scores(ours, beside | {"protocol": protocol, "score": 0.45}))
    assert table.height == is_compared
    assert score_gaps(
        scores(ours | {"is_in_force": False}, beside | {"protocol": protocol})
    ).is_empty()


def rewritten(model: str, score: float, cf: float) -> list[dict]:
    of_model = MEASURED | {"model_id": model}
    return [
        of_model | {"score": score, "std_error": 0.003},
        of_model
        | {"benchmark": "MMLU-CF", "score": cf, "std_error": 0.004, "is_paper_protocol": False},
    ]


def test_the_contamination_gap_adds_the_errors_of_two_sets_of_items():
    table = contamination(scores(*rewritten("org/a", 0.6, 0.5)))
    row = CONTAMINATION.validate(table).row(0, named=True)
    assert row["gap"] == pytest.approx(0.1)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * 0.005, rel=1e-3)
    assert (row["verdict"], row["excess"]) == ("insufficient", None)


def test_a_gap_all_models_have_is_no_sign_of_contamination():
    honest = [row for n in range(6) for row in rewritten(f"org/{n}", 0.6, 0.5)]
    table = contamination(scores(*honest, *rewritten("org/memorised", 0.9, 0.5)))
    excess = dict(table.select("model_id", "excess").rows())
    assert excess["org/memorised"] == pytest.approx(0.3)
    assert excess["org/0"] == pytest.approx(0)
    assert set(table["verdict"]) == {"ok"}


def test_only_the_same_weights_and_suite_are_compared():
    original, other = rewritten("org/a", 0.6, 0.5)
    for change in ({"revision": "r2"}, {"suite_version": "v2"}, {"item_limit": 10}):
        assert contamination(scores(original, other | change)).is_empty()
    reported = {"source_kind": "reported", "revision": None}
    assert contamination(scores(original | reported, other)).is_empty()


def test_without_measurements_both_tables_are_empty_and_valid():
    assert SCORE_GAPS.validate(score_gaps(scores({}))).is_empty()
    assert CONTAMINATION.validate(contamination(scores({}))).is_empty()
