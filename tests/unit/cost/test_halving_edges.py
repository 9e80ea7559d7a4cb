"""What a halving time needs, on either side of every threshold."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost import curves, halving
from densing_pipeline.tables.published import PRICE_FRONTIER

START, AS_OF = date(2023, 1, 1), date(2026, 11, 23)


def estimate(days, prices, *, span, curve="cheapest_ever", estimator="record-events", sellers=3):
    """An estimate over `span` days of a curve with these prices, sold in turn."""
    frontier = pl.DataFrame(
        [
            {
                "level": "able",
                "blend_input_share": 0.75,
                "curve": curve,
                "date": START + timedelta(days=day),
                "usd_per_mtok": price,
                "provider": f"p{n % sellers}",
                "basis": "announced",
            }
            for n, (day, price) in enumerate(zip(days, prices, strict=True))
        ]
    )
    table = halving.price_halving(
        PRICE_FRONTIER.cast(frontier), as_of=START + timedelta(days=span), draws=50, seed=1
    )
    return table.filter(estimator=estimator, window="all").row(0, named=True)


@pytest.mark.parametrize(
    ("span", "changes", "sellers", "lacking"),
    [
        (366, 6, 3, None),
        (365, 6, 3, "11 months (12 needed)"),
        (366, 5, 3, "5 changes (6 needed)"),
        (366, 6, 2, "2 providers (3 needed)"),
    ],
)
def test_twelve_months_six_changes_and_three_providers_are_just_enough(
    span, changes, sellers, lacking
):
    days = range(0, 50 * (changes + 1), 50)
    row = estimate(days, [0.5**n for n in range(changes + 1)], span=span, sellers=sellers)
    assert row["verdict"] == ("insufficient" if lacking else "ok")
    if lacking:
        assert row["reason"] == lacking


def test_sellers_that_a_router_does_not_name_count_as_one():
    rows = pl.DataFrame(
        {
            "level": "able", "blend_input_share": 0.75, "curve": "cheapest_ever", "basis": "announced",
            "date": [START + timedelta(days=100 * n) for n in range(5)],
            "usd_per_mtok": [0.5**n for n in range(5)],
            "provider": ["openrouter"] * 4 + ["deepinfra/fp8"],
            "seller": [None, None, "google", "google", None],
        }
    )  # fmt: skip
    table = halving.price_halving(
        PRICE_FRONTIER.cast(rows), as_of=START + timedelta(days=500), draws=50, seed=1
    )
    # Google, DeepInfra, and whoever sold the first two.
    assert set(table.filter(window="all")["n_providers"]) == {3}


@pytest.mark.parametrize(("span", "is_told"), [(30 + 365, False), (30 + 366, True)])
def test_a_year_without_a_change_is_told(span, is_told):
    row = estimate([0, 30], [2.0, 1.0], span=span)
    assert ("no change known for 12 months on end" in row["reason"]) == is_told


@pytest.mark.parametrize("estimator", ["record-events", "weekly", "end-points"])
@pytest.mark.parametrize(("steps", "draws"), [(2, 0), (3, 50)])
def test_three_steps_carry_a_bootstrap_and_two_do_not(estimator, steps, draws):
    row = estimate(
        range(0, 40 * (steps + 1), 40), [0.5**n for n in range(steps + 1)], span=200,
        estimator=estimator,
    )  # fmt: skip
    assert row["draws"] == draws


def test_the_ends_of_an_interval_are_the_central_95_percent_widened_for_few_steps(monkeypatch):
    slopes = -np.linspace(0.001, 0.002, 1001)
    monkeypatch.setattr(halving, "_sample", lambda *given: slopes)
    days = range(0, 350, 50)
    row = estimate(days, [0.5**n for n in range(7)], span=366)
    # 2.571 is the 97.5 % point of Student's t with 5 degrees of freedom, 1.96 that of the normal distribution.
    ratio = 2.570582 / 1.959964 * np.sqrt(6 / 5)
    # On the log scale the flat end is the farther from the median; the steep end is taken as far.
    ends = [0.0015 * (0.0015 / 0.001025) ** (way * ratio) for way in (1, -1)]
    months = [np.log(2) / end / (365.25 / 12) for end in ends]
    assert [row["low"], row["high"]] == pytest.approx(months, rel=2e-3)


@pytest.mark.parametrize(("span", "is_told"), [(13, False), (14, True)])
def test_a_window_of_two_weeks_has_a_slope(span, is_told):
    slope = halving._slope(
        curves.cut(
            PRICE_FRONTIER.cast(
                pl.DataFrame(
                    {
                        "level": "able",
                        "blend_input_share": 0.75,
                        "curve": "cheapest_now",
                        "date": [START, START + timedelta(days=7)],
                        "usd_per_mtok": [2.0, 1.0],
                        "provider": "p",
                        "basis": "announced",
                    }
                )
            ),
            START,
            START + timedelta(days=span),
        ),
        "end-points",
    )
    assert (slope is not None) == is_told


@pytest.mark.parametrize(("prices", "is_told"), [([2.0], False), ([2.0, 1.0], True)])
def test_two_records_fix_a_line(prices, is_told):
    row = estimate(range(0, 40 * len(prices), 40), prices, span=200)
    assert ("fewer than two dated records" not in row["reason"]) == is_told


HOLE = [
    ("2022-11-28", 20.0, "documented"),
    ("2023-03-01", 2.0, "announced"),
    ("2023-06-13", 1.625, "announced"),
    ("2023-11-06", 1.25, "announced"),
    ("2024-01-25", 0.75, "announced"),
    ("2024-02-26", 0.7, "documented"),
    ("2024-03-13", 0.5, "announced"),
    ("2024-07-18", 0.2625, "announced"),
    ("2024-08-12", 0.13125, "announced"),
    ("2024-10-03", 0.065625, "announced"),
    ("2024-12-03", 0.06125, "documented"),
    ("2026-10-17", 0.05, "undated"),
    ("2026-10-18", 0.0275, "first_observed"),
]
"""Cheapest models of the GPT-3.5 level in list prices, and in a list that was first looked at 22 months later."""


def with_hole(earliest):
    """These prices as a curve, the last of which began on `earliest` at the earliest."""
    rows = [
        {
            "level": "gpt-3.5",
            "blend_input_share": 0.75,
            "curve": "cheapest_ever",
            "date": date.fromisoformat(day),
            "usd_per_mtok": price,
            "provider": f"p{n % 3}",
            "basis": basis,
            "date_earliest": earliest if basis == "first_observed" else None,
        }
        for n, (day, price, basis) in enumerate(HOLE)
    ]
    return PRICE_FRONTIER.cast(pl.DataFrame(rows, infer_schema_length=None))


@pytest.mark.parametrize("earliest", [None, date(2024, 12, 4), date(2026, 10, 18)])
def test_prices_found_after_22_months_do_not_slow_the_fall_before_them(earliest):
    table = halving.price_halving(with_hole(earliest), as_of=AS_OF, draws=50, seed=1)
    row = table.filter("is_headline").row(0, named=True)
    assert row["halving_months"] == pytest.approx(3.40, abs=0.005)
    assert (row["verdict"], row["n_changes"]) == ("ok", 10)
    assert (row["window_end"], row["widest_gap_months"]) == (date(2024, 12, 3), 0.0)
    assert "from 2022-11-28 to 2024-12-03 only" in row["reason"]


def test_taken_as_exact_the_last_of_them_would_slow_it():
    curve = curves.cut(with_hole(date(2026, 10, 18)), date.min, AS_OF)
    slope = halving._slope(curve, "record-events")
    assert halving._months(slope) == pytest.approx(5.24, abs=0.005)


def found_late(days, prices, gap, **given):
    """An estimate whose fourth price began up to so many days before it was found."""
    start = pl.Series(
        [START + timedelta(days=day - (gap if n == 3 else 0)) for n, day in enumerate(days)]
    )
    rows = pl.DataFrame(
        {
            "level": "able", "blend_input_share": 0.75, "curve": "cheapest_ever",
            "date": [START + timedelta(days=day) for day in days], "usd_per_mtok": prices,
            "provider": [f"p{n % 3}" for n in range(len(days))], "basis": "first_observed",
            "date_earliest": start,
        }
    )  # fmt: skip
    table = halving.price_halving(
        PRICE_FRONTIER.cast(rows), as_of=START + timedelta(days=days[-1] + 10), draws=200, seed=1
    )
    return table.filter("is_headline").row(0, named=True)


LATE = [0, 100, 200, 400, 500, 600, 700, 800]
HALVED = [0.5**n for n in range(len(LATE))]


def test_a_change_known_to_six_months_counts_on_its_expected_day_and_a_longer_gap_ends_the_window():
    half_a_year, longer = found_late(LATE, HALVED, 182), found_late(LATE, HALVED, 183)
    assert (half_a_year["n_censored"], half_a_year["n_changes"]) == (1, 7)
    assert half_a_year["widest_gap_months"] == pytest.approx(182 / 30.4375)
    wait = 800 / 7
    for _ in range(20):  # of several changes in the half year only the last is seen
        wait = 800 / (6 + 182 / wait / (1 - np.exp(-182 / wait)))
    before = wait - 182 / (np.exp(182 / wait) - 1)
    slope = np.polyfit([0, 100, 200, 400 - before, *LATE[4:]], np.log(HALVED), 1)[0]
    assert half_a_year["halving_months"] == pytest.approx(np.log(2) / -slope / 30.4375)
    # The longer part, after the gap, is left: the price that was found is its first.
    assert (longer["n_censored"], longer["n_changes"]) == (0, 4)
    assert longer["window_start"] == START + timedelta(days=400)


def test_a_change_whose_day_is_not_known_widens_the_interval():
    exact, late = (
        found_late([0, 100, 200, 300, 400, 500, 600], 0.5 ** np.arange(7), gap) for gap in (0, 99)
    )
    assert exact["high"] / exact["low"] == pytest.approx(1, abs=1e-6)
    assert late["high"] / late["low"] > 1.2


def test_the_windows_are_those_of_the_pages():
    named = {
        window.name: (window.start, window.end)
        for window in halving.windows("able", date(2026, 11, 23))
    }
    assert named == {
        "all": (date.min, date(2026, 11, 23)),
        "nmi-2025": (date(2022, 11, 1), date(2024, 8, 31)),
        "since-2025": (date(2025, 1, 1), date(2026, 11, 23)),
    }
