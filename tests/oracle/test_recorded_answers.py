"""Answers that models wrote, published with benchmarks and models, judged by lm-eval's grader and by ours.

They are not kept here. With clones of the repositories (MIT) in one folder:

    export RECORDED_ANSWERS=<folder> PYTHONPATH=.
    .venv-evaluation/bin/python -m pytest --confcutdir=tests/oracle tests/oracle/test_recorded_answers.py

- `BIG-Bench-Hard` of suzgunmirac, commit 9ee07bd: code-davinci-002, a base model, on all questions of BBH with the
  suite's three worked examples;
- `grade-school-math` of openai, commit 3101c7d: four models on GSM8K, with the verdict of the benchmark's authors;
- `rho` of microsoft, commit 3296590: four models on MATH-500, two of them base models with Minerva's worked examples.
"""

import json
import os
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from densing_pipeline.evaluation.math_judge import MathJudge
from densing_pipeline.evaluation.requests import GenerateResult
from densing_pipeline.evaluation.scoring import Judges
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.gsm8k import GSM8K, MARK
from densing_pipeline.evaluation.suite.mathematics import MATH_500

from .conftest import Items, Tasks

pytest.importorskip("lm_eval", reason="needs the evaluation environment: make evaluation-env-cpu")
# Only half of this module is there where it was skipped itself.
from .test_answers import judged_by_lm_eval

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif("RECORDED_ANSWERS" not in os.environ, reason="needs RECORDED_ANSWERS"),
]

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def recorded(path: str) -> Path:
    """A file or folder of the clones."""
    return Path(os.environ["RECORDED_ANSWERS"], path)


def stopped(text: str, stops: tuple[str, ...]) -> str:
    """The text up to the first stop, as an engine ends it."""
    return text[: min((found for stop in stops if (found := text.find(stop)) >= 0), default=None)]


def test_answers_of_a_base_model_to_bbh(task: Tasks, items: Items) -> None:
    """12 of 6,511 verdicts differ; each time the answer is right and lm-eval does not see it."""
    folder = recorded("BIG-Bench-Hard/code-davinci-002-outputs/code-davinci-002-cot")
    of_task = defaultdict(list)
    for item in items("BBH"):
        of_task[str(item.subject)].append(item)
    verdicts: Counter[tuple[float, float | None]] = Counter()
    differ: Counter[tuple[str, str]] = Counter()
    for name, asked in of_task.items():
        file = folder / f"{name}_few_shot_template_0-255000.json"
        answers = json.loads(file.read_text())["outputs"]
        assert [each["target"].strip() for each in answers] == [item.reference for item in asked]
        theirs: Any = task(f"bbh_cot_fewshot_{name}")
        stops = tuple(theirs.config.generation_kwargs["until"])
        texts = [each["prediction"] for each in answers]
        there = judged_by_lm_eval(
            theirs, theirs.eval_docs, [stopped(each, stops) for each in texts]
        )
        for item, text, verdict in zip(asked, texts, there, strict=True):
            result = GenerateResult(stopped(text, BBH.stops), False, 1, 1)
            ours = BBH.score(item, result).score
            verdicts[verdict, ours] += 1
            if verdict != ours:
                cut = "Q" if "Q" in stopped(text, BBH.stops) else "no full stop"
                differ[name, cut] += 1
    assert verdicts == {(1, 1): 4804, (0, 0): 1695, (0, 1): 12}
    assert differ == {
        ("reasoning_about_colored_objects", "Q"): 7,
        ("formal_fallacies", "Q"): 2,
        ("dyck_languages", "no full stop"): 3,
    }


def test_answers_of_four_models_to_gsm8k(task: Tasks, items: Items) -> None:
    """All graders agree on 5,276 answers, with our form of the last line."""
    rows = [
        json.loads(line)
        for line in recorded(
            "grade-school-math/grade_school_math/data/example_model_solutions.jsonl"
        )
        .read_text()
        .splitlines()
    ]
    theirs: Any = task("gsm8k")
    docs = {each["question"]: each for each in theirs.eval_docs}
    ours = {
        item.request.prompt.rpartition("Question: ")[2].removesuffix("\nAnswer:"): item
        for item in items("GSM8K")
    }
    assert len(rows) == len(ours) == 1319
    differ = []
    for model in MODELS:
        texts = [" " + row[model]["solution"].replace("\nA: ", f"\n{MARK}") for row in rows]
        there = judged_by_lm_eval(theirs, [docs[row["question"]] for row in rows], texts)
        for row, text, verdict in zip(rows, texts, there, strict=True):
            here = GSM8K.score(ours[row["question"]], GenerateResult(text, False, 1, 1)).score
            if not verdict == here == row[model]["is_correct"]:
                differ.append((model, text[-60:], verdict, here, row[model]["is_correct"]))
    assert differ == []


SOLVERS = ("rho-math-1b-v0.1", "rho-math-7b-v0.1")
TOOL_USERS = ("rho-math-1b-interpreter-v0.1", "rho-math-7b-interpreter-v0.1")


def written_by(model: str) -> list[dict[str, Any]]:
    """A model's answers to MATH-500."""
    with zipfile.ZipFile(recorded("rho/rho-1/outputs.zip")) as archive:
        (name,) = (
            each
            for each in archive.namelist()
            if f"/{model}/minerva_math/" in each and each.endswith(".jsonl")
        )
        return [json.loads(line) for line in archive.read(name).decode().splitlines()]


def answered(text: str) -> GenerateResult:
    """The answer up to the next problem; one that ends within a sentence was cut off."""
    answer = " " + text.partition("Problem:")[0]
    is_whole = answer.rstrip().endswith((".", "$", "\\]", "\\)"))
    return GenerateResult(answer, not is_whole, 1, 1)


@pytest.mark.parametrize(
    ("models", "alike", "here_only", "there_only"),
    [(SOLVERS, 986, 9, 5), (TOOL_USERS, 999, 0, 1)],
    ids=["solvers", "tool users"],
)
def test_answers_of_four_models_to_math(
    task: Tasks, items: Items, models: tuple[str, str], alike: int, here_only: int, there_only: int
) -> None:
    """Nine right answers are right here only; six that are right under lm-eval only were cut off before an answer."""
    from math_verify import parse, verify

    problems = [each["problem"].strip() for each in task("minerva_math500").eval_docs]
    ours = dict(zip(problems, items("MATH-500"), strict=True))
    verdicts: Counter[tuple[bool, bool]] = Counter()
    with MathJudge() as judge:
        for row in (row for model in models for row in written_by(model)):
            answer = answered(row["code"][0])
            here = MATH_500.score(ours[row["question"].strip()], answer, Judges(maths=judge)).score
            # As lm-eval's `process_results` does; its other metric takes sympy many seconds an answer.
            there = verify(gold=parse(row["solution"]), target=parse(answer.text))
            verdicts[here == 1, there] += 1
    assert verdicts[True, True] + verdicts[False, False] == alike
    assert (verdicts[True, False], verdicts[False, True]) == (here_only, there_only)
