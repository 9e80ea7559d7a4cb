"""lm-eval's own tasks on local data: what the suite is compared with.

They are built as lm-eval builds them, from its task files; only the data come from the mirror instead
of the Hub, the metric that lm-eval fetches from the Hub to run code is left out, and it is not told
which antlr there is.
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.scoring import Item
from densing_pipeline.evaluation.suite.data import read
from densing_pipeline.evaluation.suite.mathematics import SUBJECTS

from . import questions

SHARED = Path(__file__).parents[3] / "shared" / "data" / "bench"

MMLU_FILES = SHARED / "MMLU" / "data" / "mmlu"

OWN: tuple[tuple[str, str, Callable[[], list[dict[str, Any]]]], ...] = (
    *(
        (
            "TIGER-Lab/MMLU-Pro",
            f"data/{split}-00000-of-00001.parquet",
            functools.partial(questions.mmlu_pro, MMLU_FILES, split),
        )
        for split in ("validation", "test")
    ),
    (
        "mandarjoshi/trivia_qa",
        "rc.nocontext/validation-00000-of-00001.parquet",
        lambda: questions.trivia_qa(MMLU_FILES),
    ),
    (
        "google-research-datasets/nq_open",
        "nq_open/validation-00000-of-00001.parquet",
        lambda: questions.nq_open(MMLU_FILES),
    ),
)
"""Data sets that are not recorded: name, file, and rows in the form of the Hub."""

OWN_ITEMS = {
    "MMLU-Pro": questions.PER_SUBJECT * 14,
    "TriviaQA": questions.RECALLED,
    "NQ-open": questions.RECALLED,
}
"""Their numbers of questions."""

EVERY = pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
"""Each tenth question; all of them if there is time."""

Tasks = Callable[[str], Any]
Items = Callable[[str], list[Item]]


class NoCode:
    """In place of the metric that runs code: nothing is run here."""

    def compute(self, **_: Any) -> tuple[dict[str, float], None]:
        return {"pass@1": 0.0}, None


@pytest.fixture(scope="session")
def task() -> Iterator[Tasks]:
    """lm-eval's task of a name, on the recorded data."""
    if not SHARED.is_dir():
        pytest.skip("needs the recorded data in ../shared")
    import datasets
    import evaluate
    from lm_eval.tasks import TaskManager

    manager, real = TaskManager(), importlib.metadata.version

    def version(name: str) -> str:
        return "4.11.0" if name == "antlr4-python3-runtime" else real(name)

    def load_dataset(path: str, name: str | None = None, **_: Any) -> Any:
        splits = {split: datasets.Dataset.from_list(rows) for split, rows in hub_rows(path, name)}
        return datasets.DatasetDict(splits)

    def build(name: str) -> Any:
        return manager.load([name])["tasks"][name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.metadata, "version", version)
        patch.setattr(datasets, "load_dataset", load_dataset)
        patch.setattr(evaluate, "load", lambda _: NoCode())
        yield build


@pytest.fixture(scope="session")
def items(task: Tasks, tmp_path_factory: pytest.TempPathFactory) -> Items:
    """The suite's items of a benchmark; the examples for MATH are the ones lm-eval has in its code."""
    mirror = tmp_path_factory.mktemp("mirror")
    for each in SHARED.iterdir():
        (mirror / each.name).symlink_to(each)
    examples = [
        {"problem": each["problem"], "solution": each["solution"].partition("\nFinal Answer")[0]}
        for each in task("minerva_math500").fewshot_docs()
    ]
    for subject in SUBJECTS:
        folder = mirror / "EleutherAI" / "hendrycks_math" / subject
        folder.mkdir(parents=True)
        rows = examples if subject == "algebra" else []
        frame = pl.DataFrame(rows, schema={"problem": pl.String, "solution": pl.String})
        frame.write_parquet(folder / "train-00000-of-00001.parquet")

    for dataset, file, make_rows in OWN:
        (mirror / dataset / file).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(make_rows()).write_parquet(mirror / dataset / file)

    @functools.cache
    def load(name: str) -> list[Item]:
        benchmark = suite.BENCHMARKS[name]
        if name in OWN_ITEMS:
            facts = dataclasses.replace(benchmark.facts, items=OWN_ITEMS[name])
            benchmark = dataclasses.replace(benchmark, facts=facts)
        return benchmark.items(suite.load(benchmark, suite.Store(mirror)))

    return load


def hub_rows(dataset: str, name: str | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Splits of a data set as the Hub has them, from the recorded files."""
    if dataset == "cais/mmlu":
        for split in ("dev", "test"):
            rows = read(SHARED / f"MMLU/data/mmlu/{split}/{name}_{split}.csv")
            yield (
                split,
                [
                    {
                        "question": row["question"],
                        "choices": [row[f"choice{number}"] for number in range(4)],
                        "answer": int(row["answer"]),
                    }
                    for row in rows
                ],
            )
    elif dataset == "SaylorTwift/bbh":
        yield "test", read(SHARED / f"BBH/bbh/{name}.json")
    elif dataset == "HuggingFaceH4/MATH-500":
        rows = read(SHARED / "MATH500/data/math500/test.jsonl")
        parted = [(row["question"], row["answer"].rpartition("The answer is: ")) for row in rows]
        yield (
            "test",
            [
                {"problem": problem, "solution": solution, "answer": answer}
                for problem, (solution, _, answer) in parted
            ],
        )
    elif dataset == "openai/openai_humaneval":
        yield "test", read(SHARED / "HumanEval/data/HumanEval.jsonl.gz")
    elif dataset == "google-research-datasets/mbpp":
        rows = read(SHARED / "MBPP/data/mbpp.jsonl")
        yield "prompt", [row for row in rows if row["task_id"] <= 10]
        yield "test", [row for row in rows if 11 <= row["task_id"] <= 510]
    elif dataset == "openai/gsm8k":
        for split in ("train", "test"):
            yield split, read(SHARED / f"GSM8K/grade_school_math/data/{split}.jsonl")
    elif own := [(file, make_rows) for found, file, make_rows in OWN if found == dataset]:
        for file, make_rows in own:
            yield Path(file).name.partition("-")[0], make_rows()
        if len(own) == 1:
            # lm-eval reads the training split of a task even if it shows no examples.
            yield "train", own[0][1]()
    else:
        raise KeyError(dataset)
