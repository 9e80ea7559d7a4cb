"""When a list as a whole is refused, on either side of every threshold."""

import json
from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from densing_pipeline.polling.source import ShapeError, SnapshotError
from densing_pipeline.prices.sources import SOURCES

ENTRY = {
    "mode": "chat",
    "litellm_provider": "a",
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
}
UNREADABLE = ENTRY | {"input_cost_per_token": "1e99999999999999999999"}
INPUT_ALONE = {key: value for key, value in ENTRY.items() if not key.startswith("output")}


def compared(found, before, **others):
    """What the comparison of a list with the one before remarks on."""
    return SOURCES["litellm"].check(found, before, others)


def parsed(*entries):
    """A LiteLLM list of these entries."""
    document = {f"m{n}": entry for n, entry in enumerate(entries)}
    return SOURCES["litellm"].read(json.dumps(document).encode(), date(2026, 11, 1))


def test_a_list_may_lose_three_tenths_of_its_prices_and_no_more():
    before = parsed(*[ENTRY] * 100)
    compared(parsed(*[ENTRY] * 70), before)
    with pytest.raises(SnapshotError, match="69% of the 100 before"):
        compared(parsed(*[ENTRY] * 69), before)


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
    assert compared(openrouter(*ordinary), before) == ["offers left by kind: batch 0 of 28"]


def test_a_list_that_lost_too_much_says_of_which_kinds():
    ordinary = [f"m{n}" for n in range(100)]
    before = openrouter(*ordinary, *(f"m{n}:batch" for n in range(28)))
    with pytest.raises(ShapeError, match=r"offers left by kind: batch 0 of 28, standard 60 of 100"):
        compared(openrouter(*ordinary[:60]), before)


@pytest.mark.parametrize(("left", "is_said"), [(69, True), (70, False)])
def test_a_kind_of_which_under_seven_tenths_are_left_is_named(left, is_said):
    ordinary = [f"m{n}" for n in range(300)]
    batches = [f"m{n}:batch" for n in range(100)]
    found = compared(openrouter(*ordinary, *batches[:left]), openrouter(*ordinary, *batches))
    assert found == ([f"offers left by kind: batch {left} of 100"] if is_said else [])


def test_variants_do_not_stand_in_for_ordinary_prices():
    ordinary = [f"m{n}" for n in range(100)]
    before = openrouter(*ordinary)
    with pytest.raises(ShapeError, match="69 input prices"):
        compared(openrouter(*ordinary[:69], *(f"m{n}:batch" for n in range(69))), before)


@pytest.mark.parametrize(("moved", "is_refused"), [(30, False), (31, True)])
@pytest.mark.parametrize("factor", [1000.0, 0.14])
def test_a_list_of_which_three_tenths_moved_by_one_factor_is_in_another_unit(
    moved, is_refused, factor
):
    names = [f"m{n}" for n in range(100)]
    before = openrouter(*names)
    after = openrouter(*names, **dict.fromkeys(names[:moved], factor))
    if is_refused:
        with pytest.raises(SnapshotError, match=f"{moved} of 100 input prices are .* times"):
            compared(after, before)
    else:
        compared(after, before)


def test_prices_that_move_each_by_its_own_factor_are_no_change_of_unit():
    names = [f"m{n}" for n in range(100)]
    rising = {name: 1.01 + n / 100 for n, name in enumerate(names)}
    after = openrouter(*names, **rising)
    assert compared(after, openrouter(*names)) == []


def outputs(*names, price=1.0):
    """A LiteLLM list of these models at one output price, USD per million tokens."""
    document = {name: ENTRY | {"output_cost_per_token": price / 1e6} for name in names}
    return SOURCES["litellm"].read(json.dumps(document).encode(), date(2026, 11, 1))


@pytest.mark.parametrize(
    ("moved", "factor", "why"),
    [
        (100, 0.001, "the median output price is 0.001 times"),
        (31, 0.5, "31 of 100 output prices are 0.5 times"),
        (30, 0.5, None),
    ],
)
def test_a_list_may_be_in_another_unit_in_its_output_prices_alone(moved, factor, why):
    names = [f"m{n}" for n in range(100)]
    before, after = outputs(*names), outputs(*names, price=factor)
    mixed = replace(
        after,
        quotes=pl.concat(
            [
                after.quotes.filter(pl.col("model").is_in(names[:moved])),
                before.quotes.filter(pl.col("model").is_in(names[moved:])),
            ]
        ),
    )
    if why is None:
        assert compared(mixed, before) == []
    else:
        with pytest.raises(SnapshotError, match=why):
            compared(mixed, before)


def test_a_common_move_of_output_prices_is_taken_if_another_list_bears_it_out():
    names = [f"m{n}" for n in range(100)]
    before, after = outputs(*names), outputs(*names, price=0.001)
    (remark,) = compared(after, before, other=outputs(*names[:9], price=0.001))
    assert remark.endswith("and other has 9 of 9 too")


@pytest.mark.parametrize(("shift", "is_refused"), [(2.5, False), (3.5, True)])
def test_a_median_price_moves_threefold_at_most(shift, is_refused):
    names = [f"m{n}" for n in range(101)]
    moved = {name: shift * (1 + (n - 50) / 1000) for n, name in enumerate(names)}
    before = openrouter(*names)
    if is_refused:
        with pytest.raises(SnapshotError, match=r"the median input price is 3\.5 times"):
            compared(openrouter(*names, **moved), before)
    else:
        compared(openrouter(*names, **moved), before)


def test_a_change_of_unit_is_not_forgiven_with_time_as_a_loss_is():
    before = openrouter(*(f"m{n}" for n in range(100)))
    scaled = openrouter(*(f"m{n}" for n in range(100)), **{f"m{n}": 0.001 for n in range(100)})
    with pytest.raises(SnapshotError) as refused:
        compared(scaled, before)
    assert not isinstance(refused.value, ShapeError)


def by_hand(*names, seller="host", **prices):
    """A LiteLLM list of these models, at 1 USD per million tokens unless a price is given."""
    document = {
        n: ENTRY | {"litellm_provider": seller, "input_cost_per_token": prices.get(n, 1.0) / 1e6}
        for n in names
    }
    return SOURCES["litellm"].read(json.dumps(document).encode(), date(2026, 11, 1))


NAMES = [f"m{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("n", "price", "is_taken"),
    [(5, 0.001, True), (4, 0.001, False), (5, 0.0031, False), (5, 0.0029, True), (5, 1.0, False)],
)
def test_a_change_of_unit_is_taken_once_another_list_bears_it_out(n, price, is_taken):
    """Of five offers that another list has too, most must be within threefold of the new price, not the old."""
    before, after = (openrouter(*NAMES, **dict.fromkeys(NAMES, factor)) for factor in (1.0, 0.001))
    other = by_hand(*NAMES[:n], **dict.fromkeys(NAMES, price))
    if is_taken:
        (remark,) = compared(after, before, litellm=other)
        assert remark.endswith(f"and litellm has {n} of {n} too")
    else:
        with pytest.raises(SnapshotError, match="taken for a change of unit"):
            compared(after, before, litellm=other)


@pytest.mark.parametrize(("seller", "is_taken"), [("host", True), ("another", False)])
def test_a_small_common_move_is_borne_out_by_the_same_sellers_new_price_alone(seller, is_taken):
    before, after = (by_hand(*NAMES, **dict.fromkeys(NAMES, price)) for price in (1.0, 0.9))
    other = by_hand(*NAMES[:9], seller=seller, **dict.fromkeys(NAMES, 0.9))
    if is_taken:
        (remark,) = compared(after, before, other=other)
        assert remark.endswith("and other has 9 of 9 too")
    else:
        with pytest.raises(SnapshotError, match="taken for a change of unit"):
            compared(after, before, other=other)


def test_copies_of_a_routers_list_bear_nothing_out():
    before, after = (openrouter(*NAMES, **dict.fromkeys(NAMES, price)) for price in (1.0, 0.001))
    copies = by_hand(*NAMES, seller="openrouter", **dict.fromkeys(NAMES, 0.001))
    with pytest.raises(SnapshotError, match="taken for a change of unit"):
        compared(after, before, litellm=copies)


def test_a_loss_that_hides_a_change_of_unit_is_not_forgiven_with_time_either():
    before = openrouter(*NAMES)
    with pytest.raises(SnapshotError) as refused:
        compared(openrouter(*NAMES[:50], **dict.fromkeys(NAMES, 0.001)), before)
    assert not isinstance(refused.value, ShapeError)
