"""Simulated price markets, and how often their intervals contain the rate that they were made with."""

from pathlib import Path

import numpy as np
import pytest

from densing_pipeline.cost import coverage, curves, halving

PAGE = Path(__file__).parents[3] / "docs" / "prices.md"


def seen(n: int = 8, *, is_censored: bool) -> coverage.Events:
    rng = np.random.default_rng(3)
    return coverage.events(coverage.KINDS["random"], n, 300, rng, is_censored=is_censored)


def test_a_market_that_is_always_watched_has_exact_dates() -> None:
    exact = seen(is_censored=False)
    assert exact.latest.shape == (300, 9)
    assert exact.earliest.tolist() == exact.latest.tolist()


def test_falls_in_times_without_looks_are_found_together_after_them() -> None:
    late = seen(is_censored=True)
    assert late.latest.shape == (300, 9)
    assert (np.diff(late.latest) > 0).all()
    widths = late.latest - late.earliest
    assert widths.max() <= coverage.GAP_DAYS[1]
    assert widths[widths > 0].min() >= coverage.GAP_DAYS[0]
    # No look in between: what was found on an earlier day began before the interval.
    assert (late.earliest[:, 1:] >= late.latest[:, :-1])[widths[:, 1:] > 0].all()
    # Each observed fall then holds several: a third of the time is not watched.
    assert 0.15 < (widths[:, 1:] > 0).mean() < 1 / 3
    assert np.diff(late.log_prices).mean() < np.diff(seen(is_censored=False).log_prices).mean()


@pytest.mark.parametrize("is_censored", [False, True])
def test_the_rate_of_a_market_is_found_again(is_censored: bool) -> None:
    found = coverage.simulated(
        "regular", 60, is_censored=is_censored, seed=0, markets=200, draws=50
    )
    assert found.bias == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(("is_censored", "n"), [(False, 8), (True, 8)])
def test_intervals_cover_about_95_percent(is_censored: bool, n: int) -> None:
    found = coverage.simulated("random", n, is_censored=is_censored, seed=5, markets=600, draws=100)
    assert 0.92 <= found.coverage <= 0.98


def test_where_few_falls_make_up_the_decline_intervals_cover_too() -> None:
    found = coverage.simulated(
        "few large falls", 8, is_censored=False, seed=5, markets=800, draws=100
    )
    assert 0.92 <= found.coverage <= 0.97


def test_without_the_widening_they_cover_less(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"is_censored": False, "markets": 400, "draws": 100}
    widened = coverage.simulated("random", 6, seed=6, **given)
    monkeypatch.setattr(
        "densing_pipeline.stats.intervals.small_cluster_factor", lambda *given, **more: 1.0
    )
    plain = coverage.simulated("random", 6, seed=7, **given)
    assert plain.coverage < widened.coverage - 0.04


def test_the_simulated_halving_time_is_that_of_a_usual_level() -> None:
    slope = -coverage.MEAN_FALL / coverage.MEAN_WAIT_DAYS
    assert halving._months(slope) == pytest.approx(3.9, abs=0.05)
    # The widest gap is the widest that an estimate may span.
    assert coverage.GAP_DAYS[1] <= curves.WIDEST_GAP_DAYS < coverage.GAP_DAYS[1] + 1


@pytest.mark.slow
def test_the_page_has_the_table_of_the_study() -> None:
    assert f"\n{coverage.study()}\n" in PAGE.read_text(encoding="utf-8")
