"""When a list as a whole is refused, on either side of every threshold."""

import json
from datetime import date

import pytest

from densing_pipeline.polling.source import ShapeError, SnapshotError
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


def openrouter(*names, **prices):
    """An OpenRouter list of these models, at 1 USD per million tokens unless a price is given."""
    models = [
        {
            "id": n,
            "pricing": {"prompt": f"{prices.get(n, 1.0) / 1e6:.9f}", "completion": "0.000002"},
        }
        for n in names
    ]
    return SOURCES["openrouter"].read(json.dumps({"data": models}).encode(), date(2026, 11, 1))


def test_variants_may_vanish_together_and_cost_no_ordinary_price():
    ordinary = [f"m{n}" for n in range(330)]
    before = openrouter(*ordinary, *(f"m{n}:batch" for n in range(28)))
    after = openrouter(*ordinary)
    assert check_size(after, before) is after


def test_variants_do_not_stand_in_for_ordinary_prices():
    ordinary = [f"m{n}" for n in range(100)]
    before = openrouter(*ordinary)
    with pytest.raises(ShapeError, match="69 input prices"):
        check_size(openrouter(*ordinary[:69], *(f"m{n}:batch" for n in range(69))), before)


@pytest.mark.parametrize(("moved", "is_refused"), [(30, False), (31, True)])
@pytest.mark.parametrize("factor", [1000.0, 0.14])
def test_a_list_of_which_three_tenths_moved_by_one_factor_is_in_another_unit(
    moved, is_refused, factor
):
    names = [f"m{n}" for n in range(100)]
    before = openrouter(*names)
    after = openrouter(*names, **dict.fromkeys(names[:moved], factor))
    if is_refused:
        with pytest.raises(SnapshotError, match=f"{moved} of 100 prices are .* times"):
            check_size(after, before)
    else:
        check_size(after, before)


def test_prices_that_move_each_by_its_own_factor_are_no_change_of_unit():
    names = [f"m{n}" for n in range(100)]
    rising = {name: 1.01 + n / 100 for n, name in enumerate(names)}
    after = openrouter(*names, **rising)
    assert check_size(after, openrouter(*names)) is after


@pytest.mark.parametrize(("shift", "is_refused"), [(2.5, False), (3.5, True)])
def test_a_median_price_moves_threefold_at_most(shift, is_refused):
    names = [f"m{n}" for n in range(101)]
    moved = {name: shift * (1 + (n - 50) / 1000) for n, name in enumerate(names)}
    before = openrouter(*names)
    if is_refused:
        with pytest.raises(SnapshotError, match=r"the median price is 3\.5 times"):
            check_size(openrouter(*names, **moved), before)
    else:
        check_size(openrouter(*names, **moved), before)


def test_a_change_of_unit_is_not_forgiven_with_time_as_a_loss_is():
    before = openrouter(*(f"m{n}" for n in range(100)))
    scaled = openrouter(*(f"m{n}" for n in range(100)), **{f"m{n}": 0.001 for n in range(100)})
    with pytest.raises(SnapshotError) as refused:
        check_size(scaled, before)
    assert not isinstance(refused.value, ShapeError)
