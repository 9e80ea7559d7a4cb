"""HumanEval: the body of a Python function from its docstring, no examples, judged by its tests.

Chen et al. 2021 (arXiv:2107.03374), https://github.com/openai/human-eval.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import PassesTests
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Record, Source, Split


def from_task(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A function to write."""
    yield {
        "id": raw["task_id"],
        "prompt": raw["prompt"],
        "solution": raw["canonical_solution"],
        "reference": f"{raw['test']}\ncheck({raw['entry_point']})",
    }


HUMANEVAL = Benchmark(
    facts=REGISTRY["HumanEval"],
    splits=(
        Split(
            "test",
            (
                Source(
                    "openai/openai_humaneval",
                    "openai_humaneval/test-00000-of-00001.parquet",
                    from_task,
                    revision="7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
                ),
                Source("HumanEval", "data/HumanEval.jsonl.gz", from_task, home="mirror"),
            ),
            {"": "2f3bfa5595b65fa6711eabe2463fdd92cfc11dac96de6bd13d05dcd3b65afce2"},
        ),
    ),
    split="test",
    prompt=Prompt(question="{prompt}", answer="{solution}"),
    kind="generate",
    stops=("\nclass", "\ndef", "\n#", "\nif", "\nprint", "\n@", "\n```"),
    max_tokens=1024,
    metric=PassesTests("{prompt}{response}", has_helpers=True),
    licence="MIT",
    has_solutions=True,
)
