"""A list is read as if it were the first, whatever list was read before; unchanged entries are not read again."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from densing_pipeline.json_documents import load_first_stated, load_members
from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import litellm, modelsdev, openrouter, snapshot
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot
from densing_pipeline.prices.sources.source import Parser

DAY = date(2026, 5, 1)

amounts = st.sampled_from([1, 1.0, True, 0, -1, -2, 2.5, "1", "1.0", None, "x", [1]])
litellm_entries = st.fixed_dictionaries(
    {"mode": st.sampled_from(["chat", "embedding"]), "litellm_provider": st.sampled_from("ab")},
    optional={
        "input_cost_per_token": amounts,
        "output_cost_per_token": amounts,
        "input_cost_per_token_above_200k_tokens": amounts,
        "deprecation_date": st.sampled_from(["2026-04-30", "2026-05-01", "2026-05-02"]),
        "currency": st.sampled_from(["USD", "CNY"]),
    },
)
modelsdev_entries = st.fixed_dictionaries(
    {},
    optional={
        "cost": st.fixed_dictionaries({}, optional={"input": amounts, "output": amounts}),
        "modalities": st.sampled_from([{"output": ["text"]}, {"output": ["image"]}, 3]),
    },
)
maps = st.dictionaries(st.sampled_from(["a/m", "b/m", "m", "m "]), litellm_entries | amounts)
lists = st.dictionaries(
    st.sampled_from("ab"),
    st.fixed_dictionaries(
        {"models": st.dictionaries(st.sampled_from("mno"), modelsdev_entries | amounts)},
        optional={"doc": st.sampled_from(["https://a", "https://b"]), "unit": amounts},
    ),
)
router_entries = st.fixed_dictionaries(
    {"id": st.sampled_from(["a/m", "a/n", "a/m:free", "b/m"])},
    optional={
        "pricing": st.fixed_dictionaries({"prompt": amounts, "completion": amounts}) | amounts,
        "hugging_face_id": st.sampled_from(["a/M", None]),
        "alias_target": st.sampled_from([{"slug": "a/n"}, 3]),
        "expiration_date": st.sampled_from(["2026-05-01", "2098-12-31"]),
    },
)
pages = st.fixed_dictionaries(
    {"data": st.lists(router_entries | amounts, max_size=4)},
    optional={"currency": st.sampled_from(["USD", "CNY"]), "total_count": st.sampled_from([1, 4])},
)
days = st.sampled_from([date(2026, 4, 30), DAY, date(2026, 5, 2)])


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_newest_read", {})
    monkeypatch.setattr(snapshot, "_newest_members", {})


def forget() -> None:
    snapshot._newest_read.clear()
    snapshot._newest_members.clear()


def read(parse: Parser, document: Any, day: date) -> ParsedSnapshot | str:
    try:
        return parse(json.dumps(document).encode(), day)
    except SnapshotError as error:
        return str(error)


def check(parse: Parser, documents: list[tuple[Any, date]]) -> None:
    one_by_one, alone = list[ParsedSnapshot | str](), list[ParsedSnapshot | str]()
    forget()
    for document, day in documents:
        one_by_one.append(read(parse, document, day))
    for document, day in documents:
        forget()
        alone.append(read(parse, document, day))
    for after_others, first in zip(one_by_one, alone, strict=True):
        if isinstance(first, str) or isinstance(after_others, str):
            assert after_others == first
            continue
        for name in ("quotes", "quarantined", "left_out"):
            assert getattr(after_others, name).equals(getattr(first, name)), name


property_test: Callable[..., Any] = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@property_test
@given(st.lists(st.tuples(maps, days), min_size=2, max_size=4))
def test_a_litellm_map_is_read_as_if_it_were_the_first(documents):
    check(litellm.parse, documents)


@property_test
@given(st.lists(st.tuples(lists, days), min_size=2, max_size=4))
def test_a_list_of_models_dev_is_read_as_if_it_were_the_first(documents):
    check(modelsdev.parse, documents)


@property_test
@given(
    st.lists(
        st.tuples(
            pages | st.fixed_dictionaries({"pages": st.lists(pages, min_size=2, max_size=2)}), days
        ),
        min_size=2,
        max_size=4,
    )
)
def test_a_list_of_openrouter_is_read_as_if_it_were_the_first(documents):
    check(openrouter.parse, documents)


def test_only_what_changed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read_again = list[str]()
    entry = litellm._entry

    def counted(entries: Any, key: str, model: Any, is_retired: bool) -> None:
        read_again.append(key)
        entry(entries, key, model, is_retired)

    monkeypatch.setattr(litellm, "_entry", counted)
    prices = {
        name: {
            "mode": "chat", "litellm_provider": "a",
            "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
        }
        for name in ("stays", "changes", "retires")
    }  # fmt: skip
    prices["retires"]["deprecation_date"] = "2026-05-02"
    litellm.parse(json.dumps(prices).encode(), DAY)
    assert read_again == ["stays", "changes", "retires"]
    read_again.clear()
    prices["changes"]["input_cost_per_token"] = 2e-6
    litellm.parse(json.dumps(prices).encode(), DAY)
    assert read_again == ["changes"]
    read_again.clear()
    found = litellm.parse(json.dumps(prices).encode(), date(2026, 5, 2))
    assert read_again == ["retires"]
    assert found.quotes["flag"].to_list() == [None, "unconfirmed", None]


def test_a_document_that_is_refused_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    price = {
        "mode": "chat", "litellm_provider": "a",
        "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
    }  # fmt: skip
    litellm.parse(json.dumps({"m": price}).encode(), DAY)
    known = snapshot._newest_read["litellm"]
    with pytest.raises(SnapshotError):
        litellm.parse(json.dumps({"m": {**price, "input_cost_per_token": "x"}}).encode(), DAY)
    assert snapshot._newest_read["litellm"] is known


values = st.recursive(
    st.sampled_from([1, 12, 1.5, True, None, "", "a", 'b"}', "\u00e9"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=4,
)
objects = st.dictionaries(st.sampled_from(["a", "b", 'c"', "d"]), values, max_size=4)


@property_test
@given(objects, objects, st.sampled_from([None, 1]), st.booleans())
def test_members_that_are_taken_over_are_those_that_a_whole_reading_gives(old, new, indent, ascii):
    texts = [json.dumps(d, indent=indent, ensure_ascii=ascii).encode() for d in (old, new)]
    known = load_members(texts[0], Decimal, {}) or {}
    found = load_members(texts[1], Decimal, known)
    assert (found is None) == (not new or 'c"' in new), "an escape in a key, or no member"
    if found is not None:
        again = {key: member.value for key, member in found.items()}
        assert repr(again) == repr(load_first_stated(texts[1], Decimal)[0])


def test_a_member_with_the_same_text_is_the_same_object() -> None:
    known = load_members(b'{"a": {"x": 1}, "b": {"x": 1}}', Decimal, {})
    assert known is not None
    found = load_members(b' {"b": {"x": 1.0}, "a": {"x": 1}}\n', Decimal, known)
    assert found is not None
    assert found["a"].value is known["a"].value
    assert repr(found["b"].value) == "{'x': Decimal('1.0')}"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}', '{"a": 1, "a": 1}', '{"b": {"c": 1, "c": 2}}', '{"a": 1,}', '{"a": 1',
        '{"a": 1} {}', '{"a": 12x}', '{"a" 1}', "[1]", "{}", "", "<html>", '{"a": 1e99999999999999999999}',
        '{"a": ' + 101 * "[" + 101 * "]" + "}", '{"a": ' + 100_000 * "[",
    ],
)  # fmt: skip
def test_other_documents_are_read_as_a_whole(text: str) -> None:
    known = load_members(b'{"a": 1}', Decimal, {})
    assert known is not None
    assert load_members(text.encode(), Decimal, known) is None
