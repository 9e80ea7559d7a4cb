"""Where the suite judges answers otherwise than lm-eval 0.4.13, and what that changes."""

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from densing_pipeline.evaluation.math_judge import MathJudge
from densing_pipeline.evaluation.requests import GenerateResult
from densing_pipeline.evaluation.scoring import Item, Judges
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.benchmark import Benchmark
from densing_pipeline.evaluation.suite.gsm8k import GSM8K
from densing_pipeline.evaluation.suite.mathematics import MATH_500
from densing_pipeline.evaluation.suite.mmlu_pro import MMLU_PRO
from densing_pipeline.evaluation.suite.nq_open import NQ_OPEN
from densing_pipeline.evaluation.suite.trivia_qa import TRIVIA_QA

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


BBH_FORMS = {
    "So the answer is {}.": (True, True),
    "So the answer is {}": (False, True),
    "The answer is {}.": (False, True),
    "So the answer is: {}.": (False, True),
    "So the answer is **{}**.": (False, True),
    "So the answer is {}, because of this.": (False, True),
    "{}": (False, False),
    "So it must be {}.": (False, False),
}
"""Ways to say that an option is the answer, and whether lm-eval and we count them."""


@pytest.mark.parametrize(("form", "counts"), BBH_FORMS.items())
def test_bbh_options_in_the_words_of_base_models(
    task: Tasks, items: Items, form: str, counts: tuple[bool, bool]
) -> None:
    """All questions with options; where the graders differ, the answer is right and ours says so."""
    from lm_eval.filters.extraction import RegexFilter

    steps = task("bbh_cot_fewshot_snarks").config.filter_list[0]["filter"]
    theirs = RegexFilter(steps[0]["regex_pattern"])
    ours = [item for item in items("BBH") if re.fullmatch(r"\([A-Z]\)", item.reference)]
    assert len(ours) == 4071
    texts = [form.format(item.reference) for item in ours]
    found = theirs.apply([[text] for text in texts], [{}] * len(texts))
    there = {answer == item.reference for (answer,), item in zip(found, ours, strict=True)}
    here = {
        BBH.score(item, written(text)).score == 1 for item, text in zip(ours, texts, strict=True)
    }
    assert (there, here) == ({counts[0]}, {counts[1]})


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


def judged_by_lm_eval(theirs: Any, docs: list[Any], texts: list[str]) -> list[float]:
    """Scores of one text a document by lm-eval's first filter and its metric."""
    from lm_eval.api.instance import Instance

    asked = [
        Instance("generate_until", doc, ("", {}), 0, resps=[text])
        for doc, text in zip(docs, texts, strict=True)
    ]
    theirs._filters[0].apply(asked)
    return [
        theirs.process_results(each.doc, [each.filtered_resps[theirs._filters[0].name]])[
            "exact_match"
        ]
        for each in asked
    ]


def differing(
    benchmark: Benchmark, theirs: Any, ours: list[Item], words: Callable[[Item, Item], list[str]]
) -> list[tuple[str, str, float, float | None]]:
    """Answers that lm-eval's grader and ours judge differently, with both scores.

    Args:
        benchmark: the declaration.
        theirs: lm-eval's task.
        ours: items in the order of its documents.
        words: answers to an item, made of it and of the item before it.
    """
    answers = [
        (item, doc, text)
        for item, before, doc in zip(ours, [ours[-1], *ours[:-1]], theirs.eval_docs, strict=True)
        for text in words(item, before)
    ]
    assert len(answers) >= 500
    there = judged_by_lm_eval(
        theirs, [doc for _, doc, _ in answers], [text for *_, text in answers]
    )
    here = [benchmark.score(item, written(text)).score for item, _, text in answers]
    assert {0.0, 1.0} <= set(here)
    return [
        (item.item_id, text, a, b)
        for (item, _, text), a, b in zip(answers, there, here, strict=True)
        if a != b
    ]


def test_numbers_of_gsm8k_are_judged_as_by_lm_eval(task: Tasks, items: Items) -> None:
    def words(item: Item, before: Item) -> list[str]:
        number = item.reference
        return [
            item.loss.answer, before.loss.answer, f" #### {number}.", f" ####{number}", f" #### ${number}",
            f" The answer is {number}", f" #### {number}.00", f" #### -{number}", f" #### {number},",
            f" #### {number}\n\n#### 7", f" 7 #### apples\n#### {number} apples", "", " #### ",
        ]  # fmt: skip

    assert differing(GSM8K, task("gsm8k"), items("GSM8K"), words) == []


def test_letters_of_mmlu_pro_are_judged_as_by_lm_eval(task: Tasks, items: Items) -> None:
    def words(item: Item, before: Item) -> list[str]:
        right, other = item.reference, before.reference
        return [
            f" It is so. The answer is ({right}).", f" the answer is {right}", f" The answer is: ({right})",
            f" The answer is ({other}).", f" The answer is ({other}). No, the answer is ({right}).",
            f" So the answer is because of it.\nThe answer is ({right})", f" ({right})", "", f" answer is (({right}))",
        ]  # fmt: skip

    every = items("MMLU-Pro")
    theirs = {subject: task(f"mmlu_pro_{subject}") for subject in {item.subject for item in every}}
    docs = [
        doc
        for subject in dict.fromkeys(item.subject for item in every)
        for doc in theirs[subject].eval_docs
    ]
    together = SimpleNamespace(
        eval_docs=docs,
        _filters=theirs["math"]._filters,
        process_results=theirs["math"].process_results,
    )
    assert differing(MMLU_PRO, together, every, words) == []


@pytest.mark.parametrize(
    ("benchmark", "task_name"), [(TRIVIA_QA, "triviaqa"), (NQ_OPEN, "nq_open")]
)
def test_recalled_names_are_judged_as_by_lm_eval(
    task: Tasks, items: Items, benchmark: Benchmark, task_name: str
) -> None:
    def words(item: Item, before: Item) -> list[str]:
        name = json.loads(item.reference)[-1]
        return [
            f" {name}", f" {name.upper()}", f"{name}!", f" \"{name}\"  ", f" The {name}", f" an {name} ", f" {name} too",
            f" {json.loads(before.reference)[0]}", "", " the ", f"\u00a0{name}\u2019",
        ]  # fmt: skip

    assert differing(benchmark, task(task_name), items(benchmark.name), words) == []


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
