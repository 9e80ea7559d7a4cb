"""What reference laws and densities need, on either side of every threshold."""

import numpy as np
import polars as pl
import pytest

from densing_pipeline.density import direct_laws, measured_laws
from densing_pipeline.density.compression import _finding, _interval
from densing_pipeline.density.densities import _joint_interval
from densing_pipeline.density.direct_law import REACH, fit_direct
from densing_pipeline.density.fit_loss import FitError
from densing_pipeline.density.params_bases import COMPUTE_OVER_MEMORY, FULL_BITS


def members(sizes, *, largest, score=0.5):
    """Models of one line at so many sizes from 1 to `largest` billion."""
    params = np.geomspace(1e9, largest * 1e9, sizes)
    return pl.DataFrame(
        {
            "line": "maker/Line",
            "train_tokens": 1e12,
            "chance": 0.25,
            "params": params,
            "score": score + 0.3 * np.linspace(0, 1, sizes),
            "std_error": 0.01,
            "item_std_error": 0.01,
        }
    )


@pytest.mark.parametrize(
    ("sizes", "largest", "is_ruler"), [(5, 10, True), (4, 10, False), (5, 9.9, False)]
)
def test_a_ruler_has_five_sizes_over_a_factor_of_ten(sizes, largest, is_ruler):
    assert (direct_laws._ruler(members(sizes, largest=largest), "MMLU") is not None) == is_ruler


@pytest.mark.parametrize(("score", "is_ruler"), [(0.2801, True), (0.2799, False)])
def test_a_rulers_scores_lie_three_errors_above_guessing(score, is_ruler):
    found = direct_laws._ruler(members(5, largest=10, score=score), "MMLU")
    assert (found is not None) == is_ruler


def test_a_direct_law_is_read_within_ten_times_its_models():
    row = direct_laws._ruler(members(5, largest=10), "MMLU")
    assert (row["params_from"], row["params_to"]) == pytest.approx((1e8, 1e11))
    assert REACH == 10


def test_a_line_on_which_larger_models_score_no_better_is_no_law():
    params = np.array([1e9, 2e9, 4e9])
    with pytest.raises(FitError, match="score no better"):
        fit_direct(params, np.array([0.5, 0.5, 0.5]), 0.25)
    assert fit_direct(params, np.array([0.5, 0.5, 0.51]), 0.25)[1] > 0


def runs(losses, sizes, spread):
    """So many runs at so many sizes whose tokens per parameter differ so many times."""
    params = 1e9 * (1 + np.arange(losses) % sizes)
    ratio = np.where(np.arange(losses) == 0, spread, 1.0)
    return params, 20 * ratio * params, np.linspace(2, 3, losses)


@pytest.mark.parametrize(
    ("losses", "sizes", "spread", "lacking"),
    [
        (8, 3, 2.0, ""),
        (7, 3, 2.0, "7 losses of known size and tokens measured, 8 needed"),
        (8, 2, 2.0, "2 sizes measured, 3 needed"),
        (8, 3, 1.99, "tokens in proportion to parameters"),
    ],
)
def test_eight_losses_of_three_sizes_at_twofold_ratios_determine_a_law(
    losses, sizes, spread, lacking
):
    found = measured_laws._undetermined(*runs(losses, sizes, spread))
    assert found.startswith(lacking)
    assert bool(found) == bool(lacking)


def test_six_models_of_the_score_step_and_three_losses_to_scale_are_needed():
    assert (measured_laws.FEWEST_SCORES, measured_laws.FEWEST_SCALED) == (6, 3)


def test_the_interval_of_a_density_is_the_central_95_percent_of_its_draws():
    low, high = _joint_interval(np.arange(1001.0)[:, None], np.array([500.0]))
    assert (low.item(), high.item()) == (25, 975)


@pytest.mark.parametrize(("known", "is_given"), [(95, True), (94, False)])
def test_an_interval_needs_95_percent_of_its_draws(known, is_given):
    ratios = np.append(np.linspace(-1, 1, known), np.full(100 - known, np.nan))
    low, high = _interval(ratios, 0.0)
    assert (low is not None, high is not None) == (is_given, is_given)


def test_the_ends_of_a_ratio_are_the_central_95_percent():
    assert _interval(np.arange(1001.0), 500.0) == (25, 975)


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (0.01, 1.0, "denser"),
        (0.0, 1.0, "not told apart"),
        (-1.0, 0.0, "not told apart"),
        (-1.0, -0.01, "less dense"),
        (None, None, "not told apart"),
    ],
)
def test_an_interval_that_holds_no_difference_tells_nothing_apart(low, high, finding):
    assert _finding(low, high) == finding


def test_inference_time_counts_sixteen_bits_and_compute_2_45_times():
    assert (FULL_BITS, COMPUTE_OVER_MEMORY) == (16, 2.45)
