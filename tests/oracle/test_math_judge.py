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
        ("52_8", "(52)_8"),
        (r"\frac{1}{3}", r"0.\overline{3}"),
        (r"2.1\overline{3}", r"\frac{32}{15}"),
        (r"0.\overline{3}", "0.333333"),
        (r"\frac{3}{2}", "1½"),
        (r"\frac{3}{2}", "1 1/2"),
        (r"2\sqrt{3}", "2√3"),
        ("x^2", "x²"),
        ("1024", "2¹⁰"),
        ("0.001", "10⁻³"),
        ("52_8", "52₈"),
        ("3", "3 paths"),
        ("-5", "−5"),
        (r"\frac{\pi}{2}", r"\frac\pi2"),
        ("3 + c", "c + 3"),
        ("2ab", "2ba"),
        ("x^2 + 3t", "3t + x^2"),
        ("A,C", "C, A"),
        ("2x - y = 3", "4x - 2y = 6"),
        ("25", "25 cm^2"),
        ("5", "5 dollars"),
        ("33.3", r"33.3\%"),
        (r"33\frac{1}{3}\%", r"\frac{100}{3}"),
        ("1,2,3", "$1, 2,$ and $3$"),
        (r"\emptyset", r"\varnothing"),
        (r"(-\infty, 2) \cup (3, \infty)", r"x < 2 \text{ or } x > 3"),
        ("[1,2)", r"2 > x \ge 1"),
        (r"\left[\frac{1}{2}, 2\right]", r"0.5 \le y \le 2"),
        ("2^{100}", "1267650600228229401496703205376"),
        ("1 - 2^{-100}", "1 - 4^{-50}"),
        (r"\cos\frac{\pi}{7}-\cos\frac{2\pi}{7}+\cos\frac{3\pi}{7}", r"\frac12"),
        (r"\sqrt{5+2\sqrt{6}}", r"\sqrt{2}+\sqrt{3}"),
        (r"\sqrt{2}", "1.414214"),
        ("18.90", "18.9"),
        (r"\text{June 20}", "June 20"),
        (r"7\text{ a.m.}", "7 AM"),
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
        ("52_8", "52₉"),
        ("5", "5 millions"),
        ("12", "12 dozens"),
        ("52_8", "42"),
        ("4210_{5}", "$4210_{6}$"),
        ("11001_2", "(11001)_3"),
        (r"0.\overline{3}", "0"),
        ("0", r"0.\overline{3}"),
        (r"0.\overline{27}", r"0.\overline{28}"),
        ("3c", "3"),
        ("3c", "3d"),
        ("x^2 + 3t", "x^2 + 3"),
        ("2ab", "2"),
        ("x=5", "y=5"),
        ("3x - 4y + 5 = 0", "3x + 4y + 5 = 0"),
        ("1 - 2^{-100}", "1 - 2^{-101}"),
        (r"\frac{2004! - 1}{2004!}", r"\frac{2005! - 1}{2005!}"),
        (r"\sqrt{2} + 10^{-20}", r"\sqrt{2}"),
        (r"e^{\pi\sqrt{163}}", "262537412640768744"),
        ("0.5", "0.5000001"),
        ("0.123456789", "0.123456788"),
        (r"\frac18", "0.12500001"),
        ("1234.56789012", "1234.56789013"),
        ("(0.00000001, 2)", "(0.00000002, 2)"),
        ("(0.1, 2)", "(0.10000001, 2)"),
        (
            r"\begin{pmatrix} 0.1 \\ 2 \end{pmatrix}",
            r"\begin{pmatrix} 0.10000001 \\ 2 \end{pmatrix}",
        ),
        (r"\{1,2\}", "(2,1)"),
        ("(1,2)", r"\{1,2\}"),
        ("2:30", "1:15"),
        (r"7\text{ a.m.}", "7 p.m."),
        (r"\text{no}", "on"),
        (r"\text{June 20}", "June 21"),
        (r"(-\infty, 2) \cup (3, \infty)", r"x \le 2 \text{ or } x \ge 3"),
        (r"\infty", r"-\infty"),
    ],
)
def test_something_else(judge: MathJudge, reference: str, answer: str) -> None:
    assert not judge.same(reference, answer)


@pytest.mark.parametrize(
    "answer",
    [
        "10^{10^{10^{10}}}",
        "(" * 1900,
        r"\sum_{n=1}^{10^{9}} n!",
        "9" * 1900 + "!",
        "7^{7^{7^{8}}}",
        "10^{10^{6}}!",
    ],
)
def test_an_answer_that_takes_all_there_is_costs_itself_only(judge: MathJudge, answer: str) -> None:
    assert not judge.same("2", answer)
    assert judge.same("2", r"\frac{4}{2}")
