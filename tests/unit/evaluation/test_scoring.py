"""What an answer is worth, by each metric."""

import math
from dataclasses import dataclass, field

import pytest

from densing_pipeline.evaluation import scoring
from densing_pipeline.evaluation.math_judge import MathJudge
from densing_pipeline.evaluation.requests import (
    ChoiceRequest,
    ChoiceResult,
    GenerateRequest,
    GenerateResult,
    LossRequest,
    LossResult,
)
from densing_pipeline.evaluation.sandbox import Sandbox, SandboxError, Verdict, open_sandbox
from densing_pipeline.evaluation.scoring import (
    AnswerLoss,
    ExactMatch,
    Item,
    Judges,
    Letter,
    PassesTests,
    SameMathematics,
    helpers,
    last_boxed,
)
from densing_pipeline.evaluation.suite.bbh import BBH
from densing_pipeline.evaluation.suite.humaneval import HUMANEVAL
from densing_pipeline.evaluation.suite.mathematics import MATH

LETTERS = Item("q/0", "q", ChoiceRequest("?", (" A", " B", " C", " D")), "B")


def written(text: str, *, truncated: bool = False) -> GenerateResult:
    return GenerateResult(text, truncated, prompt_tokens=9, completion_tokens=9)


def asked(reference: str, prompt: str = "?") -> Item:
    return Item("q/0", None, GenerateRequest(prompt, (), 9), reference)


@pytest.mark.parametrize(
    ("logprobs", "score", "letter"),
    [
        ((-3.0, -0.1, -4.0, -5.0), 1.0, "B"),
        ((-0.1, -3.0, -4.0, -5.0), 0.0, "A"),
        ((-1.0, -1.0, -1.0, -1.0), 0.0, "A"),
        ((-9.0, -1.0, -1.0, -9.0), 1.0, "B"),
    ],
)
def test_the_likeliest_letter_counts_and_of_equals_the_first(
    logprobs: tuple[float, ...], score: float, letter: str
) -> None:
    scored = Letter()(LETTERS, ChoiceResult(logprobs, 30), Judges())
    assert (scored.score, scored.response) == (score, letter)
    assert scored.answer_nll_nats_per_token == -logprobs[1]


POLY = """import math

def poly(xs: list, x: float):
    return sum(c * math.pow(x, n) for n, c in enumerate(xs))


def find_zero(xs: list):
    \"\"\"Find x with poly(x) = 0.\"\"\"
"""


@pytest.mark.parametrize(
    ("response", "without"),
    [
        ("    return 1.0\npoly = lambda xs, x: 0\n", 1),
        ("    global poly\n    poly = lambda xs, x: 0\n    return 1.0\n", 0),
        ("    return -xs[0] / xs[1]\n", 1),
    ],
)
def test_helpers_of_a_prompt_are_the_tests_own(
    sandbox: Sandbox, response: str, without: float
) -> None:
    """HumanEval 32, 38 and 50 are checked with a function of the prompt, which an answer might replace."""
    tests = "assert abs(poly([1, 2], find_zero([1, 2]))) < 1e-4"
    item, judges = asked(tests, POLY), Judges(programs=sandbox)
    assert PassesTests("{prompt}{response}")(item, written(response), judges).score == without
    is_right = "xs[1]" in response
    assert HUMANEVAL.metric(item, written(response), judges).score == is_right


@pytest.mark.parametrize(
    "prompt", ["def f():\n    '''Two.'''\n", "import math\n\nx = 1", "def f(:", ""]
)
def test_a_prompt_of_one_function_has_no_helpers(prompt: str) -> None:
    assert helpers(prompt) == ""


@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf])
def test_numbers_that_are_none_are_no_choice(bad: float) -> None:
    scored = Letter()(LETTERS, ChoiceResult((-1.0, bad, -2.0, -3.0), 30), Judges())
    assert scored.score is None
    assert scored.failed_reason
    assert "log-probabilities" in scored.failed_reason


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("First this. So the answer is (B).", "(B)"),
        ("So the answer is (B)", "(B)"),
        ("So the answer is (B). \n", "(B)"),
        ("So the answer is 3.5.", "3.5"),
        ("So the answer is ] } ).", "] } )"),
        ("The answer is (B).", "(B)"),
        ("So the answer is: (B)", "(B)"),
        ("So the answer is **(B)**.", "(B)"),
        ("So the answer is (B), because 2 is even.", "(B)"),
        ("So the answer is (B) Tuesday.", "(B)"),
        ("So the answer is (B), not (A).", "(B)"),
        ("So the answer is (B). (A) is wrong.", "(B)"),
        ("So the answer is (B)\n(A) is wrong.", "(B)"),
        ("So the answer is (A) or (B).", "(A) or (B)"),
        ("So the answer is (A) and (B).", "(A) and (B)"),
        ("So the answer is (A), (C), and (B).", "(A), (C), and (B)"),
        ("So the answer is **(A)** or **(B)**.", "(A)** or **(B)"),
        ("So the answer is (A) & (B).", "(A) & (B)"),
        ("So the answer is (A)/(B).", "(A)/(B)"),
        ("So the answer is (A) and/or (B).", "(A) and/or (B)"),
        ("So the answer is (A); (B).", "(A); (B)"),
        ("So the answer is (A) or possibly (B).", "(A) or possibly (B)"),
        ("So the answer is (A), and also (B).", "(A), and also (B)"),
        ("So the answer is (A) + (B).", "(A) + (B)"),
        ("So the answer is (A), then (B).", "(A), then (B)"),
        ("So the answer is (A) and not (B).", "(A)"),
        ("So the answer is (A) rather than (B).", "(A)"),
        ("So the answer is (A), order (B) is wrong.", "(A)"),
        ("So the answer is **Yes**.", "Yes"),
        ("So the answer is **Yes.**", "Yes"),
        ("So the answer is **Yes** \nThus", "Yes"),
        ("So the answer is 2 ** 3 ** 2.", "2 ** 3 ** 2"),
        ("So the answer is (Apples).", "(Apples)"),
        ("So the answer is Yes, it is.", "Yes, it is"),
        ("So the answer is (A).\nNo, the answer is (B).", "(A)"),
        ("So the answer is x" + " " * 100_000 + "y", "x" + " " * 100 + "y"),
        ("The answer: (B)", None),
        ("", None),
    ],
)
def test_the_answer_of_a_chain_of_thought(text: str, answer: str | None) -> None:
    assert isinstance(BBH.metric, ExactMatch)
    assert BBH.metric.extract(text) == answer


def test_the_last_formula_of_a_text_that_was_cut_off_is_no_answer() -> None:
    judges = Judges(maths=MathJudge())
    item, text = asked("6"), "We have $2 + 4 = 6$"
    assert MATH.metric(item, written(text), judges).score == 1
    assert MATH.metric(item, written(text, truncated=True), judges).score == 0


def test_exact_match_is_to_the_letter_and_remembers_truncation() -> None:
    match = ExactMatch("the answer is (.+)")
    right = match(asked("Yes"), written("the answer is Yes.", truncated=True), Judges())
    assert (right.score, right.truncated, right.response) == (1.0, True, "the answer is Yes.")
    assert match(asked("Yes"), written("the answer is yes."), Judges()).score == 0
    assert match(asked("Yes"), written("I do not know"), Judges()).score == 0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Thus.\nFinal Answer: The final answer is $24$. I hope it is correct.\n\n", "$24$"),
        ("Final Answer: The final answer is $[2,5)$. I hope it is correct", "$[2,5)$"),
        ("The final answer is $24$.", "$24$"),
        ("So the answer is $42$.", "$42$"),
        (
            "The final answer is $(3,\\frac{\\pi}{2}).$ I hope it is correct.",
            "$(3,\\frac{\\pi}{2})$",
        ),
        ("The final answer is \\[42.\\] I hope it is correct.", "\\[42\\]"),
        ("The final answer is $0.5$. I hope it is correct.", "$0.5$"),
        ("We have that $5 - 3 = 2$, so the area is $12-2=10$ inches.", "10"),
        ("So $5x=30$ and $x=6$.", "6"),
        ("Then $$\\frac{1}{\\sqrt{3}}=\\frac{\\sqrt{3}}{3}.$$", "\\frac{\\sqrt{3}}{3}"),
        ("From \\[x = 7\\] it follows that\n\\[42\\]\n", "42"),
        ("It is \\(42\\), as was to be shown.", "42"),
        ("Each side is $\\frac{128}{8}$ cm.", "\\frac{128}{8}"),
        (
            "It is $42$, which is what one would expect of a number of this kind, more or less, one might say.",
            None,
        ),
        ("It is $42$.\nThere is no more to say.", None),
        ("The answer is: 42", "42"),
        ("Thus.\nAnswer: 42\n", "42"),
        ("**Answer:** $42$", "$42$"),
        ("**Answer**: $42$", "$42$"),
        ("Answer: 7?\nNo.\nFinal Answer: $42$.", "$42$"),
        ("Now answer the question", None),
        ("The final answer is \\[42\\]", "\\[42\\]"),
        ("The final answer is\n\\[\n42\n\\]\nDone", "\\[\n42\n\\]"),
        ("The final answer is \\[ 42\nand no end", "\\[ 42"),
        ("Is the answer is 7? No: it is \\boxed{42}, so the answer is even", "42"),
        ("The answer is not 7.\nSo the answer is $42$.", "$42$"),
        ("Whether the answer is 7:\nThe final answer is $42$.", "$42$"),
        ("The final answer is 24.\n\nAnd another thing: \\boxed{25}", "24"),
        ("The final answer is $24$.\nHere $5$ and $7$ are its factors.", "$24$"),
        ("The final answer is:\n\n$24$. I hope it is correct.", "$24$"),
        ("The final answer is $3$ and $4$. I hope it is correct.", "$3$ and $4$"),
        ("The final answer is ${1\n\\over 2}$.\nDone", "${1\n\\over 2}$"),
        ("The final answer is a" + " " * 100_000 + "b", "a" + " " * 100 + "b"),
        ("$" + " " * 100_000, None),
        ("\\(" + " " * 100_000 + "x", None),
        ("So it is $x$" + "\n" * 100_000 + "y", None),
        (" " * 100_000 + "\\boxed{1}", "1"),
        (r"\boxed{1}," * 10_000 + r"\boxed{2}", "1, " * 10_000 + "2"),
        (r"\boxed{" * 10_000, None),
        (r"It is $\boxed {\left\{ 1, 2 \right.}$.", r"\left\{ 1, 2 \right."),
        (r"It is \[\boxed 5\] as was to be shown", "5"),
        (r"It is $\boxed{\boxed{5}}$", "5"),
        (r"Both $\boxed{1},$ and $\boxed{2}$ do", "1, 2"),
        (r"They are $\boxed{1} \text{ and } \boxed{2}$", "1, 2"),
        (r"First \boxed{4}. Then \boxed{5", None),
        (r"It is \boxedx{5}", None),
        ("So $x = \\boxed{\\frac{1}{2}}$, and then it broke", r"\frac{1}{2}"),
        (r"First \boxed{1}, then \boxed{2}", "2"),
        (r"The roots are $\boxed{-2}$ and $\boxed{1}$.", "-2, 1"),
        (
            r"The roots are $\boxed{-2}$, $\boxed{ 0 }$, and $\boxed{\frac{1}{2}}$.",
            r"-2, 0, \frac{1}{2}",
        ),
        (r"If so, $\boxed{3}$. Otherwise $\boxed{4}$ or \boxed{5}", "4, 5"),
        (r"$\boxed{3}$ cm and $\boxed{4}$", "4"),
        ("The final answer is" + "\n" * 100_000, None),
        ("It is 24", None),
    ],
    ids=lambda text: str(text)[:40],
)
def test_the_final_answer_of_a_solution(text: str, answer: str | None) -> None:
    assert isinstance(MATH.metric, SameMathematics)
    assert MATH.metric.extract(text) == answer


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{a_{b_{c}}} and more}", "a_{b_{c}}"),
        (r"$\boxed 4$ is it", "4"),
        (r"\fbox{7}", "7"),
        (r"\boxed{never closed", None),
        (r"\boxed", None),
        ("no box", None),
    ],
)
def test_the_last_box(text: str, content: str | None) -> None:
    assert last_boxed(text) == content


@dataclass
class Alike:
    """Takes everything for the same, and remembers."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    def same(self, reference: str, answer: str) -> bool:
        self.asked.append((reference, answer))
        return True


def test_a_text_too_long_to_be_an_answer_is_not_compared() -> None:
    alike = Alike()
    text = f"The final answer is {'9' * (scoring.LONGEST_ANSWER + 1)}"
    assert MATH.score(asked("9"), written(text), Judges(maths=alike)).score == 0
    assert MATH.score(asked("9"), written("no answer"), Judges(maths=alike)).score == 0
    assert alike.asked == []
    assert (
        MATH.score(asked("9"), written("The final answer is 3^2."), Judges(maths=alike)).score == 1
    )
    assert alike.asked == [("9", "3^2")]


def test_without_its_judge_an_item_has_no_score() -> None:
    for metric in (SameMathematics("(.)"), PassesTests("{response}")):
        scored = metric(asked("1"), written("1"), Judges())
        assert scored.score is None
        assert scored.failed_reason


def test_a_judge_that_does_not_start_is_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densing_pipeline.evaluation.math_worker.__file__", "/dev/null")
    with MathJudge() as judge:
        right = MATH.score(asked("1"), written(r"\boxed{1}"), Judges(maths=judge))
        scored = MATH.score(asked("1"), written(r"\boxed{1.0}"), Judges(maths=judge))
    assert right.score == 1
    assert scored.score is None
    assert scored.failed_reason
    assert scored.failed_reason.startswith("not judged: the judge of mathematical answers did not")


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return open_sandbox(workers=1)
    except SandboxError as error:
        pytest.skip(f"no sandbox on this machine: {error}")


@pytest.mark.parametrize(
    ("body", "score"),
    [
        ("    return a + b\n", 1.0),
        ("    return a - b\n", 0.0),
        ("    return a +\n", 0.0),
        ("    import os; os._exit(0)\n", 0.0),
        ("", 0.0),
    ],
)
def test_a_program_counts_if_it_passes_its_tests(sandbox: Sandbox, body: str, score: float) -> None:
    item = asked("def check(f):\n    assert f(2, 3) == 5\ncheck(add)", "def add(a, b):\n")
    metric = PassesTests("{prompt}{response}")
    assert metric(item, written(body), Judges(programs=sandbox)).score == score


def test_a_program_that_could_not_be_run_has_no_score() -> None:
    class Broken:
        def check(self, program: str, tests: str) -> Verdict:
            raise SandboxError("it did not start")

    scored = PassesTests("{response}")(asked("check(f)"), written("1"), Judges(programs=Broken()))
    assert scored.score is None
    assert scored.failed_reason == "not run: it did not start"


def test_braces_in_prompt_and_answer_stay() -> None:
    programs: list[str] = []

    class Reads:
        def check(self, program: str, tests: str) -> Verdict:
            programs.append(program)
            return Verdict(passed=True)

    PassesTests("{prompt}{response}")(
        asked("", prompt="{a}"), written("{response}{}"), Judges(programs=Reads())
    )
    assert programs == ["{a}{response}{}"]


@pytest.mark.parametrize(
    ("result", "loss"),
    [
        (LossResult(6.0, 4, 9), 1.5),
        (LossResult(0.0, 4, 9), 0.0),
        (LossResult(math.nan, 4, 9), None),
        (LossResult(math.inf, 4, 9), None),
        (LossResult(0.0, 0, 9), None),
    ],
)
def test_the_loss_of_an_answer_is_a_mean_over_its_tokens(
    result: LossResult, loss: float | None
) -> None:
    item = Item("q/0", "MMLU", LossRequest("?", "4"), "4")
    scored = AnswerLoss()(item, result, Judges())
    assert scored.answer_nll_nats_per_token == loss
    assert (scored.failed_reason is None) == (loss is not None)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def f(): return 1\n", "def f(): return 1\n"),
        ("```python\ndef f(): return 1\n```\nIt returns 1.", "def f(): return 1\n"),
        ("\n```\ndef f(): return 1\n```", "def f(): return 1\n"),
        ("```py\ndef f(): return 1", "def f(): return 1"),
        ("def f(): return 1\n```\nIt returns 1.", "def f(): return 1\n"),
        ("def f(): return '```'\n", "def f(): return '```'\n"),
        ("``` python\nx = 1\n```", "x = 1\n"),
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ('```{python title="a.py"}\nx = 1\n```', "x = 1\n"),
        ("````\nx = 1\n```\n````", "x = 1\n```\n"),
        ("  ```py\nx = 1\n  ```\nSo.", "x = 1\n"),
        ("Sure! Here it is:\n\n```python\nx = 1\n```\nSo.\n```\nx = 2\n```", "x = 1\n"),
        ("Sure\n```\nx = 1\n```", "x = 1\n"),
        ("def f(): return 1\nThat is all:\n```\nf()\n```", "def f(): return 1\nThat is all:\n"),
        ("s = '''\n```\n'''\nx = 1\n", "s = '''\n```\n'''\nx = 1\n"),
        ("x = 1\n[END]\nx = 2", "x = 1\n"),
        ("x = 1\n[/BEGIN]\n", "x = 1\n"),
        ("[BEGIN]\ndef f(): return 1\n[END]", "\ndef f(): return 1\n"),
        ("Here it is:\n[BEGIN]\nx = 1\n[END]\nx = 2", "\nx = 1\n"),
        ("```\n[BEGIN]\nx = 1\n```\nSo.", "\nx = 1\n"),
        ("Sure.\n[END]\nThat is all.", "Sure.\n"),
        ("1. So:\n   ```python\n   def f():\n       return 1\n   ```", "def f():\n    return 1\n"),
        (" ```\n def f():\n  return 1\n ```", "def f():\n return 1\n"),
        ("x = [A]\n[A, B]\n", "x = [A]\n[A, B]\n"),
        ("x = 1\n    ```\n", "x = 1\n    ```\n"),
        ("```", ""),
        ("", ""),
    ],
)
def test_code_in_a_fence_is_what_is_within(text: str, code: str) -> None:
    assert scoring.unfenced(text) == code


@pytest.mark.parametrize(
    ("text", "is_chat"),
    [
        ("<think>\nLet me", True), (" <|im_start|>assistant\nYes", True), ("assistant\n\nYes", True), ("Assistant: Yes", True),
        ("<start_of_turn>model", True), ("[INST] Add", True), ("### Response:\n4", True), ("<|channel|>analysis", True),
        ("The assistant is kind.", False), ("system of equations", False), ("    return user", False), ("user_count = 3", False),
        ("# Response", False), ("", False), ("Let us think: <think>", False),
    ],
)  # fmt: skip
def test_answers_of_a_chat_are_known_by_how_they_begin(text: str, is_chat: bool) -> None:
    assert scoring.begins_with_role(text) is is_chat
