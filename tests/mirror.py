"""A mirror of all benchmark data: recorded where recorded, made up where the content is not pinned.

MMLU, BBH, HumanEval and MBPP are the real ones; MATH, MMLU-CF and ScalingBench have their form, their
number of items and invented questions.
"""

from pathlib import Path

import polars as pl

from densing_pipeline.evaluation.suite import mathematics, mmlu_cf, scaling_bench
from densing_pipeline.evaluation.suite.benchmark import ELLIPSIS


def mirror(folder: Path, recorded: Path) -> Path:
    """Make it in a folder.

    Args:
        folder: where to.
        recorded: `../shared/data`.
    """
    folder.mkdir()
    for name in ("MMLU", "BBH", "HumanEval", "MBPP"):
        (folder / name).symlink_to((recorded / "bench" / name).resolve())
    _mathematics(folder / "EleutherAI" / "hendrycks_math")
    _mmlu_cf(folder / "microsoft" / "MMLU-CF")
    _scaling_bench(folder / "openbmb" / "DensingLaw-ScalingBench")
    return folder


def _mathematics(folder: Path) -> None:
    """Sums; the training split begins with what the four examples are known by."""
    subjects = mathematics.SUBJECTS
    for place, subject in enumerate(subjects):
        n = mathematics.MATH.n_items // len(subjects)
        n += place < mathematics.MATH.n_items % len(subjects)
        _write(folder / subject / "test-00000-of-00001.parquet", [_sum(i) for i in range(n)])
        examples = [
            {"problem": words.removesuffix(ELLIPSIS), "solution": "It is $\\boxed{7}$."}
            for words in (mathematics.MINERVA.ids if place == 0 else ())
        ]
        _write(folder / subject / "train-00000-of-00001.parquet", [*examples, _sum(place)])


def _sum(number: int) -> dict[str, str]:
    return {
        "problem": f"What is ${number} + 1$?",
        "solution": f"Adding one gives $\\boxed{{{number + 1}}}$.",
    }


def _mmlu_cf(folder: Path) -> None:
    subjects = mmlu_cf.SUBJECTS
    for place, subject in enumerate(subjects):
        n = mmlu_cf.MMLU_CF.n_items // len(subjects)
        n += place < mmlu_cf.MMLU_CF.n_items % len(subjects)
        for split, rows in (("dev", 5), ("val", n)):
            questions = [
                {"Question": f"Which is {i}?", "Answer": "ABCD"[i % 4]}
                | {letter: str(i - i % 4 + place) for place, letter in enumerate("ABCD")}
                for i in range(rows)
            ]
            _write(folder / split / f"{subject}_{split}.parquet", questions)


def _scaling_bench(folder: Path) -> None:
    for part in scaling_bench.FILES:
        name = part.lower().replace("humaneval", "human_eval")
        rows = [{"instruction": f"Say {i}.", "answer": f"I say {i}."} for i in range(20)]
        _write(folder / f"{name}.parquet", rows)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(path)
