"""Whatever one entry of a document holds, it costs only itself; the rest of the list is read."""

import json
from datetime import date
from typing import Any

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import ParsedSnapshot

DAY = date(2026, 11, 1)
HUGE = "1e99999999999999999999"
LITELLM = {
    "mode": "chat",
    "litellm_provider": "a",
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
}
OPENROUTER = {"prompt": "0.000001", "completion": "0.000002"}
GENAI = {"input_mtok": 1, "output_mtok": 2}
LLM = {"id": "bad", "vendor": "a", "input": 1, "output": 2}


def documents(source: str, bad: Any) -> Any:
    """A list of five good entries and a bad one."""
    if source == "litellm":
        return {f"m{n}": LITELLM for n in range(5)} | {"bad": bad}
    if source == "openrouter":
        good = [{"id": f"m{n}", "pricing": OPENROUTER} for n in range(5)]
        return {"data": [*good, {"id": "bad", "pricing": bad}]}
    if source == "genai-prices":
        priced = [{"id": f"m{n}", "prices": GENAI} for n in range(5)]
        return [{"id": "a", "models": [*priced, {"id": "bad", "prices": bad}]}]
    if source == "models-dev":
        models = {f"m{n}": {"cost": {"input": 1, "output": 2}} for n in range(5)}
        return {"a": {"models": models | {"bad": bad}}}
    return {"prices": [*({**LLM, "id": f"m{n}"} for n in range(5)), bad]}


SURPRISES = [
    ("litellm", LITELLM | {"input_cost_per_token": HUGE}),
    ("litellm", LITELLM | {"input_cost_per_token": -1e300}),
    ("litellm", LITELLM | {"input_cost_per_token_above_99999999999999999999k_tokens": 1e-6}),
    ("litellm", LITELLM | {f"input_cost_per_token_above_{'9' * 5000}k_tokens": 1e-6}),
    ("litellm", LITELLM | {"tiered_pricing": [{"range": [1e300], "input_cost_per_token": 1}]}),
    ("litellm", [1, 2]),
    ("openrouter", OPENROUTER | {"prompt": HUGE}),
    ("openrouter", OPENROUTER | {"overrides": [{"min_prompt_tokens": 1e30, "prompt": "1e-6"}]}),
    ("openrouter", OPENROUTER | {"overrides": [{"utc_start": 9999, "prompt": "1e-6"}]}),
    ("genai-prices", GENAI | {"__class__": 1}),
    ("genai-prices", GENAI | {"calc_price": 1}),
    ("genai-prices", GENAI | {"": 1}),
    ("genai-prices", GENAI | {"input_mtok": {"base": 1, "tiers": [{"start": 1e40, "price": 2}]}}),
    ("genai-prices", [{"constraint": {"start_time": "00:00", "end_time": {}}, "prices": GENAI}]),
    ("models-dev", {"cost": {"input": HUGE, "output": 1}}),
    ("models-dev", {"cost": {"input": 1, "output": 1, "tiers": [{"tier": {"size": []}}]}}),
    ("llm-prices", LLM | {"input": HUGE}),
    ("llm-prices", LLM | {"name": f"long > {'9' * 30}k"}),
    ("llm-prices", LLM | {"from_date": "9999-99-99"}),
]


@pytest.mark.parametrize(
    ("source", "bad"), SURPRISES, ids=[f"{s}-{n}" for n, (s, _) in enumerate(SURPRISES)]
)
def test_an_absurd_entry_costs_only_itself(source: str, bad: Any) -> None:
    found = SOURCES[source].read(json.dumps(documents(source, bad)).encode(), DAY)
    assert {f"m{n}" for n in range(5)} <= set(found.quotes["model"])
    assert found.quotes.filter(model="m0")["input_usd_per_mtok"].to_list() == [1.0]
    (reason,) = found.quarantined["reason"]
    assert reason


def test_a_number_no_decimal_can_hold_costs_its_entry_whether_text_or_not() -> None:
    text = json.dumps(documents("litellm", LITELLM | {"input_cost_per_token": "HUGE"}))
    found = SOURCES["litellm"].read(text.replace('"HUGE"', HUGE).encode(), DAY)
    assert found.quarantined.select("key", "column", "values").rows() == [
        ("bad", "input_cost_per_token", HUGE)
    ]


def compared(found: ParsedSnapshot, before: ParsedSnapshot) -> list[str]:
    return SOURCES["litellm"].check(found, before, {})


def listed(n: int, **amounts: Any) -> bytes:
    return json.dumps({f"m{i}": LITELLM | amounts for i in range(n)}).encode()


def test_a_renamed_output_key_is_refused_though_every_entry_still_has_a_price() -> None:
    before = SOURCES["litellm"].read(listed(10), DAY)
    renamed = listed(10).replace(b'"output_cost_per_token"', b'"completion_cost_per_token"')
    with pytest.raises(SnapshotError, match="0 output prices, 0% of the 10 before"):
        compared(SOURCES["litellm"].read(renamed, DAY), before)


def test_a_list_that_never_had_output_prices_is_another_document() -> None:
    renamed = listed(30).replace(b'"output_cost_per_token"', b'"completion_cost_per_token"')
    with pytest.raises(SnapshotError, match="0 of 30 entries state an output price"):
        SOURCES["litellm"].read(renamed, DAY)


def test_a_list_in_which_everything_became_free_is_refused() -> None:
    before = SOURCES["litellm"].read(listed(30), DAY)
    free = SOURCES["litellm"].read(listed(30, input_cost_per_token=0, output_cost_per_token=0), DAY)
    with pytest.raises(SnapshotError, match="0 input prices above zero"):
        compared(free, before)
    few = SOURCES["litellm"].read(listed(5), DAY)
    compared(
        SOURCES["litellm"].read(listed(5, input_cost_per_token=0, output_cost_per_token=0), DAY),
        few,
    )


def test_free_offers_may_go() -> None:
    free = {
        f"free{i}": LITELLM | {"input_cost_per_token": 0, "output_cost_per_token": 0}
        for i in range(9)
    }
    paid = {f"m{i}": LITELLM for i in range(30)}
    before, after = (
        SOURCES["litellm"].read(json.dumps(d).encode(), DAY) for d in (paid | free, paid)
    )
    assert compared(after, before) == ["offers left by kind: free 0 of 9"]
