"""How a conditional price list becomes rows with dates."""

from datetime import UTC, date, time
from decimal import Decimal

import polars as pl
import pytest
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from densing_pipeline.prices.sources.genai_dated import read_prices
from densing_pipeline.tables.published import PRICES

OBSERVED = date(2026, 11, 10)


def usd(input_price: str, output_price: str | None = None) -> ModelPrice:
    return ModelPrice(
        input_mtok=Decimal(input_price), output_mtok=output_price and Decimal(output_price)
    )


def read(
    prices: ModelPrice | list[ConditionalPrice],
    *,
    model: str = "sage-1",
    provider: str = "openai",
    variants: list[PriceVariant] | None = None,
    comments: str | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows and left-out entries of a list with one model."""
    info = ModelInfo(
        id=model,
        match=ClauseEquals(equals=model),
        prices=prices,
        price_variants=variants,
        price_comments=comments,
    )
    listed = Provider(id=provider, name=provider, api_pattern="", models=[info])
    rows, left_out = read_prices([listed], observed_on=OBSERVED, snapshot_sha256="abc")
    return PRICES.validate(PRICES.cast(rows)) if rows.height else PRICES.empty(), left_out


def starting(day: date, prices: ModelPrice) -> ConditionalPrice:
    return ConditionalPrice(StartDateConstraint(day), prices=prices)


def at_hours(start: int, end: int, prices: ModelPrice) -> ConditionalPrice:
    hours = TimeOfDateConstraint(time(start, tzinfo=UTC), time(end, tzinfo=UTC))
    return ConditionalPrice(hours, prices=prices)


def test_price_without_date_is_known_but_not_confirmed() -> None:
    rows, _ = read(usd("2", "8"))
    assert rows.select("valid_from", "valid_to", "basis", "flag", "offer").rows() == [
        (None, None, "undated", "unconfirmed", "standard")
    ]


def test_dated_price_holds_from_its_day_and_ends_the_one_before() -> None:
    rows, _ = read([ConditionalPrice(prices=usd("2")), starting(date(2026, 8, 1), usd("1"))])
    rows = rows.sort("valid_from", nulls_last=False)
    assert rows.select("input_usd_per_mtok", "valid_from", "valid_to", "basis").rows() == [
        (2.0, None, date(2026, 8, 1), "undated"),
        (1.0, date(2026, 8, 1), None, "announced"),
    ]


def test_dates_out_of_order_are_resolved_last_entry_first() -> None:
    rows, _ = read(
        [
            ConditionalPrice(prices=usd("4")),
            starting(date(2026, 9, 1), usd("3")),
            starting(date(2026, 6, 1), usd("2")),
        ]
    )
    # The last entry whose day has come wins, so the second never applies.
    assert rows.sort("valid_from", nulls_last=False)["input_usd_per_mtok"].to_list() == [4.0, 2.0]


def test_announced_price_stays_apart_and_ends_nothing_until_its_day() -> None:
    rows, _ = read([ConditionalPrice(prices=usd("2")), starting(date(2027, 1, 1), usd("3"))])
    future = rows.filter(flag="future")
    assert future["valid_from"].to_list() == [date(2027, 1, 1)]
    assert rows.filter(input_usd_per_mtok=2.0)["valid_to"].to_list() == [None]


def test_price_starting_on_the_day_of_observation_is_in_force() -> None:
    rows, _ = read([ConditionalPrice(prices=usd("2")), starting(OBSERVED, usd("1"))])
    assert rows.filter(input_usd_per_mtok=1.0)["flag"].to_list() == [None]


def test_dates_of_those_who_sell_others_models_are_days_of_a_check() -> None:
    prices = [ConditionalPrice(prices=usd("2")), starting(date(2026, 10, 19), usd("1"))]
    rows, _ = read(prices, provider="openrouter")
    assert set(rows["basis"]) == {"undated", "first_observed"}


def test_price_of_most_of_the_day_is_standard() -> None:
    discount, _ = read(
        [ConditionalPrice(prices=usd("1")), at_hours(0, 16, usd("2"))], model="night"
    )
    surcharge, _ = read([ConditionalPrice(prices=usd("1")), at_hours(1, 4, usd("2"))], model="day")
    assert dict(discount.select("offer", "input_usd_per_mtok").rows()) == {
        "standard": 2.0,
        "off_peak": 1.0,
    }
    assert dict(surcharge.select("offer", "input_usd_per_mtok").rows()) == {
        "standard": 1.0,
        "peak": 2.0,
    }


def test_two_spells_at_one_surcharge_are_one_peak_price() -> None:
    rows, left_out = read(
        [
            ConditionalPrice(prices=usd("1")),
            at_hours(1, 4, usd("2")),
            at_hours(22, 23, usd("2")),
        ]
    )
    assert rows.filter(offer="peak").height == 1
    assert left_out.is_empty()


def test_tiers_are_offers_for_long_prompts() -> None:
    tiered = ModelPrice(
        input_mtok=TieredPrices(Decimal("1"), [Tier(200_000, Decimal("2"))]),
        output_mtok=Decimal("5"),
    )
    rows, _ = read(tiered)
    assert rows.select(
        "offer", "context_over_tokens", "input_usd_per_mtok", "output_usd_per_mtok"
    ).rows() == [("long_context", 200_000, 2.0, 5.0), ("standard", 0, 1.0, 5.0)]


def test_variants_are_offers_of_their_own_and_keep_what_they_do_not_change() -> None:
    rows, _ = read(
        usd("2", "8"),
        variants=[
            PriceVariant({"service_tier": "default"}, ModelPrice()),
            PriceVariant(
                {"processing": "batch"},
                ModelPrice(input_mtok=Decimal("1")),
                StartDateConstraint(date(2026, 10, 14)),
            ),
        ],
    )
    batch = rows.filter(offer="batch")
    assert batch.select(
        "input_usd_per_mtok", "output_usd_per_mtok", "valid_from", "basis"
    ).rows() == [(1.0, 8.0, date(2026, 10, 14), "documented")]
    assert rows.filter(offer="standard").height == 1


def test_unknown_variant_is_listed_as_left_out() -> None:
    rows, left_out = read(usd("2"), variants=[PriceVariant({"route": "eu"}, usd("3"))])
    assert rows["input_usd_per_mtok"].to_list() == [2.0]
    assert "route" in left_out["reason"][0]


@pytest.mark.parametrize(
    ("model", "offer"),
    [
        ("author/sage:free", "free"),
        ("author/sage:batch", "batch"),
        ("~author/sage-latest", "alias"),
        ("sage-latest", "alias"),
        ("sage", "standard"),
    ],
)
def test_name_says_what_kind_of_offer_it_is(model: str, offer: str) -> None:
    assert read(usd("1"), model=model)[0]["offer"].to_list() == [offer]


def test_zero_is_free_and_nothing_stated_is_no_price() -> None:
    zero, _ = read(usd("0", "0"))
    nothing, _ = read(ModelPrice())
    assert zero.select("offer", "input_usd_per_mtok").rows() == [("free", 0.0)]
    assert nothing.select("offer", "input_usd_per_mtok").rows() == [("free", None)]
    assert "no price stated" in nothing["reason"][0]


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity"])
def test_amount_that_is_no_price_is_refused_with_a_reason(amount: str) -> None:
    rows, _ = read(usd(amount, "2"))
    assert rows.select("input_usd_per_mtok", "output_usd_per_mtok", "flag").rows() == [
        (None, 2.0, "refused")
    ]
    assert amount in rows["reason"][0]


def test_model_priced_by_the_hour_is_listed_as_left_out() -> None:
    rows, left_out = read(ModelPrice(audio_hours=Decimal("0.1")))
    assert rows.is_empty()
    assert left_out.rows() == [("openai", "sage-1", "priced by other units than tokens")]


def test_model_that_the_list_calls_withdrawn_is_not_confirmed() -> None:
    prices = [ConditionalPrice(prices=usd("2")), starting(date(2026, 8, 1), usd("1"))]
    rows, _ = read(prices, comments="No longer listed (checked 2026-10-09).")
    assert rows.filter(input_usd_per_mtok=1.0)["flag"].to_list() == ["unconfirmed"]


def test_decimal_prices_reach_the_table_unchanged() -> None:
    rows, _ = read(usd("0.0000375", "600"))
    assert rows.select("input_usd_per_mtok", "output_usd_per_mtok").rows() == [(3.75e-05, 600.0)]


def test_a_makers_price_began_on_its_day_and_a_resellers_after_the_one_before_it():
    prices = [
        ConditionalPrice(None, prices=usd("4")),
        starting(date(2026, 8, 1), usd("3")),
        starting(date(2026, 9, 1), usd("2")),
    ]
    interval = ("valid_from_earliest", "valid_from_latest")
    makers, resellers = (
        read(prices, provider=name)[0].sort("input_usd_per_mtok").select(interval).rows()
        for name in ("openai", "reseller")
    )
    undated = (None, date(2026, 7, 31))
    august, september = date(2026, 8, 1), date(2026, 9, 1)
    assert makers == [(september, september), (august, august), undated]
    assert resellers == [(date(2026, 8, 2), september), (None, august), undated]


def test_a_variants_price_began_at_the_latest_on_the_day_it_was_checked():
    batch = PriceVariant(
        when={"processing": "batch"},
        prices=usd("1"),
        constraint=StartDateConstraint(date(2026, 9, 1)),
    )
    rows, _ = read(usd("2"), variants=[batch])
    row = rows.filter(offer="batch").select("valid_from_earliest", "valid_from_latest").row(0)
    assert row == (None, date(2026, 9, 1))
