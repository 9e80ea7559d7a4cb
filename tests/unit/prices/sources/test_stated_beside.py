"""What lists state beside their amounts: hours, thresholds, currencies, units, fees, and keys stated twice."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from densing_pipeline.json_documents import FirstStated, load_first_stated
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.hours import MINUTES_PER_WEEK, minutes_of_week
from densing_pipeline.prices.sources.snapshot import STATED_AGAIN, ParsedSnapshot
from densing_pipeline.prices.sources.terms import read_terms
from densing_pipeline.prices.sources.values import (
    PER_MILLION,
    PER_TOKEN,
    UnreadableError,
    load_json,
    tokens,
)

DAY = date(2026, 9, 20)
USUAL = {"input_cost_per_token": 3e-07, "output_cost_per_token": 1.2e-06}
CHEAP = {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07}
WEEKDAYS = {"hours_utc": ["00:00-01:00", "04:00-06:00", "10:00-00:00"], "weekdays": [1, 2, 3, 4, 5]}
WEEKEND = {"hours_utc": "00:00-00:00", "weekdays": ["saturday", "Sun"]}


def litellm(**fields: Any) -> ParsedSnapshot:
    """The map with one model `a/b` and three well-formed companions."""
    common = {"mode": "chat", "litellm_provider": "a"} | USUAL
    models = {f"a/companion-{n}": common for n in range(3)} | {"a/b": common | fields}
    return SOURCES["litellm"].parse(json.dumps(models).encode(), DAY)


def openrouter(around: dict[str, Any] | None = None, **pricing: Any) -> ParsedSnapshot:
    """The list with one model `a/b` and three well-formed companions."""
    usual = {"prompt": "0.000001", "completion": "0.000002"}
    models = [{"id": f"a/companion-{n}", "pricing": usual} for n in range(3)]
    models.append({"id": "a/b", "pricing": usual | pricing} | (around or {}))
    return SOURCES["openrouter"].parse(json.dumps({"data": models}).encode(), DAY)


def models_dev(model: dict[str, Any], provider: dict[str, Any] | None = None) -> ParsedSnapshot:
    """The list with one provider `a` that sells `b`, and another one."""
    usual = {f"companion-{n}": {"cost": {"input": 1, "output": 2}} for n in range(3)}
    cost = {"cost": {"input": 1, "output": 2} | model.pop("cost", {})} | model
    found = {"c": {"models": usual}, "a": {"models": {"b": cost}} | (provider or {})}
    return SOURCES["models-dev"].parse(json.dumps(found).encode(), DAY)


def llm_prices(**fields: Any) -> ParsedSnapshot:
    """The list with one model `b` and three well-formed companions."""
    usual = {"vendor": "a", "input": 1, "output": 2, "from_date": "2026-01-01"}
    entries = [usual | {"id": f"companion-{n}"} for n in range(3)] + [usual | {"id": "b"} | fields]
    return SOURCES["llm-prices"].parse(json.dumps({"prices": entries}).encode(), DAY)


def genai(model: dict[str, Any], **prices: Any) -> ParsedSnapshot:
    """The list with one model `b` and three well-formed companions."""
    usual = {"input_mtok": 1, "output_mtok": 2}
    models = [{"id": f"companion-{n}", "prices": usual} for n in range(3)]
    models.append({"id": "b", "prices": usual | prices} | model)
    return SOURCES["genai-prices"].parse(json.dumps([{"id": "a", "models": models}]).encode(), DAY)


def mine(found: ParsedSnapshot) -> pl.DataFrame:
    return found.quotes.filter(~pl.col("model").str.contains("companion"))


@pytest.mark.parametrize(
    ("windows", "standard", "other"),
    [
        ({"windows": [WEEKDAYS, WEEKEND]}, 0.15, ("peak", 0.3)),
        ({"windows": [{"hours_utc": "16:00-00:00"}]}, 0.3, ("off_peak", 0.15)),
        ({"hours_utc": "16:00-00:00"}, 0.3, ("off_peak", 0.15)),
        ({"hours_utc": "11:59-00:00"}, 0.15, ("peak", 0.3)),
        ({"hours_utc": "12:01-00:00"}, 0.3, ("off_peak", 0.15)),
        ({"windows": [WEEKEND]}, 0.3, ("off_peak", 0.15)),
        ({"windows": []}, 0.3, ("off_peak", 0.15)),
    ],
)
def test_the_price_of_most_of_the_week_is_the_standard_one(
    windows: dict[str, Any], standard: float, other: tuple[str, float]
) -> None:
    rows = mine(litellm(off_peak_pricing=CHEAP | windows))
    prices = dict(rows.select("offer", "input_usd_per_mtok").iter_rows())
    assert prices == {"standard": standard} | dict([other])
    assert rows["flag"].null_count() == rows.height


def test_a_price_of_certain_hours_has_the_amounts_that_it_does_not_state() -> None:
    rows = mine(litellm(off_peak_pricing={"input_cost_per_token": 1e-7, "windows": [WEEKEND]}))
    assert rows.filter(offer="off_peak")["output_usd_per_mtok"].to_list() == [1.2]


@pytest.mark.parametrize(
    "stated",
    [
        CHEAP,
        CHEAP | {"windows": [{"hours_utc": "at night"}]},
        CHEAP | {"windows": [{"hours_utc": "25:00-26:00"}]},
        CHEAP | {"windows": [WEEKEND | {"weekdays": ["holidays"]}]},
        CHEAP | {"windows": [WEEKEND | {"weekdays": [8]}]},
        CHEAP | {"windows": "always"},
        "half price at night",
        CHEAP | {"windows": [WEEKEND], "currency": "CNY"},
    ],
)
def test_hours_that_cannot_be_read_leave_the_price_unconfirmed(stated: Any) -> None:
    found = litellm(off_peak_pricing=stated)
    assert mine(found).select("offer", "flag").rows() == [("standard", "unconfirmed")]
    assert found.quarantined["key"].to_list() == ["a/b"]


def test_hours_of_windows_that_overlap_or_go_past_midnight_count_once() -> None:
    night = load_json(b'{"hours_utc": ["22:00-02:00", "23:00-01:00"], "weekdays": [7, 0]}')
    assert minutes_of_week(night) == 4 * 60
    assert minutes_of_week(load_json(b'{"hours_utc": "00:00-24:00"}')) == MINUTES_PER_WEEK


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("above_500000_tokens", 500_000),
        ("above_1m_tokens", 1_000_000),
        ("above_1M_tokens", 1_000_000),
        ("above_128k_tokens", 128_000),
        ("above_256_000_tokens", 256_000),
        ("above_1_000_000_tokens", 1_000_000),
        ("above_1.5m_tokens", 1_500_000),
        ("over_200k_tokens", 200_000),
        ("above_200k", 200_000),
    ],
)
def test_thresholds_are_read_however_they_are_spelled(name: str, over: int) -> None:
    found = litellm(**{f"input_cost_per_token_{name}": 6e-7})
    rows = mine(found).filter(offer="long_context")
    assert rows.select("context_over_tokens", "input_usd_per_mtok").rows() == [(over, 0.6)]
    assert found.left_out.is_empty()
    batches = mine(litellm(**{f"input_cost_per_token_{name}_batches": 6e-7}))
    assert batches.filter(offer="batch")["context_over_tokens"].to_list() == [over]


@pytest.mark.parametrize(
    "name",
    [
        "input_cost_per_token_above_many_tokens",
        "input_cost_per_token_up_to_128k_tokens",
        "output_cost_per_1k_tokens",
        "input_cost_per_token_above_2m5_tokens",
        "input_cost_per_token_above_1_00_tokens",
    ],
)
def test_a_price_of_tokens_that_is_not_understood_is_left_out_by_name(name: str) -> None:
    found = litellm(**{name: 1e-6})
    assert mine(found)["offer"].to_list() == ["standard"]
    told = found.left_out["key"].to_list() + found.quarantined["key"].to_list()
    assert told == ["a/b"]


def test_prices_of_other_things_are_no_matter() -> None:
    found = litellm(input_cost_per_audio_token=1e-6, output_cost_per_reasoning_token=1e-6)
    assert found.left_out.is_empty()


def test_thresholds_of_two_spellings_are_one_offer_and_the_first_stays() -> None:
    found = litellm(
        input_cost_per_token_above_200k_tokens=6e-7, input_cost_per_token_above_200000_tokens=9e-7
    )
    assert mine(found).filter(offer="long_context")["input_usd_per_mtok"].to_list() == [0.6]
    assert found.quarantined["reason"].to_list() == ["a second standard price for one offer"]


@pytest.mark.parametrize(
    ("written", "number"),
    [("200000", 200_000), ("200,000", 200_000), ("128K", 128_000), ("1 m", 1_000_000)],
)
def test_numbers_of_tokens(written: str, number: int) -> None:
    assert tokens("x", written) == number


@pytest.mark.parametrize("written", ["", "k", "1_00", "1.5", "12,34", "1e6", "-1k", "9" * 13])
def test_other_texts_are_no_numbers_of_tokens(written: str) -> None:
    with pytest.raises(UnreadableError):
        tokens("x", written)


@pytest.mark.parametrize("name", ["Sage (>1M)", "Sage > 1,000,000 tokens", "Sage, over 1m"])
def test_thresholds_in_names_of_llm_prices(name: str) -> None:
    assert mine(llm_prices(name=name))["context_over_tokens"].to_list() == [1_000_000]


def test_an_old_threshold_of_models_dev_is_read_where_there_are_no_tiers() -> None:
    rows = mine(models_dev({"cost": {"context_over_200k": {"input": 3, "output": 4}}}))
    assert rows.filter(offer="long_context").select(
        "context_over_tokens", "input_usd_per_mtok"
    ).rows() == [(200_000, 3.0)]


LEFT_OUT = {
    "openrouter, CNY": openrouter(currency="CNY"),
    "openrouter, CNY of the model": openrouter({"price_currency": "cny"}),
    "openrouter, per character": openrouter(unit="character"),
    "openrouter, per million": openrouter(unit="1M tokens"),
    "models.dev, CNY": models_dev({"cost": {"currency": "CNY"}}),
    "models.dev, EUR of the provider": models_dev({}, {"currency": "EUR"}),
    "models.dev, per token": models_dev({"cost": {"unit": "token"}}),
    "litellm, CNY": litellm(currency="CNY"),
    "litellm, per 1k": litellm(pricing_unit="1k tokens"),
    "llm-prices, EUR": llm_prices(currency="EUR"),
    "llm-prices, per image": llm_prices(per="image"),
    "genai-prices, CNY of the model": genai({"currency": "CNY"}),
    "genai-prices, CNY": genai({}, currency="CNY"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_another_currency_or_unit_is_left_out_with_a_word(case: str) -> None:
    found = LEFT_OUT[case]
    assert mine(found).is_empty()
    told = found.left_out["reason"].to_list() + found.quarantined["reason"].to_list()
    assert len(told) == 1
    assert "says the list" in told[0]


@pytest.mark.parametrize(
    "found",
    [
        openrouter(currency="USD", unit="token"),
        openrouter({"currency": "usd", "unit": None}, request="0"),
        models_dev({"cost": {"currency": "US$", "unit": "USD per 1M tokens"}}),
        litellm(currency="USD", unit="per token", web_search_billing_unit="per_query"),
        litellm(input_cost_per_request=0.0),
        llm_prices(currency="$", per="million tokens"),
        genai({"currency": "USD"}, currency="USD"),
    ],
)
def test_the_currency_and_unit_of_the_list_change_nothing(found: ParsedSnapshot) -> None:
    rows = mine(found).filter(offer="standard")
    assert rows.height == 1
    assert found.left_out.is_empty()
    assert found.quarantined.is_empty()
    undated = (
        "undated: the list keeps withdrawn models, so it does not show that this one is still sold"
    )
    assert rows["reason"].to_list()[0] in (None, undated)


@pytest.mark.parametrize(
    "found",
    [
        openrouter(request="0.005"),
        openrouter(request={"low": 1}),
        litellm(input_cost_per_request=0.005),
        models_dev({"cost": {"cost_per_request": 0.01}}),
        llm_prices(request_fee=0.01),
        genai({}, requests_kcount=5),
    ],
)
def test_a_price_with_a_fee_per_request_is_unconfirmed(found: ParsedSnapshot) -> None:
    rows = mine(found)
    assert rows["flag"].to_list() == ["unconfirmed"]
    assert "a fee for requests" in rows["reason"].item()


def test_a_fee_does_not_hide_another_doubt() -> None:
    found = litellm(input_cost_per_request=0.005, deprecation_date="2026-01-01")
    assert mine(found)["reason"].item() == (
        "retired on 2026-01-01, says the list; "
        "input_cost_per_request 0.005: a fee for requests beside the tokens"
    )


@pytest.mark.parametrize("unit", ["token", "Tokens", "per token", "USD/token", "1"])
def test_spellings_of_a_unit(unit: str) -> None:
    assert read_terms(PER_TOKEN, {"unit": unit}).problem is None
    assert read_terms(PER_MILLION, {"unit": unit}).problem is not None


def test_a_condition_that_we_do_not_know_is_not_taken_for_every_day() -> None:
    override = {"utc_start": 0, "utc_end": 2400, "utc_weekdays": [6], "prompt": "0.0000001"}
    found = openrouter(overrides=[override])
    assert mine(found).select("offer", "input_usd_per_mtok").rows() == [("standard", 1.0)]
    assert found.quarantined["reason"].to_list() == ["utc_weekdays: no condition we know"]


TWICE = {
    "openrouter": b'{"data": [{"id": "b", "pricing": {"prompt": "0.000001", "completion": "0.000001",'
    b' "prompt": "0.000009"}}]}',
    "litellm": b'{"b": {"mode": "chat", "litellm_provider": "a", "input_cost_per_token": 1e-6,'
    b' "output_cost_per_token": 1e-6}, "b": {"mode": "chat", "input_cost_per_token": 9e-6}}',
    "models-dev": b'{"a": {"models": {"b": {"cost": {"input": 1, "output": 1, "input": 9}}}}}',
    "llm-prices": b'{"prices": [{"id": "b", "vendor": "a", "input": 1, "output": 1, "input": 9}]}',
    "genai-prices": b'[{"id": "a", "models": [{"id": "b", "prices": {"input_mtok": 1,'
    b' "output_mtok": 1, "input_mtok": 9}}]}]',
    "openrouter-endpoints": b'{"pages": [{"data": {"id": "b", "endpoints": [{"tag": "a", "pricing":'
    b' {"prompt": "0.000001", "completion": "0.000001", "prompt": "0.000009"}}]}}]}',
}


@pytest.mark.parametrize("name", TWICE)
def test_of_two_values_of_one_key_the_first_stays_and_the_second_is_quarantined(name: str) -> None:
    """In every list, even if all of its entries are so."""
    found = SOURCES[name].parse(TWICE[name], DAY)
    assert found.quotes["input_usd_per_mtok"].to_list() == [1.0]
    assert found.quarantined["reason"].to_list() == [STATED_AGAIN]
    assert found.quarantined["column"].item() in ("prompt", "b", "input", "input_mtok")
    assert found.quarantined["values"].item() != ""


def test_the_same_value_twice_is_no_matter() -> None:
    found, again = load_first_stated(
        b'{"a": 1, "a": 1, "b": [{"id": "x", "c": 1, "c": 2, "c": 1}]}'
    )
    assert found == {"a": 1, "b": [{"id": "x", "c": 1}]}
    assert not isinstance(found, FirstStated)
    assert again == [("b/x", "c", 2)]
    assert load_first_stated(b'{"a": 1, "a": 1}') == ({"a": 1}, [])
