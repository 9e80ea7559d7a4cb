"""Declarations: the version covers what a score depends on, prompts come out as written here."""

import dataclasses
import math
from collections import Counter
from typing import Any

import pytest

from densing_pipeline.benchmarks import AVERAGED, NOT_AVERAGED
from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    Failed,
    GenerateRequest,
    GenerateResult,
    LossRequest,
    LossResult,
    TextLossRequest,
)
from densing_pipeline.evaluation.scoring import ExactMatch, Letter
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.benchmark import (
    Benchmark,
    Data,
    DataError,
    Fewshot,
    Record,
    Source,
)
from densing_pipeline.evaluation.suite.fresh_text import DOMAINS, FRESH_TEXT
from densing_pipeline.evaluation.suite.gsm8k import GSM8K
from densing_pipeline.evaluation.suite.humaneval import HUMANEVAL
from densing_pipeline.evaluation.suite.mathematics import MATH, MATH_500
from densing_pipeline.evaluation.suite.mbpp import MBPP
from densing_pipeline.evaluation.suite.mmlu import MMLU
from densing_pipeline.evaluation.suite.mmlu_pro import MMLU_PRO
from densing_pipeline.evaluation.suite.nq_open import NQ_OPEN
from densing_pipeline.evaluation.suite.scaling_bench import SCALING_BENCH
from densing_pipeline.evaluation.suite.trivia_qa import TRIVIA_QA


def data(**splits: dict[str, list[Record]]) -> Data:
    return Data(splits, {}, {})


def question(number: int) -> Record:
    return {
        "subject": "small numbers",
        "question": f"What comes after {number}?",
        "A": str(number),
        "B": str(number + 1),
        "C": "{none}",
        "D": " all ",
        "reference": "B",
    }


def test_models_are_measured_on_the_averaged_benchmarks_and_those_beside_them() -> None:
    assert tuple(suite.BENCHMARKS) == (*AVERAGED, *NOT_AVERAGED)
    assert [each.name for each in suite.SUITE] == [
        *AVERAGED,
        "MMLU-CF",
        "MMLU-Pro",
        "GSM8K",
        "TriviaQA",
        "NQ-open",
        "ScalingBench",
        "fresh-text",
    ]


def test_the_version_of_the_suite_changes_on_purpose_only() -> None:
    # A changed version means that every model is measured anew.
    assert suite.version() == "236f9bd7d6b1"
    assert suite.BENCHMARKS["MATH-500"].version == "86e3a81a1e0c"


@pytest.mark.parametrize(
    "change",
    [
        {"facts": dataclasses.replace(MMLU.facts, name="other")},
        {"splits": (dataclasses.replace(MMLU.splits[0], content={"anatomy": "0" * 64}),)},
        {"split": "dev"},
        {"facts": dataclasses.replace(MMLU.facts, items=14041)},
        {"fewshot": Fewshot("dev", shots=4)},
        {"fewshot": Fewshot("dev", shots=5, ids=("1", "2", "3", "4", "5"))},
        {"fewshot": Fewshot("dev", shots=5, seed=1234)},
        {"prompt": dataclasses.replace(MMLU.prompt, header="About {subject}\n")},
        {"prompt": dataclasses.replace(MMLU.prompt, separator="\n")},
        {"kind": "generate"},
        {"choices": ("A", "B", "C", "D")},
        {"stops": ("\n",)},
        {"max_tokens": 1},
        {"metric": ExactMatch("(.)")},
        {"facts": dataclasses.replace(MMLU.facts, chance=0.2)},
        {"has_solutions": True},
    ],
    ids=lambda change: "-".join(change),
)
def test_another_declaration_is_another_version(change: dict[str, Any]) -> None:
    other = dataclasses.replace(MMLU, **change)
    assert other.version != MMLU.version
    assert suite.version([other, BBH]) != suite.version([MMLU, BBH])


def test_another_pattern_of_a_metric_is_another_version() -> None:
    metric = ExactMatch("the answer is: (.+)")
    assert dataclasses.replace(BBH, metric=metric).version != BBH.version


def test_where_known_content_comes_from_is_no_other_version() -> None:
    here = Source("elsewhere", "{part}.json", MMLU.splits[0].sources[1].records, home="mirror")
    splits = tuple(
        dataclasses.replace(split, sources=(*split.sources, here)) for split in MMLU.splits
    )
    assert dataclasses.replace(MMLU, splits=splits, licence="?").version == MMLU.version


def test_the_suite_version_does_not_depend_on_the_order() -> None:
    assert suite.version([MMLU, BBH]) == suite.version([BBH, MMLU]) != suite.version([MMLU])


def test_every_benchmark_has_a_version_of_its_own() -> None:
    versions = {each.version for each in suite.BENCHMARKS.values()}
    assert len(versions) == len(suite.BENCHMARKS)
    assert MATH.version != MATH_500.version


def test_an_unknown_benchmark_is_named() -> None:
    with pytest.raises(ValueError, match="no benchmark Sudoku: there are MMLU, BBH"):
        suite.select(["MMLU", "Sudoku"])


def test_a_benchmark_named_twice_is_asked_once() -> None:
    assert suite.select(["MMLU", "BBH", "MMLU"]) == suite.select(["MMLU", "BBH"])


def test_mmlu_prompt() -> None:
    shots = [question(number) for number in range(6)]
    (item,) = MMLU.items(data(dev={"numbers": shots}, test={"numbers": [question(40)]}))
    assert isinstance(item.request, ChoiceRequest)
    assert item.request.prompt == (
        "The following are multiple choice questions (with answers) about small numbers.\n\n"
        + "".join(
            f"What comes after {n}?\nA. {n}\nB. {n + 1}\nC. {{none}}\nD.  all \nAnswer: B\n\n"
            for n in range(5)
        )
        + "What comes after 40?\nA. 40\nB. 41\nC. {none}\nD.  all \nAnswer:"
    )
    assert item.request.choices == (" A", " B", " C", " D")
    assert (item.item_id, item.subject, item.reference) == ("numbers/0", "numbers", "B")
    assert item.loss is None


def test_bbh_prompt() -> None:
    shot = {"header": "Add up.", "question": "1 + 1?", "reasoning": "So the answer is 2."}
    asked = {"question": "2 + 2?", "reference": "4"}
    (item,) = BBH.items(data(cot={"sums": [shot] * 3}, test={"sums": [asked]}))
    assert item.request == GenerateRequest(
        "Add up.\n\n"
        + "Q: 1 + 1?\nA: Let's think step by step.\nSo the answer is 2.\n\n" * 3
        + "Q: 2 + 2?\nA: Let's think step by step.\n",
        stops=("\n\n", "\nQ:"),
        max_tokens=1024,
    )


def test_math_prompt_and_the_loss_of_its_solution() -> None:
    shots = [
        {"id": opening.rstrip("…") + " rest", "problem": f"{number}?", "solution": "Box.", "reference": "1"}
        for number, opening in enumerate(MATH.fewshot.ids if MATH.fewshot else ())
    ]  # fmt: skip
    asked = {"problem": r"$\frac{1}{2}$?", "solution": r"It is $\boxed{2}$.", "reference": "2"}
    train = {"algebra": shots[::-1], "geometry": []}
    (item,) = MATH.items(data(train=train, test={"geometry": [asked]}))
    end = "Final Answer: The final answer is ${}$. I hope it is correct."
    assert item.request.prompt == (
        "".join(f"Problem:\n{n}?\n\nSolution: Box.\n{end.format(1)}\n\n" for n in range(4))
        + "Problem:\n$\\frac{1}{2}$?\n\nSolution:"
    )
    assert item.loss == LossRequest(item.request.prompt, f" It is $\\boxed{{2}}$.\n{end.format(2)}")


def test_humaneval_prompt_is_the_function_itself() -> None:
    task = {
        "id": "HumanEval/0",
        "prompt": 'def f():\n    """Two."""\n',
        "solution": "    return 2\n",
        "reference": "def check(f):\n    assert f() == 2\ncheck(f)",
    }
    (item,) = HUMANEVAL.items(data(test={"": [task]}))
    assert isinstance(item.request, GenerateRequest)
    assert (item.item_id, item.subject) == ("HumanEval/0", None)
    assert item.request.prompt == task["prompt"]
    assert item.loss == LossRequest(task["prompt"], task["solution"])


def of_pro(number: int, reasoning: str = "") -> Record:
    return {
        "subject": "numbers",
        "question": f"What is {number}?",
        "options": "A. even\nB. odd",
        "reasoning": reasoning,
        "reference": "B",
    }


def test_mmlu_pro_prompt() -> None:
    shots = [of_pro(number, f"Look at it. The answer is ({number}).") for number in range(6)]
    (item,) = MMLU_PRO.items(data(validation={"n": shots}, test={"n": [of_pro(40)]}))
    asked = "Question:\nWhat is {}?\nOptions:\nA. even\nB. odd\nAnswer: Let's think step by step."
    assert item.request == GenerateRequest(
        "The following are multiple choice questions (with answers) about numbers. Think step by step "
        'and then finish your answer with "the answer is (X)" where X is the correct letter choice.\n'
        + "".join(f"{asked.format(n)} Look at it. The answer is ({n}).\n\n" for n in range(5))
        + asked.format(40),
        stops=("Question:",),
        max_tokens=2048,
    )
    assert MMLU_PRO.score(item, GenerateResult(" So the answer is (B).", False, 9, 9)).score == 1
    assert MMLU_PRO.score(item, GenerateResult(" (B)", False, 9, 9)).score == 0


def sums(*numbers: int) -> list[Record]:
    return [
        {
            "question": f"{n} + {n}?",
            "answer": f"It is {2 * n}.\n#### {2 * n}",
            "reference": str(2 * n),
        }
        for n in numbers
    ]


def test_gsm8k_prompts_have_examples_of_their_own_and_the_same_in_every_run() -> None:
    loaded = data(train={"": sums(*range(10, 30))}, test={"": sums(1, 2, 3)})
    items = GSM8K.items(loaded)
    assert [item.request for item in GSM8K.items(loaded)] == [item.request for item in items]
    shown = [tuple(item.request.prompt.split("\n\n")) for item in items]
    assert [each[-1] for each in shown] == [f"Question: {n} + {n}?\nAnswer:" for n in (1, 2, 3)]
    assert all(len(each) == len(set(each)) == 6 for each in shown)
    assert len({each[:5] for each in shown}) == 3
    assert all(
        example
        in {f"Question: {n} + {n}?\nAnswer: It is {2 * n}.\n#### {2 * n}" for n in range(10, 30)}
        for each in shown
        for example in each[:5]
    )
    assert items[0].loss == LossRequest(items[0].request.prompt, " It is 2.\n#### 2")


def test_examples_cannot_be_drawn_from_fewer_than_are_wanted() -> None:
    with pytest.raises(DataError, match="train/: 4 examples, 5 wanted"):
        GSM8K.items(data(train={"": sums(1, 2, 3, 4)}, test={"": sums(5)}))


def test_prompts_of_questions_that_are_known_or_not() -> None:
    asked = {"question": "Capital of Peru", "reference": '["Lima", "City of Lima"]'}
    (trivia,) = TRIVIA_QA.items(data(validation={"": [asked]}))
    assert trivia.request == GenerateRequest(
        "Question: Capital of Peru?\nAnswer:", stops=("\n", ".", ","), max_tokens=256
    )
    (natural,) = NQ_OPEN.items(data(validation={"": [asked]}))
    assert natural.request == GenerateRequest(
        "Answer these questions:\n\nQ: Capital of Peru?\nA:", ("\n", ".", ","), max_tokens=256
    )
    for text, right in ((" lima!", 1), (" City of Lima ", 1), (" Limas", 0), ("", 0)):
        assert TRIVIA_QA.score(trivia, GenerateResult(text, False, 9, 9)).score == right
    # Only NQ-open disregards articles.
    with_article = GenerateResult(" the City of Lima", False, 9, 9)
    assert NQ_OPEN.score(natural, with_article).score == 1
    assert TRIVIA_QA.score(trivia, with_article).score == 0


@pytest.mark.parametrize(
    "next_thing",
    [
        "class A:",
        "def g():",
        "@cache\ndef g():",
        "# End",
        "if __name__ ==",
        "print(f())",
        "```\nSo",
    ],
)
def test_what_a_model_goes_on_with_is_no_part_of_its_function(next_thing: str) -> None:
    """None of these can go on inside a function, and half of one would be no program."""
    assert any(f"\n{next_thing}".startswith(stop) for stop in HUMANEVAL.stops)


def test_mbpp_prompt() -> None:
    def task(number: int) -> Record:
        return {
            "id": str(number),
            "text": f"Write f{number}.",
            "tests": f"assert f{number}()\nassert True",
            "code": f"def f{number}():\r\n  return 1",
            "reference": f"assert f{number}()",
        }

    shots = [task(number) for number in range(1, 11)]
    (item,) = MBPP.items(data(prompt={"": shots}, test={"": [task(11)]}))
    asked = (
        "You are an expert Python programmer, and here is your task: Write f{0}. Your code should "
        "pass these tests:\n\nassert f{0}()\nassert True\n[BEGIN]\n"
    )
    solved = asked + "def f{0}():\r\n  return 1\n[DONE]\n\n"
    shown = "".join(solved.format(number) for number in (2, 3, 4))
    assert item.request.prompt == shown + asked.format(11)
    assert item.item_id == "11"


def test_scaling_bench_asks_for_the_loss_of_the_answer() -> None:
    record = {"instruction": "1 + 1?", "reference": "It is 2."}
    (item,) = SCALING_BENCH.items(data(test={"MMLU": [record]}))
    assert item.request == LossRequest("1 + 1?\n", "It is 2.")
    assert item.subject == "MMLU"
    scored = SCALING_BENCH.score(item, LossResult(6.0, 4, 3))
    assert (scored.score, scored.answer_nll_nats_per_token) == (None, 1.5)


def test_fresh_text_asks_for_the_loss_of_the_text_alone_in_bits_per_byte() -> None:
    month = {domain: [{"reference": "Größe {x}\n"}] for domain in DOMAINS}
    items = FRESH_TEXT.items(data(**{"2026-07": month}))
    assert [item.subject for item in items] == [f"2026-07/{domain}" for domain in DOMAINS]
    assert items[0].item_id == "2026-07/wikipedia_english/0"
    assert items[0].request == TextLossRequest("Größe {x}\n")
    # Twelve bytes, of which two letters take two each.
    scored = FRESH_TEXT.score(items[0], LossResult(12 * math.log(2), 6, 7))
    assert (scored.score, scored.text_bytes) == (None, 12)
    assert scored.bits_per_byte == pytest.approx(1)
    assert scored.answer_nll_nats_per_token == pytest.approx(2 * math.log(2))


def test_another_month_of_texts_is_no_other_version_and_a_mirrors_own_texts_are() -> None:
    month = FRESH_TEXT.splits[0]
    later = dataclasses.replace(month, name="2026-08")
    assert dataclasses.replace(FRESH_TEXT, splits=(month, later)).version == FRESH_TEXT.version
    own = dataclasses.replace(month, content={"bbc_news": "0" * 64})
    replaced = dataclasses.replace(FRESH_TEXT, splits=(own,), has_own_content=True)
    assert replaced.version != FRESH_TEXT.version


@pytest.mark.parametrize(
    ("fewshot", "complaint"),
    [
        (Fewshot("dev", shots=3), "dev/numbers: 2 examples, 3 wanted"),
        (Fewshot("dev", shots=1, ids=("3",)), "0 examples are '3', one wanted"),
        (Fewshot("dev", shots=1, ids=("1",)), "2 examples are '1', one wanted"),
        (Fewshot("dev", shots=1, ids=("1…",)), "2 examples are '1…', one wanted"),
    ],
)
def test_missing_or_ambiguous_examples_are_named(fewshot: Fewshot, complaint: str) -> None:
    twice = [{"id": "1", **question(1)}, {"id": "1", **question(2)}]
    with pytest.raises(DataError, match=complaint):
        fewshot.pick(data(dev={"numbers": twice}), "numbers")


def test_examples_are_found_by_their_first_words_whatever_the_white_space() -> None:
    pool = [{"id": "If  $x$\nis one"}, {"id": "If $y$ is two"}]
    fewshot = Fewshot("train", shots=2, ids=("If $y$…", "If $x$ is…"))
    assert fewshot.pick(data(train={"algebra": pool}), "geometry") == pool[::-1]


def test_an_item_keeps_the_loss_of_its_solution_beside_its_score() -> None:
    item = suite.BENCHMARKS["BBH"].items(
        data(
            cot={"a": [{"header": "", "question": "", "reasoning": ""}] * 3},
            test={"a": [{"question": "?", "reference": "4"}]},
        )
    )[0]
    result = GenerateResult("So the answer is 4.", False, 9, 9)
    scored = BBH.score(item, result, loss=LossResult(6.0, 3, 9))
    assert (scored.score, scored.answer_nll_nats_per_token) == (1.0, 2.0)
    assert BBH.score(item, result, loss=Failed("too long", "context")).score == 1.0


def test_a_failed_request_has_no_score_and_keeps_the_reason() -> None:
    (item,) = MMLU.items(data(dev={"n": [question(1)] * 5}, test={"n": [question(2)]}))
    scored = MMLU.score(item, Failed("prompt of 900 tokens, context of 512", "context"))
    assert scored.score is None
    assert scored.failed_reason == "prompt of 900 tokens, context of 512"
    assert isinstance(MMLU.metric, Letter)
    assert MMLU.score(item, ChoiceResult((-9.0, -1.0, -9.0, -9.0), 30)).score == 1.0


def benchmark_of(sizes: dict[str, int]) -> tuple[Benchmark, Data]:
    parts = {name: [question(number) for number in range(size)] for name, size in sizes.items()}
    return MMLU, data(dev={name: [question(0)] * 5 for name in sizes}, test=parts)


@pytest.mark.parametrize("limit", [1, 7, 10, 40, 99, 100, 1000, None])
def test_a_limited_run_takes_its_share_of_every_subject(limit: int | None) -> None:
    sizes = {"large": 50, "middle": 30, "small": 20}
    benchmark, loaded = benchmark_of(sizes)
    items = benchmark.items(loaded)
    taken = suite.spread(items, limit)
    expected = min(limit or 100, 100)
    assert len({item.item_id for item in taken}) == len(taken) == expected
    for subject, count in Counter(item.subject for item in taken).items():
        assert subject
        assert abs(count - sizes[subject] / 100 * expected) <= 1
