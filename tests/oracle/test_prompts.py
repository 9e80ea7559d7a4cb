"""The suite puts its questions to the byte as lm-eval 0.4.13 does, on all items there are."""

import json
from typing import Any

import pytest

from densing_pipeline.evaluation.requests import ChoiceRequest, GenerateRequest
from densing_pipeline.evaluation.scoring import Item
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.gsm8k import EXAMPLE_SEED
from densing_pipeline.evaluation.suite.mmlu import MMLU

from .conftest import EVERY, Items, Tasks

pytest.importorskip("lm_eval", reason="needs the evaluation environment: make evaluation-env-cpu")

pytestmark = pytest.mark.shared


def contexts(task: Any, every: int = 1) -> list[str]:
    """Prompts of the questions of a task, with as many examples as it is set to."""
    shots, docs = task.config.num_fewshot or 0, list(task.eval_docs)
    return [str(task.fewshot_context(doc, shots)) for doc in docs[::every]]


def by_part(items: list[Item]) -> dict[str | None, list[Item]]:
    parts: dict[str | None, list[Item]] = {}
    for item in items:
        parts.setdefault(item.subject, []).append(item)
    return parts


@EVERY
def test_mmlu_prompts_and_references(task: Tasks, items: Items, every: int) -> None:
    for subject, ours in by_part(items("MMLU")).items():
        theirs = task(f"mmlu_{subject}")
        theirs.config.num_fewshot = MMLU.fewshot.shots  # lm-eval sets none
        assert [item.request.prompt for item in ours[::every]] == contexts(theirs, every), subject
        answers = [theirs.doc_to_choice(doc)[doc["answer"]] for doc in theirs.test_docs()]
        assert [item.reference for item in ours] == answers
        assert all(
            item.request.choices
            == tuple(theirs.config.target_delimiter + each for each in theirs.doc_to_choice({}))
            for item in ours
            if isinstance(item.request, ChoiceRequest)
        )


@EVERY
def test_bbh_prompts_and_references(task: Tasks, items: Items, every: int) -> None:
    parts = by_part(items("BBH"))
    assert len(parts) == len(BBH.splits[1].content) == 27
    for name, ours in parts.items():
        theirs = task(f"bbh_cot_fewshot_{name}")
        assert [item.request.prompt for item in ours[::every]] == contexts(theirs, every), name
        assert [item.reference for item in ours] == [
            theirs.doc_to_target(doc) for doc in theirs.test_docs()
        ]


@pytest.mark.parametrize(
    ("name", "task_name"),
    [("MATH-500", "minerva_math500"), ("HumanEval", "humaneval"), ("MBPP", "mbpp")],
)
def test_prompts_of_generated_answers(task: Tasks, items: Items, name: str, task_name: str) -> None:
    assert [item.request.prompt for item in items(name)] == contexts(task(task_name))


def test_gsm8k_prompts_and_examples(task: Tasks, items: Items) -> None:
    """All questions: their examples are drawn one question after the other."""
    theirs = task("gsm8k")
    theirs.set_fewshot_seed(EXAMPLE_SEED)
    assert [item.request.prompt for item in items("GSM8K")] == contexts(theirs)


def test_mmlu_pro_prompts_and_references(task: Tasks, items: Items) -> None:
    parts = by_part(items("MMLU-Pro"))
    assert len(parts) == 14
    for name, ours in parts.items():
        theirs = task(f"mmlu_pro_{name}")
        assert [item.request.prompt for item in ours] == contexts(theirs), name
        assert [item.reference for item in ours] == [doc["answer"] for doc in theirs.eval_docs]


@pytest.mark.parametrize(("name", "task_name"), [("TriviaQA", "triviaqa"), ("NQ-open", "nq_open")])
def test_prompts_and_references_of_questions_without_examples(
    task: Tasks, items: Items, name: str, task_name: str
) -> None:
    theirs, ours = task(task_name), items(name)
    assert [item.request.prompt for item in ours] == contexts(theirs)
    assert [json.loads(item.reference) for item in ours] == [
        theirs.doc_to_target(doc) for doc in theirs.eval_docs
    ]


def test_references_of_programs(task: Tasks, items: Items) -> None:
    theirs = task("humaneval")
    assert [item.reference for item in items("HumanEval")] == [
        theirs.doc_to_target(doc) for doc in theirs.test_docs()
    ]


@pytest.mark.parametrize(
    ("name", "task_name", "stops_theirs", "stops_ours", "tokens_theirs"),
    [
        ("BBH", "bbh_cot_fewshot_snarks", {"</s>", "Q"}, {"\nQ:"}, 1024),
        ("MATH-500", "minerva_math500", set(), set(), None),
        ("HumanEval", "humaneval", set(), {"\n@", "\n```"}, 1024),
        ("MBPP", "mbpp", set(), set(), None),
        ("MMLU-Pro", "mmlu_pro_math", set(), set(), 2048),
        ("GSM8K", "gsm8k", set(), set(), None),
        ("TriviaQA", "triviaqa", set(), set(), None),
        ("NQ-open", "nq_open", set(), set(), None),
    ],
)
def test_stops_and_budgets_differ_as_documented(
    task: Tasks,
    items: Items,
    name: str,
    task_name: str,
    stops_theirs: set[str],
    stops_ours: set[str],
    tokens_theirs: int | None,
) -> None:
    theirs = task(task_name).config.generation_kwargs
    request = items(name)[0].request
    assert isinstance(request, GenerateRequest)
    assert set(theirs["until"]) - set(request.stops) == stops_theirs
    assert set(request.stops) - set(theirs["until"]) == stops_ours
    assert theirs.get("max_gen_toks") == tokens_theirs
