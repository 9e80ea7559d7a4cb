"""JSON of strangers: what Python's reader stumbles over costs one value."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densing_pipeline import json_documents
from densing_pipeline.json_documents import DEEPEST, LONGEST_INTEGER, NESTED, STATED_TWICE, load

WHOLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(WHOLE, st.booleans())
def test_an_ordinary_document_is_read_as_python_reads_it(document: object, is_ascii: bool) -> None:
    content = json.dumps(document, ensure_ascii=is_ascii).encode()
    assert load(content) == document


@pytest.mark.parametrize("digits", [LONGEST_INTEGER, LONGEST_INTEGER + 1, 4300, 5000])
def test_an_integer_beyond_reason_is_text(digits: int) -> None:
    written = "9" * digits
    [found, beside] = load(f"[{written}, 1]".encode())
    assert beside == 1
    assert found == (int(written) if digits <= LONGEST_INTEGER else written)


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_what_is_no_finite_number_is_text(written: str) -> None:
    assert load(f'{{"a": {written}, "b": 1.5}}'.encode()) == {"a": written, "b": 1.5}
    assert math.isfinite(load(b"1e308"))


def test_a_key_stated_twice_has_its_value_only_if_both_agree() -> None:
    found = load(b'[{"a": 1, "a": 1, "b": {"c": 2, "c": 3, "d": 4}}, {"a": 1, "a": 2, "a": 1}]')
    assert found == [{"a": 1, "b": {"c": STATED_TWICE, "d": 4}}, {"a": STATED_TWICE}]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"a\udc00b"', "a\ufffdb"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        (r'"\ud800\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\ude00\ud83d"', "\ufffd\ufffd"),
        (r'"\uD83D\n\uDE00"', "\ufffd\n\ufffd"),
        (r'"\\ud800 \\\ud800"', "\\ud800 \\\ufffd"),
        ('"\ud800"', "\ufffd"),
        ('"\ud83d\\ude00"', "\ufffd\ufffd"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_half_a_character_is_replaced_and_a_whole_one_is_not(
    written: str, read: str, encoding: str
) -> None:
    found = load(written.encode(encoding, "surrogatepass"))
    assert found == read
    assert found.encode(), "text that a table can hold"


def depth(document: object) -> int:
    """Lists and objects within each other, counted without recursion."""
    level: list[Any]
    level, found = [document], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        found += 1
        level = [
            child for each in level for child in (each.values() if isinstance(each, dict) else each)
        ]
    return found


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[{"]":[', "]}]")])
@pytest.mark.parametrize("times", [DEEPEST // 3, DEEPEST, DEEPEST + 1, 600, 100_000])
def test_what_is_nested_too_deeply_costs_itself_on_every_python(
    start: str, end: str, times: int
) -> None:
    deep = f"{start * times}1{end * times}"
    found = load(f'{{"a": 1, "b": {deep}, "c": "[{{\\"", "d": [{deep}]}}'.encode())
    assert (found["a"], found["c"]) == (1, '[{"')
    whole = 1 + times * (start.count("[") + start.count("{"))
    assert depth(found["b"]) == min(whole - 1, DEEPEST - 1)
    assert depth(found) == min(whole + 1, DEEPEST)


def test_a_list_at_the_bound_in_depth_is_read_and_one_below_is_text() -> None:
    found = load(f"{'[' * DEEPEST}[], 1{']' * DEEPEST}".encode())
    for _ in range(DEEPEST - 1):
        (found,) = found
    assert found == [NESTED, 1]


def test_the_number_of_values_is_bounded_for_each_takes_memory(monkeypatch) -> None:
    monkeypatch.setattr(json_documents, "MOST_VALUES", 8)
    assert load(b'[{"a": 1, "b": [2, 3]}, {}]')
    with pytest.raises(ValueError, match="more than 8 values"):
        load(b"[[], [], [], [], []]")


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"a":' * 100_000, b"", b"[1", b"\xff\xff"])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the reader's own
        load(content)
