"""MATH: competition problems, four worked examples, the final answer compared as mathematics.

Hendrycks et al. 2021 (arXiv:2103.03874). The four examples are those of Minerva (Lewkowycz et al.
2022, arXiv:2206.14858, appendix D), which are problems of the training split with their solutions;
they are read from there. MATH is the test split of 5,000, MATH-500 its subset by Lightman et al. 2023
(arXiv:2305.20050): two benchmarks whose scores are never mixed.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from densing_pipeline.benchmarks import REGISTRY
from densing_pipeline.evaluation.scoring import SameMathematics, last_boxed
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Fewshot,
    Prompt,
    Record,
    Source,
    Split,
)

PROMPT = Prompt(
    question="Problem:\n{problem}\n\nSolution:",
    answer=(" {solution}\nFinal Answer: The final answer is ${reference}$. I hope it is correct."),
)

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)

MINERVA = Fewshot(
    "train",
    shots=REGISTRY["MATH"].shots,
    ids=(
        r"Find the domain of the expression $\frac{\sqrt{x-2}}{\sqrt{5-x}}$…",
        r"If $\det \mathbf{A} = 2$ and $\det \mathbf{B} = 12,$ then find…",
        r"Terrell usually lifts two 20-pound weights 12 times. If he uses two 15-pound weights…",
        r"If the system of equations \begin{align*} 6x-4y&=a,\\ 6y-9x &=b…",
    ),
)


def from_subject(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A problem with its solution; the reference is what the solution puts in a box."""
    reference = last_boxed(raw["solution"])
    if reference is None:
        raise ValueError(f"a solution without a final answer: {raw['solution']}")
    yield _record(raw["problem"], raw["solution"], reference)


def for_example(raw: Mapping[str, Any]) -> Iterator[Record]:
    """The same problem, with its words as id."""
    for record in from_subject(raw):
        yield {"id": record["problem"], **record}


def from_hub(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A problem of MATH-500 as it is on the Hub."""
    yield _record(raw["problem"], raw["solution"], raw["answer"])


def from_mirror(raw: Mapping[str, Any]) -> Iterator[Record]:
    """A problem of MATH-500 in a copy that joins solution and final answer."""
    solution, said, reference = raw["answer"].rpartition("The answer is: ")
    if not said:
        raise ValueError(f"no final answer in: {raw['answer']}")
    yield _record(raw["question"], solution, reference)


def _record(problem: str, solution: str, reference: str) -> Record:
    return {
        "problem": problem.strip(),
        "solution": solution.strip(),
        "reference": reference.strip(),
    }


def _split(name: str, records: Callable[[Mapping[str, Any]], Iterator[Record]]) -> Split:
    source = Source(
        "EleutherAI/hendrycks_math",
        f"{{part}}/{name}-00000-of-00001.parquet",
        records,
        revision="21a5633873b6a120296cce3e2df9d5550074f4a3",
    )
    return Split(name, (source,), dict.fromkeys(SUBJECTS))


_WITHIN = r"(?!\\[\[\]()])[^$]"

LAST_FORMULA = (
    rf"(?:\$\$?|\\\[|\\\()(?:(?:{_WITHIN})*=)?((?:(?!=){_WITHIN})+?)[.,]?\s*(?:\$\$?|\\\]|\\\))"
    r"(?:(?!\\[\[\]()])[^$\n]){0,60}\s*\Z"
)
"""What the last formula of a text says is equal, if at most some words follow it: `$12 - 2 = 10$ inches.`"""

MATH = Benchmark(
    facts=REGISTRY["MATH"],
    splits=(_split("train", for_example), _split("test", from_subject)),
    split="test",
    fewshot=MINERVA,
    prompt=PROMPT,
    kind="generate",
    stops=("Problem:",),
    max_tokens=1024,
    metric=SameMathematics(
        r"The final answer is:?\s*((?:\$[^$]+\$|\\\[[^$]+?\\\]|.)+?)(?:I hope it is correct|\n|\Z)",
        otherwise=r"[Aa]nswer(?:\*\*)?(?: is:?|:)(?:\*\*)?\s*((?:\$[^$]+\$|\\\[[^$]+?\\\]|.)+?)(?:\n|\Z)",
        at_end=LAST_FORMULA,
    ),
    licence="MIT",
    has_solutions=True,
)

MATH_500 = dataclasses.replace(
    MATH,
    facts=REGISTRY["MATH-500"],
    splits=(
        _split("train", for_example),
        Split(
            "test-500",
            (
                Source(
                    "HuggingFaceH4/MATH-500",
                    "test.jsonl",
                    from_hub,
                    revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
                ),
                Source("MATH500", "data/math500/test.jsonl", from_mirror, home="mirror"),
            ),
            {"": "beadbf536c71a12dd05ab26c884af23f84a14b4752a670916ec1b35ad823d156"},
        ),
    ),
    split="test-500",
)
