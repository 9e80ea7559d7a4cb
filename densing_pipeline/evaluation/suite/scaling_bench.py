"""ScalingBench: the questions of the five benchmarks with worked answers, for the paper's conditional loss.

Xiao et al. 2024 (arXiv:2412.04315), `openbmb/DensingLaw-ScalingBench` on the Hub: the analyses are
GPT-4o's. The loss is -ln P(answer | instruction), a mean over the answer's tokens. Its file names,
fields and commit have not been seen: the names are matched, the fields are one of the usual pairs,
and commit and hashes are recorded with each score. Anything else is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import AnswerLoss
from densing_pipeline.evaluation.suite.benchmark import Benchmark, Prompt, Record, Source, Split

FILES = {
    "MMLU": "mmlu",
    "BBH": "bbh",
    "MATH": "math",
    "HumanEval": "human*eval",
    "MBPP": "mbpp",
}
"""Part of the name of each benchmark's file."""

FIELDS = (
    ("instruction", "answer"),
    ("prompt", "answer"),
    ("question", "answer"),
    ("input", "output"),
)
"""Fields of what is given and what is answered, the first pair present."""


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """An instruction and its worked answer, apart by the end of a line."""
    for given, answered in FIELDS:
        if given in raw and answered in raw:
            yield {
                "instruction": raw[given].rstrip(),
                "reference": raw[answered].strip(),
            }
            return
    raise KeyError(f"fields {sorted(raw)}, none of {FIELDS}")


SCALING_BENCH = Benchmark(
    facts=REGISTRY["ScalingBench"],
    splits=(
        Split(
            "test",
            (
                Source(
                    "openbmb/DensingLaw-ScalingBench",
                    "*{part}*.*",
                    from_hub,
                    names=FILES,
                ),
            ),
            dict.fromkeys(FILES),
        ),
    ),
    split="test",
    prompt=Prompt(question="{instruction}\n", answer="{reference}"),
    kind="loss",
    metric=AnswerLoss(),
    licence="Apache-2.0",
)
