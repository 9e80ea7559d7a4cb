"""A small mirror of all benchmark data, written for these tests.

Files, columns and parts are those of the real data sets; the questions are our own and few. The mirror
declares its content, so that it is measured under a suite version of its own.
"""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.suite import (
    content,
    fresh_text,
    mathematics,
    mmlu_cf,
    mmlu_pro,
    scaling_bench,
)
from densing_pipeline.evaluation.suite.bbh import CUE, RULE
from densing_pipeline.evaluation.suite.benchmark import ELLIPSIS

QUESTIONS = 4
"""Questions in each part."""


def mirror(folder: Path) -> Path:
    """Write the mirror into a new folder."""
    folder.mkdir()
    _mmlu(folder / "MMLU" / "data" / "mmlu")
    _bbh(folder / "BBH")
    _mathematics(folder / "EleutherAI" / "hendrycks_math")
    _humaneval(folder / "HumanEval" / "data" / "HumanEval.jsonl.gz")
    _mbpp(folder / "MBPP" / "data" / "mbpp.jsonl")
    _mmlu_cf(folder / "microsoft" / "MMLU-CF")
    _mmlu_pro(folder / "TIGER-Lab" / "MMLU-Pro" / "data")
    _gsm8k(folder / "GSM8K" / "grade_school_math" / "data")
    _recall(folder)
    _scaling_bench(folder / "openbmb" / "DensingLaw-ScalingBench")
    _fresh_text(folder / "Jellyfish042")
    content.declare(folder, suite.SUITE)
    return folder


def _mmlu(folder: Path) -> None:
    asked = {
        "astronomy": ("Which of these shines by its own light?", ("The Sun", "The Moon", "Mars", "Io")),
        "high_school_geography": ("Which of these is a river?", ("Nile", "Etna", "Sahara", "Oslo")),
    }  # fmt: skip
    for subject, (question, right_first) in asked.items():
        for split, count in (("dev", 5), ("test", QUESTIONS)):
            rows = []
            for number in range(count):
                answer = number % 4
                choices = right_first[4 - answer :] + right_first[: 4 - answer]
                rows.append(
                    {"question": f"{question} (Order {number + 1})"}
                    | {f"choice{place}": choice for place, choice in enumerate(choices)}
                    | {"answer": answer}
                )
            path = folder / split / f"{subject}_{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)


def _bbh(folder: Path) -> None:
    def boolean(number: int) -> tuple[str, str, str]:
        left, right = bool(number % 2), number % 4 < 2
        return (
            f"not {left} and {right} is",
            f"not {left} is {not left}. {not left} and {right} is {not left and right}.",
            str(not left and right),
        )

    def counting(number: int) -> tuple[str, str, str]:
        cups, plates = number + 2, number + 1
        return (
            f"I have {cups} cups and {plates} plates. How many things do I have?",
            f"{cups} cups and {plates} plates are {cups} + {plates} = {cups + plates} things.",
            str(cups + plates),
        )

    tasks = {"boolean_expressions": boolean, "object_counting": counting}
    for name, make in tasks.items():
        shown = [make(number) for number in range(10, 13)]
        examples = [
            f"Q: {question}\n{CUE}\n{steps} So the answer is {answer}."
            for question, steps, answer in shown
        ]
        text = f"Written for tests.\n{RULE}\n" + "\n\n".join([f"Task: {name}.", *examples])
        _write_text(folder / "cot-prompts" / f"{name}.txt", text)
        asked = [make(number) for number in range(QUESTIONS)]
        questions = [{"input": question, "target": answer} for question, _, answer in asked]
        _write_text(folder / "bbh" / f"{name}.json", json.dumps({"examples": questions}))


def _mathematics(folder: Path) -> None:
    """Sums; the training split begins with what the four examples are known by."""
    for place, subject in enumerate(mathematics.SUBJECTS):
        sums = [_sum(number) for number in range(QUESTIONS)]
        _write_parquet(folder / subject / "test-00000-of-00001.parquet", sums)
        examples = [
            {"problem": words.removesuffix(ELLIPSIS), "solution": "It is $\\boxed{7}$."}
            for words in (mathematics.MINERVA.ids if place == 0 else ())
        ]
        _write_parquet(folder / subject / "train-00000-of-00001.parquet", [*examples, _sum(place)])


def _sum(number: int) -> dict[str, str]:
    return {
        "problem": f"What is ${number} + 1$?",
        "solution": f"Adding one gives $\\boxed{{{number + 1}}}$.",
    }


def _humaneval(path: Path) -> None:
    tasks = [
        {
            "task_id": f"HumanEval/{number}",
            "prompt": f'def add_{number}(value: int) -> int:\n    """Add {number} to a value."""\n',
            "entry_point": f"add_{number}",
            "canonical_solution": f"    return value + {number}\n",
            "test": f"def check(candidate):\n    assert candidate(2) == {number + 2}\n",
        }
        for number in range(QUESTIONS)
    ]
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(_json_lines(tasks).encode(), mtime=0))


def _mbpp(path: Path) -> None:
    """Tasks 2 to 4 are the examples, tasks from 11 on the questions."""
    tasks = [
        {
            "task_id": number,
            "text": f"Write a function to multiply a number by {number}.",
            "code": f"def times_{number}(value):\n    return value * {number}",
            "test_list": [f"assert times_{number}({value}) == {value * number}" for value in (1, 2, 3)],
            "test_setup_code": "",
            "challenge_test_list": [],
        }
        for number in (*range(1, 11), *range(11, 11 + QUESTIONS))
    ]  # fmt: skip
    _write_text(path, _json_lines(tasks))


def _mmlu_cf(folder: Path) -> None:
    for place, subject in enumerate(mmlu_cf.SUBJECTS):
        for split, count in (("dev", 5), ("val", QUESTIONS)):
            questions = [
                {"Question": f"Which number is {number}?", "Answer": "ABCD"[number % 4]}
                | {letter: str(number - number % 4 + n) for n, letter in enumerate("ABCD")}
                for number in range(place, place + count)
            ]
            _write_parquet(folder / split / f"{subject}_{split}.parquet", questions)


def _mmlu_pro(folder: Path) -> None:
    """Both splits hold all subjects; only the examples have a worked answer."""
    for split, count in (("validation", 5), ("test", QUESTIONS)):
        rows = [
            {
                "question": f"Which number is {number}?",
                "options": [f" {number - number % 10 + n}" for n in range(10 - number % 3)],
                "answer": "ABCDEFG"[number % 7],
                "cot_content": f"A: Let's think step by step. It is {number}. The answer is (B)."
                if split == "validation"
                else "",
                "category": mmlu_pro.NAMES.get(subject, subject),
            }
            for number in range(count)
            for subject in mmlu_pro.SUBJECTS
        ]
        _write_parquet(folder / f"{split}-00000-of-00001.parquet", rows)


def _gsm8k(folder: Path) -> None:
    for name, numbers in (("train", range(20, 28)), ("test", range(QUESTIONS))):
        rows = [
            {
                "question": f"I have {number} cups and buy {number * 500}. How many are there?",
                "answer": f"{number}+{number * 500}=<<{number}+{number * 500}={number * 501}>>"
                f"{number * 501}\n#### {number * 501:,}",
            }
            for number in numbers
        ]
        _write_text(folder / f"{name}.jsonl", _json_lines(rows))


def _recall(folder: Path) -> None:
    """Questions that are known or not: TriviaQA with all names of an answer, NQ-open with the answers."""
    capitals = {"France": "Paris", "Italy": "Rome", "Peru": "Lima", "Norway": "Oslo"}
    rows = list(capitals.items())[:QUESTIONS]
    _write_parquet(
        folder / "mandarjoshi/trivia_qa/rc.nocontext/validation-00000-of-00001.parquet",
        [
            {
                "question": f"What is the capital of {country}?",
                "question_id": f"own_{country}",
                "answer": {"aliases": [city, f"City of {city}"], "value": city},
            }
            for country, city in rows
        ],
    )
    _write_parquet(
        folder / "google-research-datasets/nq_open/nq_open/validation-00000-of-00001.parquet",
        [
            {
                "question": f"what is the capital of {country.lower()}",
                "answer": [f"the {city}", city],
            }
            for country, city in rows
        ],
    )


def _scaling_bench(folder: Path) -> None:
    for part in scaling_bench.FILES:
        name = part.lower().replace("humaneval", "human_eval")
        rows = [{"instruction": f"Say {n}.", "answer": f"I say {n}."} for n in range(QUESTIONS)]
        _write_parquet(folder / f"{name}.parquet", rows)


def _fresh_text(folder: Path) -> None:
    """Every month declared, with a kind of text that the suite leaves out."""
    for month in fresh_text.DUMPS:
        rows = [
            {"category": kind, "content": f"A text of {month}, number {number} of {kind}. " * (number + 1)}
            for number in range(QUESTIONS)
            for kind in (*fresh_text.DOMAINS, "ao3_english")
        ]  # fmt: skip
        name = "data/test-00000-of-00001.parquet"
        _write_parquet(folder / f"UncheatableEval-{month}" / name, rows)


def _json_lines(rows: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)
