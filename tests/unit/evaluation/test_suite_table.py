"""How the suite asks is published, so that a score can be told with all it rests on."""

import json

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.suite_table import suite_benchmarks
from densing_pipeline.tables.published import SUITE_BENCHMARKS


def rows():
    frame = SUITE_BENCHMARKS.validate(suite_benchmarks(suite.SUITE, suite.version()))
    return {row["benchmark"]: row for row in frame.iter_rows(named=True)}


def test_every_benchmark_in_force_has_a_row_of_its_version():
    assert {name: row["benchmark_version"] for name, row in rows().items()} == {
        each.name: each.version for each in suite.SUITE
    }


def test_a_row_says_how_answers_are_asked_for_and_judged():
    gsm8k = rows()["GSM8K"]
    assert (gsm8k["dataset_id"], gsm8k["question_split"], gsm8k["n_questions"]) == (
        "openai/gsm8k",
        "test",
        1319,
    )
    assert gsm8k["dataset_revision"].startswith("740312a")
    assert (gsm8k["shots"], gsm8k["request_kind"], gsm8k["metric_used"]) == (
        5,
        "generate",
        "normalised match",
    )
    assert json.loads(gsm8k["stop_texts"]) == ["Question:", "</s>", "<|im_end|>"]
    assert (gsm8k["token_budget"], gsm8k["guessing_score"], gsm8k["question_licence"]) == (
        512,
        0,
        "MIT",
    )


def test_what_a_benchmark_has_not_is_empty():
    mmlu, texts = rows()["MMLU"], rows()["fresh-text"]
    assert (mmlu["stop_texts"], mmlu["token_budget"]) == (None, None)
    assert (texts["question_split"], texts["n_questions"], texts["shots"]) == (None, None, 0)
    assert texts["dataset_id"].startswith("Jellyfish042/UncheatableEval-")
