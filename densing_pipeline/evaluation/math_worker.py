"""The process that compares mathematical answers with `math-verify`, and ends if they take too much.

It is run as a program of its own by `math_judge` and finds no other module of the package. It reads a comparison a line
of standard input, a JSON list of reference, answer and seconds for each step, and writes `true` or `false`.

Not here: writing answers in one notation (`math_notation`), and ending the process in time (`math_judge`).
"""

import importlib
import json
import re
import resource
import sys
from collections.abc import Callable
from typing import Any

BYTES = 4 * 2**30
"""Address space of the process."""

READY = "ready"

DELIMITED = re.compile(r"(?<!\\)\$|\\\[|\\\(")
"""What delimits mathematics; a dollar sign before an amount of dollars is escaped."""

TINY = 1e-6
"""Numbers below it are all rounded to 0 by the library, which would call them equal; they must agree to this share."""

DIGITS, EXACT = 120, 1e-100
"""Digits to which numbers that are not rational are computed, and the share by which equal ones may differ."""

DOUBLE_ROUNDING = 1e-12
"""Largest share by which decimal numbers may differ: the library keeps them as doubles."""


def work() -> None:
    """Run the process: for each comparison on a line of standard input, write `true` or `false`."""
    answers, sys.stdout = sys.stdout, sys.stderr
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))

    def say(line: str) -> None:
        answers.write(line + "\n")
        answers.flush()

    try:
        compare = _comparison()
    except Exception as error:  # reported to the parent, which raises it
        say(f"{type(error).__name__}: {error}".replace("\n", " "))
        return
    say(READY)
    for line in sys.stdin:
        say(json.dumps(compare(*json.loads(line))))


def _comparison() -> Callable[[str, str, int], bool]:
    math_verify = importlib.import_module("math_verify")
    limited = importlib.import_module("math_verify.utils").timeout
    late = importlib.import_module("math_verify.errors").TimeoutException
    numbers = Numbers(importlib.import_module("sympy"))

    def compare(reference: str, answer: str, seconds: int) -> bool:
        gold, target = (
            math_verify.parse(
                text if DELIMITED.search(text) else f"${text}$", parsing_timeout=seconds
            )
            for text in (reference, answer)
        )
        is_same = math_verify.verify(gold, target, timeout_seconds=seconds)
        if not gold or not target:
            return False
        try:
            agree = limited(timeout_seconds=seconds)(numbers.agree)(gold[0], target[0])
        except (late, ArithmeticError, TypeError, ValueError, RecursionError):
            return False
        return agree is True or bool(is_same and agree is None)

    return compare


class Numbers:
    """Decides about numbers to more digits than the library, which rounds to six places.

    Args:
        sympy: the module, which only the evaluation environment has.
    """

    def __init__(self, sympy: Any) -> None:
        """Keep the module."""
        self.sympy = sympy
        self.lists = (sympy.Tuple, sympy.FiniteSet, sympy.Union, sympy.Interval, sympy.MatrixBase)

    def agree(self, one: Any, other: Any) -> bool | None:
        """Whether two numbers are equal; False for lists if a number of one is not in the other.

        None if the library has to say: about anything else, and about a decimal number beside one that no decimal number is.
        """
        if any(self._is_assignment(each) for each in (one, other)):
            values = (each.rhs if self._is_assignment(each) else each for each in (one, other))
            return False if self.agree(*values) is False else None
        if isinstance(one, self.lists) and isinstance(other, self.lists):
            found = [[self.agree(a, b) for b in self._parts(other)] for a in self._parts(one)]
            return (
                False if any(row and all(each is False for each in row) for row in found) else None
            )
        if not all(isinstance(each, self.sympy.Expr) and each.is_number for each in (one, other)):
            return None
        verdicts = {self._are_equal(a, b) for a in self._meant(one) for b in self._meant(other)}
        return True if True in verdicts else None if None in verdicts else False

    def _is_assignment(self, value: Any) -> bool:
        """Whether it is an equation such as `x = 5`."""
        return isinstance(value, self.sympy.Eq) and isinstance(value.lhs, self.sympy.Symbol)

    def _parts(self, values: Any) -> list[Any]:
        if isinstance(values, self.sympy.MatrixBase):
            return list(values.flat())
        return list(values.args[:2] if isinstance(values, self.sympy.Interval) else values.args)

    def _meant(self, value: Any) -> list[Any]:
        """The number; of a number of per cent also the number without the sign."""
        hundredth = self.sympy.UnevaluatedExpr(self.sympy.Rational(1, 100))
        is_percent = isinstance(value, self.sympy.Mul) and value.args[1:] == (hundredth,)
        return [value.doit(), *([value.args[0].doit()] if is_percent else [])]

    def _are_equal(self, one: Any, other: Any) -> bool | None:
        if not one.is_finite or not other.is_finite:
            return None
        if one.is_Rational and other.is_Rational:
            return bool(one == other)
        is_exact = not (one.has(self.sympy.Float) or other.has(self.sympy.Float))
        decimals = [self._decimal(each) for each in (one, other)]
        if is_exact or None not in decimals:
            share = EXACT if is_exact else DOUBLE_ROUNDING
        elif self.sympy.Abs(one).evalf() < TINY and not one.is_zero:
            share = TINY
        else:
            return None
        if not is_exact and None not in decimals:
            one, other = decimals
        one, other = (each.evalf(DIGITS, maxn=10 * DIGITS) for each in (one, other))
        size, difference = (self.sympy.Abs(each) for each in (one, one - other))
        # A sum that is 0 has no digits to which it could be known.
        return None if size < EXACT else bool(difference <= size * self.sympy.Float(share, DIGITS))

    def _decimal(self, value: Any) -> Any:
        """The number if it is written as a decimal number, or could be; else None."""
        if value.is_Float:
            return self.sympy.Rational(str(value))
        rest = value.q if value.is_Rational else 0
        for factor in (2, 5):
            while rest and rest % factor == 0:
                rest //= factor
        return value if rest == 1 else None


if __name__ == "__main__":
    work()
