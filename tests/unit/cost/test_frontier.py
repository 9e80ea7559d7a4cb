"""The cheapest price of a capability over time."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from densing_pipeline import facts
from densing_pipeline.cost.cheapest import cheapest
from densing_pipeline.cost.frontier import price_frontier
from densing_pipeline.cost.market import Market
from densing_pipeline.paper import NMI
from densing_pipeline.prices import list_prices
from densing_pipeline.tables.published import (
    CAPABILITY_LEVELS,
    MODEL_LINKS,
    PRICE_FRONTIER,
    PRICES,
)

Cheapest = Callable[..., pl.DataFrame]
JAN, FEB, MAR, JUN = (date(2025, month, 1) for month in (1, 2, 3, 6))


def offer(price: float | None, valid_from: date | None = JAN, **columns: Any) -> dict[str, Any]:
    """A standard offer of an able model at one price."""
    return {"model": "a", "input_usd_per_mtok": price, "valid_from": valid_from} | columns


def steps(curve: pl.DataFrame) -> list[tuple[Any, ...]]:
    return curve.select("date", "usd_per_mtok").rows()


def test_cheaper_offer_sets_the_price_from_its_first_day(market: Cheapest) -> None:
    curve = market(offer(10.0), offer(2.0, FEB, model="b", provider="rival"))
    assert steps(curve) == [(JAN, 10.0), (FEB, 2.0)]
    assert curve["provider"].to_list() == ["maker", "rival"]


def test_the_seller_is_empty_where_a_router_sells_open_weights_and_does_not_say_whose(
    market: Cheapest,
) -> None:
    router = {"source": "openrouter", "provider": "openrouter", "basis": "first_observed"}
    curve = market(
        offer(10.0, provider="Fireworks"),
        offer(8.0, FEB, model="google/closed", **router),
        offer(4.0, MAR, model="google/open", hub_id="google/open-weights", **router),
        offer(2.0, JUN, model="google/open", provider="deepinfra/fp8"),
    )
    assert curve["provider"].to_list() == ["Fireworks", "openrouter", "openrouter", "deepinfra/fp8"]
    assert curve["seller"].to_list() == ["fireworks", "google", None, "deepinfra"]


def test_dearer_offer_changes_nothing(market: Cheapest) -> None:
    assert steps(market(offer(10.0), offer(11.0, FEB, model="b"))) == [(JAN, 10.0)]


def test_of_two_at_one_price_the_earlier_keeps_it(market: Cheapest) -> None:
    curve = market(offer(2.0, FEB, model="a"), offer(2.0, JAN, model="b"))
    assert curve["model"].to_list() == ["b"]


def test_withdrawal_raises_what_one_can_buy_at_but_not_the_record(market: Cheapest) -> None:
    offers = offer(10.0), offer(2.0, FEB, model="b", valid_to=JUN)
    assert steps(market(*offers)) == [(JAN, 10.0), (FEB, 2.0), (JUN, 10.0)]
    assert steps(market(*offers, curve="cheapest_ever")) == [(JAN, 10.0), (FEB, 2.0)]


def test_price_ends_on_the_day_it_says_not_after(market: Cheapest) -> None:
    curve = market(offer(10.0, valid_to=MAR), offer(20.0, MAR))
    assert steps(curve) == [(JAN, 10.0), (MAR, 20.0)]


def test_nothing_on_offer_is_an_empty_price(market: Cheapest) -> None:
    curve = market(offer(10.0, valid_to=MAR), offer(5.0, JUN, model="b"))
    assert steps(curve) == [(JAN, 10.0), (MAR, None), (JUN, 5.0)]
    assert curve["provider"].to_list() == ["maker", None, "maker"]


def test_withdrawn_for_good_is_an_empty_price(market: Cheapest) -> None:
    assert steps(market(offer(10.0, valid_to=MAR))) == [(JAN, 10.0), (MAR, None)]


def test_weaker_model_never_sets_the_price(market: Cheapest) -> None:
    assert steps(market(offer(10.0), offer(0.1, model="weak"))) == [(JAN, 10.0)]


@pytest.mark.parametrize("flag", ["suspect", "future", "refused", "unconfirmed"])
def test_barred_price_never_sets_the_price(market: Cheapest, flag: str) -> None:
    assert steps(market(offer(10.0), offer(0.1, model="b", flag=flag))) == [(JAN, 10.0)]


@pytest.mark.parametrize(
    "kind",
    [
        "batch",
        "flex",
        "free",
        "promotional",
        "alias",
        "off_peak",
        "long_context",
        "priority",
        "peak",
    ],
)
def test_only_standard_offers_set_the_price(market: Cheapest, kind: str) -> None:
    assert steps(market(offer(10.0), offer(0.1, model="b", offer=kind))) == [(JAN, 10.0)]


def test_zero_and_unknown_prices_never_set_the_price(market: Cheapest) -> None:
    zero, unknown = offer(0.0, model="b"), offer(None, model="c")
    free_output = offer(0.1, model="d", output_usd_per_mtok=0.0)
    assert steps(market(offer(10.0), zero, unknown, free_output)) == [(JAN, 10.0)]


def test_superseded_observation_does_not_count(market: Cheapest) -> None:
    gone = offer(0.1, model="b", observed_from=JAN, observed_to=FEB)
    assert steps(market(offer(10.0), gone)) == [(JAN, 10.0)]


def test_price_must_have_held_thirty_days(market: Cheapest) -> None:
    as_of = date(2025, 12, 31)
    young = offer(1.0, as_of - timedelta(days=28), model="b")
    old_enough = offer(1.0, as_of - timedelta(days=29), model="b")
    assert steps(market(offer(10.0), young)) == [(JAN, 10.0)]
    assert steps(market(offer(10.0), old_enough))[-1] == (as_of - timedelta(days=29), 1.0)


def test_dip_of_a_week_neither_counts_nor_interrupts(market: Cheapest) -> None:
    a_week_later = FEB + timedelta(days=7)
    curve = market(
        offer(10.0, JAN, valid_to=FEB),
        offer(1.0, FEB, valid_to=a_week_later),
        offer(10.0, a_week_later),
    )
    assert steps(curve) == [(JAN, 10.0)]


def test_price_cut_again_after_a_week_counts_for_that_week(market: Cheapest) -> None:
    a_week_later = FEB + timedelta(days=7)
    curve = market(
        offer(10.0, JAN, valid_to=FEB),
        offer(5.0, FEB, valid_to=a_week_later),
        offer(2.0, a_week_later),
    )
    assert steps(curve) == [(JAN, 10.0), (FEB, 5.0), (a_week_later, 2.0)]


def test_next_price_of_an_offer_ends_the_one_before(market: Cheapest) -> None:
    assert steps(market(offer(1.0, JAN), offer(10.0, MAR))) == [(JAN, 1.0), (MAR, 10.0)]


def test_undated_price_is_known_on_the_day_before_it_was_replaced(market: Cheapest) -> None:
    undated = offer(5.0, None, valid_to=FEB, basis="undated")
    curve = market(undated, offer(4.0, FEB))
    assert steps(curve) == [(FEB - timedelta(days=1), 5.0), (FEB, 4.0)]
    assert curve["basis"].to_list() == ["undated", "announced"]


def test_undated_price_that_then_rose_has_not_held(market: Cheapest) -> None:
    undated = offer(0.01, None, valid_to=FEB, basis="undated")
    assert steps(market(undated, offer(4.0, FEB))) == [(FEB - timedelta(days=1), 4.0)]


def test_blend_weighs_input_and_output(market: Cheapest) -> None:
    priced = offer(1.0, output_usd_per_mtok=5.0)
    assert steps(market(priced, share=0.75)) == [(JAN, 2.0)]
    assert steps(market(priced, share=1.0)) == [(JAN, 1.0)]


def test_offer_without_output_price_has_no_blended_price(market: Cheapest) -> None:
    assert market(offer(1.0), share=0.75).is_empty()


def test_record_never_rises_and_now_is_never_below_it(market: Cheapest) -> None:
    rng = np.random.default_rng(5)
    rows = [
        offer(
            float(rng.lognormal()),
            start := JAN + timedelta(days=int(rng.integers(0, 300))),
            model=f"m{i}",
            valid_to=start + timedelta(days=int(rng.integers(10, 200))),
        )
        for i in range(60)
    ]
    ever = market(*rows, curve="cheapest_ever")
    now = market(*rows)
    assert (ever["usd_per_mtok"].diff().drop_nulls() < 0).all()
    both = now.join_asof(ever, on="date", suffix="_ever")
    assert (both["usd_per_mtok"] >= both["usd_per_mtok_ever"]).all()
    assert (now["usd_per_mtok"].diff() > 0).any()


def test_sweep_agrees_with_looking_at_every_day() -> None:
    rng = np.random.default_rng(7)
    starts = rng.integers(0, 300, 80).astype(np.int32)
    ends = starts + rng.integers(1, 90, 80).astype(np.int32)
    days, winner = cheapest(starts, ends)
    for day in range(int(starts.min()), int(ends.max()) + 5):
        open_now = np.flatnonzero((starts <= day) & (day < ends))
        expected = open_now.min() if len(open_now) else len(starts)
        assert winner[np.searchsorted(days, day, side="right") - 1] == expected


def test_the_papers_line_falls_266_fold() -> None:
    """Figure 3a: $20 for GPT-3.5 to $0.075 for Gemini 1.5 Flash."""
    prices = list_prices.listed_prices(facts.load("list_prices"))
    nothing = MODEL_LINKS.empty(), CAPABILITY_LEVELS.empty(), facts.load("capability_scores")
    frontier = price_frontier(Market(prices, *nothing))
    line = frontier.filter(level=NMI, curve="cheapest_ever")
    assert line["usd_per_mtok"].to_list() == [20.0, 8.0, 0.25, 0.15, 0.075]
    assert line["blend_input_share"].unique().to_list() == [1.0]
    assert line["usd_per_mtok"][0] / line["usd_per_mtok"][-1] == pytest.approx(266.7, abs=0.05)


def test_the_papers_prices_enter_no_other_level(market: Cheapest) -> None:
    plotted = offer(0.1, model="b", source=NMI, flag="figure")
    assert steps(market(offer(10.0), plotted)) == [(JAN, 10.0)]


def test_order_of_rows_does_not_matter(market: Cheapest) -> None:
    rows = [offer(float(10 - i), JAN + timedelta(days=40 * i), model=f"m{i}") for i in range(6)]
    assert market(*rows).equals(market(*reversed(rows)))


def test_no_prices_no_frontier() -> None:
    nothing = PRICES.empty(), MODEL_LINKS.empty(), CAPABILITY_LEVELS.empty()
    assert price_frontier(Market(*nothing, facts.load("capability_scores"))).equals(
        PRICE_FRONTIER.empty()
    )


@pytest.mark.parametrize(("confidence", "counts"), [(0.9, True), (0.899, False)])
def test_links_count_from_a_confidence_of_nine_tenths_on(confidence: float, counts: bool) -> None:
    curve = priced(confidence=confidence, score=0.8)
    assert curve.is_empty() == (not counts)


@pytest.mark.parametrize(("score", "counts"), [(0.7, True), (0.6999, False)])
def test_a_model_with_the_score_of_the_level_reaches_it(score: float, counts: bool) -> None:
    curve = priced(confidence=1.0, score=score)
    assert curve.is_empty() == (not counts)


def priced(*, confidence: float, score: float) -> pl.DataFrame:
    """The frontier of a level of .7 with one offer, of a model of this score."""
    prices = PRICES.cast(
        pl.DataFrame(
            {
                "source": ["list"],
                "provider": "maker",
                "model": "a",
                "offer": "standard",
                "input_usd_per_mtok": 1.0,
                "context_over_tokens": 0,
                "currency": "USD",
                "valid_from": JAN,
                "observed_from": JUN,
                "basis": "announced",
                "snapshot_sha256": "abc",
            }
        )
    )
    links = MODEL_LINKS.cast(
        pl.DataFrame(
            {
                "source": ["list"],
                "provider": "maker",
                "model": "a",
                "canonical_id": "a",
                "method": "exact",
                "confidence": confidence,
            }
        )
    )
    level = CAPABILITY_LEVELS.cast(
        pl.DataFrame(
            {
                "level": ["able"],
                "defined_by": "reference",
                "benchmark": "MMLU",
                "score": 0.7,
                "source": "test",
            }
        )
    )
    scores = pl.DataFrame(
        {
            "canonical_id": ["a"],
            "benchmark": "MMLU",
            "protocol": "5-shot",
            "score": score,
            "std_error": 0.004,
        }
    )
    return price_frontier(Market(prices, links, level, scores))


def seen(earliest: date | None, day: date = MAR, **columns: Any) -> dict[str, Any]:
    """An offer whose price a poll found on a day, and which can have begun on an earlier one."""
    return offer(
        2.0, day, model="b", basis="first_observed", valid_from_earliest=earliest,
        valid_from_latest=day, **columns,
    )  # fmt: skip


def dates(curve: pl.DataFrame) -> list[tuple[date, date | None]]:
    return curve.select("date", "date_earliest").rows()


def test_a_change_has_the_interval_in_which_its_price_began(market: Cheapest) -> None:
    assert dates(market(offer(10.0), seen(FEB))) == [(JAN, JAN), (MAR, FEB)]


def test_nothing_is_known_of_the_day_of_a_price_that_no_earlier_look_missed(
    market: Cheapest,
) -> None:
    assert dates(market(offer(10.0), seen(None)))[-1] == (MAR, None)
    assert dates(market(offer(10.0), seen(FEB, flag="correction")))[-1] == (MAR, None)
    assert dates(market(offer(10.0), seen(FEB) | {"basis": "undated"}))[-1] == (MAR, FEB)


def test_a_price_that_comes_to_the_front_when_another_ends_does_so_on_that_day(
    market: Cheapest,
) -> None:
    curve = market(offer(1.0, valid_to=JUN), seen(FEB))
    assert dates(curve) == [(JAN, JAN), (JUN, JUN)]


def rise(earliest: date | None, day: date = JUN, **columns: Any) -> list[dict[str, Any]]:
    """The price of one offer until a poll found it dearer, which it may have been from an earlier day on."""
    known = {"basis": "first_observed", "valid_from_earliest": earliest, "valid_from_latest": day}
    return [offer(1.0, valid_to=day), offer(2.0, day) | known | columns]


def test_a_rise_that_a_refused_night_hid_has_the_interval_of_the_nights_without_a_look(
    market: Cheapest,
) -> None:
    assert dates(market(*rise(MAR))) == [(JAN, JAN), (JUN, MAR)]
    assert dates(market(*rise(JUN))) == [(JAN, JAN), (JUN, JUN)], "looked at on the eve"
    assert dates(market(*rise(None))) == [(JAN, JAN), (JUN, JUN)], "nothing else is known"
    assert dates(market(*rise(MAR, flag="correction")))[-1] == (JUN, JUN)


def test_a_rise_has_that_interval_whichever_offer_is_then_the_cheapest(market: Cheapest) -> None:
    curve = market(*rise(MAR), offer(1.5, FEB, model="b"))
    assert curve["usd_per_mtok"].to_list() == [1.0, 1.5]
    assert dates(curve) == [(JAN, JAN), (JUN, MAR)]
    to_nothing = rise(MAR, offer="batch", valid_to=None)
    assert dates(market(*to_nothing)) == [(JAN, JAN), (JUN, JUN)], "the offer itself ended then"


def test_a_rise_cannot_have_happened_before_the_change_before_it(market: Cheapest) -> None:
    may = date(2025, 5, 1)
    curve = market(*rise(MAR), offer(0.5, FEB, valid_to=may, model="b"))
    assert curve["usd_per_mtok"].to_list() == [1.0, 0.5, 1.0, 2.0]
    assert dates(curve)[1:] == [(FEB, FEB), (may, may), (JUN, may)]


def test_a_price_that_fell_from_one_that_ended_that_day_began_by_its_own_interval(
    market: Cheapest,
) -> None:
    assert dates(market(offer(10.0, valid_to=MAR), seen(FEB))) == [(JAN, JAN), (MAR, FEB)]


def test_the_interval_of_a_run_is_that_of_its_first_price(market: Cheapest) -> None:
    dearer = MAR + timedelta(days=7)
    curve = market(
        offer(10.0),
        seen(FEB, valid_to=dearer) | {"input_usd_per_mtok": 1.0},
        seen(dearer, dearer),
    )
    assert dates(curve) == [(JAN, JAN), (MAR, FEB)]
    assert curve["usd_per_mtok"].to_list() == [10.0, 2.0]
