"""The judge of mathematical answers, with the library it uses in the evaluation environment."""

from collections.abc import Iterator

import pytest

from densing_pipeline.evaluation.math_judge import MathJudge

pytest.importorskip("math_verify", reason="needs the evaluation environment")


@pytest.fixture(scope="module")
def judge() -> Iterator[MathJudge]:
    with MathJudge(seconds=2) as judge:
        yield judge


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", r"$\dfrac12$"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        ("1,-2", "-2, 1"),
        ("90^\\circ", "90"),
        ("6 - 5i", "-5i + 6"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\$32,348", "32348"),
        ("42", r"\[42\]"),
        ("42", "\\[\n42\n\\]"),
        ("42", r"\(42\)"),
        ("1000", r"1\,000"),
        ("1234567", r"1{,}234{,}567"),
        ("[-2,7]", r"-2 \leq x \leq 7"),
        ("[2,5)", r"$2 \le x < 5$"),
        (r"2 < x \leq 5", "(2,5]"),
        (r"[5,\infty)", r"x \ge 5"),
        (r"(5,\infty)", "$x > 5$"),
        (r"(-\infty,3]", r"x \leq 3"),
        (r"(-\infty, 3)", r"3 > x"),
        (r"[5,\infty)", r"5 \le x"),
        ("1000", "1\u2009000"),
        ("1234567", "1~234~567"),
        (r"\frac{1}{2004!}", r"\frac{1}{2004!}"),
        ("0.0000001", r"10^{-7}"),
        (r"10\%", "10%"),
        (r"10\%", "10"),
        (r"10\%", r"$10\%$"),
        (r"10\%", r"10 \text{ percent}"),
        ("10", r"10\%"),
        ("10", "10 percent"),
        ("52_8", "52"),
        ("52_8", "52_{8}"),
    ],
)
def test_other_words_for_the_same(judge: MathJudge, reference: str, answer: str) -> None:
    assert judge.same(reference, answer)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("2", "3"),
        (r"(3, \frac{\pi}{2})", r"(\frac{\pi}{2}, 3)"),
        ("2", ""),
        ("x + 1", "x - 1"),
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
        ("0.0000001", "0.0000002"),
        ("0.0000001", "0"),
        ("[2,5)", r"2 \le x \le 5"),
        (r"[5,\infty)", "x > 5"),
        (r"[5,\infty)", r"x \le 5"),
        (r"(5,\infty)", r"x > 6"),
        ("1000", "1\u2009001"),
        ("[-2,7]", r"-2 \leq x \leq 8"),
        ("12", r"1\,2"),
        (r"10\%", "11%"),
        (r"10\%", "0.1"),
        ("52_8", "52_9"),
        ("52_8", "42_{10}"),
        ("52_8", "42"),
        ("4210_{5}", "$4210_{6}$"),
    ],
)
def test_something_else(judge: MathJudge, reference: str, answer: str) -> None:
    assert not judge.same(reference, answer)


@pytest.mark.parametrize(
    "answer", ["10^{10^{10^{10}}}", "(" * 1900, r"\sum_{n=1}^{10^{9}} n!", "9" * 1900 + "!"]
)
def test_an_answer_that_takes_all_there_is_costs_itself_only(judge: MathJudge, answer: str) -> None:
    assert not judge.same("2", answer)
    assert judge.same("2", r"\frac{4}{2}")
