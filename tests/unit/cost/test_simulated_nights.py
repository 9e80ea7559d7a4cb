"""Price lists that slip, lie and fail night after night leave the cheapest prices as they were asked."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from densing_pipeline.cost.simulated_market import (
    HOSTS,
    ROUTER,
    START,
    Fault,
    Offer,
    World,
    document,
    shown,
    world,
)
from densing_pipeline.cost.simulated_nights import (
    Outcome,
    Spell,
    is_stated,
    simulated,
    tables,
    true_curve,
)
from densing_pipeline.prices.sources import SOURCES

pytestmark = pytest.mark.heavy

DAYS_STATED = 0.995
"""Days on which the true price is the cheapest one, or one that the table says may have begun by then."""

DAYS_RIGHT = 0.99
"""Days on which it is the cheapest one: a list that is refused for a night shows its changes a night late."""

NIGHTS_REFUSED = 3


def offer(*spans: tuple[int, float], seller: str = HOSTS[0], level: float = 0.6) -> Offer:
    """An offer at each price for so many days."""
    prices = np.concatenate([np.full(days, price) for days, price in spans])
    return Offer(seller, "maker/sage-1", level, prices)


def market(*offers: Offer, faults: tuple[Fault, ...] = ()) -> World:
    return World(offers, faults, len(offers[0].prices))


def check(outcome: Outcome) -> None:
    assert min(outcome.stated.values()) >= DAYS_STATED, outcome.stated
    assert min(outcome.right.values()) >= DAYS_RIGHT, outcome.right
    assert outcome.false_records == []
    assert max(outcome.longest_refusal.values()) <= NIGHTS_REFUSED, outcome.longest_refusal
    kinds = {fault.kind for fault in outcome.market.faults}
    assert {"zero", "promotion", "change of unit", "shrunk for good"} <= kinds
    assert {result.outcome for result in outcome.results} == {
        "ok", "unchanged", "rejected", "failed",
    }  # fmt: skip
    assert outcome.lies > 0


@pytest.fixture(scope="module")
def few_nights() -> Outcome:
    return simulated(36, 0)


def test_a_few_nights_of_faults_leave_the_cheapest_prices_as_they_were(few_nights):
    check(few_nights)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_year_of_faults_leaves_the_cheapest_prices_as_they_were(seed):
    check(simulated(365, seed))


def test_the_true_price_is_what_could_be_paid_for_thirty_days_on_end():
    blend = 0.75 + 0.25 * 3
    long_dip = market(offer((40, 4.0), (30, 2.0), (40, 4.0)))
    assert np.unique(true_curve(long_dip, 0.6)).tolist() == [2 * blend, 4 * blend]
    short_dip = market(offer((40, 4.0), (29, 2.0), (40, 4.0)))
    assert np.unique(true_curve(short_dip, 0.6)).tolist() == [4 * blend]


def test_a_promotion_of_the_router_is_a_price_that_could_be_paid():
    blend = 0.75 + 0.25 * 3
    offers = offer((50, 4.0), (40, 2.0), seller=ROUTER)
    promotion = Fault("promotion", ROUTER, 45, 52, frozenset({0}), 0.3)
    truth = true_curve(market(offers, faults=(promotion,)), 0.6)
    assert truth.tolist() == [4 * blend] * 45 + [2 * blend] * 45, "2 or less from its first day on"
    between = Fault("promotion", ROUTER, 20, 30, frozenset({0}), 0.3)
    truth = true_curve(market(offers, faults=(between,)), 0.6)
    assert truth.tolist() == [4 * blend] * 50 + [2 * blend] * 40


def test_a_record_is_false_unless_it_was_the_true_price_or_a_lower_one_is_stated_for_its_day():
    truth = np.repeat([4.0, 2.0], [5, 15])
    night = {n: START + timedelta(days=n) for n in range(20)}
    curve, spell = np.repeat([4.0, 3.0, 2.0], [6, 4, 10]), Spell(5, 10, 2.0)
    told = Outcome(
        market(offer((20, 4.0))), [], {"a": curve}, {"a": [spell]}, {"a": truth},
        {"a": [(night[0], 4.0), (night[6], 3.0), (night[10], 2.0)]}, 0, 0,
    )  # fmt: skip
    assert told.false_records == []
    untold = replace(told, may_have_begun={"a": []})
    assert untold.false_records == [("a", night[6], 3.0)]


def test_a_price_may_have_begun_on_the_days_that_the_table_states_and_on_no_others():
    curve = np.repeat([4.0, 2.0, np.inf], [6, 4, 2])
    spells = [Spell(3, 6, 2.0), Spell(9, 10, 1.0)]
    for begins, right in {2: 11, 3: 12, 5: 12, 6: 12, 7: 11}.items():
        truth = np.repeat([4.0, 2.0, np.inf], [begins, 10 - begins, 2])
        assert is_stated(curve, spells, truth).sum() == right
    other = np.repeat([4.0, 3.0, 2.0, np.inf], [3, 3, 3, 3])
    assert np.flatnonzero(~is_stated(curve, spells, other)).tolist() == [3, 4, 5, 9], (
        "none is no price"
    )


def test_a_model_below_the_level_and_one_that_is_not_sold_have_no_price():
    gone = market(offer((40, 4.0), (40, np.nan)))
    assert np.isinf(true_curve(gone, 0.6)).tolist() == [False] * 40 + [True] * 40
    assert np.isinf(true_curve(gone, 0.7)).all()


@pytest.mark.parametrize("source", ["litellm", "models-dev", "genai-prices", "llm-prices"])
def test_a_fault_reaches_its_list_on_its_nights_alone(source):
    seller = {"litellm": HOSTS[0], "models-dev": HOSTS[0]}.get(source, HOSTS[3])
    faulty = market(
        offer((60, 4.0), seller=seller), faults=(Fault("dip", source, 5, 6, frozenset({0}), 0.5),)
    )
    prices = [shown(faulty, source, night)[0] for night in (4, 5, 6, 7)]
    assert prices == [4.0, 2.0, 2.0, 4.0]
    day = START.replace(day=6)
    quotes = SOURCES[source].read(document(faulty, source, 5), day).quotes
    assert quotes["input_usd_per_mtok"].to_list() == [2.0]


def test_a_promotion_of_the_router_is_copied_late_and_stays_too_long():
    promoted = market(
        offer((60, 4.0), seller=ROUTER),
        faults=(Fault("promotion", ROUTER, 10, 14, frozenset({0}), 0.5),),
    )
    assert [shown(promoted, ROUTER, night)[0] for night in (9, 10, 14, 15)] == [4.0, 2.0, 2.0, 4.0]
    copies = [shown(promoted, "litellm", night)[-1] for night in range(60)]
    assert [night for night, price in enumerate(copies) if price == 2.0] == list(range(13, 30))


def test_variants_vanish_and_columns_are_renamed():
    plain = market(offer((60, 4.0), seller=ROUTER))
    names = {
        kind: [
            model["id"]
            for model in json.loads(
                document(replace(plain, faults=(Fault(kind, ROUTER, 0, 9),)), ROUTER, 3)
            )["data"]
        ]
        for kind in ("vanished variants", "zero")
    }
    assert names == {
        "vanished variants": ["maker/sage-1"],
        "zero": ["maker/sage-1", "maker/sage-1:batch"],
    }
    renamed = replace(plain, faults=(Fault("renamed column", ROUTER, 0, 9),))
    assert b'"prompt":' not in document(renamed, ROUTER, 3)


def test_the_same_seed_gives_the_same_market_and_another_one_another():
    assert document(world(50, 1), "litellm", 30) == document(world(50, 1), "litellm", 30)
    assert document(world(50, 1), "litellm", 30) != document(world(50, 2), "litellm", 30)


def test_the_tables_say_what_was_wrong_and_what_came_of_it(few_nights):
    wrong, came = tables(few_nights)
    assert "| change of unit |" in wrong
    assert "false answers that nothing changed" in wrong
    assert "level 0.6: days on which the cheapest price is the true one | 100.00% |" in came
