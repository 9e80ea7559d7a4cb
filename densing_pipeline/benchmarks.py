"""Every benchmark of the project, declared once: its questions, its score of guessing, its protocol.

From these declarations follow the values of the column `benchmark`, the averages of `score_sets`, the
errors of scores, and what the suite measures. A new benchmark is one line here and one module in
`evaluation/suite/` (docs/extending.md). Not here: prompts, data and metrics (`evaluation.suite`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class BenchmarkFacts:
    """What is known of a benchmark without looking at its questions.

    Attributes:
        name: as in the tables.
        items: number of questions; None if the data set has not been seen.
        chance: score of guessing, as a fraction.
        shots: worked examples before each question.
        measured: `average` if every model is measured on it and it counts in the average, `beside`
            if every model is measured on it and it does not count, `on request` if it is measured
            only where it is asked for by name.
        prompting: what the protocol adds to the number of shots, such as `CoT`.
        reported_as: metric and prompting that sources state for scores under the paper's protocol, in the
            form of the column `protocol`.
        rewrites: the benchmark whose questions it rewrites, to detect contamination.
        ceiling: score of a perfect model, as a fraction.
        group: what kind of questions it asks; growth of density is reported for each group.
    """

    name: str
    items: int | None
    chance: float
    shots: int
    measured: Literal["average", "beside", "on request"]
    prompting: str = ""
    reported_as: tuple[str, ...] = ()
    rewrites: str | None = None
    ceiling: float = 1.0
    group: str = "other"

    @property
    def protocol(self) -> str:
        """Shots and prompting in words, such as `3-shot CoT`."""
        return f"{self.shots}-shot {self.prompting}".rstrip()

    @property
    def reported_protocols(self) -> tuple[str, ...]:
        """Values of the column `protocol` of reported scores that are under the paper's protocol."""
        return tuple(f"{self.shots}-shot {how}" for how in self.reported_as)


# Guessing: MMLU has four choices; BBH, random choice among the options (Suzgun et al. 2022, table 2).
# Shots, prompting and metrics: the paper's (NMI, Methods).
DECLARED = (
    BenchmarkFacts(
        "MMLU",
        items=14042,
        chance=0.25,
        shots=5,
        measured="average",
        reported_as=("acc", "em"),
        group="knowledge",
    ),
    BenchmarkFacts(
        "BBH",
        items=6511,
        chance=0.257,
        shots=3,
        measured="average",
        prompting="CoT",
        reported_as=("em CoT", "em"),
        group="reasoning",
    ),
    BenchmarkFacts(
        "MATH",
        items=5000,
        chance=0.0,
        shots=4,
        measured="average",
        reported_as=("em CoT", "em"),
        group="mathematics",
    ),
    BenchmarkFacts(
        "HumanEval",
        items=164,
        chance=0.0,
        shots=0,
        measured="average",
        reported_as=("pass@1",),
        group="code",
    ),
    BenchmarkFacts(
        "MBPP",
        items=500,
        chance=0.0,
        shots=3,
        measured="average",
        reported_as=("pass@1",),
        group="code",
    ),
    BenchmarkFacts(
        "MMLU-CF",
        items=10000,
        chance=0.25,
        shots=5,
        measured="beside",
        rewrites="MMLU",
        group="knowledge",
    ),
    BenchmarkFacts(
        "MMLU-Pro",
        items=12032,
        chance=0.1,
        shots=5,
        measured="beside",
        prompting="CoT",
        group="knowledge",
    ),
    BenchmarkFacts(
        "GSM8K", items=1319, chance=0.0, shots=5, measured="beside", group="mathematics"
    ),
    BenchmarkFacts(
        "TriviaQA", items=17944, chance=0.0, shots=0, measured="beside", group="knowledge"
    ),
    BenchmarkFacts(
        "NQ-open", items=3610, chance=0.0, shots=0, measured="beside", group="knowledge"
    ),
    BenchmarkFacts("ScalingBench", items=None, chance=0.0, shots=0, measured="beside"),
    BenchmarkFacts("fresh-text", items=None, chance=0.0, shots=0, measured="beside"),
    BenchmarkFacts(
        "MATH-500", items=500, chance=0.0, shots=4, measured="on request", group="mathematics"
    ),
)

REGISTRY: Mapping[str, BenchmarkFacts] = MappingProxyType({each.name: each for each in DECLARED})
"""Every benchmark by name, in the order of the declarations."""

AVERAGED = tuple(each.name for each in DECLARED if each.measured == "average")
"""The paper's benchmark suite, in its order. AVERAGE is the plain mean of their scores."""

NOT_AVERAGED = tuple(each.name for each in DECLARED if each.measured != "average")
"""Benchmarks whose scores do not count in the average."""


@dataclass(frozen=True)
class ComparedFacts:
    """A benchmark outside the paper's suite whose reported scores enter the pooled growth of density.

    Attributes:
        reported_protocols: values of the column `protocol` of the scores that are compared.
        items: number of questions.
        group: what kind of questions it asks.
    """

    reported_protocols: tuple[str, ...]
    items: int
    group: str


# One harness each. MMLU-Pro: answers generated after five worked examples (12,032 questions); by the
# probabilities of the letters, as lm-eval's leaderboard has it, scores are up to 6 points lower. GSM8K: four or
# eight examples (1,319 questions); the five of the first Open LLM Leaderboard, whose answers end early, give up
# to 45 points less. What we measure counts with them: MMLU-Pro is asked the same way, GSM8K with five examples, whose
# answers end at the next question. C-Eval: five examples; sources take its 1,346 validation or its 12,342 test questions, and
# the error is that of the fewer.
COMPARED: Mapping[str, ComparedFacts] = MappingProxyType(
    {
        "MMLU-Pro": ComparedFacts(("5-shot em CoT", "5-shot em"), 12032, "knowledge"),
        "GSM8K": ComparedFacts(
            ("4-shot em CoT", "4-shot em", "8-shot em CoT", "8-shot em"), 1319, "mathematics"
        ),
        "C-Eval": ComparedFacts(("5-shot em", "5-shot acc"), 1346, "knowledge"),
    }
)
"""Benchmarks outside the paper's suite that enough lines of models of several sizes are scored on, under one
protocol. No protocol of AGIEval has five lines."""

POOLED = (*AVERAGED, *COMPARED)
"""Benchmarks of which every model has one score, pooled from its reports."""

ITEMS = {each.name: each.items for each in DECLARED if each.items is not None} | {
    name: facts.items for name, facts in COMPARED.items()
}
"""Questions of each benchmark: what a score's error is computed from if its row does not say."""

COUNTED = frozenset(
    (name, protocol)
    for name in POOLED
    for protocol in (
        COMPARED[name].reported_protocols if name in COMPARED else REGISTRY[name].reported_protocols
    )
)
"""Benchmarks with the protocols whose reports count: the paper's for its suite."""

CHANCE = {name: REGISTRY[name].chance for name in AVERAGED}
"""Score of guessing on each averaged benchmark."""

AVERAGE_CHANCE = sum(CHANCE.values()) / len(CHANCE)
"""Score of guessing on the average."""

AVERAGE_PROTOCOL = ", ".join(f"{name} {REGISTRY[name].protocol}" for name in AVERAGED)
"""The paper's protocol in words."""

REWRITTEN = {each.rewrites: each.name for each in DECLARED if each.rewrites}
"""Benchmarks of which a rewritten form is measured, with the name of that form."""

REPORTED_ONLY: Mapping[str, float] = MappingProxyType(
    {
        "AGIEval": 0.2, "ARC-C": 0.25, "BigCodeBench": 0.0, "C-Eval": 0.25, "EvalPlus": 0.0,
        "GPQA": 0.25, "GPQA-Diamond": 0.25, "HellaSwag": 0.25, "HumanEval+": 0.0,
        "LiveCodeBench": 0.0, "MATH-Lvl5": 0.0, "MBPP+": 0.0, "MMLU-Redux": 0.25,
        "SuperGPQA": 0.1,
    }
)  # fmt: skip
"""Benchmarks that makers of base models report and the suite does not measure, with their score of
guessing. Their scores are published; no density rests on them, and only those in `COMPARED` enter the pooled
growth."""

LEAST_OF_CHANCE = 0.5
"""Share of the score of guessing below which a number is no score of the benchmark: answers were not
recognised, a percentage was divided by 100 twice, or guessing was subtracted."""

LOWEST_SCORE: Mapping[str, float] = MappingProxyType(
    {
        name: LEAST_OF_CHANCE * chance
        for name, chance in (
            *((each.name, each.chance) for each in DECLARED),
            *REPORTED_ONLY.items(),
        )
    }
)
"""Lowest score of each benchmark, as a fraction. One rule for all sources: facts, claims and boards."""

BELOW_GUESSING = "far below guessing: no score of this benchmark"
"""Reason of a number under `LOWEST_SCORE`."""
