"""Artificial scores: the shortfalls, the frontier, and what each world changes."""

import numpy as np
import pytest

from densing_pipeline.trends.worlds import PACE, WORLDS, Sites, Spread, World, draw

N, K = 4000, 3
SPREAD = Spread(mean=2.0, family_share=0.5, line_share=0.3, common_share=0.6)
SITES = Sites(
    days=np.sort(np.random.default_rng(0).integers(0, 1000, N)).astype(float),
    ln_params=np.random.default_rng(1).normal(22, 2, N),
    families=np.arange(N) // 4,
    lines=np.arange(N) // 2,
    benchmarks=K,
    averaged=1,
    spread=SPREAD,
)
MIDDLE = float(np.median(SITES.days))


def shortfall(world: World, seed: int = 2) -> np.ndarray:
    """Distance below a straight frontier, shape (n, k)."""
    found = draw(world, SITES, np.random.default_rng(seed))
    return PACE * (SITES.days - MIDDLE)[:, None] - found.ln_density


def named(name: str) -> World:
    return next(world for world in WORLDS if world.name == name)


def test_a_stationary_shortfall_is_exponential():
    short = shortfall(named("stationary"))
    assert short.min() >= 0
    assert short.mean() == pytest.approx(SPREAD.mean, rel=0.05)
    assert short.std() == pytest.approx(SPREAD.mean, rel=0.1)


@pytest.mark.parametrize("name", ["stationary", "lognormal"])
def test_shares_of_the_shortfall_are_those_of_families_lines_and_benchmarks(name):
    short = shortfall(named(name))
    values = np.log(short) if name == "lognormal" else short
    one = values[:, 0]
    pairs = {
        "line": (one[0::2], one[1::2], 0.8),
        "family": (one[0::4], one[2::4], 0.5),
        "benchmarks": (one, values[:, 1], 0.6),
    }
    for what, (left, right, share) in pairs.items():
        assert np.corrcoef(left, right)[0, 1] == pytest.approx(share, abs=0.1), what


def test_a_larger_share_of_families_leaves_the_mean():
    short = shortfall(named("family-share-0.8"))
    assert short.mean() == pytest.approx(SPREAD.mean, rel=0.06)
    assert np.corrcoef(short[0::4, 0], short[2::4, 0])[0, 1] == pytest.approx(0.8, abs=0.08)


def test_later_models_are_reported_only_with_less_than_the_mean_shortfall():
    short = shortfall(named("near-frontier-later"))
    later = SITES.days >= MIDDLE
    assert short[later].max() < SPREAD.mean < short[~later].max()
    assert short[~later].mean() == pytest.approx(SPREAD.mean, rel=0.06)


def test_a_growing_shortfall_has_its_ends():
    short = shortfall(named("shortfall-grows"))
    first, last = SITES.days < 50, SITES.days > 950
    assert short[first].mean() == pytest.approx(0.5 * SPREAD.mean, rel=0.2)
    assert short[last].mean() == pytest.approx(1.8 * SPREAD.mean, rel=0.2)


def test_two_regimes_have_an_average_and_a_current_pace():
    found = draw(named("two-regimes"), SITES, np.random.default_rng(2))
    assert found.paces == (1.5 * PACE, 0.5 * PACE)
    assert found.pace(MIDDLE - 100, MIDDLE + 100) == pytest.approx(PACE)
    assert found.pace(0, MIDDLE) == pytest.approx(1.5 * PACE)
    assert found.pace(MIDDLE + 1, 1000) == pytest.approx(0.5 * PACE)


def test_each_other_world_changes_what_it_is_named_for():
    steady = shortfall(named("stationary"))
    assert np.corrcoef(shortfall(named("small-denser"))[:, 0], SITES.ln_params)[0, 1] > 0.1
    noisy = shortfall(named("noise-grows"))
    assert noisy[SITES.days > 900].min() < -1.5 < noisy[SITES.days < 100].min()
    dates = draw(named("dates-off"), SITES, np.random.default_rng(2)).days
    assert (dates - SITES.days).std() == pytest.approx(30, rel=0.1)
    drift = shortfall(named("benchmarks-drift")) - steady
    ends = drift[SITES.days > 990].mean(axis=0) - drift[SITES.days < 10].mean(axis=0)
    assert np.ptp(ends) > 0.1 * PACE * 1000
    families = shortfall(named("family-trends")) - steady
    late = families[SITES.days > 900, 0]
    assert late.std() == pytest.approx(0.6 * PACE * 450, rel=0.3)


def test_the_average_of_several_benchmarks_drifts_less():
    many = SITES._replace(benchmarks=400, averaged=4)
    found = draw(named("benchmarks-drift"), many, np.random.default_rng(2))
    steady = draw(named("stationary"), many, np.random.default_rng(2))
    drift = (found.ln_density - steady.ln_density)[-1] / (SITES.days[-1] - SITES.days.mean())
    assert drift.std() == pytest.approx(0.4 / 2 * PACE, rel=0.3)
