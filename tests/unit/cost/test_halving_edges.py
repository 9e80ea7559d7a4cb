"""What a halving time needs, on either side of every threshold."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from densing_pipeline.cost import curves, halving
from densing_pipeline.tables.published import PRICE_FRONTIER

START = date(2023, 1, 1)


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


def test_the_ends_of_an_interval_are_the_central_95_percent(monkeypatch):
    slopes = -np.linspace(0.001, 0.002, 1001)
    monkeypatch.setattr(halving, "_sample", lambda *given: slopes)
    days = range(0, 350, 50)
    row = estimate(days, [0.5**n for n in range(7)], span=366)
    months = [np.log(2) / slope / (365.25 / 12) for slope in (0.001975, 0.001025)]
    assert [row["low"], row["high"]] == pytest.approx(months, rel=1e-6)


@pytest.mark.parametrize(("span", "is_told"), [(13, False), (14, True)])
def test_a_window_of_two_weeks_has_a_slope(span, is_told):
    estimates = halving._slope(
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
        1,
        np.random.default_rng(0),
    )
    assert (estimates[0] is not None) == is_told


@pytest.mark.parametrize(("prices", "is_told"), [([2.0], False), ([2.0, 1.0], True)])
def test_two_records_fix_a_line(prices, is_told):
    row = estimate(range(0, 40 * len(prices), 40), prices, span=200)
    assert ("fewer than two dated records" not in row["reason"]) == is_told


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
