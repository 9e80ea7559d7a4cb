"""Turn a stated value into a fraction, where its unit is stated or its range leaves one reading only.

Cards write a share of right answers as 71, as 0.71 or as text. A number above 1 can only be a
percentage. One up to 1 can be either; it is a fraction if as a percentage it would be far below
guessing, or if the same document has such a value and none above 1. Otherwise the scale is not known
and there is no score.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from densing_pipeline.benchmarks import LOWEST_SCORE

Scale = Literal["percent", "fraction", "unknown"]

_NUMBER = re.compile(
    r"(?P<number>[+-]?\d{1,12}(\.\d{1,20})?([eE][+-]?\d{1,2})?)\s*(?P<unit>%|percent)?"
    r"(\s*(±|\+/-)\s*\d{1,12}(\.\d{1,20})?\s*%?)?",
    re.ASCII,
)


class Value(NamedTuple):
    """A stated value: the number as written, and whether a per cent sign is written with it."""

    number: float
    is_percent: bool


class Score(NamedTuple):
    """A value as a fraction.

    Attributes:
        scale: how the value is written.
        score: fraction in [0, 1]; None without one.
        reason: why there is no score.
    """

    scale: Scale
    score: float | None
    reason: str | None = None


def value_of(text: str | None) -> Value | None:
    """The number that a text states, such as `71`, `71.3 %` or `20.0 ± 1.2`; None if it is no number.

    What follows `±` is not read: cards do not say whether it is a standard error or an interval.
    """
    found = _NUMBER.fullmatch((text or "").strip())
    return Value(float(found["number"]), found["unit"] is not None) if found else None


def score_of(value: Value, benchmark: str | None, *, in_fractions: bool) -> Score:
    """A share of right answers as a fraction.

    Args:
        value: the share as stated.
        benchmark: its benchmark, which has a score of guessing.
        in_fractions: whether the document is in fractions (`are_fractions`).
    """
    number = value.number
    if not 0 <= number <= 100:
        return Score("unknown", None, f"{number:g} is no share of right answers")
    if value.is_percent or number > 1:
        # 0.71 / 100 is not the float nearest to 0.0071; Decimal divides what is written.
        return Score("percent", float(Decimal(str(number)) / 100))
    if number == 0:
        return Score("unknown", 0.0)
    if in_fractions or _is_surely_fraction(value, benchmark):
        return Score("fraction", number)
    return Score("unknown", None, f"{number:g} may be a fraction or a percentage")


def are_fractions(values: Iterable[tuple[Value, str | None]]) -> bool:
    """Whether a document writes shares as fractions: one value surely is one, and none is above 1.

    Args:
        values: all shares of right answers in the document, each with its benchmark.
    """
    stated = list(values)
    return all(value.number <= 1 and not value.is_percent for value, _ in stated) and any(
        _is_surely_fraction(value, benchmark) for value, benchmark in stated
    )


def is_below_guessing(score: float, benchmark: str | None) -> bool:
    """Whether a score is so far below guessing that it is no result of the benchmark."""
    return score < LOWEST_SCORE.get(benchmark or "", 0.0)


def _is_surely_fraction(value: Value, benchmark: str | None) -> bool:
    number, lowest = value.number, LOWEST_SCORE.get(benchmark or "", 0.0)
    return lowest > 0 and not value.is_percent and number / 100 < lowest <= number <= 1
