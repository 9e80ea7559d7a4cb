"""One score per model and benchmark: the mean of independent reports, with the error of sources."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.benchmarks import POOLED
from densing_pipeline.density.pooled_scores import (
    FAR,
    FEWEST_SHARED_MODELS,
    pooled_scores,
    source_effects,
)
from densing_pipeline.density.score_conflicts import score_conflicts
from densing_pipeline.density.score_sets import benchmark_scores, score_sets
from densing_pipeline.evaluation import reported_scores
from densing_pipeline.tables.published import (
    POOLED_SCORES,
    SCORE_CONFLICTS,
    SCORES,
    SOURCE_EFFECTS,
)


def scores(*rows: dict) -> pl.DataFrame:
    usual = {
        "model_id": "org/model", "benchmark": "MMLU", "protocol": "5-shot acc", "score": 0.5,
        "is_paper_protocol": True, "source_kind": "reported", "source": "report",
        "scored_by": "rival", "observed_at": date(2026, 1, 1),
    }  # fmt: skip
    return SCORES.cast(pl.DataFrame([usual | row for row in rows], infer_schema_length=None))


def pooled(*rows: dict) -> dict:
    [row] = POOLED_SCORES.validate(pooled_scores(scores(*rows))).to_dicts()
    return row


def of(*values: float, **more: object) -> list[dict]:
    return [{"score": value, "source": f"source {i}", **more} for i, value in enumerate(values)]


def test_independent_reports_are_averaged():
    row = pooled(*of(0.5, 0.6, 0.55))
    assert row["score"] == pytest.approx(0.55)
    assert (row["n_sources"], row["score_low"], row["score_high"]) == (3, 0.5, 0.6)
    assert row["sources"] == "source 0; source 1; source 2"


def test_the_order_of_rows_decides_nothing():
    rows = of(0.5, 0.6, 0.6304, 0.9)
    assert pooled(*rows) == pooled(*reversed(rows))


def test_equal_numbers_are_one_measurement_however_often_repeated():
    assert pooled(*of(0.6, 0.6, 0.6, 0.5))["score"] == pytest.approx(0.55)
    assert pooled(*of(0.6012, 0.6017))["n_sources"] == 1, "the same number with four digits"
    assert pooled(*of(0.6012, 0.6018))["n_sources"] == 2


def whole_per_cents(*values: float) -> list[dict]:
    """Numbers on other benchmarks from the document of the first source, under any protocol."""
    names = ("HellaSwag", "GSM8K", "ARC-C", "GPQA")
    return [
        {"score": value, "benchmark": name, "source": "source 0", "is_paper_protocol": False}
        for name, value in zip(names, values, strict=False)
    ]


@pytest.mark.parametrize(
    ("others", "n_sources"),
    [
        ((), 2),
        ((0.61,), 2),
        ((0.61, 0.42), 1),
        ((0.61, 0.42, 0.55), 1),
        ((0.61, 0.425), 2),
        ((0.78, 0.78, 0.61), 2),
    ],
)
def test_a_number_is_of_two_digits_if_all_of_its_document_are(others, n_sources):
    """65.0 may stand beside the rounding of another number by chance; of three numbers none would be .0."""
    row = pooled(*of(0.78, 0.78069), *whole_per_cents(*others))
    assert row["n_sources"] == n_sources
    assert row["score"] == (0.78069 if n_sources == 1 else pytest.approx(0.780345))


def test_a_number_of_two_digits_is_the_rounding_of_a_longer_one_up_to_half_a_per_cent():
    whole = whole_per_cents(0.61, 0.42)
    assert pooled(*of(0.78, 0.785), *whole)["n_sources"] == 1
    assert pooled(*of(0.78, 0.7851), *whole)["n_sources"] == 2
    assert pooled(*of(0.775, 0.78), *whole)["n_sources"] == 2, "0.775 is not the coarse one"


def test_what_a_document_says_of_other_models_says_nothing_of_its_digits():
    others = [row | {"model_id": "org/other"} for row in whole_per_cents(0.61, 0.42, 0.55)]
    found = pooled_scores(scores(*of(0.78, 0.78069), *others)).filter(model_id="org/model")
    assert found["n_sources"].to_list() == [2]


def test_values_that_follow_each_other_in_time_are_one_document():
    """Of a source with two protocols one counts, also when one of them was revised."""
    direct = {"benchmark": "BBH", "protocol": "3-shot em", "score": 0.5, "source": "board"}
    cot = direct | {"protocol": "3-shot em CoT", "score": 0.6, "known_from": date(2026, 2, 1)}
    row = pooled(direct, cot | {"source": "board, 2026-02-01"})
    assert (row["score"], row["n_sources"], row["sources"]) == (0.6, 1, "board, 2026-02-01")
    assert pooled(direct, cot | {"source": "board, 2026-02-02"})["n_sources"] == 2


def test_a_quoted_number_is_no_measurement():
    row = pooled({"score": 0.5}, {"score": 0.7, "source": "other", "scored_by": "quote"})
    assert (row["score"], row["n_sources"]) == (0.5, 1)


def test_rows_of_low_confidence_are_left_out():
    low = {"score": 0.7, "source": "other", "source_confidence": "low"}
    assert pooled({"score": 0.5}, low)["score"] == 0.5
    assert pooled_scores(scores(low)).is_empty()
    assert pooled(low | {"source_confidence": "medium"})["score"] == 0.7


def test_other_protocols_and_the_papers_figure_do_not_enter():
    assert pooled_scores(scores({"is_paper_protocol": False})).is_empty()
    assert pooled_scores(scores({"source_kind": "figure", "benchmark": "AVERAGE"})).is_empty()
    assert pooled_scores(scores({"score": float("nan")})).is_empty()


@pytest.mark.parametrize(
    ("benchmark", "protocol", "counts"),
    [
        ("GSM8K", "8-shot em", True),
        ("GSM8K", "4-shot em CoT", True),
        ("GSM8K", "5-shot em", False),
        ("MMLU-Pro", "5-shot em CoT", True),
        ("MMLU-Pro", "5-shot logprobs", False),
        ("C-Eval", "5-shot acc", True),
        ("AGIEval", "0-shot em", False),
    ],
)
def test_a_benchmark_outside_the_suite_counts_under_its_own_protocol(benchmark, protocol, counts):
    row = {"benchmark": benchmark, "protocol": protocol, "is_paper_protocol": False}
    assert pooled_scores(scores(row)).height == counts


def test_a_benchmark_outside_the_suite_is_in_no_average():
    row = {"benchmark": "GSM8K", "protocol": "8-shot em", "is_paper_protocol": False}
    assert score_sets(scores(row)).is_empty()
    assert benchmark_scores(scores(row)).is_empty()


def test_of_one_source_the_score_with_chain_of_thought_counts():
    same = {"benchmark": "BBH"}
    row = pooled(
        same | {"protocol": "3-shot em", "score": 0.5},
        same | {"protocol": "3-shot em CoT", "score": 0.6},
    )
    assert (row["score"], row["n_sources"]) == (0.6, 1)


def test_a_report_far_below_the_others_is_not_believed():
    row = pooled(*of(0.6, 0.62, 0.61 - FAR - 0.001))
    assert row["score"] == pytest.approx(0.61)
    assert "source 2: 0.409 is 0.201 below the median of the others" in row["left_out"]
    just_inside = pooled(*of(0.6, 0.62, 0.61 - FAR + 0.001))
    assert just_inside["n_sources"] == 3
    assert just_inside["left_out"] is None


def test_a_report_far_above_the_others_is_not_believed_either():
    """An instruct model's score under a base model's name, such as Llama-3.2-3B's GSM8K of .672."""
    row = pooled(*of(0.25, 0.27, 0.672))
    assert row["score"] == pytest.approx(0.26)
    assert "above the median" in row["left_out"]


def test_of_two_reports_far_apart_the_lower_is_left_out():
    row = pooled(*of(0.289, 0.824))
    assert row["score"] == 0.824
    assert row["left_out"] == "source 0: 0.289 is 0.535 below the only other"
    assert pooled(*of(0.5, 0.5 + FAR - 0.001))["n_sources"] == 2


def test_if_nobody_agrees_nobody_is_singled_out():
    for values in ((0.1, 0.5, 0.9), (0.0, 0.3, 0.6, 0.9)):
        row = pooled(*of(*values))
        assert (row["n_sources"], row["left_out"]) == (len(values), None)
        assert row["score"] == pytest.approx(sum(values) / len(values))


def test_a_measured_score_goes_before_all_reports():
    ours = {"source_kind": "measured", "source": "us", "score": 0.4, "scored_by": None}
    row = pooled(*of(0.6, 0.62), ours)
    assert (row["score"], row["source_kind"], row["source_std_error"]) == (0.4, "measured", None)


def test_documents_of_one_team_are_one_source():
    team = {"publisher": "team"}
    row = pooled(*of(0.5, 0.6, **team), {"score": 0.65, "source": "other", "publisher": "other"})
    assert row["score"] == pytest.approx((0.55 + 0.65) / 2)
    assert (row["n_sources"], row["n_documents"]) == (2, 3)
    assert row["sources"] == "other; source 0; source 1"
    apart = pooled(*of(0.5, 0.6), {"score": 0.65, "source": "other"})
    assert (apart["n_sources"], apart["n_documents"]) == (3, 3)


def test_many_documents_of_one_team_do_not_outvote_another_team():
    """A harness that does not recognise answers, used in three reports, is still one source."""
    broken = of(0.28, 0.29, 0.3, publisher="team")
    row = pooled(*broken, {"score": 0.8, "source": "other", "publisher": "other"})
    assert (row["score"], row["n_sources"]) == (0.8, 1)
    assert row["left_out"] == ("source 0; source 1; source 2: 0.290 is 0.510 below the only other")


def test_a_document_far_from_the_same_teams_others_is_left_out_first():
    row = pooled(*of(0.29, 0.8, publisher="team"), {"score": 0.7, "source": "b", "publisher": "b"})
    assert row["score"] == pytest.approx(0.75)
    assert row["left_out"] == "source 0: 0.290 is 0.510 below the only other"


def test_documents_of_one_team_say_nothing_about_the_disagreement_of_sources():
    rows = [
        {"model_id": f"org/{model}", "score": 0.5 + 0.02 * document, "source": f"report {document}",
         "publisher": "team"}
        for model in range(FEWEST_SHARED_MODELS) for document in range(2)
    ]  # fmt: skip
    [row] = source_effects(scores(*rows)).filter(benchmark="MMLU").to_dicts()
    assert (row["n_models"], row["between_source_std"]) == (0, None)
    two = scores(*(row | {"publisher": row["source"]} for row in rows))
    [row] = source_effects(two).filter(benchmark="MMLU").to_dicts()
    assert (row["n_models"], row["n_scores"]) == (FEWEST_SHARED_MODELS, 2 * FEWEST_SHARED_MODELS)
    assert row["between_source_std"] == pytest.approx(0.02 / 2**0.5)


def several(n: int, *, premium: float = 0.0, spread: float = 0.0, seed: int = 0) -> pl.DataFrame:
    """N models scored by their maker and by two rivals."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in range(n):
        for source, by in enumerate(("maker", "rival", "rival")):
            error = rng.normal(0, spread) + premium * (by == "maker")
            rows.append(
                {
                    "model_id": f"org/{model}", "score": 0.5 + error, "source": f"source {source}",
                    "scored_by": by,
                }
            )  # fmt: skip
    return scores(*rows)


def test_the_disagreement_of_sources_is_recovered():
    [row] = source_effects(several(400, spread=0.03)).filter(benchmark="MMLU").to_dicts()
    assert row["between_source_std"] == pytest.approx(0.03, rel=0.06)
    assert row["between_source_std_low"] < 0.03 < row["between_source_std_high"]
    assert row["n_models"] == 400
    assert 1150 < row["n_scores"] <= 1200, "chance makes a few numbers equal"


def test_the_makers_premium_is_recovered():
    [row] = (
        source_effects(several(400, spread=0.01, premium=0.05)).filter(benchmark="MMLU").to_dicts()
    )
    assert row["maker_premium"] == pytest.approx(0.05, abs=0.003)
    assert 0.04 < row["maker_premium_low"] < row["maker_premium_high"] < 0.06


def test_few_models_say_nothing_about_sources():
    effects = SOURCE_EFFECTS.validate(
        source_effects(several(FEWEST_SHARED_MODELS - 1, spread=0.03))
    )
    [row] = effects.filter(benchmark="MMLU").to_dicts()
    assert row["between_source_std"] is None
    assert row["reason"] == "models scored by several sources: 4, needed: 5"
    enough = source_effects(several(FEWEST_SHARED_MODELS, spread=0.03)).filter(benchmark="MMLU")
    assert enough["between_source_std"].item() > 0
    assert effects["benchmark"].to_list() == sorted(POOLED)


def test_the_error_of_a_score_holds_items_sources_and_the_makers_premium():
    known = several(50, spread=0.03, premium=0.05)
    [effects] = source_effects(known).filter(benchmark="MMLU").to_dicts()
    both = pl.concat([known, scores({"model_id": "org/alone", "score": 0.6, "scored_by": "maker"})])
    rows = {row["model_id"]: row for row in pooled_scores(both, source_effects(known)).to_dicts()}
    alone, three = rows["org/alone"], rows["org/0"]
    tau, premium = effects["between_source_std"], effects["maker_premium"]
    assert alone["source_std_error"] == pytest.approx((tau**2 + premium**2) ** 0.5)
    assert three["source_std_error"] == pytest.approx(tau / 3**0.5)
    for row in (alone, three):
        total = (row["item_std_error"] ** 2 + row["source_std_error"] ** 2) ** 0.5
        assert row["std_error"] == pytest.approx(total)


def test_later_models_do_not_change_the_score_of_earlier_ones():
    """No rule looks at other models: what a source covers later decides nothing today."""
    every = reported_scores.scores(
        facts.load("reported_scores"),
        facts.load("nmi_models"),
        facts.load("base_models"),
        facts.load("score_documents"),
    )
    early = facts.load("base_models").filter(pl.col("release_date") <= date(2024, 6, 30))[
        "model_id"
    ]
    then = pooled_scores(every.filter(pl.col("model_id").is_in(early.implode())))
    now = pooled_scores(every).filter(pl.col("model_id").is_in(early.implode()))
    columns = ["model_id", "benchmark", "score", "n_sources", "sources", "left_out"]
    assert then.select(columns).equals(now.select(columns))
    assert then.height > 200


def test_sources_more_than_20_points_apart_are_named_with_the_one_in_use():
    rows = scores(*of(0.289, 0.824, benchmark="BBH", protocol="3-shot em CoT"))
    [row] = SCORE_CONFLICTS.validate(score_conflicts(rows, pooled_scores(rows))).to_dicts()
    assert (row["source_low"], row["source_high"], row["score"]) == ("source 0", "source 1", 0.824)
    assert row["gap"] == pytest.approx(0.535)
    assert "not believed: source 0" in row["reason"]
    agreeing = scores(*of(0.5, 0.5 + FAR))
    assert score_conflicts(agreeing, pooled_scores(agreeing)).is_empty()


def test_a_conflict_between_protocols_says_so():
    rows = scores(
        {"score": 0.5},
        {"score": 0.8, "source": "b", "protocol": "0-shot acc", "is_paper_protocol": False},
    )
    [row] = score_conflicts(rows, pooled_scores(rows)).to_dicts()
    assert row["reason"] == (
        "the high one is not used: '0-shot acc' is another protocol; used is the one source left"
    )
    neither = rows.with_columns(is_paper_protocol=pl.lit(value=False))
    [row] = score_conflicts(neither, pooled_scores(neither)).to_dicts()
    assert row["score"] is None
    assert row["reason"].startswith("neither is used")


def test_a_conflict_on_a_compared_benchmark_says_which_protocol_counts():
    gsm8k = {"benchmark": "GSM8K", "is_paper_protocol": False}
    rows = scores(
        {"score": 0.6, "protocol": "8-shot em"} | gsm8k,
        {"score": 0.2, "source": "b", "protocol": "5-shot em"} | gsm8k,
    )
    [row] = score_conflicts(rows, pooled_scores(rows)).to_dicts()
    assert row["score"] == 0.6
    assert row["reason"] == (
        "the low one is not used: '5-shot em' is another protocol; used is the one source left"
    )
    neither = rows.with_columns(protocol=pl.lit("5-shot em"))
    [row] = score_conflicts(neither, pooled_scores(neither)).to_dicts()
    assert row["score"] is None
    assert row["reason"].startswith("neither is used")


CLAIMED = {
    "source_kind": "claimed",
    "source": "Hugging Face Hub, model-index",
    "scored_by": "maker",
}


@pytest.mark.parametrize("kind", ["reported", "measured"])
def test_a_claim_counts_only_where_there_is_nothing_else(kind):
    claim = {"score": 0.9} | CLAIMED
    alone = pooled(claim)
    assert (alone["score"], alone["source_kind"], alone["n_sources"]) == (0.9, "claimed", 1)
    other = {"score": 0.5, "source_kind": kind}
    assert pooled(claim, other) == pooled(other)
    low = {"score": 0.5, "source_confidence": "low"}
    assert pooled(claim, low)["score"] == 0.9


def test_claims_say_nothing_of_how_far_reports_disagree():
    rows = [
        row | {"model_id": f"org/{n}"} for n in range(FEWEST_SHARED_MODELS) for row in of(0.5, 0.6)
    ]
    claims = [
        {"model_id": "org/new", "score": score, "protocol": protocol}
        | CLAIMED
        | {"source": protocol}
        for score, protocol in ((0.1, "5-shot acc"), (0.2, "5-shot em"))
    ]
    assert source_effects(scores(*rows, *claims)).equals(source_effects(scores(*rows)))


def test_a_conflict_of_reports_that_do_not_count_says_that_a_claim_is_used():
    rows = scores(*of(0.3, 0.8, source_confidence="low"), {"score": 0.6} | CLAIMED)
    [row] = score_conflicts(rows, pooled_scores(rows)).to_dicts()
    assert (row["score"], row["reason"]) == (
        0.6,
        "neither is used: no report counts, so what the model's repository claims does",
    )


@pytest.mark.parametrize("benchmark", ["MMLU", "MMLU-Pro", "GSM8K"])
@pytest.mark.parametrize(("is_in_force", "expected"), [(True, 0.62), (False, 0.5), (None, 0.5)])
def test_our_measurement_goes_before_reports_where_it_is_under_the_suite_in_force(
    benchmark, is_in_force, expected
):
    is_papers = benchmark == "MMLU"
    report = {"protocol": "8-shot em" if benchmark == "GSM8K" else "5-shot em"}
    ours = {
        "score": 0.62, "source_kind": "measured", "source": "densing-pipeline", "scored_by": None,
        "protocol": f"{benchmark} 5-shot exact match; suite 1a2b", "suite_version": "1a2b",
        "is_paper_protocol": is_papers and bool(is_in_force), "is_in_force": is_in_force,
    }  # fmt: skip
    shared = {"benchmark": benchmark, "is_paper_protocol": is_papers}
    assert pooled(shared | report, shared | ours)["score"] == expected


def test_a_release_of_before_measurements_told_their_suite_is_pooled_as_it_was():
    before = scores(*of(0.5, 0.6)).drop("is_in_force")
    assert pooled_scores(before).equals(pooled_scores(scores(*of(0.5, 0.6))))
