"""A value becomes a fraction only where one reading is left."""

import pytest

from densing_pipeline.hub.claimed_scores.scale import (
    Value,
    are_fractions,
    is_below_guessing,
    score_of,
    value_of,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("71", Value(71.0, False)),
        ("71.3 %", Value(71.3, True)),
        ("0.71%", Value(0.71, True)),
        ("20.0 ± 1.2", Value(20.0, False)),
        ("20.0% +/- 1.2%", Value(20.0, True)),
        ("1e-2", Value(0.01, False)),
        ("-1", Value(-1.0, False)),
        (" 0.5 ", Value(0.5, False)),
        *((text, None) for text in (None, "", "n/a", "True", "NaN", "inf", "71,3", "71 of 100",
          "0x10", "1_000", "(list)", "9" * 400, "٧١", "1e999")),
    ],
)  # fmt: skip
def test_a_number_is_read_as_written(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "benchmark", "scale", "score"),
    [
        ("71", "MMLU", "percent", 0.71),
        ("0.71", "MMLU", "fraction", 0.71),
        ("0.71 %", "MMLU", "percent", 0.0071),
        ("71", "HumanEval", "percent", 0.71),
        ("1.2", "HumanEval", "percent", 0.012),
        ("100", "HumanEval", "percent", 1.0),
        # One solved problem of 164 is 0.6 %; 0.6 is also what a good model scores.
        ("0.6", "HumanEval", "unknown", None),
        ("1", "MATH", "unknown", None),
        ("0", "HumanEval", "unknown", 0.0),
        ("0.71", None, "unknown", None),
        ("0.71", "a benchmark of nobody", "unknown", None),
        # Below half of guessing neither reading is a result.
        ("0.125", "MMLU", "fraction", 0.125),
        ("0.12", "MMLU", "unknown", None),
        ("100.1", "MMLU", "unknown", None),
        ("-0.1", "MMLU", "unknown", None),
    ],
)
def test_a_value_alone_is_converted_where_its_range_leaves_one_reading(
    text, benchmark, scale, score
):
    found = score_of(value_of(text), benchmark, in_fractions=False)
    assert (found.scale, found.score) == (scale, score)
    assert (found.reason is None) == (score is not None)


def test_a_document_in_fractions_settles_what_one_value_leaves_open():
    assert score_of(Value(0.6, False), "HumanEval", in_fractions=True).score == 0.6
    assert score_of(Value(60.0, False), "HumanEval", in_fractions=True).score == 0.6
    assert score_of(Value(0.6, True), "HumanEval", in_fractions=True).score == 0.006


MMLU, HUMANEVAL = (Value(0.71, False), "MMLU"), (Value(0.6, False), "HumanEval")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([MMLU, HUMANEVAL], True),
        ([HUMANEVAL], False),
        ([HUMANEVAL, (Value(0.4, False), "MBPP")], False),
        ([MMLU, HUMANEVAL, (Value(71.0, False), "MMLU")], False),
        ([MMLU, HUMANEVAL, (Value(0.5, True), "MBPP")], False),
        ([(Value(0.01, False), "MMLU"), HUMANEVAL], False),
        ([], False),
    ],
)
def test_a_document_is_in_fractions_if_one_value_surely_is_and_none_is_above_one(values, expected):
    assert are_fractions(values) == expected


def test_a_score_far_below_guessing_is_no_result():
    assert is_below_guessing(0.12, "MMLU")
    assert not is_below_guessing(0.13, "MMLU")
    assert not is_below_guessing(0.0, "HumanEval")
