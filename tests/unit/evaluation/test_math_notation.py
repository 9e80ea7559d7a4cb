"""Mathematical answers in one notation, and pairs that notation alone tells apart."""

import doctest
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from densing_pipeline.evaluation import math_notation
from densing_pipeline.evaluation.math_notation import alike, in_latex, interval, verdict


def test_the_examples_of_the_module_hold() -> None:
    found = doctest.testmod(math_notation)
    assert (found.attempted > 4, found.failed) == (True, 0)


@pytest.mark.parametrize(
    ("written", "latex"),
    [
        ("−5", "-5"), ("3¾", r"3\frac{3}{4}"), ("2 1/2", r"2\frac{1}{2}"), ("11/2", "11/2"), ("x²", "x^{2}"), ("2¹⁰", "2^{10}"), ("10⁻³", "10^{-3}"), ("xⁿ⁺¹", "x^{n+1}"), ("52₈", "52_{8}"), ("x₁₀", "x_{10}"),
        ("√3", r"\sqrt{3}"),
        ("2√(x)", r"2\sqrt{x}"), ("sqrt{2}", r"\sqrt{2}"), (r"\sqrt{2}", r"\sqrt{2}"), ("12π", r"12\pi"), ("2 pi", r"2 \pi"),
        ("pile", "pile"), (r"\frac\pi2", r"\frac{\pi}{2}"), (r"0.\overline{3}", r"\frac{1}{3}"), (r".1\bar{6}", r"\frac{1}{6}"),
        (r"0.\dot3", r"\frac{1}{3}"), (r"2.\overline{9}", r"\frac{3}{1}"), (r"1.2\overline{45}", r"\frac{137}{110}"),
        (r"\overline{AB}", r"\overline{AB}"), ("**7**", "7"), ("$3/2.$", "$3/2$"), (r"\left( 1, 2 \right)", "( 1, 2 )"),
        (r"\left\{ 1 \right\}", r"\{ 1 \}"), (r"\varnothing", r"\emptyset"), ("$1,$ and $2$", "$1, 2$"), (r"1\,000", "1000"),
        (r"1\,00", r"1\,00"), (r"5 \pmod{7}", "5 "), ("(11001)_2", "11001_2"), (r"\sin 30^\circ", r"\sin{\frac{30\pi}{180}}"),
        ("５", "5"), ("  a  b ", "a b"),
    ],
)  # fmt: skip
def test_notation_that_the_library_does_not_read(written: str, latex: str) -> None:
    assert in_latex(written) == latex


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        (r"2 \le x < 5", "[2,5)"), ("5 > x >= 2", "5 > x >= 2"), (r"5 > x \ge 2", "[2,5)"), ("x > 3", r"(3,\infty)"),
        (r"3 \geqslant y", r"(-\infty,3]"), (r"x < 2 \text{ or } x > 3", r"(-\infty,2) \cup (3,\infty)"),
        ("$x < 2$, or $x > 3$", r"(-\infty,2) \cup (3,\infty)"), (r"(-\infty,0] \text{ or } [1,\infty)", r"(-\infty,0] \cup [1,\infty)"),
        (r"x \ne 2", r"(-\infty,2) \cup (2,\infty)"), ("x < 2 or so", "x < 2 or so"), ("x = 2", "x = 2"), ("5", "5"),
        (r"x \leftarrow 5", r"x \leftarrow 5"),
    ],
)  # fmt: skip
def test_bounds_of_an_unknown_are_intervals(bounds: str, found: str) -> None:
    assert interval(bounds) == found


@pytest.mark.parametrize(
    ("reference", "answer", "same"),
    [
        (r"\{1,2\}", "(1,2)", False), ("(1,2)", r"\{1,2\}", False), (r"\{1,2\}", "1,2", None), (r"\{(1,2),(3,4)\}", "(3,4),(1,2)", None),
        (r"7\text{ a.m.}", "7 p.m.", False), (r"7\text{ a.m.}", "7 AM", True), (r"7\text{ a.m.}", "7", None), ("3am", "3pm", False),
        (r"3\text{ east}", r"3\text{ west}", False), (r"3\text{ east}", "3", None), ("2:30", "1:15", False), ("2:30", "2:30", True),
        ("1:2", "2:4", None), ("10:30", "1:3", False), ("52_8", "52_9", False), ("52_8", "52₉", False), ("52_8", "(52)_{8}", None), ("52_8", "52", None),
        (r"\text{June 20}", "June 20", True), (r"\text{June 20}", "June 21", None), (r"\text{even}", "odd", False),
        (r"\text{ellipse}", "an ellipse", True), (r"\text{no}", "on", False), (r"\text{A}", "(A)", None), (r"\text{Yes}", "yes.", True),
        ("x", "X", None), ("2", "3", None),
    ],
)  # fmt: skip
def test_what_the_library_would_drop_decides(
    reference: str, answer: str, same: bool | None
) -> None:
    assert verdict(reference, answer) is same


@pytest.mark.parametrize(
    ("reference", "answer", "both"),
    [
        ("3c", "3", ("3{c}", "3")), ("x + t", "t + x", ("x + {t}", "t + {x}")), (r"5\text{ cm}", "5 cm", (r"5\text{ cm}", "5")),
        ("25", "25 cm^2", ("25", "25")), ("5", "5 apples.", ("5", "5")), ("5", "5 or 6", ("5", "5 or 6")),
        ("5", "5 million", ("5", "5 million")), ("3", "3 squared", ("3", "3 squared")), ("4", "4 fifths", ("4", "4 fifths")),
        ("4", "4 hundredths", ("4", "4 hundredths")), ("12", "12 dozens", ("12", "12 dozens")), ("5", "5 millions", ("5", "5 millions")),
        ("3", "3 paths", ("3", "3")), ("5", "5 months", ("5", "5")), ("A, C", "C, A", ("A, C", "C, A")), ("2i", "2 i", ("2i", "2 i")),
        (r"2\pi", r"2\pi", (r"2\pi", r"2\pi")), (r"10\%", "10 percent", ("10", "10")), ("10", "10%", ("10", r"10\%")),
        (r"(-\infty, 2) \cup (3,\infty)", "x<2 or x>3", (r"(-\infty, 2) \cup (3,\infty)", r"(-\infty,2) \cup (3,\infty)")),
    ],
)  # fmt: skip
def test_letters_of_an_unknown_are_kept_and_words_behind_a_number_are_not(
    reference: str, answer: str, both: tuple[str, str]
) -> None:
    assert alike(reference, answer) == both


@contextmanager
def processor_seconds(most: float) -> Iterator[None]:
    """Fails if the block computes for longer; the time of other processes does not count."""

    def too_long(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"took over {most} s of the processor")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, most)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize(
    "part", ["1 ", " ", "x<", " \\le x ", r"\text{a}", "5 ab ", " or ", "(", "$and", "1:1", "½", "a m ", "0.1\\overline{3}", "{", ".", "[,"]
)  # fmt: skip
def test_no_answer_takes_long_to_be_put_in_notation(part: str) -> None:
    answer = (part * 2000)[:2000] + "!"
    with processor_seconds(5):
        for reference in ("2", "x", "[1,2]", r"\{1\}"):
            verdict(reference, answer)
            alike(reference, answer)
