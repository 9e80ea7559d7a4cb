"""Rules that the facts keep to, each on both sides of its edge."""

import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.facts import score_rules
from densing_pipeline.facts.consistency import check
from densing_pipeline.tables.schemas import TableError


def changed(**values: object) -> pl.DataFrame:
    """The bundled scores, the first under the paper's MMLU protocol changed."""
    scores = facts.load("reported_scores")
    first = scores.with_row_index("row").filter(benchmark="MMLU", is_paper_protocol=True)["row"][0]
    at = pl.int_range(pl.len()) == first
    return scores.with_columns(
        pl.when(at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_the_bundled_facts_keep_to_the_rules():
    scores, models = facts.load("reported_scores"), facts.load("base_models")
    score_rules.check_scores(scores)
    score_rules.check_models(models)
    assert scores.height > 3600
    assert models.height > 280


@pytest.mark.parametrize(
    "protocol",
    [
        "5-shot acc, prompt changed",
        "five shots",
        "5 shot acc",
        "",
        "5-shot acc (lm-eval",
        "acc 5-shot",
    ],
)
def test_a_protocol_outside_the_vocabulary_is_refused(protocol):
    with pytest.raises(TableError, match="write shots, metric, prompting"):
        check("reported_scores", changed(protocol=protocol, is_paper_protocol=False), facts.load)


@pytest.mark.parametrize(
    "protocol",
    [
        "acc, shots not stated",
        "5-shot acc (lm-eval)",
        "0-shot pass@1 of 10 samples",
        "3/5-shot em CoT (English)",
    ],
)
def test_what_the_vocabulary_can_say_is_taken(protocol):
    taken = check(
        "reported_scores", changed(protocol=protocol, is_paper_protocol=False), facts.load
    )
    assert protocol in taken["protocol"]


@pytest.mark.parametrize(
    ("benchmark", "protocol"),
    [
        ("MMLU", "acc, shots not stated"),
        ("MMLU", "5-shot acc (lm-eval)"),
        ("MMLU", "0-shot acc"),
        ("GSM8K", "5-shot em"),
    ],
)
def test_only_the_papers_shots_and_metric_are_the_papers_protocol(benchmark, protocol):
    with pytest.raises(TableError, match="set is_paper_protocol to false"):
        check("reported_scores", changed(benchmark=benchmark, protocol=protocol), facts.load)


def test_rows_of_a_data_set_without_a_licence_stay_out():
    with pytest.raises(TableError, match="without a licence the row must stay out"):
        check("reported_scores", changed(licence_basis="none stated"), facts.load)
    check("reported_scores", changed(licence_basis="CC-BY-4.0"), facts.load)


def maths(values: list[float], benchmark: str = "MATH") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "model_id": [f"org/{i}" for i in range(len(values))],
            "benchmark": benchmark,
            "protocol": "4-shot em",
            "is_paper_protocol": True,
            "score": values,
            "scored_by": "rival",
            "source": "report",
            "licence_basis": "fact",
        }
    )


def test_math_500_under_the_name_of_math_is_refused():
    steps = [0.002 * k for k in (51, 93, 142, 177, 211, 246, 262, 291, 303, 312)]
    with pytest.raises(TableError, match="so it is MATH-500"):
        score_rules.check_scores(maths(steps))
    score_rules.check_scores(maths([*steps[:-1], 0.625]))
    score_rules.check_scores(maths(steps[:9]))
    score_rules.check_scores(
        maths(steps, "HumanEval").with_columns(protocol=pl.lit("0-shot pass@1"))
    )


def test_a_dense_model_uses_all_its_parameters():
    models = facts.load("base_models").with_columns(
        params_active=pl.when(~pl.col("is_moe"))
        .then(pl.col("params_total") - 1)
        .otherwise("params_active")
    )
    with pytest.raises(TableError, match="a dense model uses all its parameters"):
        check("base_models", models, facts.load)


def test_licences_are_written_as_the_hub_does():
    models = facts.load("base_models").with_columns(licence=pl.lit("Apache 2.0"))
    with pytest.raises(TableError, match=r"such as apache-2\.0"):
        check("base_models", models, facts.load)


def columns(*rival: float) -> pl.DataFrame:
    maker = [0.1, 0.2, 0.3, 0.4]
    return pl.DataFrame(
        {
            "model_id": "org/m",
            "benchmark": ["MMLU", "BBH", "MATH", "MBPP"][: len(rival)] * 2,
            "protocol": "p",
            "score": [*maker[: len(rival)], *rival],
            "scored_by": ["maker"] * len(rival) + ["rival"] * len(rival),
            "source": ["own report"] * len(rival) + ["their report"] * len(rival),
        }
    )


def test_a_column_equal_to_the_makers_is_pointed_out_as_a_quotation():
    [finding] = score_rules.review(columns(0.1, 0.2, 0.3, 0.5))
    assert finding.rule == "quotation"
    assert "their report gives 3 of 4 scores of org/m exactly as own report does" in finding.what
    assert score_rules.review(columns(0.1, 0.2, 0.35, 0.5)) == []


def test_one_number_of_one_maker_in_two_documents_is_pointed_out():
    rows = columns(0.1).with_columns(scored_by=pl.lit("maker"))
    [finding] = score_rules.review(rows)
    assert finding.rule == "repeated"
    assert "own report and in their report" in finding.what
