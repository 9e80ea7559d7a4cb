"""Questions in the form of data sets that are not among the recorded ones, made of MMLU's recorded questions.

Columns are those of the data sets on the Hub; the questions are many and of many kinds, as real ones are.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from densing_pipeline.evaluation.scoring import LETTERS
from densing_pipeline.evaluation.suite.data import read
from densing_pipeline.evaluation.suite.mmlu_pro import NAMES, SUBJECTS

PER_SUBJECT = 40
"""Questions of each subject of MMLU-Pro."""

RECALLED = 700
"""Questions of TriviaQA and of NQ-open."""

Row = dict[str, Any]


def mmlu_pro(mmlu: Path, split: str) -> list[Row]:
    """Rows of a split of MMLU-Pro: 4 to 10 options, examples with a worked answer.

    Args:
        mmlu: folder of MMLU's recorded files.
        split: `validation` or `test`.
    """
    files = sorted((mmlu / ("dev" if split == "validation" else "test")).glob("*.csv"))
    rows = []
    for place, subject in enumerate(SUBJECTS):
        asked = [row for path in files[place :: len(SUBJECTS)] for row in read(path)]
        rows += [
            _with_options(row, others, number, NAMES.get(subject, subject), split)
            for number, (row, *others) in enumerate(
                zip(asked[:PER_SUBJECT], asked[1:], asked[2:], strict=False)
            )
        ]
    return rows


def trivia_qa(mmlu: Path) -> list[Row]:
    """Rows of TriviaQA: every answer under several names."""
    return [
        {
            "question": question,
            "question_id": f"own_{number}",
            "answer": {"value": answer, "aliases": [answer, f"The {answer}", answer.upper(), f"{answer}s"]},
        }
        for number, (question, answer) in enumerate(_answered(mmlu))
    ]  # fmt: skip


def nq_open(mmlu: Path) -> list[Row]:
    """Rows of NQ-open: one or two short answers each."""
    return [
        {"question": question, "answer": [answer, f"the {answer}"][: 1 + number % 2]}
        for number, (question, answer) in enumerate(_answered(mmlu))
    ]


def _with_options(row: Row, others: list[Row], number: int, category: str, split: str) -> Row:
    every = [each[f"choice{n}"] for each in (row, *others) for n in range(4)]
    answer = LETTERS[int(row["answer"])]
    worked = f"A: Let's think step by step. {row['question']} The answer is ({answer})."
    return {
        "question": row["question"],
        "options": every[: 4 + number % 7],
        "answer": answer,
        "cot_content": worked if split == "validation" else "",
        "category": category,
    }


def _answered(mmlu: Path) -> Iterator[tuple[str, str]]:
    """Questions with the text of the right choice, from all subjects in turn."""
    files = [read(path) for path in sorted((mmlu / "test").glob("*.csv"))]
    rows = (row for turn in zip(*files, strict=False) for row in turn)
    found = ((row["question"], row[f"choice{row['answer']}"]) for row in rows)
    return islice(found, RECALLED)
