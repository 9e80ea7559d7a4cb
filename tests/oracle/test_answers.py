"""Where the suite judges answers otherwise than lm-eval 0.4.13, and what that changes."""

import pytest

from densing_pipeline.evaluation.math_judge import MathJudge
from densing_pipeline.evaluation.requests import GenerateResult
from densing_pipeline.evaluation.scoring import Judges
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.mathematics import MATH_500

from .conftest import EVERY, Items, Tasks

pytest.importorskip("lm_eval", reason="needs the evaluation environment: make evaluation-env-cpu")

pytestmark = pytest.mark.shared


def written(text: str) -> GenerateResult:
    """An answer as the engine hands it over."""
    return GenerateResult(text, truncated=False, prompt_tokens=1, completion_tokens=1)


@pytest.mark.parametrize(("end", "theirs_right"), [(".", 6511), ("", 0), (".\n", 6511)])
def test_bbh_answer_without_full_stop_is_right_with_us_only(
    task: Tasks, items: Items, end: str, theirs_right: int
) -> None:
    from lm_eval.filters.extraction import RegexFilter

    steps = task("bbh_cot_fewshot_snarks").config.filter_list[0]["filter"]
    theirs = RegexFilter(steps[0]["regex_pattern"])
    ours = items("BBH")
    texts = [f"First this, then that. So the answer is {item.reference}{end}" for item in ours]
    found = [answers[0] for answers in theirs.apply([[text] for text in texts], [{}] * len(texts))]
    assert sum(a == item.reference for a, item in zip(found, ours, strict=True)) == theirs_right
    assert all(
        BBH.score(item, written(text)).score == 1 for item, text in zip(ours, texts, strict=True)
    )


@EVERY
def test_math_answers_are_judged_as_lm_eval_does_with_math_verify(
    task: Tasks, items: Items, every: int
) -> None:
    theirs, ours = task("minerva_math500"), items("MATH-500")
    docs = list(theirs.test_docs())
    differ = []
    with MathJudge() as judge:
        for number in range(0, len(ours), every):
            for other in (ours[number], ours[number - 1]):
                assert other.loss
                answer = written(other.loss.answer)
                here = MATH_500.score(ours[number], answer, Judges(maths=judge)).score
                there = theirs.process_results(docs[number], [answer.text])["math_verify"]
                if here != there:
                    differ.append((number, other.item_id, here, there))
    assert differ == []


def test_a_program_whose_tests_need_their_setup_can_be_right_with_us_only(
    task: Tasks, items: Items
) -> None:
    theirs = task("mbpp")
    differ = [
        item.item_id
        for item, doc in zip(items("MBPP"), theirs.test_docs(), strict=True)
        if item.reference != str(theirs.doc_to_target(doc)).strip()
    ]
    assert differ == ["367"]


def test_seven_bbh_answers_cannot_be_written_under_lm_evals_stops(
    task: Tasks, items: Items
) -> None:
    theirs = task("bbh_cot_fewshot_reasoning_about_colored_objects").config.generation_kwargs
    ours = items("BBH")
    cut = [item.subject for item in ours if any(stop in item.reference for stop in theirs["until"])]
    assert cut == ["reasoning_about_colored_objects"] * 7
    assert not any(stop in item.reference for item in ours for stop in BBH.stops)
