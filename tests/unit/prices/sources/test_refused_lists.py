"""When a list as a whole is refused, on either side of every threshold."""

import json
from datetime import date

import pytest

from densing_pipeline.polling.source import SnapshotError
from densing_pipeline.prices.sources import SOURCES
from densing_pipeline.prices.sources.snapshot import check_size

ENTRY = {
    "mode": "chat",
    "litellm_provider": "a",
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
}
UNREADABLE = ENTRY | {"input_cost_per_token": "1e99999999999999999999"}
INPUT_ALONE = {key: value for key, value in ENTRY.items() if not key.startswith("output")}


def parsed(*entries):
    """A LiteLLM list of these entries."""
    document = {f"m{n}": entry for n, entry in enumerate(entries)}
    return SOURCES["litellm"].read(json.dumps(document).encode(), date(2026, 11, 1))


def test_a_list_may_lose_three_tenths_of_its_prices_and_no_more():
    before = parsed(*[ENTRY] * 100)
    check_size(parsed(*[ENTRY] * 70), before)
    with pytest.raises(SnapshotError, match="69% of the 100 before"):
        check_size(parsed(*[ENTRY] * 69), before)


def test_more_than_half_of_a_list_must_be_readable():
    parsed(*[ENTRY] * 11, *[UNREADABLE] * 9)
    with pytest.raises(SnapshotError, match="only 10 of 20 entries"):
        parsed(*[ENTRY] * 10, *[UNREADABLE] * 10)


def test_a_list_of_twenty_must_state_output_prices_and_a_shorter_one_need_not():
    parsed(*[INPUT_ALONE] * 19)
    with pytest.raises(SnapshotError, match="0 of 20 entries state an output price"):
        parsed(*[INPUT_ALONE] * 20)
